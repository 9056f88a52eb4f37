"""The requests that a client sends over a WebSocket, one JSON object per message."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter

from api.schemas.fields import RequestModel

__all__ = [
    "MESSAGES",
    "CancelMessage",
    "Message",
    "PingMessage",
    "ResumeMessage",
    "UnavailableMessage",
]


class _Message(RequestModel):
    """`request` is the client's name for the request; the answer carries the same name."""

    request: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]


class CancelMessage(_Message):
    """Request a cancel, as `POST …/cancel` does."""

    type: Literal["cancel"]
    reason: Annotated[str, Field(max_length=500)] = ""


class PingMessage(_Message):
    """Check that the server answers."""

    type: Literal["ping"]


class ResumeMessage(_Message):
    """Continue the events after this event id."""

    type: Literal["resume_from"]
    id: str


class UnavailableMessage(_Message):
    """Designed, but not available in this version; other fields are ignored."""

    model_config = ConfigDict(extra="ignore")

    type: Literal["approve", "discard"]


Message = CancelMessage | PingMessage | ResumeMessage | UnavailableMessage
MESSAGES: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="type")])
