"""`anava worker`: the worker in this process, or as a child that is restarted."""

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from adapters import settings
from cli.processes import ChildProcess, reap_orphans, signal_queue

__all__ = ["run", "run_retention", "run_with_restarts"]

_ARGV = [sys.executable, "-m", "worker_main"]
# A drain may take the whole stop ladder; the rest is for the exit of the worker.
_EXIT_SECONDS = 60


def run(*, drain: bool) -> int:
    """Run the worker in this process; the worker's exit status."""
    if drain:
        environment = _environment(drain=True)
        os.execve(sys.executable, _ARGV, environment)  # noqa: S606 - our own interpreter
    # The worker's modules take 0.6 s of CPU time, which no other command needs.
    import worker_main

    return worker_main.main()


async def run_retention(*, dry_run: bool) -> list[dict[str, Any]]:
    """Run a pass of this host's retention; a report per kind of data.

    Raises:
        AnavaError: Temporal does not answer, or a setting is wrong.
    """
    import worker_main

    reports = await worker_main.run_retention(settings.load(), dry_run=dry_run)
    return [asdict(report) for report in reports]


async def run_with_restarts(*, drain: bool) -> int:
    """Run a worker as a child, restarted until SIGTERM or SIGINT; the last exit status.

    Raises:
        InvalidSettings: a setting is wrong.
    """
    stop_seconds = settings.load().phases.timings().ladder.longest_seconds + _EXIT_SECONDS
    signals = signal_queue()
    child = ChildProcess("worker", _ARGV, _environment(drain=drain))
    child.start()
    reaping = asyncio.create_task(reap_orphans(child)) if os.getpid() == 1 else None
    number = await signals.get()
    status = await child.stop(stop_seconds, number)
    if reaping is not None:
        reaping.cancel()
    return status if status >= 0 else 128 - status


def _environment(*, drain: bool) -> Mapping[str, str]:
    extra = {"ANAVA_WORKER__DRAIN": "true"} if drain else {}
    return {**settings.base_environment(), **extra}
