"""A step that got no order starts no terraform, and its log records that."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.local import atomic_files, disk_space
from adapters.local.inotify import FileChanges
from adapters.local.log import LocalLogSource
from adapters.redaction import Redactor
from adapters.settings import Settings
from adapters.terraform.state.backends import StateBackends
from deployments.errors import RunDirectoryBroken
from deployments.events import EndKind, EndRecord, EventId
from deployments.imports import Import
from deployments.phase import Phase
from deployments.step import ActivityToken, StepKey, StepOrder, StepOutcome
from deployments.timings import StopLadder
from deployments.typical_durations import TypicalDurations
from tests.support.ids import deployment_id
from tests.support.logs import EventFileSink, chunk, sealed
from tests.support.small_disk import small_disk
from tests.worker.steps.supervising import FakeTemporal, NoCredentials
from worker.owner_bytes import OwnerBytes
from worker.steps.context import HostContext
from worker.steps.exit_record import read_exit
from worker.steps.folder import StepFolder
from worker.steps.order_file import write_order
from worker.steps.supervisors import Supervisors

DEPLOYMENT = deployment_id("a")
EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


class Host:
    """A host without terraform: its steps get no order, or cannot get one."""

    def __init__(self, runs: Path) -> None:
        self.runs = runs
        self.changes = FileChanges()
        self.shipped: list[StepKey] = []
        workers = runs / "workers"
        workers.mkdir()
        atomic_files.create(workers / "w.lock", "")
        self.context = HostContext(
            workers=workers,
            worker="w",
            terraform="terraform",
            path="",
            cli_config=runs / "terraform.tfrc",
            changes=self.changes,
            redactor=lambda _: Redactor([]),
            states=StateBackends(Settings(data_dir=runs), {}),
            durations=TypicalDurations,
            owners=OwnerBytes.open(Settings(data_dir=runs)),
        )

    def step(self, key: StepKey) -> StepFolder:
        return StepFolder(self.runs / key.deployment, key, self.context)

    def supervisors(self) -> Supervisors:
        return Supervisors(self.step, FakeTemporal(), self.shipped.append, NoCredentials())

    def log(self) -> LocalLogSource:
        return LocalLogSource(self.runs, self.changes)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    (tmp_path / DEPLOYMENT / "steps").mkdir(parents=True)
    host = Host(tmp_path)
    yield host
    host.changes.close()


def order(step: int) -> StepOrder:
    return StepOrder(StepKey(DEPLOYMENT, step), Phase.PLAN, 60, 60, 60, StopLadder())


def token(*, may_start: bool) -> ActivityToken:
    return ActivityToken(b"token", 2, DEPLOYMENT, "run", Phase.PLAN, may_start=may_start)


def not_started(step: int) -> EndRecord:
    return EndRecord(step, EndKind.NOT_STARTED, 0, EMPTY_SHA256)


async def test_a_second_attempt_without_an_order_records_that_terraform_did_not_start(
    host: Host,
) -> None:
    """The folder stayed empty, and the log after this step was hidden for ever."""
    key = StepKey(DEPLOYMENT, 2)
    supervisor = host.supervisors().attach(key, token(may_start=False))
    result = await supervisor.run(order(2))
    assert (result.outcome, result.phase) == (StepOutcome.NOT_STARTED, Phase.PLAN)
    assert result.seal == not_started(2)
    log = host.runs / DEPLOYMENT / "steps" / "2" / "events.jsonl"
    assert log.read_bytes() == not_started(2).encode()
    assert host.shipped == [key]


async def test_a_worker_that_re_attaches_to_a_claim_without_an_order_records_it(
    host: Host,
) -> None:
    key = StepKey(DEPLOYMENT, 2)
    step = host.step(key)
    step.claims.take(token(may_start=True))
    supervisor = host.supervisors().reattach(host.step(key), token(may_start=True))
    result = await supervisor.run()
    assert (result.outcome, result.seal) == (StepOutcome.NOT_STARTED, not_started(2))


async def test_a_step_that_was_recorded_as_not_started_gets_no_order_later(host: Host) -> None:
    """A paused first attempt comes after the second: its number has been given up."""
    key = StepKey(DEPLOYMENT, 2)
    (host.runs / DEPLOYMENT / "work").mkdir()
    await host.supervisors().attach(key, token(may_start=False)).run(order(2))
    late = await host.supervisors().attach(key, token(may_start=True)).run(order(2))
    assert (late.outcome, late.seal) == (StepOutcome.NOT_STARTED, not_started(2))
    assert not (host.runs / DEPLOYMENT / "steps" / "2" / "step.json").exists()


async def test_a_step_whose_order_cannot_be_placed_says_why_and_its_log_ends(host: Host) -> None:
    key = StepKey(DEPLOYMENT, 2)
    supervisor = host.supervisors().attach(key, token(may_start=True))
    result = await supervisor.run(order(2))
    assert result.outcome is StepOutcome.START_FAILED
    assert "not on this host" in result.error
    assert result.seal == not_started(2)


async def test_a_step_with_a_foreign_import_does_not_start_and_its_log_ends(host: Host) -> None:
    key = StepKey(DEPLOYMENT, 2)
    (host.runs / DEPLOYMENT / "work").mkdir()
    foreign = replace(order(2), imports=[Import("a.b", "projects/another-project/c")])
    result = await host.supervisors().attach(key, token(may_start=True)).run(foreign)
    assert result.outcome is StepOutcome.START_FAILED
    assert "no search of this host has found" in result.error
    assert result.seal == not_started(2)


async def test_a_full_disk_that_refuses_the_order_is_in_the_exit_record(tmp_path: Path) -> None:
    """The cause was in the result alone: the next worker read `not_started` in its place."""
    key = StepKey(DEPLOYMENT, 2)
    with small_disk(tmp_path / "disk", 32) as disk:
        host = Host(disk.path)
        (disk.path / DEPLOYMENT / "work").mkdir(parents=True)
        disk_space.make_reserve(disk.path / DEPLOYMENT)
        # For the claim, a page of the file system.
        disk.fill(leave_bytes=4096)
        result = await host.supervisors().attach(key, token(may_start=True)).run(order(2))
        record = read_exit(disk.path / DEPLOYMENT / "steps" / "2")
        host.changes.close()
    expected = (StepOutcome.START_FAILED, "the disk of the host is full", True)
    assert (result.outcome, result.error, result.disk_full) == expected
    assert record is not None
    assert (record.outcome, record.error, record.disk_full) == expected


@pytest.mark.parametrize(
    ("outcome", "error"), [("runner_lost", "MemoryError"), ("not_started", "")]
)
def test_what_runners_wrote_to_stderr_is_the_error_of_a_step_that_lost_its_runner(
    host: Host, outcome: str, error: str
) -> None:
    step = host.step(StepKey(DEPLOYMENT, 2))
    step.claims.take(token(may_start=True))
    folder = host.runs / DEPLOYMENT / "steps" / "2"
    (folder / "exit.json").write_text(json.dumps({"outcome": outcome}))
    (folder / "runner.err").write_text("MemoryError\n")
    result = step.output.result()
    step.release()
    assert (result.phase, result.error) == (Phase.PLAN, error)


def test_a_step_without_an_exit_record_has_no_result(host: Host) -> None:
    step = host.step(StepKey(DEPLOYMENT, 2))
    step.claims.take(token(may_start=True))
    with pytest.raises(RunDirectoryBroken, match="not ended"):
        step.output.result()
    step.release()


async def test_a_withdrawn_step_is_recorded_as_not_started(host: Host) -> None:
    """It had an order and no terraform; its end record was that of a whole log."""
    key = StepKey(DEPLOYMENT, 2)
    host.step(key).claims.take(token(may_start=True))
    write_order(host.runs / DEPLOYMENT / "steps" / "2", order(2), ["terraform"], {})
    result = await host.supervisors().attach(key, token(may_start=False)).run(order(2))
    assert (result.outcome, result.seal) == (StepOutcome.NOT_STARTED, not_started(2))


@pytest.mark.parametrize("empty", [(1,), (2,), (3,), (1, 2), (2, 3), (1, 2, 3)])
async def test_a_reader_passes_steps_that_did_not_start(host: Host, empty: tuple[int, ...]) -> None:
    """At each place: first, in the middle, last, several in a row."""
    written = EventFileSink(host.runs)
    expected: list[EventId] = []
    for number in (1, 2, 3):
        if number in empty:
            key = StepKey(DEPLOYMENT, number)
            await host.supervisors().attach(key, token(may_start=False)).run(order(number))
            expected.append(EventId(number, 1))
            continue
        await written.write(DEPLOYMENT, chunk(number, 1, 2))
        await written.write(DEPLOYMENT, sealed(number, 2)[1])
        expected += [EventId(number, line) for line in (1, 2, 3)]
    chunks = await host.log().read(DEPLOYMENT, EventId(0, 0), 1_000_000)
    lines = [json.loads(line)["id"] for part in chunks for line in part.data.splitlines()]
    assert lines == list(map(str, expected))
