"""`anava worker`: the worker in this process, or as a supervised child (pid 1 of a container)."""

import asyncio
import logging
import os
import sys
from collections.abc import Mapping

import worker_main
from adapters import settings
from cli.processes import ChildProcess, reap_orphans, stop_on_signals

__all__ = ["run", "supervise"]

# A drain may wait for a whole ladder of stops: grace, kill, and terraform that saves its state.
_STOP_SECONDS = 3900.0


def run(*, drain: bool) -> None:
    """Work in this process, which ends with it."""
    if drain:
        environment = _environment(drain=True)
        os.execve(sys.executable, _ARGV, environment)  # noqa: S606 - our own interpreter
    status = worker_main.main()
    logging.shutdown()
    # As worker_main does: the interpreter's own end crashes inside the SDK now and then, and a
    # flush of the console waits for ever on a reader who stopped.
    os._exit(status)


def supervise(*, drain: bool) -> int:
    """Keep a worker running until SIGTERM or SIGINT; the status it then ends with."""
    return asyncio.run(_supervise(_environment(drain=drain)))


_ARGV = [sys.executable, "-m", "worker_main"]


def _environment(*, drain: bool) -> Mapping[str, str]:
    extra = {"ANAVA_WORKER__DRAIN": "true"} if drain else {}
    return {**settings.base_environment(), **extra}


async def _supervise(environment: Mapping[str, str]) -> int:
    asked = stop_on_signals()
    child = ChildProcess("worker", _ARGV, environment)
    child.begin()
    reaping = asyncio.create_task(reap_orphans(child)) if os.getpid() == 1 else None
    number = await asked.get()
    status = await child.stop(_STOP_SECONDS, number)
    if reaping is not None:
        reaping.cancel()
    return status if status >= 0 else 128 - status
