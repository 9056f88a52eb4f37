"""Errors as RFC 9457 problems: the one place where an error class becomes a status."""

import json
import logging
from dataclasses import asdict, dataclass, field
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from deployments.errors import (
    AlreadyFinished,
    AnavaError,
    FieldProblem,
    IdempotencyKeyReused,
    InvalidRequest,
    LinkExpired,
    LinkRefused,
    NotAvailable,
    NotFound,
    PlanNotReady,
    PlanTooLarge,
    TemporalUnavailable,
    Unavailable,
)

__all__ = ["Problem", "install", "problem_response"]

_log = logging.getLogger("anava.api")

# A body with ten thousand wrong fields is not answered with ten thousand sentences.
_MOST_PROBLEMS = 50
_LONGEST_POINTER = 200

# The nearest class counts, so a subclass may have its own line or share its parent's.
_STATUS: dict[type[AnavaError], tuple[int, str, str]] = {
    InvalidRequest: (422, "invalid_request", "The request is not valid"),
    NotAvailable: (422, "not_available", "Not available in this version"),
    IdempotencyKeyReused: (422, "idempotency_key_reused", "The Idempotency-Key was used before"),
    NotFound: (404, "not_found", "Not found"),
    PlanNotReady: (404, "plan_not_ready", "There is no plan yet"),
    PlanTooLarge: (422, "plan_too_large", "The plan is too large to be shown"),
    LinkRefused: (403, "link_refused", "The link is not valid"),
    LinkExpired: (403, "link_expired", "The link has expired"),
    AlreadyFinished: (409, "already_finished", "The deployment has ended"),
    Unavailable: (503, "unavailable", "Not available just now"),
    TemporalUnavailable: (503, "temporal_unavailable", "Temporal does not answer"),
}
_HTTP_CODES = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "unsupported_media_type",
}
_INTERNAL = "The service made a mistake; report it with the request id."


@dataclass(frozen=True)
class Problem:
    """One problem document, without the request id."""

    status: int
    code: str
    title: str
    detail: str
    advice: str = ""
    errors: list[FieldProblem] = field(default_factory=list)


def problem_response(problem: Problem, request_id: str) -> Response:
    """The problem as an answer; ASCII, since a name may hold what UTF-8 cannot."""
    content = {
        "type": f"urn:anava:problem:{problem.code}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
        "request_id": request_id,
        "errors": [asdict(one) for one in problem.errors],
    }
    if problem.advice:
        content["advice"] = problem.advice
    headers = {"Cache-Control": "no-store"}
    if problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = "2"
    return Response(json.dumps(content), problem.status, headers, "application/problem+json")


def install(app: FastAPI) -> None:
    """Answer every error with a problem."""
    app.add_exception_handler(AnavaError, _anava)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(Exception, _unexpected)


def _anava(request: Request, error: Exception) -> Response:
    known = next((_STATUS[one] for one in type(error).__mro__ if one in _STATUS), None)
    if known is None or not isinstance(error, AnavaError):
        return _unexpected(request, error)
    status, code, title = known
    problems = list(error.problems) if isinstance(error, InvalidRequest) else []
    problem = Problem(status, code, title, str(error), error.advice, problems[:_MOST_PROBLEMS])
    return _answer(request, problem)


def _http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    title = HTTPStatus(status).phrase
    code = _HTTP_CODES.get(status, title.lower().replace(" ", "_"))
    response = _answer(request, Problem(status, code, title, f"{title}."))
    if isinstance(error, HTTPException) and error.headers:
        response.headers.update(error.headers)
    return response


def _validation(request: Request, error: Exception) -> Response:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    problems = [
        FieldProblem(_pointer(one["loc"]), str(one["type"]), str(one["msg"]))
        for one in found[:_MOST_PROBLEMS]
    ]
    status, code, title = _STATUS[InvalidRequest]
    detail = "The request breaks a rule."
    return _answer(request, Problem(status, code, title, detail, InvalidRequest.advice, problems))


def _unexpected(request: Request, error: Exception) -> Response:
    _log.error("request %s failed", _request_id(request), exc_info=error)
    return _answer(request, Problem(500, "internal_error", "Internal error", _INTERNAL))


def _pointer(place: tuple[str | int, ...]) -> str:
    parts = place[1:] if place and place[0] in {"body", "query", "path", "header"} else place
    escaped = (str(part).replace("~", "~0").replace("/", "~1") for part in parts)
    return "".join(f"/{part}" for part in escaped)[:_LONGEST_POINTER]


def _answer(request: Request, problem: Problem) -> Response:
    return problem_response(problem, _request_id(request))


def _request_id(request: Request) -> str:
    return str(getattr(request.state, "request_id", ""))
