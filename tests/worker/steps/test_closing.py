"""A worker lives for months: a step that has ended leaves no descriptor open in it."""

import os
from pathlib import Path

import pytest

from adapters.local.event_file import EventFile
from tests.worker.steps.supervising import FakeStep, FakeTemporal, supervisor_of


async def test_the_files_of_a_step_are_closed_at_its_end() -> None:
    step = FakeStep()
    step.ended = True

    await supervisor_of(step, FakeTemporal()).run()

    assert step.closed


def test_a_thread_that_writes_after_the_closing_reaches_no_other_file(tmp_path: Path) -> None:
    file = EventFile(tmp_path / "events.jsonl")
    file.close()
    other = os.open(tmp_path / "other", os.O_RDWR | os.O_CREAT, 0o600)

    with pytest.raises(OSError, match="Bad file descriptor"):
        file.append([b"late"])

    assert os.pread(other, 10, 0) == b""
    os.close(other)
