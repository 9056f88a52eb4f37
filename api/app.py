"""The HTTP application, put together from what it works with."""

from importlib import metadata
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

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
)
from api.streaming.registry import BroadcastRegistry

__all__ = ["build"]

_ROUTES = (
    health,
    deployments,
    projects,
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
    "Events, the WebSocket and its close codes: docs/stream.md."
)


def build(services: Services) -> FastAPI:
    """The application. It opens nothing and closes nothing: that is the caller's."""
    # The documentation pages of FastAPI load scripts from elsewhere; ours are in routes/pages.
    app = _Api(
        title="Anava Deploy",
        description=_DESCRIPTION,
        version=metadata.version("anava-deploy"),
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=_operation_id,
    )
    app.state.services = services
    app.state.broadcasts = BroadcastRegistry(services)
    problems.install(app)
    for route in _ROUTES:
        app.include_router(route.router)
    app.add_middleware(RequestGuard)
    return app


class _Api(FastAPI):
    """Adds to the document what no route names: problems."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            add_components(super().openapi())
        return super().openapi()


def _operation_id(route: APIRoute) -> str:
    return route.name
