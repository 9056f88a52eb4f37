"""A step is withdrawn before terraform starts, and never afterwards."""

from pathlib import Path
from unittest.mock import sentinel

import pytest

from worker.steps.runner_process import RunnerProcess


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "steps" / "3"
    folder.mkdir(parents=True)
    return folder


def runner(folder: Path) -> RunnerProcess:
    return RunnerProcess(folder.parents[1], folder, sentinel.context, lambda: None)


def test_a_step_that_has_not_started_ends_without_a_start(folder: Path) -> None:
    assert runner(folder).withdraw()
    status = runner(folder).status()
    assert (status.started, status.ended, status.stopping) == (False, True, True)


def test_a_started_step_is_neither_ended_nor_stopped(folder: Path) -> None:
    (folder / "started.json").write_text("{}")
    assert not runner(folder).withdraw()
    status = runner(folder).status()
    assert (status.started, status.ended, status.stopping) == (True, False, False)
