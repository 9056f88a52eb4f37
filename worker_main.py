"""The worker process: joins activities, worker and adapters. Run with `anava worker`."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import timedelta
from functools import partial
from typing import IO, Any

from temporalio.client import Client
from temporalio.worker import Interceptor, Worker

from activities.acceptance import AcceptanceInterceptor
from activities.deployments import DeploymentActivities
from activities.preflight import PreflightActivities
from activities.steps import StepActivities
from adapters import settings as settings_module
from adapters.encryption import InputSigner, key_ring
from adapters.google.api import GoogleApi
from adapters.google.imports import GoogleImportFinder
from adapters.google.preflight import GooglePreflight
from adapters.google.tokens import GoogleTokenProvider
from adapters.local.inotify import FileChanges
from adapters.process_exit import run_and_exit
from adapters.process_protection import make_private, protect_process
from adapters.service_log import configure_log
from adapters.settings import Settings
from adapters.stores import open_artifact_store, open_mirror, open_sinks
from adapters.temporal.acceptance import TemporalAcceptances
from adapters.temporal.activity_attempts import TemporalActivityAttempts
from adapters.temporal.client import check_attributes, connect, worker_runtime
from adapters.temporal.clock import TemporalClock
from adapters.temporal.gateway import TemporalGateway
from adapters.temporal.stack_records import TemporalStackRecords
from deployments.artifacts import ArtifactStore
from deployments.errors import AnavaError, InvalidSettings
from deployments.retention import KindReport
from deployments.temporal_names import SHARED_QUEUE, host_queue
from worker.admission import shared_queue_tuner
from worker.background_pass import failure_logged
from worker.host import WorkerHost
from worker.log_shipper import LogShipper
from worker.reattachment import Reattachment
from worker.retention import Retention
from worker.retention_kinds import open_retention
from worker.status_mirror import StatusMirrorLoop
from worker.steps.supervisors import Supervisors
from worker.watchdog import Watchdog
from workflows.deployment import DeploymentWorkflow
from workflows.stack_queue import StackHolderWorkflow
from workflows.stack_record import StackRecordWorkflow

__all__ = ["main", "run", "run_retention"]

_log = logging.getLogger("anava.worker")

# A cancel comes back with the next heartbeat that is sent: 1.05 s with this setting, 37 s without
# (measured at a heartbeat timeout of 60 s).
_HEARTBEAT_THROTTLE = timedelta(seconds=1)
# A cancel after a worker's death otherwise waits 10 s for the dead worker's queue (measured).
_STICKY_TIMEOUT = timedelta(seconds=1)
# Supervisors hand over in milliseconds; activities that run longer end with the process.
_GRACEFUL_SHUTDOWN = timedelta(seconds=5)
# Supervisors ship their own logs. This period is for logs and artifacts that a dead worker left or
# a store lost or refused, which are not urgent.
_PENDING_SECONDS = 10.0
# The maximum age of the sinks' status in `/health`.
_SINK_STATUS_SECONDS = 2.0
# Grace period for uploads in flight at shutdown: a call takes milliseconds, and the next worker
# resumes from the sink's cursor.
_SHIPPING_GRACE_SECONDS = 1.0
_DRAIN_POLL_SECONDS = 0.1
# Admission is at `prepare_deployment`; on the host's queue no activity may wait for a slot.
_MAX_HOST_ACTIVITIES = 5000


async def run(settings: Settings) -> None:
    """Run the worker until SIGTERM or SIGINT.

    Terraform runs on after the signal, and the next worker of this host re-attaches. With
    `ANAVA_WORKER__DRAIN` the worker first stops every terraform.

    Raises:
        AnavaError: Temporal or terraform is unusable.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    client = await _connect()
    changes = FileChanges()
    store, _ = open_artifact_store(settings)
    host = await WorkerHost.open(
        settings,
        settings_module.base_environment(),
        changes,
        store,
        TemporalStackRecords(client),
    )
    sinks = open_sinks(settings, _console())
    shipper = LogShipper(sinks, host.step_log, settings.log.give_up_seconds)
    attempts = TemporalActivityAttempts(client)
    supervisors = Supervisors(
        host.step, attempts, shipper.begin, GoogleTokenProvider.open(settings.google)
    )
    reattachment = Reattachment(host, attempts, supervisors, settings.worker.scan_seconds)
    preflight = _preflight_activities(host, settings)
    interceptors = [_acceptance(client, host, settings)]
    shared_worker = _shared_worker(client, host, settings, preflight, interceptors)
    host_worker = _host_worker(client, host, StepActivities(supervisors), preflight, interceptors)
    async with shared_worker, host_worker:
        _log.info("worker %s of host %s is up", host.worker, host.id)
        background = _start_tasks(
            Watchdog(host.show_life).run(),
            reattachment.run(),
            reattachment.close_abandoned(),
            retention(settings, client, store).run(),
            mirror_status(settings, client),
            *_repeated_work(host, shipper),
        )
        await _until_stopped(stop, background)
        if settings.worker.drain:
            await drain(supervisors)
        supervisors.hand_over()
        for task in background:
            task.cancel()
        await reattachment.finish()
        await shipper.close(_SHIPPING_GRACE_SECONDS)
        _log.info("worker %s shuts down", host.worker)
    host.close()
    changes.close()


async def _connect() -> Client:
    client = await connect(runtime=worker_runtime())
    settings_module.forget_secrets()
    await check_attributes(client)
    return client


async def _until_stopped(stop: asyncio.Event, background: Sequence[asyncio.Task[None]]) -> None:
    """Wait for the request to stop; raise the error of a background task that ended by a defect.

    Without its background tasks a worker would poll, and re-attach to nothing.
    """
    stopping = asyncio.create_task(stop.wait())
    tasks: set[asyncio.Task[Any]] = {stopping, *background}
    while not stopping.done():
        done, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()


def _start_tasks(*coroutines: Coroutine[Any, Any, None]) -> list[asyncio.Task[None]]:
    return [asyncio.create_task(coroutine) for coroutine in coroutines]


def _deployment_activities(host: WorkerHost) -> DeploymentActivities:
    return DeploymentActivities(host, host.plans, host.finalization, host.archive)


def _preflight_activities(host: WorkerHost, settings: Settings) -> PreflightActivities:
    # The connections end with the process.
    google = GoogleApi(GoogleTokenProvider.open(settings.google), settings.google.endpoint)
    preflight = GooglePreflight(google, settings.terraform.templates)
    return PreflightActivities(host.plans, preflight, GoogleImportFinder(google))


async def _repeat(work: Callable[[], Awaitable[None]], seconds: float, failure: str) -> None:
    """Do a piece of work for ever, `seconds` after its end; an error is logged as `failure`."""
    while True:
        with failure_logged(failure):
            await work()
        await asyncio.sleep(seconds)


def _repeated_work(host: WorkerHost, shipper: LogShipper) -> list[Coroutine[Any, Any, None]]:
    logs = partial(ship_pending_logs, host, shipper)
    artifacts = host.archive.send_pending
    states = partial(settle_pending_states, host)
    statuses = partial(publish_sink_statuses, host, shipper)
    return [
        _repeat(logs, _PENDING_SECONDS, "the scan for unshipped logs failed"),
        _repeat(artifacts, _PENDING_SECONDS, "the scan for unsent artifacts failed"),
        _repeat(states, _PENDING_SECONDS, "the scan for unsaved states failed"),
        _repeat(statuses, _SINK_STATUS_SECONDS, "cannot publish the status of the sinks"),
    ]


def _acceptance(client: Client, host: WorkerHost, settings: Settings) -> AcceptanceInterceptor:
    signer = InputSigner(key_ring(settings.secrets.ring, settings.data))
    return AcceptanceInterceptor(TemporalAcceptances(client, signer, host.is_prepared), host)


async def ship_pending_logs(host: WorkerHost, shipper: LogShipper) -> None:
    """Ship the logs that another worker left unfinished or that a store has lost."""
    generations = await shipper.generations()
    # In threads: after the loss of a store all run directories are read.
    for key, sink in await asyncio.to_thread(host.pending.unshipped_logs, generations):
        shipper.begin(key, sink)
    await asyncio.to_thread(host.pending.settle, generations)


async def settle_pending_states(host: WorkerHost) -> None:
    """Record the local states, then save the states that terraform could not save."""
    await host.stacks.declare()
    await host.recovery.settle_pending()


def retention(settings: Settings, client: Client, store: ArtifactStore) -> Retention:
    """The retention of this host."""
    clock = TemporalClock(client)

    async def server_time() -> float:
        return (await clock.now()).timestamp()

    return open_retention(
        settings, TemporalGateway(client), TemporalStackRecords(client), store, server_time
    )


async def run_retention(settings: Settings, *, dry_run: bool) -> list[KindReport]:
    """Run a single pass of the retention on this host, for `anava retention`.

    Raises:
        AnavaError: Temporal does not answer, or a setting is wrong.
    """
    if not settings.runs.is_dir():
        raise InvalidSettings(f"{settings.runs} is not the run root of a worker on this host")
    settings_module.apply_network(settings.network)
    client = await connect()
    store, _ = open_artifact_store(settings)
    return await retention(settings, client, store).run_pass(dry_run=dry_run)


async def publish_sink_statuses(host: WorkerHost, shipper: LogShipper) -> None:
    """Publish the status of the sinks to the API of this machine."""
    host.publish_sink_statuses(shipper.statuses())


async def mirror_status(settings: Settings, client: Client) -> None:
    """Update the status documents, where the settings name a mirror."""
    if mirror := open_mirror(settings):
        await StatusMirrorLoop(TemporalGateway(client), mirror).run()


async def drain(supervisors: Supervisors) -> None:
    """Stop every terraform of this worker by the stop ladder and wait for the ends."""
    _log.info("draining: stopping %s steps", supervisors.count)
    while supervisors.count:
        # Repeated, since the workflow may start the next phase after an ended step.
        supervisors.drain()
        await asyncio.sleep(_DRAIN_POLL_SECONDS)


def _shared_worker(
    client: Client,
    host: WorkerHost,
    settings: Settings,
    preflight: PreflightActivities,
    interceptors: Sequence[Interceptor],
) -> Worker:
    deployments = _deployment_activities(host)
    return Worker(
        client,
        task_queue=SHARED_QUEUE,
        workflows=[DeploymentWorkflow, StackHolderWorkflow, StackRecordWorkflow],
        activities=[deployments.prepare_deployment, preflight.check_project],
        tuner=shared_queue_tuner(host.open_count, settings.worker.deployments, host.has_space),
        sticky_queue_schedule_to_start_timeout=_STICKY_TIMEOUT,
        max_heartbeat_throttle_interval=_HEARTBEAT_THROTTLE,
        default_heartbeat_throttle_interval=_HEARTBEAT_THROTTLE,
        graceful_shutdown_timeout=_GRACEFUL_SHUTDOWN,
        identity=f"{host.worker}@{host.id}",
        interceptors=interceptors,
    )


def _host_worker(
    client: Client,
    host: WorkerHost,
    steps: StepActivities,
    preflight: PreflightActivities,
    interceptors: Sequence[Interceptor],
) -> Worker:
    deployments = _deployment_activities(host)
    return Worker(
        client,
        task_queue=host_queue(host.id),
        activities=[
            steps.run_step,
            steps.stop_step,
            deployments.report_plan,
            deployments.finalize_deployment,
            preflight.find_existing,
        ],
        max_concurrent_activities=_MAX_HOST_ACTIVITIES,
        max_heartbeat_throttle_interval=_HEARTBEAT_THROTTLE,
        default_heartbeat_throttle_interval=_HEARTBEAT_THROTTLE,
        graceful_shutdown_timeout=_GRACEFUL_SHUTDOWN,
        identity=f"{host.worker}@{host.id}",
        interceptors=interceptors,
    )


def main() -> int:
    """Run the worker; returns the process's exit status."""
    protect_process()
    configure_log()
    try:
        settings = settings_module.load()
        make_private(settings.data)
        make_private(settings.runs)
        settings_module.apply_network(settings.network)
        asyncio.run(run(settings))
    except AnavaError as error:
        _log.error("%s %s", error, error.next_step)
        return 1
    except Exception:  # noqa: BLE001 - logged; the next process starts anew
        _log.exception("the worker ends by a defect")
        return 1
    return 0


def _console() -> IO[bytes]:
    """Stdout in a buffer of its own.

    The flush at the exit of the process would wait for a thread that blocks in `sys.stdout.buffer`,
    on a reader that has stopped. The console sink flushes its lines itself.
    """
    return os.fdopen(sys.stdout.fileno(), "wb", closefd=False)


if __name__ == "__main__":
    run_and_exit(main)
