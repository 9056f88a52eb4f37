"""Bodies about the service itself."""

from typing import Literal

from pydantic import BaseModel

__all__ = ["HealthBody", "LivenessBody", "VersionBody"]


class LivenessBody(BaseModel):
    """Whether it lives, or may get work."""

    status: Literal["ok", "unavailable"]


class HealthBody(BaseModel):
    """`degraded`: no worker asks for work. `unhealthy`: Temporal does not answer."""

    status: str
    temporal: bool
    workers: int
    active_deployments: int
    backlog: int


class VersionBody(BaseModel):
    """Which release answers."""

    version: str
