"""Conditional requests: 304 for an unchanged body (RFC 9110, section 13)."""

import hashlib
from typing import Any

from fastapi import Request, Response
from pydantic import BaseModel

__all__ = ["UNCHANGED", "conditional", "etag", "is_known"]

# For the `responses` of a route.
UNCHANGED: dict[int | str, dict[str, Any]] = {
    304: {"description": "Unchanged since the ETag in If-None-Match"}
}


def etag(body: BaseModel) -> str:
    """A strong ETag: equal bytes have equal tags."""
    return _tag(body.model_dump_json())


def is_known(request: Request, tag: str) -> bool:
    """Whether `If-None-Match` names the tag, by the weak comparison of the RFC."""
    header = request.headers.get("if-none-match", "")
    tags = [part.strip().removeprefix("W/") for part in header.split(",")]
    return tag in tags or "*" in tags


def conditional(request: Request, body: BaseModel, **headers: str) -> Response:
    """A response with the body, or 304 if the caller has this body already."""
    content = body.model_dump_json()
    tag = _tag(content)
    headers = {**headers, "ETag": tag}
    if is_known(request, tag):
        return Response(status_code=304, headers=headers)
    return Response(content, 200, headers, "application/json")


def _tag(content: str) -> str:
    return f'"{hashlib.sha256(content.encode()).hexdigest()[:32]}"'
