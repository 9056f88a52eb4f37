"""The checker finds each defect that is planted in what a real run left behind.

Each test takes a copy of one completed or one failed deployment, damages it in one way and expects
the checker to name the invariant. Undamaged, both pass.
"""

import asyncio
import base64
import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from temporalio.client import WorkflowExecutionStatus

from adapters.local.inotify import FileChanges
from adapters.local.log import LocalLogSource
from deployments.deployment import DeploymentResult, Status
from tests.support.evidence import Evidence
from tests.support.ids import deployment_id
from tests.support.invariants import (
    Views,
    check_copies,
    check_evidence,
    check_invariants,
    check_leftovers,
    check_processes,
)
from tests.support.secrets import PLANTED
from tests.support.servers import TemporalServer
from tests.support.service import House

APPLY = 3


@dataclass(frozen=True)
class Runs:
    """A completed and a failed deployment, as they ended."""

    completed: Evidence
    failed: Evidence


@pytest.fixture(scope="module")
def runs(temporal: TemporalServer, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    async def both() -> Runs:
        ended = []
        for fail in ("", "services-2"):
            data = tmp_path_factory.mktemp("data")
            house = House(await temporal.client(), temporal.address, data)
            house.worker()
            try:
                deployment = await house.deploy(resource_seconds=0, fail=fail)
                ended.append(await check_invariants(house, deployment, Views()))
            finally:
                await house.close()
        return Runs(*ended)

    return asyncio.run(both())


@pytest.fixture
def completed(runs: Runs, tmp_path: Path) -> Evidence:
    return copied(runs.completed, tmp_path)


@pytest.fixture
def failed(runs: Runs, tmp_path: Path) -> Evidence:
    return copied(runs.failed, tmp_path)


def copied(evidence: Evidence, folder: Path) -> Evidence:
    """The same deployment, whose files may be damaged."""
    data = shutil.copytree(evidence.data, folder / evidence.result.status)
    return replace(evidence, data=data, statuses=dict(evidence.statuses))


def events(evidence: Evidence) -> Path:
    return evidence.folder / "steps" / str(APPLY) / "events.jsonl"


def rewrite(path: Path, change: Callable[[list[str]], list[str]]) -> None:
    path.write_text("".join(change(path.read_text().splitlines(keepends=True))))


def edit(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@contextmanager
def named(invariant: str) -> Iterator[None]:
    with pytest.raises(AssertionError, match=f"^{invariant}\\b"):
        yield


def renumbered(lines: list[str]) -> list[str]:
    """Lines whose ids have no gap, as a clever defect would leave them."""
    numbered = []
    for number, line in enumerate(lines, 1):
        content = json.loads(line) | {"id": f"{APPLY}-{number}"}
        if "end" in content:
            content["lines"] = number - 1
        numbered.append(json.dumps(content, separators=(",", ":")) + "\n")
    return numbered


def digest(lines: list[bytes]) -> str:
    return hashlib.sha256(b"".join(lines)).hexdigest()


def test_undamaged_runs_pass(completed: Evidence, failed: Evidence) -> None:
    check_evidence(completed)
    check_evidence(failed)


def test_a_step_without_an_end_record_before_others_is_found(completed: Evidence) -> None:
    (completed.folder / "steps" / "2" / "events.jsonl").unlink()
    seals = [seal for seal in completed.result.seals if seal.step != 2]
    damaged = replace(completed, result=replace(completed.result, seals=seals))

    with named("I1"):
        check_evidence(damaged)


def test_a_swallowed_line_is_found(completed: Evidence) -> None:
    rewrite(events(completed), lambda lines: lines[:5] + lines[6:])

    with named("I1"):
        check_evidence(completed)


def test_a_swallowed_line_is_found_when_the_ids_have_no_gap(completed: Evidence) -> None:
    rewrite(events(completed), lambda lines: renumbered(lines[:5] + lines[6:]))

    with named("I1"):
        check_evidence(completed)


def test_a_line_that_comes_twice_is_found(completed: Evidence) -> None:
    rewrite(events(completed), lambda lines: lines[:6] + lines[5:])

    with named("I1"):
        check_evidence(completed)


def test_a_changed_line_is_found(completed: Evidence) -> None:
    rewrite(events(completed), lambda lines: [line.replace("edge-4", "edge-5") for line in lines])

    with named("I1"):
        check_evidence(completed)


def test_a_missing_end_record_is_found(completed: Evidence) -> None:
    rewrite(events(completed), lambda lines: lines[:-1])

    with named("I1"):
        check_evidence(completed)


@pytest.mark.parametrize("damage", [lambda lines: lines[:5] + lines[6:], lambda lines: lines[:-1]])
async def test_a_line_that_a_sink_swallowed_is_found(
    completed: Evidence, tmp_path: Path, damage: Callable[[list[str]], list[str]]
) -> None:
    changes = FileChanges()
    sink = shutil.copytree(completed.data / "runs", tmp_path / "sink")
    await check_copies(completed, [LocalLogSource(sink, changes)])
    rewrite(sink / completed.id / "steps" / str(APPLY) / "events.jsonl", damage)

    with named("I1"):
        await check_copies(completed, [LocalLogSource(sink, changes)], seconds=0.1)
    changes.close()


async def test_a_process_that_is_left_is_found(completed: Evidence) -> None:
    folder = completed.folder / "work"
    folder.mkdir()
    shutil.copy(shutil.which("sleep") or "/bin/sleep", folder / "terraform")
    terraform = subprocess.Popen([folder / "terraform", "60"], cwd=folder)  # noqa: ASYNC220, S603
    try:
        with named("I2"):
            await check_processes(completed, 0.1)
    finally:
        terraform.kill()
        terraform.wait()
    await check_processes(completed, 5)


def test_a_second_terraform_in_a_step_is_found(completed: Evidence) -> None:
    """With ids, counts and hashes that fit: only the second start shows."""
    seal = completed.seals[APPLY]
    rewrite(events(completed), lambda lines: renumbered([lines[0], *lines]))
    lines = events(completed).read_bytes().splitlines(keepends=True)
    record = replace(seal, lines=seal.lines + 1, sha256=digest(lines[:-1]))
    events(completed).write_bytes(b"".join(lines[:-1]) + record.encode())
    seals = [record if seal.step == APPLY else seal for seal in completed.result.seals]
    damaged = replace(completed, result=replace(completed.result, seals=seals))

    with named("I3"):
        check_evidence(damaged)


def test_a_terraform_beside_that_of_another_deployment_is_found(completed: Evidence) -> None:
    other = completed.folder.with_name(deployment_id("another"))
    shutil.copytree(completed.folder, other)

    with named("I3"):
        check_evidence(completed)


def test_a_resource_that_the_state_lost_is_found(completed: Evidence) -> None:
    lost = sorted(completed.recorded)[0]

    with named("I4"):
        check_evidence(replace(completed, recorded=completed.recorded - {lost}))
    reported = replace(completed.result, unrecorded=[lost])
    check_evidence(replace(completed, recorded=completed.recorded - {lost}, result=reported))


def as_completed(result: DeploymentResult) -> DeploymentResult:
    return replace(result, status=Status.COMPLETED)


def test_a_failed_apply_that_is_called_completed_everywhere_is_found(failed: Evidence) -> None:
    damaged = replace(
        failed,
        result=as_completed(failed.result),
        closed=WorkflowExecutionStatus.COMPLETED,
        statuses=dict.fromkeys(failed.statuses, "completed"),
        transitions=[*failed.transitions[:-1], "completed"],
    )

    with named("I5"):
        check_evidence(damaged)


@pytest.mark.parametrize("status", [Status.CANCELLED, Status.FAILED])
def test_a_completed_apply_that_is_called_otherwise_is_found(
    completed: Evidence, status: Status
) -> None:
    with named("I5"):
        check_evidence(replace(completed, result=replace(completed.result, status=status)))


def test_an_unknown_end_that_is_called_completed_is_found(completed: Evidence) -> None:
    step = completed.folder / "steps" / str(APPLY) / "exit.json"
    edit(step, lambda content: content.update(outcome="runner_lost", exit_code=None))

    with named("I5"):
        check_evidence(completed)


@pytest.mark.parametrize("place", ["the memo", "the record", "the API", "the search attribute"])
def test_a_place_that_shows_another_end_is_found(failed: Evidence, place: str) -> None:
    assert place in failed.statuses
    failed.statuses[place] = "completed"

    with named("I5"):
        check_evidence(failed)


def test_a_transition_that_the_table_has_not_is_found(completed: Evidence) -> None:
    again = [*completed.transitions, "running", "completed"]

    with named("I6"):
        check_evidence(replace(completed, transitions=again))


def test_a_phase_that_outlived_its_limit_is_found(completed: Evidence) -> None:
    step = completed.folder / "steps" / str(APPLY) / "exit.json"
    edit(step, lambda content: content.update(ended_at="2099-01-01T00:00:00Z"))

    with named("I6"):
        check_evidence(completed)


def test_a_second_workflow_of_one_id_is_found(completed: Evidence) -> None:
    with named("I7"):
        check_evidence(replace(completed, executions=2))


def test_another_owner_who_reads_it_is_found(completed: Evidence) -> None:
    with named("I8"):
        check_evidence(replace(completed, seen_by_another=True))


@pytest.mark.parametrize(
    "write",
    [
        lambda secret: secret,
        lambda secret: json.dumps(secret),
        lambda secret: base64.b64encode(secret.encode()).decode(),
        lambda secret: base64.b64encode(f"user:{secret}".encode()).decode(),
        lambda secret: quote(secret, safe=""),
        lambda secret: secret.encode().hex(),
    ],
    ids=["plain", "json", "base64", "base64 behind a name", "url", "hex"],
)
@pytest.mark.parametrize("place", ["worker.log", "record", "artifact", "history"])
def test_a_secret_is_found_in_every_form(
    completed: Evidence, place: str, write: Callable[[str], str]
) -> None:
    text = write(PLANTED)
    paths = {
        "worker.log": completed.data / "worker.log",
        "record": completed.folder / "template.json",
        "artifact": completed.data / "artifacts" / completed.id / "log.txt",
    }
    if place == "history":
        completed = replace(completed, history=completed.history + text.encode())
    else:
        with paths[place].open("a") as file:
            file.write(f"line {text} end\n")

    with named("I9"):
        check_evidence(completed)


@pytest.mark.parametrize(
    "name",
    [
        "stacks/{stack}/.terraform.tfstate.lock.info",
        "runs/{id}/steps/3/claim.1.json",
        "runs/{id}/steps/3/credential.json",
        "runs/{id}/secrets.json",
        "runs/.{id}.00aa/template.json",
    ],
)
async def test_what_is_left_is_found(
    completed: Evidence, temporal: TemporalServer, name: str
) -> None:
    house = House(await temporal.client(), temporal.address, completed.data)
    await check_leftovers(completed, house)
    path = completed.data / name.format(stack=completed.stack, id=completed.id)
    path.parent.mkdir(exist_ok=True)
    path.touch()

    with named("I10"):
        await check_leftovers(completed, house, 0.1)
