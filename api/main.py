"""The API process: started by `anava api` or `python -m api.main`."""

import asyncio
import logging
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from fastapi import FastAPI

from adapters.disk_status import disk_status
from adapters.encryption import AesGcmCipher, key_ring
from adapters.google.api import GoogleApi
from adapters.google.preflight import GooglePreflight
from adapters.google.tokens import GoogleTokenProvider
from adapters.local.folders import deployment_folder, is_own_folder
from adapters.local.host_report import LocalHostReports
from adapters.local.inotify import FileChanges
from adapters.local.progress import LocalProgressSource
from adapters.local.sink_status import LocalSinkStatuses
from adapters.local.template_costs import read_template_costs
from adapters.process_exit import run_and_exit
from adapters.process_protection import make_private, protect_process
from adapters.service_log import configure_log
from adapters.settings import Settings, apply_network, forget_secrets, load
from adapters.stores import open_artifact_store, open_sources, preferred
from adapters.temporal.client import check_attributes, connect
from adapters.temporal.gateway import TemporalGateway
from api.app import build
from api.connections import ConnectionLimits
from api.dependencies import Services
from api.descriptors import raise_descriptor_limit
from api.server import Server, check_host
from api.services.deployments import DeploymentService
from api.services.health import HealthService
from api.services.placement import Placement
from deployments.errors import AnavaError, InvalidSettings

__all__ = ["create_app", "main", "run"]

_log = logging.getLogger("anava.api")


async def create_app(settings: Settings, stopping: asyncio.Event) -> FastAPI:
    """Connect to Temporal, open the stores and build the application; `stopping` ends the streams.

    Raises:
        InvalidSettings: the host is not allowed, or search attributes are missing.
        TemporalUnavailable: Temporal does not answer.
    """
    check_host(settings.api.host, published_on_loopback=settings.api.published_on_loopback)
    make_private(settings.data)
    client = await connect()
    await check_attributes(client)
    keys = key_ring(settings.secrets.ring, settings.data)
    gateway = TemporalGateway(client, keys, settings.phases.timings().ladder)
    store, downloads = open_artifact_store(settings)
    google = GoogleApi(GoogleTokenProvider.open(settings.google), settings.google.endpoint)
    cipher = AesGcmCipher(keys)
    sources = open_sources(settings, FileChanges())
    services = Services(
        deployments=DeploymentService(
            gateway, settings.phases.timings(), cipher, settings.limits.of_subject
        ),
        logs=preferred(settings, sources),
        copies=sources,
        source_labels={source.name: source.label for source in sources},
        sinks=LocalSinkStatuses(settings.runs),
        host=LocalHostReports(settings.runs, settings.data, partial(disk_status, settings)),
        progress=LocalProgressSource(settings.runs),
        health=HealthService(gateway),
        artifacts=store,
        downloads=downloads,
        templates=settings.terraform.offered,
        costs=read_template_costs(settings.terraform.templates, settings.terraform.offered),
        preflight=GooglePreflight(google, settings.terraform.templates),
        placement=Placement(
            partial(_has_folder, settings.runs),
            partial(_has_folder, settings.data / "artifacts"),
            log_is_local=all(source.name == "local" for source in sources),
            artifacts_are_local=settings.artifacts.store == "local",
            run_days=settings.retention.run_days,
            log_days=settings.retention.log_days,
            artifact_days=settings.retention.artifact_days,
        ),
        stopping=stopping,
    )
    return build(services)


def _has_folder(root: Path, deployment: str) -> bool:
    """Whether a deployment has a folder below `root`; raises NotFound for a link or a wrong id."""
    return is_own_folder(deployment_folder(root, deployment))


async def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        AnavaError: the settings are invalid, or a server is unavailable.
    """
    stopping = asyncio.Event()
    app = await create_app(settings, stopping)
    forget_secrets()
    limits = ConnectionLimits(settings.api.connections, settings.api.connections_per_address)
    await Server(app, settings.api.host, settings.api.port, stopping, limits=limits).serve()


def main(argv: Sequence[str] = ()) -> int:
    """Run the API until SIGTERM or SIGINT; returns the process's exit status, 1 after an error."""
    protect_process()
    configure_log()
    raise_descriptor_limit()
    try:
        if argv:
            raise InvalidSettings(f"{argv[0]}: the API takes its settings from the environment")
        settings = load()
        apply_network(settings.network)
        # Never closed: closing waits for threads that wait for an unreachable store.
        runner = asyncio.Runner()
        runner.run(run(settings))
    except AnavaError as error:
        _log.error("%s %s", error, error.next_step)
        return 1
    return 0


if __name__ == "__main__":
    run_and_exit(partial(main, sys.argv[1:]))
