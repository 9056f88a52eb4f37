"""Nothing of a segment lives when its exit record is there."""

from tests.adapters.terraform.runner.segments import Segment, processes_below


def test_what_terraform_leaves_behind_is_swept(segment: Segment) -> None:
    record = segment.ended(segment.describe().fake("child", "child", "daemon", "exit:0"))
    assert (record["exit_code"], record["swept"], record["error"]) == (0, 3, None)
    assert processes_below(segment.work) == []
    assert not segment.alive


def test_orphans_that_end_by_themselves_are_not_counted(segment: Segment) -> None:
    script = "(sleep 0.1 &) ; (sleep 0.1 &) ; sleep 1.5"
    record = segment.describe().run("/bin/sh", "-c", script)
    assert (record["exit_code"], record["swept"]) == (0, 0)


def test_a_clean_end_has_nothing_to_sweep(segment: Segment) -> None:
    assert segment.describe().run("/bin/true")["swept"] == 0
