"""Of what a host deletes nothing: open, pending, interrupted and unsaved work."""

import json
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.local.artifacts import LocalArtifactStore
from adapters.local.interruptions import LocalInterruptions
from adapters.settings import Settings, load
from deployments.deployment import Operation, Status
from deployments.errors import InvalidSettings
from deployments.execution import DeploymentSnapshot
from deployments.interruption import Interruption
from deployments.phase import Phase
from deployments.reasons import Reason
from deployments.retention import DAY_SECONDS, KindReport, RetainReason
from tests.support.stack_records import StackRecordsInMemory
from worker import run_index
from worker.retention_kinds import open_retention

IDS = {letter: "dep-" + letter * 26 for letter in "abcdefgh"}
STACK = "local.sandbox.demo-project-1.anava"
OPEN = DeploymentSnapshot(
    id=IDS["a"],
    tenant="local",
    owner="local",
    stack=STACK,
    operation=Operation.DEPLOY,
    status=Status.RUNNING,
    phase=Phase.APPLY,
    reason=Reason.NONE,
    created_at="2026-11-24T10:00:00.000Z",
)


class Executions:
    """The open deployments of Temporal."""

    async def list_recent(self, seconds: float) -> Sequence[DeploymentSnapshot]:
        return [OPEN, replace(OPEN, id="dep-other", stack=f"{STACK}-open")]

    async def running_ids(self) -> Sequence[str]:
        return ["dep-forged"]


async def passed(data: Path, server_days: float = 0) -> dict[str, KindReport]:
    async def server_time() -> float:
        return time.time() + server_days * DAY_SECONDS

    settings = Settings(data_dir=data)
    store = LocalArtifactStore(data)
    retention = open_retention(settings, Executions(), StackRecordsInMemory(), store, server_time)
    return {report.kind: report for report in await retention.run_pass()}


def ended(data: Path, id: str, days: float) -> Path:
    run = data / "runs" / id
    run.mkdir(parents=True)
    (run / "template.json").write_text(json.dumps({"stack": STACK}))
    (run / "record.json").write_text("{}")
    moment = time.time() - days * DAY_SECONDS
    os.utime(run / "record.json", (moment, moment))
    return run


async def test_nothing_that_is_open_or_asked_for_is_deleted(tmp_path: Path) -> None:
    for number, id in enumerate(IDS.values()):
        ended(tmp_path, id, 1000 - number)
    run_index.mark(tmp_path / "runs" / IDS["b"])
    LocalInterruptions(tmp_path).add(STACK, Interruption(IDS["c"], 3, Phase.APPLY))
    refused = tmp_path / "errored-states" / IDS["d"] / "refused.tfstate"
    refused.parent.mkdir(parents=True)
    refused.touch()
    for name in ("-open", "-gone", ""):
        path = tmp_path / "stacks" / f"{STACK}{name}" / "terraform.tfstate"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('{"lineage": "l", "serial": 9, "resources": []}')
        os.utime(path, (0, 0))

    reports = await passed(tmp_path)

    runs = reports["run directories"]
    assert {reason: amount.count for reason, amount in runs.kept.items()} == {
        RetainReason.OPEN: 1,
        RetainReason.PENDING: 1,
        RetainReason.QUESTION: 1,
        RetainReason.RECOVERY: 1,
        RetainReason.NEWEST: 1,
    }
    assert {path.name for path in (tmp_path / "runs").glob("dep-*")} == {
        IDS[letter] for letter in "abcdh"
    }
    assert (tmp_path / "stacks" / f"{STACK}-open").exists()
    assert not (tmp_path / "stacks" / f"{STACK}-gone").exists()
    # The stack of the refused state, of which the run directory tells.
    assert (tmp_path / "stacks" / STACK / "terraform.tfstate").exists()


@pytest.mark.parametrize("template", ["", "[]"])
async def test_a_damaged_template_json_protects_its_deployment_alone(
    tmp_path: Path, template: str
) -> None:
    """A power failure left an empty file, and retention ended on that host."""
    for letter, days in (("b", 103), ("c", 102), ("e", 101), ("f", 100)):
        ended(tmp_path, IDS[letter], days)
    (tmp_path / "runs" / IDS["b"] / "template.json").write_text(template)
    run_index.mark(tmp_path / "runs" / IDS["b"])
    (tmp_path / "runs" / IDS["c"] / "template.json").write_text(template)
    recovery = tmp_path / "errored-states" / IDS["c"] / "recovery.json"
    recovery.parent.mkdir(parents=True)
    recovery.write_text(template)

    reports = await passed(tmp_path)

    assert [report.error for report in reports.values()] == [""] * len(reports)
    assert {path.name for path in (tmp_path / "runs").glob("dep-*")} == {
        IDS[letter] for letter in "bcf"
    }


@pytest.mark.parametrize(("server_days", "left"), [(0, 1), (-50, 2)])
async def test_a_clock_that_is_set_ahead_deletes_nothing(
    tmp_path: Path, server_days: float, left: int
) -> None:
    for letter, days in (("e", 100), ("f", 95)):
        ended(tmp_path, IDS[letter], days)

    await passed(tmp_path, server_days)

    assert len(list((tmp_path / "runs").glob("dep-*"))) == left


async def test_copies_of_plan_files_of_earlier_releases_are_deleted(tmp_path: Path) -> None:
    """They hold every secret of a deployment in clear."""
    (tmp_path / "runs").mkdir()
    plan = tmp_path / "plans" / IDS["a"] / "plan.tfplan"
    plan.parent.mkdir(parents=True)
    plan.touch()

    await passed(tmp_path)

    assert not (tmp_path / "plans").exists()


@pytest.mark.parametrize("value", ["0", "-1", "36501", "1.5", "x", "nan", "1e999"])
@pytest.mark.parametrize("kind", ["RUN", "LOG", "ARTIFACT", "RECORD", "STATE"])
def test_a_retention_that_is_no_number_of_days_is_refused(
    monkeypatch: pytest.MonkeyPatch, kind: str, value: str
) -> None:
    monkeypatch.setenv(f"ANAVA_RETENTION__{kind}_DAYS", value)

    with pytest.raises(InvalidSettings, match=f"ANAVA_RETENTION__{kind}_DAYS"):
        load()


def test_records_are_kept_at_least_as_long_as_the_data_whose_stack_they_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ANAVA_RETENTION__RECORD_DAYS", "364")

    with pytest.raises(InvalidSettings, match="record_days is at least"):
        load()
