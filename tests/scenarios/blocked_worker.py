"""A worker whose event loop SIGUSR1 blocks for ever.

Run as a program, in place of `worker_main.py`.
"""

import asyncio
import logging
import os
import signal
import sys
import time

import worker_main
from adapters import settings


async def run() -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, time.sleep, 1000)
    await worker_main.run(settings.load())


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    asyncio.run(run())
    sys.stdout.flush()
    # As worker_main does: the SDK can crash the interpreter's own end.
    os._exit(0)
