"""HTML pages from templates, and their static files.

The Content-Security-Policy of each page permits only this server's scripts and styles, and Trusted
Types prevent that terraform's output becomes markup. Pages work without JavaScript; with
JavaScript they update themselves.
"""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from deployments.labels import other_actor_label

__all__ = ["error_page", "page", "static_digest", "static_files", "wants_page"]

_ROOM = Path(__file__).resolve().parent.parent
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@dataclass(frozen=True)
class StaticFile:
    """A stylesheet, script or image of the pages."""

    content: bytes
    media_type: str


def page(template: str, status: int = 200, **values: object) -> HTMLResponse:
    """Render a template; raises jinja2.UndefinedError for a missing value."""
    html = _templates().get_template(template).render(values)
    # A filter in the address may hold a lone surrogate, which UTF-8 cannot encode.
    return HTMLResponse(html.encode("utf-8", "replace"), status, _HEADERS)


def error_page(problem: dict[str, object]) -> HTMLResponse:
    """The page of a problem document."""
    status = problem["status"]
    return page("error.html", status if isinstance(status, int) else 500, problem=problem)


def wants_page(request: Request) -> bool:
    """Whether a browser requests a page, not a part of the API."""
    if request.url.path.startswith(("/api/", "/health")):
        return False
    return "text/html" in request.headers.get("accept", "")


@cache
def static_files() -> dict[str, StaticFile]:
    """The static files by name."""
    return {
        path.name: StaticFile(path.read_bytes(), _TYPES[path.suffix])
        for path in sorted((_ROOM / "static").iterdir())
        if path.suffix in _TYPES
    }


@cache
def static_digest() -> str:
    """Part of each static file's address: a changed file gets a new address in caches."""
    digest = hashlib.sha256()
    for name, file in static_files().items():
        digest.update(name.encode() + b"\0" + file.content)
    return digest.hexdigest()[:16]


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_ROOM / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["other_actor_label"] = other_actor_label
    environment.globals["static"] = f"/static/{static_digest()}"
    return environment
