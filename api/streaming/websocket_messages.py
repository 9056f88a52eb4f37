"""The requests and answers of a WebSocket."""

import json
from typing import Any

from pydantic import ValidationError

from api.middleware.strict_json import json_error
from api.problems import KINDS, Problem, document, validation_problem
from api.schemas.messages import MESSAGES, Message, PingMessage

__all__ = ["parse_message", "reply"]


def parse_message(text: str) -> tuple[str | None, Message | Problem]:
    """Parse a message: the client's name for the request, and the request or its problem.

    The name is None if the message has no valid name.
    """
    if detail := json_error(text.encode()):
        return None, Problem("invalid_json", detail, KINDS["invalid_json"].next_step)
    try:
        message = MESSAGES.validate_json(text)
    except ValidationError as error:
        # pydantic puts the message type in front of the location.
        errors = [
            {**details, "loc": details["loc"][1:]}
            for details in error.errors(include_url=False, include_input=False)
        ]
        return _name(text), validation_problem(errors)
    return message.request, message


def reply(name: str | None, problem: Problem | None, request_id: str) -> str:
    """The answer to a request: success, or the problem (RFC 9457)."""
    answer: dict[str, object] = {"answer": name, "ok": problem is None}
    return json.dumps({**answer, **document(problem, request_id)} if problem else answer)


def _name(text: str) -> str | None:
    content: Any = json.loads(text)
    try:
        return PingMessage(type="ping", request=content["request"]).request
    except (ValidationError, LookupError, TypeError):
        return None
