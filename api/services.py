"""What the API is put together from."""

import asyncio
from dataclasses import dataclass, field

from api.deployments import Deployments
from api.temporal_health import TemporalHealth
from deployments.artifacts import ArtifactStore, Downloads
from deployments.log_ports import LogSource, ProgressSource
from deployments.preflight import Preflight

__all__ = ["Services"]


@dataclass(frozen=True)
class Services:
    """Everything the routes work with; `stopping` is set when the server begins to stop.

    `downloads` is None where the links of `artifacts` lead elsewhere; `preflight` where nobody can
    be asked for a project.
    """

    deployments: Deployments
    logs: LogSource
    progress: ProgressSource
    health: TemporalHealth
    artifacts: ArtifactStore
    downloads: Downloads | None = None
    preflight: Preflight | None = None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
