"""What the stand-in answers: JSON, media, and errors in the shapes Google documents."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

# google.rpc.Code names by HTTP status, where one status has one usual code.
STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    412: "FAILED_PRECONDITION",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
}


@dataclass(frozen=True)
class Answer:
    """One HTTP answer."""

    status: int
    content: bytes | Json
    headers: Mapping[str, str] = field(default_factory=dict)


class Refused(Exception):
    """An error answer on its way out."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"{answer.status}: {answer.content!r}")
        self.answer = answer


def error_info(reason: str, domain: str, metadata: Mapping[str, str]) -> Json:
    kind = "type.googleapis.com/google.rpc.ErrorInfo"
    return {"@type": kind, "reason": reason, "domain": domain, "metadata": dict(metadata)}


def refusal(code: int, message: str, *details: Json, status: str = "") -> Refused:
    """An error as most APIs give it: code, message, status, details."""
    error: Json = {"code": code, "message": message, "status": status or STATUSES[code]}
    if details:
        error["details"] = list(details)
    return Refused(Answer(code, {"error": error}))


def old_refusal(code: int, message: str, reason: str, **more: str) -> Refused:
    """An error as Cloud Storage gives it: a list with domain, reason and perhaps a location."""
    one = {"message": message, "domain": "global", "reason": reason, **more}
    error = {"code": code, "message": message, "errors": [one]}
    return Refused(Answer(code, {"error": error}))


def not_found(name: str) -> Refused:
    return refusal(404, f"Resource '{name}' was not found")


def invalid(message: str) -> Refused:
    return refusal(400, message)
