"""Errors as RFC 9457 problems: the only place that maps an error class to an HTTP status."""

import errno
import inspect
import json
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api.middleware.strict_json import MAX_FIELDS, MAX_LEVELS, MAX_VALUES
from api.pages.rendering import error_page, wants_page
from deployments import errors
from deployments.errors import AnavaError, FieldProblem
from deployments.log_text import without_host_paths

__all__ = [
    "KINDS",
    "Problem",
    "document",
    "install",
    "problem_of",
    "problem_response",
    "validation_problem",
]

_log = logging.getLogger("anava.api")

# A response names at most 50 of the wrong fields of a body.
_MAX_PROBLEMS = 50
_MAX_POINTER_CHARACTERS = 200
# Some messages repeat the value.
_MAX_MESSAGE_CHARACTERS = 300
# In place of pydantic's message.
_MESSAGES = {"missing": "This field is required."}


@dataclass(frozen=True)
class ProblemKind:
    """A kind of problem: its HTTP status and the texts of its page."""

    status: int
    title: str
    meaning: str
    next_step: str


# Code, status and title by error class. The meaning is the first line of the class's docstring. A
# subclass without a row has the kind of the nearest parent.
_ERRORS: dict[type[AnavaError], tuple[str, int, str]] = {
    errors.InvalidRequest: ("invalid_request", 422, "The request is not valid"),
    errors.NotAvailable: ("not_available", 422, "Not available in this version"),
    errors.IdempotencyKeyReused: (
        "idempotency_key_reused",
        422,
        "The Idempotency-Key was used before",
    ),
    errors.NotFound: ("not_found", 404, "Not found"),
    errors.PlanNotReady: ("plan_not_ready", 404, "There is no plan yet"),
    errors.OnAnotherHost: ("on_another_host", 404, "The data lie on another host"),
    errors.Expired: ("expired", 404, "The retention has ended"),
    errors.PlanTooLarge: ("plan_too_large", 422, "The plan is too large to show"),
    errors.AcapConfigMissing: ("acap_config_missing", 404, "There is no camera configuration"),
    errors.AcapConfigIncomplete: (
        "acap_config_incomplete",
        409,
        "The camera configuration is not complete",
    ),
    errors.LinkRefused: ("link_refused", 403, "The link is not valid"),
    errors.LinkExpired: ("link_expired", 403, "The link has expired"),
    errors.AlreadyFinished: ("already_finished", 409, "The deployment has ended"),
    errors.LogNotSealed: ("log_not_sealed", 409, "The log has no end record"),
    errors.LimitReached: ("limit_reached", 429, "A limit is reached"),
    errors.TooManyDeployments: ("too_many_deployments", 429, "Too many open deployments"),
    errors.TooManyCreates: ("too_many_creates", 429, "Too many new deployments"),
    errors.RecordUnreadable: ("record_unreadable", 409, "The record cannot be read"),
    errors.SignInExpired: ("sign_in_expired", 401, "Sign in with Google again"),
    errors.Unavailable: ("unavailable", 503, "Not available just now"),
    errors.TemporalUnavailable: ("temporal_unavailable", 503, "Temporal does not answer"),
}
KINDS: dict[str, ProblemKind] = {
    code: ProblemKind(
        status, title, (inspect.getdoc(error) or "").partition("\n")[0], error.next_step
    )
    for error, (code, status, title) in _ERRORS.items()
} | {
    "bad_request": ProblemKind(
        400, "Bad request", "The request cannot be understood.", "Correct the request."
    ),
    "invalid_json": ProblemKind(
        400,
        "The body is not valid JSON",
        f"The body is not valid JSON, nests deeper than {MAX_LEVELS} levels, has more than "
        f"{MAX_VALUES:,} values or {MAX_FIELDS:,} fields, or names a field twice.",
        "Correct the body.",
    ),
    "host_not_allowed": ProblemKind(
        421,
        "Host not allowed",
        "Without sign-in only loopback names are served: localhost, 127.0.0.1, [::1].",
        "Use the service on the machine where it runs, or through a tunnel to that machine.",
    ),
    "origin_not_allowed": ProblemKind(
        403,
        "Origin not allowed",
        "Another site may not send requests that change data, nor open a WebSocket.",
        "Send the request from the pages of this service or from a program.",
    ),
    "method_not_allowed": ProblemKind(
        405,
        "Method not allowed",
        "The path does not support this method; the header Allow names the supported methods.",
        "Use one of the allowed methods.",
    ),
    "body_too_large": ProblemKind(
        413,
        "Body too large",
        "The limit for a body is 1 MiB.",
        "Send a smaller body; a template's variables need a few kilobytes.",
    ),
    "request_timeout": ProblemKind(
        408,
        "Request not finished in time",
        "The limit for a whole request, head and body, is 20 s; the connection is closed.",
        "Send the request again, in one go.",
    ),
    "too_many_connections": ProblemKind(
        429,
        "Too many connections",
        "Your address has too many open connections.",
        "Close some, or try again later; behind a proxy an operator can raise "
        "ANAVA_API__CONNECTIONS_PER_ADDRESS.",
    ),
    "headers_too_large": ProblemKind(
        431,
        "Headers too large",
        "The limits are 64 headers and 16 KiB for all headers.",
        "Send fewer or shorter headers; large cookies are a frequent cause.",
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
        "The service failed unexpectedly.",
        "Report the error with the request id.",
    ),
}
_RETRY_STATUSES = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_HTTP_CODES = {404: "not_found", 405: "method_not_allowed"}


@dataclass(frozen=True)
class Problem:
    """A problem: its kind, and the details of this occurrence where they differ from the kind's."""

    code: str
    detail: str = ""
    next_step: str = ""
    errors: Sequence[FieldProblem] = ()
    # `Retry-After` of a 429 or 503: a server that was restarted answers within 2 s.
    retry_seconds: int = 2

    @property
    def kind(self) -> ProblemKind:
        """The kind that all problems with this code share."""
        return KINDS[self.code]


def document(problem: Problem, request_id: str) -> dict[str, object]:
    """The problem document; `type` is the path of the kind's page on this server."""
    return {
        "type": f"/problems/{problem.code}",
        "title": problem.kind.title,
        "status": problem.kind.status,
        "detail": problem.detail or problem.kind.meaning,
        "code": problem.code,
        "request_id": request_id,
        "errors": [asdict(error) for error in problem.errors],
        "next_step": problem.next_step or problem.kind.next_step,
    }


def problem_response(problem: Problem, request_id: str) -> Response:
    """The problem as a response, in ASCII: a field name may hold a lone surrogate."""
    status = problem.kind.status
    headers = {"Cache-Control": "no-store"}
    if status in _RETRY_STATUSES:
        headers["Retry-After"] = str(problem.retry_seconds)
    content = json.dumps(document(problem, request_id))
    return Response(content, status, headers, "application/problem+json")


def install(app: FastAPI) -> None:
    """Answer every error with a problem document, or with a page for a browser."""
    app.exception_handler(AnavaError)(_anava)
    app.exception_handler(HTTPException)(_http)
    app.exception_handler(RequestValidationError)(_validation)
    app.exception_handler(OSError)(_os_error)
    app.exception_handler(Exception)(_unexpected)


def problem_of(error: AnavaError) -> Problem | None:
    """The problem of an error; None for an internal error, which no response may show."""
    codes = (_ERRORS[kind][0] for kind in type(error).__mro__ if kind in _ERRORS)
    if (code := next(codes, None)) is None:
        return None
    problem = Problem(
        code, without_host_paths(str(error)), error.next_step, error.problems[:_MAX_PROBLEMS]
    )
    if isinstance(error, errors.LimitReached):
        return replace(problem, retry_seconds=max(1, math.ceil(error.retry_after_seconds)))
    return problem


def validation_problem(details: Sequence[Mapping[str, Any]]) -> Problem:
    """The problem of pydantic's validation errors."""
    problems = [_field_problem(detail) for detail in details[:_MAX_PROBLEMS]]
    return Problem("invalid_request", "The request breaks a rule.", errors=problems)


def _field_problem(error: Mapping[str, Any]) -> FieldProblem:
    code = str(error["type"])
    message = _MESSAGES.get(code, str(error["msg"])[:_MAX_MESSAGE_CHARACTERS])
    return FieldProblem(_pointer(error["loc"]), code, message)


def _anava(request: Request, error: AnavaError) -> Response:
    problem = problem_of(error)
    return _answer(request, problem) if problem else _unexpected(request, error)


def _http(request: Request, error: HTTPException) -> Response:
    code = _HTTP_CODES.get(error.status_code, "bad_request")
    response = _answer(request, Problem(code, f"{KINDS[code].title}."))
    response.headers.update(error.headers or {})
    return response


def _validation(request: Request, error: RequestValidationError) -> Response:
    return _answer(request, validation_problem(error.errors()))


def _os_error(request: Request, error: OSError) -> Response:
    # Starlette raises an error again that the handler of `Exception` has answered, and uvicorn logs
    # the traceback.
    if error.errno not in {errno.EMFILE, errno.ENFILE}:
        raise error
    _log.warning("a request failed: %s", error.strerror)
    return _answer(request, Problem("unavailable"))


def _unexpected(request: Request, error: Exception) -> Response:
    _log.error("request %s failed", _request_id(request), exc_info=error)
    return _answer(request, Problem("internal_error"))


def _pointer(location: tuple[str | int, ...]) -> str:
    has_source = location and location[0] in {"body", "query", "path", "header"}
    parts = location[1:] if has_source else location
    escaped = (str(part).replace("~", "~0").replace("/", "~1") for part in parts)
    return "".join(f"/{part}" for part in escaped)[:_MAX_POINTER_CHARACTERS]


def _answer(request: Request, problem: Problem) -> Response:
    request_id = _request_id(request)
    if wants_page(request):
        return error_page(document(problem, request_id))
    return problem_response(problem, request_id)


def _request_id(request: Request) -> str:
    return str(getattr(request.state, "request_id", ""))
