"""What counts as progress of a terraform that prints nothing."""

import pytest

from tests.runner.steps import Step


@pytest.mark.parametrize("work", ["spin", "spinchild", "poll"])
def test_a_silent_terraform_that_works_is_not_stalled(step: Step, work: str) -> None:
    """A plan that used more than a core without output was stopped as stalled."""
    record = step.ended(step.describe("plan", no_progress=1).fake(f"{work}:3", "print:done"))
    assert (record["stop"], record["exit_code"]) == (None, 0)


def test_a_silent_terraform_that_does_nothing_is_stalled(step: Step) -> None:
    record = step.ended(step.describe("plan", no_progress=1).fake("print:here", "interrupts:1"))
    assert record["stop"]["cause"] == "no_progress"


def test_a_terraform_that_stops_to_work_is_stalled(step: Step) -> None:
    record = step.ended(step.describe("plan", no_progress=1).fake("spin:2", "interrupts:1"))
    assert record["stop"]["cause"] == "no_progress"
    assert record["signals"][0]["after_seconds"] >= 2.9


def test_a_terraform_that_spins_ends_at_the_deadline(step: Step) -> None:
    record = step.ended(step.describe("plan", deadline=3, no_progress=1).fake("spin:6"))
    assert record["stop"]["cause"] == "deadline"
