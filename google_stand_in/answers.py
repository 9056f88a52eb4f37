"""Answers of the stand-in: JSON, media, and errors in the shapes that Google documents."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

# The usual google.rpc.Code of an HTTP status.
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
    """An HTTP response."""

    status: int
    content: bytes | Json
    headers: Mapping[str, str] = field(default_factory=dict)


class Refused(Exception):
    """Raised by a handler to send an error response."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"{answer.status}: {answer.content!r}")
        self.answer = answer


def error_info(reason: str, domain: str, metadata: Mapping[str, str]) -> Json:
    kind = "type.googleapis.com/google.rpc.ErrorInfo"
    return {"@type": kind, "reason": reason, "domain": domain, "metadata": dict(metadata)}


def refusal(code: int, message: str, *details: Json, status: str = "") -> Refused:
    """An error in the shape of most APIs: code, message, status, details."""
    error: Json = {"code": code, "message": message, "status": status or STATUSES[code]}
    if details:
        error["details"] = list(details)
    return Refused(Answer(code, {"error": error}))


def storage_refusal(code: int, message: str, reason: str, **more: str) -> Refused:
    """An error in the shape of Cloud Storage: a list with domain, reason, optional location."""
    item = {"message": message, "domain": "global", "reason": reason, **more}
    error = {"code": code, "message": message, "errors": [item]}
    return Refused(Answer(code, {"error": error}))


def not_found(name: str) -> Refused:
    return refusal(404, f"Resource '{name}' was not found")


def invalid(message: str) -> Refused:
    return refusal(400, message)
