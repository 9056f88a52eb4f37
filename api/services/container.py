"""What the API is put together from."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from api.services.deployments import DeploymentService
from api.services.health import TemporalHealth
from deployments.artifacts import ArtifactStore, Downloads
from deployments.log_ports import LogSource, ProgressSource, SinkStatuses
from deployments.preflight import Preflight

__all__ = ["Services"]

# Each takes some megabytes and, with a million lines, a core for a few seconds.
_VERIFIED_AT_ONCE = 2


def _few_at_once() -> asyncio.Semaphore:
    return asyncio.Semaphore(_VERIFIED_AT_ONCE)


@dataclass(frozen=True)
class Services:
    """Everything the routes work with; `stopping` is set when the server begins to stop.

    `downloads` is None where the links of `artifacts` lead elsewhere, `sinks` where no worker can
    be seen from here, `preflight` where nobody can be asked for a project. `copies` is every store
    of the log that can be read here; `verifying` lets only a few of them be read whole at once.
    """

    deployments: DeploymentService
    logs: LogSource
    progress: ProgressSource
    health: TemporalHealth
    artifacts: ArtifactStore
    downloads: Downloads | None = None
    sinks: SinkStatuses | None = None
    preflight: Preflight | None = None
    copies: Sequence[LogSource] = ()
    verifying: asyncio.Semaphore = field(default_factory=_few_at_once)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
