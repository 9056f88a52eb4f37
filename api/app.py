"""The HTTP application, put together from what it works with."""

from fastapi import FastAPI

from api import problems
from api.broadcast import Broadcasts
from api.dependencies import Services
from api.guard import Guard
from api.routes import artifacts, deployments, health, logs, plan

__all__ = ["build"]


def build(services: Services) -> FastAPI:
    """The application. It opens nothing and closes nothing: that is the caller's."""
    # The documentation pages of FastAPI load scripts from elsewhere, so there are none.
    app = FastAPI(title="Anava Deploy", docs_url=None, redoc_url=None)
    app.state.services = services
    app.state.broadcasts = Broadcasts(services)
    problems.install(app)
    for route in (health, deployments, logs, plan, artifacts):
        app.include_router(route.router)
    app.add_middleware(Guard)
    return app
