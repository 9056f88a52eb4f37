"""A worker whose event loop SIGUSR1 blocks for ever.

Run as a program, in place of `worker_main.py`.
"""

import asyncio
import signal
import time

import worker_main
from adapters.process_exit import run_and_exit
from adapters.settings import Settings

_run = worker_main.run


async def run(settings: Settings) -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, time.sleep, 1000)
    await _run(settings)


if __name__ == "__main__":
    setattr(worker_main, "run", run)  # noqa: B010 - the worker calls it by this name
    run_and_exit(worker_main.main)
