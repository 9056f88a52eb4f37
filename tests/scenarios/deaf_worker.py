"""A worker whose `stop_step` never arrives: what is left is the heartbeat.

Run as a program, in place of `worker_main.py`.
"""

import asyncio
import logging
import os
import sys

from temporalio import activity

import worker_main
from activities.steps import StepActivities, StopStepInput
from adapters import settings


class DeafSteps(StepActivities):
    """Hears no stop on the host's queue."""

    @activity.defn
    async def stop_step(self, input: StopStepInput) -> None:
        await asyncio.Event().wait()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    setattr(worker_main, "StepActivities", DeafSteps)  # noqa: B010 - a name that is not exported
    asyncio.run(worker_main.run(settings.load()))
    sys.stdout.flush()
    # As worker_main does: the SDK can crash the interpreter's own end.
    os._exit(0)
