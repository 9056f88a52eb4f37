"""The errors of each route in the OpenAPI document; FastAPI derives the rest from the schemas."""

from typing import Any

from api.problems import KINDS, Problem, document
from api.schemas.problems import ProblemBody

__all__ = ["OF_DEPLOYMENT", "OF_STORE", "add_components", "error_responses"]

_REQUEST_ID = "5f1c0c6e8d9b4d3f9a52b8e1f2f0c7aa"
# Every route can answer with these.
_ALWAYS = (
    "bad_request",
    "host_not_allowed",
    "headers_too_large",
    "request_timeout",
    "too_many_connections",
    "internal_error",
)
_WITH_BODY = ("invalid_json", "body_too_large", "unsupported_media_type", "origin_not_allowed")
# Problems of each route below a deployment, and of each such route that also reads a store.
OF_DEPLOYMENT = ("not_found", "invalid_request", "record_unreadable", "temporal_unavailable")
OF_STORE = (*OF_DEPLOYMENT, "unavailable", "on_another_host", "expired")
_SCHEMA = {"$ref": f"#/components/schemas/{ProblemBody.__name__}"}

_Responses = dict[int | str, dict[str, Any]]


def error_responses(*codes: str, body: bool = False) -> _Responses:
    """The `responses` of a route.

    Args:
        codes: the problems of this route, without those that every route can answer with.
        body: whether the route takes a body.
    """
    responses: _Responses = {}
    for code in (*_ALWAYS, *(_WITH_BODY if body else ()), *codes):
        kind = KINDS[code]
        content = {"schema": _SCHEMA, "examples": {}}
        response = responses.setdefault(
            kind.status,
            {"description": kind.title, "content": {"application/problem+json": content}},
        )
        examples = response["content"]["application/problem+json"]["examples"]
        examples[code] = {"$ref": f"#/components/examples/{code}"}
    return responses


def add_components(openapi: dict[str, Any]) -> None:
    """Add the schema and the examples that `error_responses` refers to.

    FastAPI adds schemas for the media type of the route only, not for `application/problem+json`.
    """
    components = openapi.setdefault("components", {})
    schema = ProblemBody.model_json_schema(ref_template="#/components/schemas/{model}")
    definitions = schema.pop("$defs")
    components.setdefault("schemas", {}).update({**definitions, ProblemBody.__name__: schema})
    components["examples"] = {
        code: {"summary": kind.title, "value": document(Problem(code), _REQUEST_ID)}
        for code, kind in KINDS.items()
    }
