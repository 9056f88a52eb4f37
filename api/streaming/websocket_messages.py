"""Requests over a WebSocket: read strictly, answered under the client's own name for them."""

import json
from typing import Any

from pydantic import ValidationError

from api.middleware.strict_json import complaint
from api.problems import KINDS, Problem, document, wrong_fields
from api.schemas.messages import MESSAGES, Message, PingMessage

__all__ = ["parse_message", "reply"]


def parse_message(text: str) -> tuple[str | None, Message | Problem]:
    """A message and the name that its sender gave it, or what is wrong with it.

    The name is None where it has none, or none that could be sent back.
    """
    if wrong := complaint(text.encode()):
        return None, Problem("invalid_json", wrong, KINDS["invalid_json"].next_step)
    try:
        message = MESSAGES.validate_json(text)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        return _name(text), wrong_fields([{**item, "loc": _place(item["loc"])} for item in found])
    return message.request, message


def reply(name: str | None, problem: Problem | None, request_id: str) -> str:
    """What is sent back: that it was done, or the problem (RFC 9457)."""
    said: dict[str, object] = {"answer": name, "ok": problem is None}
    return json.dumps({**said, **document(problem, request_id)} if problem else said)


def _name(text: str) -> str | None:
    found: Any = json.loads(text)
    try:
        return PingMessage(type="ping", request=found["request"]).request
    except (ValidationError, LookupError, TypeError):
        return None


def _place(place: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Without the type, which pydantic puts in front."""
    return place[1:]
