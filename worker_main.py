"""The worker, put together: run with `anava worker` or `python worker_main.py`."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.worker import Worker

from activities.deployments import DeploymentActivities
from activities.preflight import PreflightActivities
from activities.steps import StepActivities
from adapters import settings as settings_module
from adapters.artifact_stores import open_artifact_store
from adapters.google.api import GoogleApi
from adapters.google.imports import GoogleImportFinder
from adapters.google.preflight import GooglePreflight
from adapters.google.tokens import GoogleTokenProvider
from adapters.local.inotify import FileChanges
from adapters.logs.factory import open_mirror, open_sinks
from adapters.settings import Settings
from adapters.temporal.activity_attempts import TemporalActivityAttempts
from adapters.temporal.client import check_attributes, connect, worker_runtime
from adapters.temporal.gateway import TemporalGateway
from deployments.errors import AnavaError
from deployments.temporal_names import SHARED_QUEUE, host_queue
from worker.admission import shared_queue_tuner
from worker.host import WorkerHost
from worker.log_shipper import LogShipper
from worker.reattachment import Reattachment
from worker.status_mirror import StatusMirrorLoop
from worker.steps.supervisor import Supervisors
from workflows.deployment import DeploymentWorkflow
from workflows.stack_queue import StackHolderWorkflow

__all__ = ["main", "run"]

_log = logging.getLogger("anava.worker")

# A cancel comes back with the next heartbeat that is sent: 1.05 s with this, 37 s without
# (measured at a heartbeat timeout of 60 s).
_HEARTBEAT_THROTTLE = timedelta(seconds=1)
# A cancel after a worker's death otherwise waits 10 s for the dead worker's queue (measured).
_STICKY_TIMEOUT = timedelta(seconds=1)
# Keepers let go in milliseconds; what is still busy then is killed with the process.
_GRACE = timedelta(seconds=5)
# Whoever keeps a step ships it; this is for what a dead worker left or a store lost, and nobody
# waits for it.
_OWED_SECONDS = 10.0
# How old the state of the sinks in `/health` may be.
_TELL_SECONDS = 2.0
# What is on its way when the worker goes: a call takes milliseconds, the rest is the next one's.
_LAST_SHIPPING_SECONDS = 1.0
# Admission is at `prepare`; on the host's own queue nothing may ever wait for a place.
_HOST_ACTIVITIES = 5000


async def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT.

    SIGTERM leaves terraform running: the next worker of this host goes on with it. With
    `ANAVA_WORKER__DRAIN` terraform is stopped first.

    Raises:
        AnavaError: Temporal or terraform cannot be used as they are.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    client = await connect(runtime=worker_runtime())
    await check_attributes(client)
    changes = FileChanges()
    environment = settings_module.base_environment()
    store, _ = open_artifact_store(settings)
    host = await WorkerHost.open(settings, environment, changes, store)
    sinks = open_sinks(settings, sys.stdout.buffer)
    shipper = LogShipper(sinks, host.shipment, settings.log.give_up_seconds)
    supervisors = Supervisors(shipper.begin, GoogleTokenProvider.open(settings.google))
    attempts = TemporalActivityAttempts(client)
    reattachment = Reattachment(host, attempts, supervisors, settings.worker.scan_seconds)
    checks = _checks(host, settings)
    shared = _shared_worker(client, host, settings, checks)
    own = _host_worker(client, host, StepActivities(host, attempts, supervisors), checks)
    async with shared, own:
        _log.info("worker %s of host %s is up", host.worker, host.id)
        aside = _begin_aside(
            reattachment.run(),
            _ship_what_is_owed(host, shipper),
            _send_what_is_owed(host),
            _tell_of_sinks(host, shipper),
            _mirror(settings, client),
        )
        await stop.wait()
        if settings.worker.drain:
            await _drain(supervisors)
        supervisors.leave()
        for task in aside:
            task.cancel()
        await reattachment.finish()
        await shipper.close(_LAST_SHIPPING_SECONDS)
        _log.info("worker %s is going", host.worker)
    host.close()
    changes.close()


def _begin_aside(*works: Coroutine[Any, Any, None]) -> list[asyncio.Task[None]]:
    return [asyncio.create_task(work) for work in works]


def _checks(host: WorkerHost, settings: Settings) -> PreflightActivities:
    # Its connections end with the process.
    google = GoogleApi(GoogleTokenProvider.open(settings.google), settings.google.endpoint)
    preflight = GooglePreflight(google, settings.terraform.templates)
    return PreflightActivities(host, preflight, GoogleImportFinder(google))


async def _ship_what_is_owed(host: WorkerHost, shipper: LogShipper) -> None:
    """Ship what another worker could not ship to its end, and what a store has lost since."""
    while True:
        try:
            for key, sink in host.unshipped_logs(await shipper.generations()):
                shipper.begin(key, sink)
        except (AnavaError, OSError) as error:
            _log.warning("the look for what is owed to sinks failed: %s", error)
        await asyncio.sleep(_OWED_SECONDS)


async def _send_what_is_owed(host: WorkerHost) -> None:
    """Send the artifacts that their store did not take when they were made."""
    while True:
        try:
            await host.send_pending()
        except (AnavaError, OSError) as error:
            _log.warning("the look for artifacts that are owed failed: %s", error)
        await asyncio.sleep(_OWED_SECONDS)


async def _tell_of_sinks(host: WorkerHost, shipper: LogShipper) -> None:
    """Let the API of this machine know how the sinks are."""
    while True:
        try:
            host.publish_sink_statuses(shipper.states())
        except (AnavaError, OSError) as error:
            _log.warning("the state of the sinks is not told: %s", error)
        await asyncio.sleep(_TELL_SECONDS)


async def _mirror(settings: Settings, client: Client) -> None:
    """Keep the status documents true, where there are any."""
    if mirror := open_mirror(settings):
        await StatusMirrorLoop(TemporalGateway(client), mirror).run()


async def _drain(supervisors: Supervisors) -> None:
    """Stop every terraform of this worker by the ladder and wait for their ends."""
    _log.info("draining: stopping %s steps", supervisors.count)
    while supervisors.count:
        # Again and again: a phase that just ended may be followed by the next one.
        supervisors.drain()
        await asyncio.sleep(0.1)


def _shared_worker(
    client: Client, host: WorkerHost, settings: Settings, checks: PreflightActivities
) -> Worker:
    deployments = DeploymentActivities(host)
    return Worker(
        client,
        task_queue=SHARED_QUEUE,
        workflows=[DeploymentWorkflow, StackHolderWorkflow],
        activities=[deployments.prepare_deployment, checks.check_project],
        tuner=shared_queue_tuner(host.open_count, settings.worker.deployments),
        sticky_queue_schedule_to_start_timeout=_STICKY_TIMEOUT,
        max_heartbeat_throttle_interval=_HEARTBEAT_THROTTLE,
        default_heartbeat_throttle_interval=_HEARTBEAT_THROTTLE,
        graceful_shutdown_timeout=_GRACE,
        identity=f"{host.worker}@{host.id}",
    )


def _host_worker(
    client: Client, host: WorkerHost, steps: StepActivities, checks: PreflightActivities
) -> Worker:
    deployments = DeploymentActivities(host)
    return Worker(
        client,
        task_queue=host_queue(host.id),
        activities=[
            steps.run_step,
            steps.stop_step,
            deployments.report_plan,
            deployments.finalize_deployment,
            checks.find_existing,
        ],
        max_concurrent_activities=_HOST_ACTIVITIES,
        max_heartbeat_throttle_interval=_HEARTBEAT_THROTTLE,
        default_heartbeat_throttle_interval=_HEARTBEAT_THROTTLE,
        graceful_shutdown_timeout=_GRACE,
        identity=f"{host.worker}@{host.id}",
    )


def main() -> int:
    """Run the worker; the process's exit status."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        asyncio.run(run(settings_module.load()))
    except AnavaError as error:
        _log.error("%s %s", error, error.next_step)
        return 1
    return 0


if __name__ == "__main__":
    status = main()
    logging.shutdown()
    # About one clean end in ten crashed the interpreter inside the SDK otherwise (measured). The
    # console's lines are out already: a flush would wait for ever on a reader who stopped.
    os._exit(status)
