"""A host looks at the deployments that need it, and not at those that have ended."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from adapters.local.artifacts import LocalArtifactStore
from adapters.local.event_file import EventFile
from deployments.events import EndKind, EndRecord
from deployments.step import StepKey
from tests.support.ids import deployment_id
from worker import run_index
from worker.artifact_outbox import ArtifactOutbox
from worker.pending_work import PendingWork
from worker.run_directory import RunDirectory
from worker.run_root import RunRoot
from worker.steps.log_cursor import StepLogFile

DEPLOYMENT = "dep-" + "a" * 26
OPEN, UNSENT, UNCLEARED, ENDED = map(deployment_id, ("open", "unsent", "uncleared", "ended"))
HOUR = 3600


class Scene:
    """A run root with a deployment that has ended and needs nothing more."""

    def __init__(self, folder: Path, sinks: Sequence[str] = ()) -> None:
        self.root = RunRoot(folder / "runs")
        self.outbox = ArtifactOutbox(LocalArtifactStore(folder / "data"), HOUR)
        self.pending = PendingWork(self.root, self.outbox, sinks, HOUR)
        self.directory = self.root.directory(DEPLOYMENT)

    def end(self) -> None:
        self.directory.record("{}")
        self.directory.clear()

    def log(self) -> StepLogFile:
        """The log of a step that has ended; no sink has a line."""
        folder = self.directory.step(1)
        folder.mkdir(parents=True)
        events = EventFile(folder / "events.jsonl")
        events.append([b'{"id":"1-1"}'])
        record = EndRecord(1, EndKind.COMPLETE, 1, events.sha256)
        events.seal(record)
        events.close()
        return StepLogFile(folder, StepKey(DEPLOYMENT, 1), None)  # type: ignore[arg-type]


def test_an_ended_deployment_leaves_the_index(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.end()
    assert scene.root.pending_deployments() == [DEPLOYMENT]

    scene.pending.settle({})

    assert scene.root.pending_deployments() == []
    assert scene.root.deployments() == [DEPLOYMENT]


@pytest.mark.parametrize("left", ["work/main.tf", "home/.netrc", "secrets.json", "secrets/1"])
def test_secrets_that_a_dead_host_left_are_still_to_be_removed(tmp_path: Path, left: str) -> None:
    """A worker killed between record and clearing left all secrets on the disk for ever."""
    scene = Scene(tmp_path)
    scene.directory.record("{}")
    secret = scene.directory.path / left
    secret.parent.mkdir(exist_ok=True)
    secret.write_text("secret")

    scene.pending.settle({})

    assert scene.root.pending_deployments() == [DEPLOYMENT]
    assert scene.pending.uncleared() == [DEPLOYMENT]


def test_an_artifact_that_is_not_sent_keeps_its_deployment_pending(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.end()
    scene.pending.settle({})

    scene.outbox.enqueue(scene.directory, "record.json", "{}")
    scene.pending.settle({})

    assert scene.root.pending_deployments() == [DEPLOYMENT]


def test_a_sink_that_lacks_a_log_or_does_not_respond_keeps_its_deployment_pending(
    tmp_path: Path,
) -> None:
    scene = Scene(tmp_path, sinks=["redis"])
    log = scene.log()
    scene.end()

    assert list(scene.pending.unshipped_logs({"redis": "1"})) == [(log.key, "redis")]
    scene.pending.settle({"redis": "1"})
    assert scene.root.pending_deployments() == [DEPLOYMENT]

    record = log.end_record()
    assert record is not None
    log.finish("redis", record, "1")
    scene.pending.settle({})
    assert scene.root.pending_deployments() == [DEPLOYMENT], "the sink does not respond"
    scene.pending.settle({"redis": "1"})
    assert scene.root.pending_deployments() == []


def test_a_sink_that_does_not_respond_delays_no_old_log_and_none_that_was_given_up(
    tmp_path: Path,
) -> None:
    """Every deployment stayed in the index during an outage, and retention deleted nothing."""
    old, given_up = Scene(tmp_path / "old", ["redis"]), Scene(tmp_path / "given-up", ["redis"])
    old.log()
    given_up.log().abandon("redis", "sink_given_up")
    moment = time.time() - 2 * HOUR
    os.utime(old.directory.step(1) / "events.jsonl", (moment, moment))
    for scene in (old, given_up):
        scene.end()
        scene.pending.settle({})

        assert scene.root.pending_deployments() == []
    restarted = PendingWork(old.root, old.outbox, ["redis"], HOUR)
    key = StepKey(DEPLOYMENT, 1)
    assert list(restarted.unshipped_logs({"redis": "1"})) == [(key, "redis")], "after its return"


def test_a_sink_that_lost_its_content_gets_the_logs_of_ended_deployments_again(
    tmp_path: Path,
) -> None:
    scene = Scene(tmp_path, sinks=["redis"])
    log = scene.log()
    scene.end()
    record = log.end_record()
    assert record is not None
    log.finish("redis", record, "1")
    assert list(scene.pending.unshipped_logs({"redis": "1"})) == []
    scene.pending.settle({"redis": "1"})

    assert list(scene.pending.unshipped_logs({"redis": "2"})) == [(log.key, "redis")]
    assert scene.root.pending_deployments() == [DEPLOYMENT]


def test_a_worker_finds_what_a_worker_without_an_index_has_left(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    for name, files in {
        OPEN: ["work/main.tf"],
        UNSENT: ["record.json", "outbox/log.txt"],
        UNCLEARED: ["record.json", "work/main.tf"],
        ENDED: ["record.json", "outbox/.lock"],
    }.items():
        for file in files:
            path = runs / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    (runs / ENDED / "outbox" / ".lock").unlink()

    root = RunRoot(runs)

    assert sorted(root.pending_deployments()) == sorted([OPEN, UNCLEARED, UNSENT])
    assert root.open_deployments() == [OPEN]
    assert len(run_index.recent(runs)) == 3


def test_a_mark_without_a_run_directory_waits_for_the_directory(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    run_index.mark(scene.directory.path)

    scene.pending.settle({})

    assert scene.root.pending_deployments() == [DEPLOYMENT]
    assert scene.root.open_deployments() == []


def test_the_scans_of_an_idle_worker_cost_the_same_with_any_number_of_ended_deployments(
    tmp_path: Path,
) -> None:
    """An idle worker with 5,000 ended run directories used 100 times the CPU of an empty host."""
    seconds = {number: _seconds(tmp_path / str(number), number) for number in (10, 2000)}

    assert seconds[2000] < 3 * seconds[10], seconds


def _seconds(folder: Path, ended: int) -> float:
    scene = Scene(folder)
    for number in range(ended):
        directory = RunDirectory(scene.root.path / deployment_id(str(number)))
        directory.path.mkdir()
        (directory.path / "record.json").touch()
    scene.pending.unshipped_logs({})
    scene.pending.settle({})
    return min(_scan(scene) for _ in range(5))


def _scan(scene: Scene) -> float:
    begun = time.perf_counter()
    for _ in range(10):
        scene.root.open_deployments()
        scene.pending.unshipped_logs({})
        scene.pending.settle({})
        run_index.recent(scene.root.path)
    return time.perf_counter() - begun
