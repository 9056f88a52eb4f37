"""Answers that a poller need not fetch again (RFC 9110, section 13)."""

import hashlib
from typing import Any

from fastapi import Request, Response
from pydantic import BaseModel

__all__ = ["UNCHANGED", "conditional", "etag", "is_known"]

# What the documentation says of a route that answers so.
UNCHANGED: dict[int | str, dict[str, Any]] = {
    304: {"description": "Still what the ETag in If-None-Match stands for"}
}

# The browser may keep it, but asks each time whether it still holds.
_HEADERS = {"Cache-Control": "private, no-cache"}


def etag(body: BaseModel) -> str:
    """A strong validator: the same bytes, the same tag."""
    return _tag(body.model_dump_json())


def is_known(request: Request, tag: str) -> bool:
    """Whether the caller's `If-None-Match` names the tag; compared weakly, as the RFC wants."""
    given = request.headers.get("if-none-match", "")
    tags = [part.strip().removeprefix("W/") for part in given.split(",")]
    return tag in tags or "*" in tags


def conditional(request: Request, body: BaseModel, **headers: str) -> Response:
    """200 with the body, or 304 when the caller has it already."""
    content = body.model_dump_json()
    tag = _tag(content)
    headers = {**_HEADERS, **headers, "ETag": tag}
    if is_known(request, tag):
        return Response(status_code=304, headers=headers)
    return Response(content, 200, headers, "application/json")


def _tag(content: str) -> str:
    return f'"{hashlib.sha256(content.encode()).hexdigest()[:32]}"'
