"""The artifacts of a deployment: names, values and the ports of the store.

Adapters raise only errors of `deployments.errors`.
"""

import hashlib
import json
import re
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote

__all__ = [
    "ENCRYPTED_OUTPUTS",
    "LIMIT_REACHED",
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
    "content_type",
    "disposition",
    "is_left_out",
    "is_name",
    "is_shown",
    "left_out_content",
    "step_log",
]

PLAN_JSON = "plan.json"
PLAN_TEXT = "plan.txt"
OUTPUTS = "outputs.json"
RECORD = "record.json"
# All outputs with sensitive values, encrypted; the source of the camera configuration.
ENCRYPTED_OUTPUTS = "outputs.encrypted"
LOG_GZIP = "log.jsonl.gz"
LOG_TEXT = "log.txt"

# The reason why an artifact is left out.
LIMIT_REACHED = "artifact_limit_reached"

# Long enough for a redirect by hand, short enough that a link in a chat soon expires.
LINK_SECONDS = 300

# No quote, line break or slash, and no hidden file; 128 characters are twice the longest name.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)
# Plan files and states contain every secret in clear and are never stored as artifacts.
_FORBIDDEN_SUFFIXES = (".tfplan", ".tfstate", ".tfvars", ".backup")
# All other types, `.html` included, are bytes: a browser downloads them.
_TYPES = {
    "json": "application/json",
    "jsonl": "application/x-ndjson",
    "txt": "text/plain; charset=utf-8",
    "gz": "application/gzip",
}


@dataclass(frozen=True)
class Artifact:
    """A file; `created_at` in RFC 3339 UTC, `sha256` in hex over the stored bytes."""

    name: str
    size_bytes: int
    sha256: str
    content_type: str
    created_at: str

    @property
    def left_out(self) -> str:
        """The reason why the content is left out; empty for an artifact with its content."""
        expected = hashlib.sha256(left_out_content(self.name).encode()).hexdigest()
        return LIMIT_REACHED if self.sha256 == expected else ""


@dataclass(frozen=True)
class Content:
    """The bytes of an artifact. The file is opened with the first chunk."""

    size_bytes: int
    content_type: str
    chunks: AsyncIterator[bytes]


class ArtifactStore(Protocol):
    """Storage of artifacts. Names that `is_name` refuses are neither stored nor found.

    Artifacts that `is_shown` refuses can be stored and opened by this service alone: no list
    contains them and no link leads to them.
    """

    async def put(self, deployment: str, name: str, content: Iterable[bytes]) -> Artifact:
        """Store or replace an artifact atomically; readers see the old or the new content.

        `content` is read once, in a thread, chunk by chunk.

        Raises:
            ValueError: the name is refused.
            Unavailable: the artifact was not stored; an old one is unchanged.
        """

    async def entries(self, deployment: str) -> list[Artifact]:
        """The listed artifacts, sorted by name; empty for an unknown deployment."""

    async def open(self, deployment: str, name: str) -> Content:
        """The bytes of an artifact.

        Raises:
            NotFound: there is no such artifact.
        """

    async def link(self, deployment: str, name: str) -> str:
        """A URL that downloads the artifact without sign-in for `LINK_SECONDS`.

        Raises:
            NotFound: there is no such artifact.
        """


class Downloads(Protocol):
    """A store whose links lead to this service, which verifies their signatures."""

    def admit(self, deployment: str, name: str, expires: str, signature: str) -> None:
        """Verify the signature of a link.

        Raises:
            LinkExpired: the signature is valid, but the link has expired.
            LinkRefused: the signature is not valid for this artifact and time.
        """


def step_log(step: int) -> str:
    """Name of the artifact with the log of a step, byte for byte as its end record counts it."""
    return f"step-{step}.jsonl"


def left_out_content(name: str) -> str:
    """The content in place of an artifact that is larger than the limit.

    The same for each deployment, so that the sha256 in a list names the reason.
    """
    message = f"The file {name} is larger than the limit for a file of a deployment."
    if name.endswith(".json"):
        return json.dumps({"left_out": LIMIT_REACHED, "message": message}) + "\n"
    return f"{LIMIT_REACHED}: {message}\n"


def is_left_out(name: str, content: bytes) -> bool:
    """Whether the content of an artifact is that of an artifact beyond the limit."""
    return content == left_out_content(name).encode()


def is_name(name: str) -> bool:
    """Whether an artifact may have this name."""
    return _NAME.fullmatch(name) is not None and not name.lower().endswith(_FORBIDDEN_SUFFIXES)


def is_shown(name: str) -> bool:
    """Whether an artifact of this name is listed and linked."""
    return is_name(name) and not name.endswith(".encrypted")


def content_type(name: str) -> str:
    """The content type of a download, by the suffix of the name."""
    return _TYPES.get(name.rpartition(".")[2], "application/octet-stream")


def disposition(name: str) -> str:
    """`Content-Disposition` of a download (RFC 8187), safe for every name."""
    return f"attachment; filename*=UTF-8''{quote(name, safe='')}"
