"""Builds the HTTP application: routes, errors, request guard."""

from importlib import metadata
from operator import attrgetter
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp

from api import problems
from api.dependencies import Services
from api.middleware.request_guard import RequestGuard
from api.openapi import add_components
from api.routes import (
    acap_config,
    artifacts,
    deployments,
    destruction,
    health,
    live,
    logs,
    pages,
    plan,
    projects,
    templates,
)
from api.streaming.broadcast import BroadcastRegistry

__all__ = ["build"]

_ROUTES = (
    health,
    deployments,
    projects,
    templates,
    destruction,
    logs,
    live,
    plan,
    artifacts,
    acap_config,
    pages,
)
_DESCRIPTION = (
    "Deploys Anava's camera backend into a customer's own Google Cloud project. "
    "Errors are RFC 9457 documents; unknown fields are refused; times are RFC 3339 in UTC. "
    "More values may be added to every enumeration. "
    "Events, and the WebSocket with close codes: docs/stream.md."
)


def build(services: Services) -> FastAPI:
    """The application. The caller opens and closes the services."""
    # FastAPI's documentation pages load scripts from other sites; routes/pages has local pages.
    app = _Api(
        title="Anava Deploy",
        description=_DESCRIPTION,
        version=metadata.version("anava-deploy"),
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=attrgetter("name"),
    )
    app.state.services = services
    app.state.broadcasts = BroadcastRegistry(services)
    problems.install(app)
    for route in _ROUTES:
        app.include_router(route.router)
    return app


class _Api(FastAPI):
    """Puts the request guard around everything, and completes the OpenAPI document."""

    def build_middleware_stack(self) -> ASGIApp:
        # `add_middleware` adds inside of the layer that answers unexpected errors.
        return RequestGuard(super().build_middleware_stack())

    def openapi(self) -> dict[str, Any]:
        # `error_responses` refers to the added components.
        if self.openapi_schema is None:
            add_components(super().openapi())
        return super().openapi()
