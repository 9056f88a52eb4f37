"""A worker that is killed between the claim and the order of the steps in `DIES_IN_STEPS`.

Run as a program, in place of `worker_main.py`.
"""

import os
import signal

import worker_main
from adapters.process_exit import run_and_exit
from deployments.step import StepOrder
from worker.steps import folder
from worker.steps.runner_process import RunnerProcess

STEPS = {int(number) for number in os.environ["DIES_IN_STEPS"].split(",")}  # noqa: TID251 - a test


class DyingRunnerProcess(RunnerProcess):
    """Kills the worker instead of placing the order of one of these steps."""

    def place(self, order: StepOrder) -> None:
        if order.key.step in STEPS:
            os.kill(os.getpid(), signal.SIGKILL)
        super().place(order)


if __name__ == "__main__":
    setattr(folder, "RunnerProcess", DyingRunnerProcess)  # noqa: B010 - a name that is not exported
    run_and_exit(worker_main.main)
