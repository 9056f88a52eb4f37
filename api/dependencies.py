"""What routes ask for by name."""

import asyncio
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from api.deployments import Deployments
from api.temporal_health import TemporalHealth
from deployments.ports import LogSource, ProgressSource

__all__ = ["CurrentUser", "Services", "ServicesNeeded"]


@dataclass(frozen=True)
class Services:
    """Everything the routes work with; `stopping` is set when the server begins to stop."""

    deployments: Deployments
    logs: LogSource
    progress: ProgressSource
    health: TemporalHealth
    stopping: asyncio.Event = field(default_factory=asyncio.Event)


def _current_user() -> str:
    # One owner until sign-in exists; the guard lets nobody in from outside.
    return "local"


def _services(request: Request) -> Services:
    services = request.app.state.services
    if not isinstance(services, Services):
        raise TypeError("the app was built without its services")
    return services


CurrentUser = Annotated[str, Depends(_current_user)]
ServicesNeeded = Annotated[Services, Depends(_services)]
