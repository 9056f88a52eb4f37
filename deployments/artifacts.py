"""What a deployment leaves for download: names, values and the ports of the store.

An adapter raises only errors of `deployments.errors`.
"""

import re
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote

__all__ = [
    "ENCRYPTED_OUTPUTS",
    "LINK_SECONDS",
    "LOG_GZIP",
    "LOG_TEXT",
    "OUTPUTS",
    "PLAN_JSON",
    "PLAN_TEXT",
    "RECORD",
    "Artifact",
    "ArtifactStore",
    "Content",
    "Downloads",
    "Link",
    "content_type",
    "disposition",
    "is_name",
    "is_shown",
    "step_log",
]

PLAN_JSON = "plan.json"
PLAN_TEXT = "plan.txt"
OUTPUTS = "outputs.json"
RECORD = "record.json"
# All outputs, sensitive ones too, encrypted: what the camera configuration is made of.
ENCRYPTED_OUTPUTS = "outputs.encrypted"
LOG_GZIP = "log.jsonl.gz"
LOG_TEXT = "log.txt"

# Long enough to follow a redirect by hand, short enough that a link in a chat is soon worth nothing
# (DESIGN section 8).
LINK_SECONDS = 300

# No quote, line break or slash can be in a name, and no hidden file is one; 128 is twice what the
# longest name of ours could need.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)
# Plan files and states hold every secret in clear, so nobody may even store one here.
_NEVER = (".tfplan", ".tfstate", ".tfvars", ".backup")
# Anything else, `.html` too, is bytes: no browser shows it.
_TYPES = {
    "json": "application/json",
    "jsonl": "application/x-ndjson",
    "txt": "text/plain; charset=utf-8",
    "gz": "application/gzip",
}


@dataclass(frozen=True)
class Artifact:
    """One file; `created_at` in RFC 3339 UTC, `sha256` in hex over the stored bytes."""

    name: str
    size_bytes: int
    sha256: str
    content_type: str
    created_at: str


@dataclass(frozen=True)
class Content:
    """An artifact's bytes. Nothing is open before the first chunk is asked for."""

    size_bytes: int
    content_type: str
    chunks: AsyncIterator[bytes]


@dataclass(frozen=True)
class Link:
    """Where an artifact can be downloaded without any further right, for `LINK_SECONDS`."""

    url: str


class ArtifactStore(Protocol):
    """Where artifacts are kept. A name that `is_name` refuses is never stored and never found.

    One that `is_shown` refuses can be put and opened by this service; it is in no list, and there
    is no link to it.
    """

    async def put(self, deployment: str, name: str, content: Iterable[bytes]) -> Artifact:
        """Keep an artifact whole, over one that is there; readers see the old or the new one.

        `content` is read once, in a thread, and never held in memory as a whole.

        Raises:
            ValueError: the name is none.
            Unavailable: it could not be kept; nothing has changed.
        """
        ...

    async def entries(self, deployment: str) -> list[Artifact]:
        """What there is, by name; nothing for a deployment that is not known."""
        ...

    async def open(self, deployment: str, name: str) -> Content:
        """The bytes of one artifact.

        Raises:
            NotFound: there is none.
        """
        ...

    async def link(self, deployment: str, name: str) -> Link:
        """A link for GET that ends by itself.

        Raises:
            NotFound: there is none.
        """
        ...


class Downloads(Protocol):
    """A store whose links lead back to this service, which must then check them."""

    def admit(self, deployment: str, name: str, expires: str, signature: str) -> None:
        """Return when the link was made for exactly this.

        Raises:
            LinkExpired: it was, but its time is over.
            LinkRefused: it was not.
        """
        ...


def step_log(step: int) -> str:
    """The log of one step, as it was written: its seal is checked against this."""
    return f"step-{step}.jsonl"


def is_name(name: str) -> bool:
    """Whether an artifact may have this name, wherever it came from."""
    return _NAME.fullmatch(name) is not None and not name.lower().endswith(_NEVER)


def is_shown(name: str) -> bool:
    """Whether an artifact of this name is listed and linked."""
    return is_name(name) and not name.endswith(".encrypted")


def content_type(name: str) -> str:
    """What a download says it is, by its name alone."""
    return _TYPES.get(name.rpartition(".")[2], "application/octet-stream")


def disposition(name: str) -> str:
    """`Content-Disposition`: always a download (RFC 8187), whatever the name."""
    return f"attachment; filename*=UTF-8''{quote(name, safe='')}"
