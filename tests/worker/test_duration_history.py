"""Usual durations are read from what finished deployments have left."""

import json
import os
from pathlib import Path

import pytest

from deployments.typical_durations import TypicalDurations
from tests.support.ids import deployment_id
from worker import duration_history, run_index

KIND = "google_apikeys_key"
KEY = (KIND, "create")


def load_typical_durations(run_root: Path) -> TypicalDurations:
    """As a worker reads them that starts now."""
    run_index.rebuild(run_root)
    return duration_history.load_typical_durations(run_root)


def left(
    run_root: Path, name: str, *seconds: float, phase: str = "apply", ended: bool = True
) -> Path:
    """What a deployment leaves of its step; its progress document."""
    folder = run_root / deployment_id(name)
    progress = folder / "steps" / "3" / "progress.json"
    progress.parent.mkdir(parents=True)
    made = [
        {
            "address": f"{KIND}.a{number}",
            "action": "create",
            "status": "done",
            "elapsed_seconds": one,
        }
        for number, one in enumerate(seconds)
    ]
    content = {"step": 3, "phase": phase, "until": "3-9", "counts": {}, "resources": made}
    progress.write_text(json.dumps({"format": 1, **content}))
    if ended:
        (folder / "record.json").write_text("{}")
    return progress


def test_three_deployments_show_what_is_usual(tmp_path: Path) -> None:
    for name, seconds in (("a", 20), ("b", 24), ("c", 900)):
        left(tmp_path, name, seconds)

    assert load_typical_durations(tmp_path).seen == {KEY: 24}


def test_an_empty_run_root_shows_nothing(tmp_path: Path) -> None:
    assert not load_typical_durations(tmp_path).seen
    assert not load_typical_durations(tmp_path / "missing").seen


def test_one_that_still_runs_and_a_plan_show_nothing(tmp_path: Path) -> None:
    left(tmp_path, "running", 5, 5, 5, ended=False)
    left(tmp_path, "planned", 5, 5, 5, phase="plan")

    assert not load_typical_durations(tmp_path).seen


def test_the_newest_ten_count(tmp_path: Path) -> None:
    for number in range(12):
        left(tmp_path, str(number), 100 if number < 2 else 30, 30, 30)
        os.utime(tmp_path / deployment_id(str(number)) / "record.json", (number, number))
    left(tmp_path, "old", *[500] * 40)
    os.utime(tmp_path / deployment_id("old") / "record.json", (0, 0))

    assert load_typical_durations(tmp_path).seen == {KEY: 30}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\xff",
        b"[]",
        b"null",
        b'{"resources": 5}',
        b'{"step": 3, "phase": "apply", "until": "", "counts": {}, "resources": [{}]}',
        b"[" * 100_000,
    ],
)
def test_a_broken_document_costs_only_itself(tmp_path: Path, content: bytes) -> None:
    left(tmp_path, "good", 7, 7, 7)
    left(tmp_path, "bad", 900, 900, 900, 900).write_bytes(content)

    assert load_typical_durations(tmp_path).seen == {KEY: 7}


def test_a_folder_in_a_document_s_place_costs_only_itself(tmp_path: Path) -> None:
    left(tmp_path, "good", 7, 7, 7)
    progress = left(tmp_path, "bad", 900, 900, 900)
    progress.unlink()
    progress.mkdir()

    assert load_typical_durations(tmp_path).seen == {KEY: 7}
