"""Dependencies of the routes, as annotated parameter types."""

from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from api.services.container import Services
from api.streaming.broadcast import BroadcastRegistry
from deployments.deployment import DEFAULT_TENANT
from deployments.execution import Caller

__all__ = ["BroadcastsNeeded", "CurrentUser", "Services", "ServicesNeeded", "current_user"]


# All async: FastAPI runs a plain function in a thread, which took a seventh of a GET (measured).


async def current_user() -> Caller:
    """The caller of the request."""
    # A single owner until sign-in exists; the request guard admits loopback requests only.
    return Caller(DEFAULT_TENANT, "local")


async def _services(request: HTTPConnection) -> Services:
    services: Services = request.app.state.services
    return services


async def _broadcasts(request: HTTPConnection) -> BroadcastRegistry:
    broadcasts: BroadcastRegistry = request.app.state.broadcasts
    return broadcasts


BroadcastsNeeded = Annotated[BroadcastRegistry, Depends(_broadcasts)]
CurrentUser = Annotated[Caller, Depends(current_user)]
ServicesNeeded = Annotated[Services, Depends(_services)]
