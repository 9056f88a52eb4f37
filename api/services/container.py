"""The services that the routes use."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from api.services.deployments import DeploymentService
from api.services.health import HealthService
from api.services.placement import Placement
from deployments.artifacts import ArtifactStore, Downloads
from deployments.costs import CostTable
from deployments.log_ports import LogSource, ProgressSource, SinkStatuses
from deployments.preflight import Preflight
from deployments.templates import TEMPLATES
from deployments.worker_reports import HostReports

__all__ = ["Services"]

# A verification takes some megabytes and, with a million lines, a core for a few seconds.
_MAX_VERIFICATIONS = 2


@dataclass(frozen=True)
class Services:
    """Everything the routes use.

    Attributes:
        downloads: None where the links of `artifacts` lead to another server.
        sinks, host: None where the API runs on another machine than the workers.
        preflight: None where the API has no access to Google's APIs.
        copies: every store of the log that this process can read.
        source_labels: the label of each store, by name; without a label the name is shown.
        templates: the names of the templates that this service deploys.
        costs: the prices of each template that has some, by name.
        verifying: limits how many copies of a log are read whole at once.
        placement: which data another host's disk alone has; by default every run directory is here.
        stopping: set when the server begins to stop.
    """

    deployments: DeploymentService
    logs: LogSource
    progress: ProgressSource
    health: HealthService
    artifacts: ArtifactStore
    downloads: Downloads | None = None
    sinks: SinkStatuses | None = None
    host: HostReports | None = None
    preflight: Preflight | None = None
    copies: Sequence[LogSource] = ()
    templates: Collection[str] = frozenset(TEMPLATES)
    costs: Mapping[str, CostTable] = field(default_factory=dict)
    source_labels: Mapping[str, str] = field(default_factory=dict)
    placement: Placement = field(default_factory=lambda: Placement(lambda _: True))
    verifying: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(_MAX_VERIFICATIONS)
    )
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
