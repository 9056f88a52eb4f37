"""Errors as RFC 9457 problems: the one place where an error class becomes a status."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api.pages.rendering import error_page, wants_page
from deployments.errors import (
    AcapConfigIncomplete,
    AcapConfigMissing,
    AlreadyFinished,
    AnavaError,
    FieldProblem,
    IdempotencyKeyReused,
    InvalidRequest,
    LinkExpired,
    LinkRefused,
    LogNotSealed,
    NotAvailable,
    NotFound,
    PlanNotReady,
    PlanTooLarge,
    SignInExpired,
    TemporalUnavailable,
    Unavailable,
)

__all__ = [
    "KINDS",
    "Problem",
    "ProblemKind",
    "document",
    "install",
    "problem_of",
    "problem_response",
    "wrong_fields",
]

_log = logging.getLogger("anava.api")

# A body with ten thousand wrong fields is not answered with ten thousand sentences.
_MOST_PROBLEMS = 50
_LONGEST_POINTER = 200
# Some repeat what was sent.
_LONGEST_MESSAGE = 300


@dataclass(frozen=True)
class ProblemKind:
    """One sort of problem, as its page in the documentation tells it."""

    status: int
    title: str
    meaning: str
    next_step: str


def _of(error: type[AnavaError], status: int, title: str) -> ProblemKind:
    """The kind of an error class: its docstring says what it means."""
    return ProblemKind(
        status, title, (error.__doc__ or "").strip().partition("\n")[0], error.next_step
    )


# The nearest class counts, so a subclass may have its own line or share its parent's.
_CODES: dict[type[AnavaError], str] = {
    InvalidRequest: "invalid_request",
    NotAvailable: "not_available",
    IdempotencyKeyReused: "idempotency_key_reused",
    NotFound: "not_found",
    PlanNotReady: "plan_not_ready",
    PlanTooLarge: "plan_too_large",
    AcapConfigMissing: "acap_config_missing",
    AcapConfigIncomplete: "acap_config_incomplete",
    LinkRefused: "link_refused",
    LinkExpired: "link_expired",
    AlreadyFinished: "already_finished",
    LogNotSealed: "log_not_sealed",
    SignInExpired: "sign_in_expired",
    Unavailable: "unavailable",
    TemporalUnavailable: "temporal_unavailable",
}
KINDS: dict[str, ProblemKind] = {
    "invalid_request": _of(InvalidRequest, 422, "The request is not valid"),
    "not_available": _of(NotAvailable, 422, "Not available in this version"),
    "idempotency_key_reused": _of(IdempotencyKeyReused, 422, "The Idempotency-Key was used before"),
    "not_found": _of(NotFound, 404, "Not found"),
    "plan_not_ready": _of(PlanNotReady, 404, "There is no plan yet"),
    "plan_too_large": _of(PlanTooLarge, 422, "The plan is too large to be shown"),
    "acap_config_missing": _of(AcapConfigMissing, 404, "There is no camera configuration"),
    "acap_config_incomplete": _of(
        AcapConfigIncomplete, 409, "The camera configuration is not whole"
    ),
    "link_refused": _of(LinkRefused, 403, "The link is not valid"),
    "link_expired": _of(LinkExpired, 403, "The link has expired"),
    "already_finished": _of(AlreadyFinished, 409, "The deployment has ended"),
    "log_not_sealed": _of(LogNotSealed, 409, "The log has no seal"),
    "sign_in_expired": _of(SignInExpired, 401, "Sign in with Google again"),
    "unavailable": _of(Unavailable, 503, "Not available just now"),
    "temporal_unavailable": _of(TemporalUnavailable, 503, "Temporal does not answer"),
    "bad_request": ProblemKind(
        400, "Bad request", "The request cannot be understood.", "Correct the request."
    ),
    "invalid_json": ProblemKind(
        400,
        "The body is no JSON",
        "The body is no JSON, nests deeper than 32 levels, or names a field twice.",
        "Correct the body.",
    ),
    "host_not_allowed": ProblemKind(
        400,
        "Host not allowed",
        "Without sign-in only loopback names are served: localhost, 127.0.0.1, [::1].",
        "Use the service on the machine that it runs on, or through a tunnel to it.",
    ),
    "origin_not_allowed": ProblemKind(
        403,
        "Origin not allowed",
        "Another site may not send requests that change something, nor open a WebSocket.",
        "Send the request from this service's own pages or from a program.",
    ),
    "method_not_allowed": ProblemKind(
        405,
        "Method not allowed",
        "The path knows other methods than this one; the header Allow names them.",
        "Use one of the allowed methods.",
    ),
    "body_too_large": ProblemKind(
        413,
        "Body too large",
        "A body may have 1 MiB at most.",
        "Send less; a template's variables need a few kilobytes.",
    ),
    "headers_too_large": ProblemKind(
        431,
        "Headers too large",
        "All headers together may have 16 KiB, and be 64 in number.",
        "Send fewer or shorter headers; cookies are often the cause.",
    ),
    "unsupported_media_type": ProblemKind(
        415,
        "Unsupported media type",
        "A body must be application/json.",
        "Send the header Content-Type: application/json.",
    ),
    "internal_error": ProblemKind(
        500,
        "Internal error",
        "The service made a mistake.",
        "Report it with the request id.",
    ),
}
_HTTP_CODES = {404: "not_found", 405: "method_not_allowed"}


@dataclass(frozen=True)
class Problem:
    """One problem: which kind, and what is wrong this time."""

    code: str
    detail: str
    next_step: str = ""
    errors: list[FieldProblem] = field(default_factory=list)

    @property
    def kind(self) -> ProblemKind:
        """What all problems of this code share."""
        return KINDS[self.code]


def document(problem: Problem, request_id: str) -> dict[str, object]:
    """The problem document; `type` is the path of its page on this server."""
    content: dict[str, object] = {
        "type": f"/problems/{problem.code}",
        "title": problem.kind.title,
        "status": problem.kind.status,
        "detail": problem.detail,
        "code": problem.code,
        "request_id": request_id,
        "errors": [asdict(error) for error in problem.errors],
    }
    if problem.next_step:
        content["next_step"] = problem.next_step
    return content


def problem_response(problem: Problem, request_id: str) -> Response:
    """The problem as an answer; ASCII, since a name may hold what UTF-8 cannot."""
    status = problem.kind.status
    headers = {"Cache-Control": "no-store"}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = "2"
    content = json.dumps(document(problem, request_id))
    return Response(content, status, headers, "application/problem+json")


def install(app: FastAPI) -> None:
    """Answer every error with a problem, or with a page where a person asked for one."""
    app.add_exception_handler(AnavaError, _anava)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(Exception, _unexpected)


def problem_of(error: AnavaError) -> Problem | None:
    """The problem that an error of ours is; None for one that no caller should ever see."""
    code = next((_CODES[item] for item in type(error).__mro__ if item in _CODES), None)
    if code is None:
        return None
    problems: list[FieldProblem] = []
    if isinstance(error, InvalidRequest | AcapConfigIncomplete):
        problems = list(error.problems)
    return Problem(code, str(error), error.next_step, problems[:_MOST_PROBLEMS])


def wrong_fields(found: Sequence[Mapping[str, Any]]) -> Problem:
    """The problem that pydantic's complaints are."""
    problems = [
        FieldProblem(_pointer(item["loc"]), str(item["type"]), str(item["msg"])[:_LONGEST_MESSAGE])
        for item in found[:_MOST_PROBLEMS]
    ]
    detail = "The request breaks a rule."
    return Problem("invalid_request", detail, InvalidRequest.next_step, problems)


def _anava(request: Request, error: Exception) -> Response:
    problem = problem_of(error) if isinstance(error, AnavaError) else None
    return _answer(request, problem) if problem else _unexpected(request, error)


def _http(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        return _unexpected(request, error)
    code = _HTTP_CODES.get(error.status_code, "bad_request")
    response = _answer(request, Problem(code, f"{KINDS[code].title}.", KINDS[code].next_step))
    response.headers.update(error.headers or {})
    return response


def _validation(request: Request, error: Exception) -> Response:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    return _answer(request, wrong_fields(found))


def _unexpected(request: Request, error: Exception) -> Response:
    _log.error("request %s failed", _request_id(request), exc_info=error)
    kind = KINDS["internal_error"]
    return _answer(request, Problem("internal_error", kind.meaning, kind.next_step))


def _pointer(place: tuple[str | int, ...]) -> str:
    parts = place[1:] if place and place[0] in {"body", "query", "path", "header"} else place
    escaped = (str(part).replace("~", "~0").replace("/", "~1") for part in parts)
    return "".join(f"/{part}" for part in escaped)[:_LONGEST_POINTER]


def _answer(request: Request, problem: Problem) -> Response:
    request_id = _request_id(request)
    if wants_page(request):
        return error_page(document(problem, request_id))
    return problem_response(problem, request_id)


def _request_id(request: Request) -> str:
    return str(getattr(request.state, "request_id", ""))
