"""Nothing of a step lives when its exit record is there."""

from tests.runner.steps import Step
from tests.support.processes import processes_below


def test_what_terraform_leaves_behind_is_swept(step: Step) -> None:
    record = step.ended(step.describe().fake("child", "child", "daemon", "exit:0"))
    assert (record["exit_code"], record["swept"], record["error"]) == (0, 3, None)
    assert processes_below(step.work) == []
    assert not step.alive


def test_orphans_that_end_by_themselves_are_not_counted(step: Step) -> None:
    script = "(sleep 0.1 &) ; (sleep 0.1 &) ; sleep 1.5"
    record = step.describe().run("/bin/sh", "-c", script)
    assert (record["exit_code"], record["swept"]) == (0, 0)


def test_a_clean_end_has_nothing_to_sweep(step: Step) -> None:
    assert step.describe().run("/bin/true")["swept"] == 0
