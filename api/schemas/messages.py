"""What a client may send over a WebSocket, one JSON object a message."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

__all__ = ["MESSAGES", "CancelMessage", "LaterMessage", "Message", "PingMessage", "ResumeMessage"]


class _Message(BaseModel):
    """`request` is the client's own name for it; the answer carries the same."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    request: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]


class CancelMessage(_Message):
    """Ask for a cancel, as `POST …/cancel` does."""

    type: Literal["cancel"]
    reason: Annotated[str, Field(max_length=500)] = ""


class PingMessage(_Message):
    """Ask whether the server is there."""

    type: Literal["ping"]


class ResumeMessage(_Message):
    """Go on behind this event id from now on."""

    type: Literal["resume_from"]
    id: str


class LaterMessage(_Message):
    """Part of the design, but not of this version; what else it holds is not looked at."""

    model_config = ConfigDict(extra="ignore")

    type: Literal["approve", "discard"]


Message = CancelMessage | PingMessage | ResumeMessage | LaterMessage
MESSAGES: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="type")])
