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

from deployments.size_limit import OWNER_ADVICE, OWNER_LIMITED, LimitHolder

__all__ = [
    "ENCRYPTED_OUTPUTS",
    "LEFT_OUT",
    "LIMIT_REACHED",
    "LINK_SECONDS",
    "LOG_GZIP",
    "LOG_TEXT",
    "OUTPUTS",
    "OWNER_LIMIT_REACHED",
    "PLAN_JSON",
    "PLAN_TEXT",
    "RECORD",
    "Artifact",
    "ArtifactStore",
    "Content",
    "Downloads",
    "content_type",
    "disposition",
    "is_log",
    "is_name",
    "is_shown",
    "left_out_because",
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

# The reasons why an artifact is left out, by whose limit it reaches.
LIMIT_REACHED = "artifact_limit_reached"
OWNER_LIMIT_REACHED = "owner_limit_reached"
LEFT_OUT = {
    LimitHolder.DEPLOYMENT: LIMIT_REACHED,
    LimitHolder.OWNER: OWNER_LIMIT_REACHED,
}
_MESSAGES = {
    LIMIT_REACHED: "The file {name} is larger than the limit for a file of a deployment.",
    OWNER_LIMIT_REACHED: f"The file {{name}} has no room: {OWNER_LIMITED}. {OWNER_ADVICE}",
}

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
        return next((reason for reason in _MESSAGES if self._is_notice(reason)), "")

    @property
    def left_out_message(self) -> str:
        """The reason as a sentence; empty for an artifact with its content."""
        return _message(self.name, self.left_out) if self.left_out else ""

    def _is_notice(self, reason: str) -> bool:
        content = left_out_content(self.name, reason)
        return self.sha256 == hashlib.sha256(content.encode()).hexdigest()


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


def is_log(name: str) -> bool:
    """Whether an artifact is a copy of a log."""
    return name in {LOG_GZIP, LOG_TEXT} or name.startswith("step-")


def left_out_content(name: str, reason: str) -> str:
    """The content in place of an artifact that is left out.

    The same for each deployment, so that the sha256 in a list names the reason.
    """
    message = _message(name, reason)
    if name.endswith(".json"):
        return json.dumps({"left_out": reason, "message": message}) + "\n"
    return f"{reason}: {message}\n"


def left_out_because(name: str, content: bytes) -> str:
    """Why the artifact with this content is left out, as a sentence; empty where it is not."""
    notices = {left_out_content(name, reason).encode(): reason for reason in _MESSAGES}
    return _message(name, notices[content]) if content in notices else ""


def _message(name: str, reason: str) -> str:
    return _MESSAGES[reason].format(name=name)


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
