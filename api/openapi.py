"""What the OpenAPI document says of each route: its answer by an example, and its problems."""

from typing import Any

from api.problems import KINDS, Problem, document
from api.schemas.problems import FieldProblemBody, ProblemBody

__all__ = ["add_components", "answers"]

_JSON = "application/json"
_PROBLEM = "application/problem+json"
_REQUEST_ID = "5f1c0c6e8d9b4d3f9a52b8e1f2f0c7aa"
# Whatever is asked, these can be the answer.
_ALWAYS = ("bad_request", "host_not_allowed", "headers_too_large", "internal_error")
_WITH_BODY = ("invalid_json", "body_too_large", "unsupported_media_type", "origin_not_allowed")

_Responses = dict[int | str, dict[str, Any]]


def answers(
    example: object, *codes: str, status: int = 200, media_type: str = _JSON, body: bool = False
) -> _Responses:
    """The `responses` of a route.

    Args:
        example: a realistic answer.
        codes: of the problems that this route can answer besides what every route can.
        status: of the answer.
        media_type: of the answer.
        body: whether the route takes a body.
    """
    found: _Responses = {status: {"content": {media_type: {"example": example}}}}
    for code in (*_ALWAYS, *(_WITH_BODY if body else ()), *codes):
        kind = KINDS[code]
        at = found.setdefault(
            kind.status,
            {
                "description": kind.title,
                "content": {
                    _PROBLEM: {
                        "schema": {"$ref": f"#/components/schemas/{ProblemBody.__name__}"},
                        "examples": {},
                    }
                },
            },
        )
        at["content"][_PROBLEM]["examples"][code] = {"$ref": f"#/components/examples/{code}"}
    return found


def add_components(openapi: dict[str, Any]) -> None:
    """What the routes' problems refer to: their body, and an example of each."""
    components = openapi.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for model in (FieldProblemBody, ProblemBody):
        found = model.model_json_schema(ref_template="#/components/schemas/{model}")
        found.pop("$defs", None)
        schemas[model.__name__] = found
    components["examples"] = {
        code: {
            "summary": kind.title,
            "value": document(Problem(code, kind.meaning, kind.next_step), _REQUEST_ID),
        }
        for code, kind in KINDS.items()
    }
