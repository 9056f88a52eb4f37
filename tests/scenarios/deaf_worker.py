"""A worker whose `stop_step` never arrives: what is left is the heartbeat.

Run as a program, in place of `worker_main.py`.
"""

import asyncio

from temporalio import activity

import worker_main
from activities.steps import StepActivities, StopStepInput
from adapters.process_exit import run_and_exit


class DeafSteps(StepActivities):
    """Hears no stop on the host's queue."""

    @activity.defn
    async def stop_step(self, input: StopStepInput) -> None:
        await asyncio.Event().wait()


if __name__ == "__main__":
    setattr(worker_main, "StepActivities", DeafSteps)  # noqa: B010 - a name that is not exported
    run_and_exit(worker_main.main)
