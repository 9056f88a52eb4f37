"""What is true after an abnormal end: terraform's messages against the state."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.redaction import Redactor
from deployments.results import Reconciliation
from deployments.step import Resource, ResourceStatus, SilentChange
from worker.state_reconciliation import (
    ReconciliationInput,
    addresses_in,
    compare_with_state,
    reconcile,
)
from worker.steps.event_log import SPOOL_FILE


def resource(address: str, status: str, action: str = "create") -> Resource:
    return Resource(address, action, ResourceStatus(status))


@pytest.mark.parametrize(
    ("resources", "recorded", "reconciliation"),
    [
        ([], set(), Reconciliation()),
        ([resource("a.b", "done")], {"a.b"}, Reconciliation()),
        ([resource("a.b", "done")], set(), Reconciliation(unrecorded=["a.b"])),
        ([resource("a.b", "done", "update")], set(), Reconciliation(unrecorded=["a.b"])),
        ([resource("a.b", "done", "delete")], set(), Reconciliation()),
        ([resource("a.b", "running")], set(), Reconciliation(unknown=["a.b"])),
        # Its delete had begun, and it is gone: that is what was wanted.
        ([resource("a.b", "running", "delete")], set(), Reconciliation()),
        ([resource("a.b", "running", "delete")], {"a.b"}, Reconciliation()),
        ([resource("a.b", "running")], {"a.b"}, Reconciliation()),
        ([resource("a.b", "planned"), resource("c.d", "failed")], set(), Reconciliation()),
    ],
)
def test_the_resources_of_an_apply_against_the_state(
    resources: list[Resource], recorded: set[str], reconciliation: Reconciliation
) -> None:
    assert compare_with_state(resources, recorded) == reconciliation


def managed(name: str, **more: object) -> dict[str, object]:
    return {"mode": "managed", "type": "a", "name": name, "instances": [{}], **more}


@pytest.mark.parametrize(
    ("resources", "addresses"),
    [
        ([managed("b")], {"a.b"}),
        ([managed("b", module="module.m")], {"module.m.a.b"}),
        ([managed("b", instances=[{"index_key": 0}, {"index_key": 1}])], {"a.b[0]", "a.b[1]"}),
        ([managed("b", instances=[{"index_key": 'ä"'}])], {'a.b["ä\\""]'}),
        ([managed("b", mode="data")], set()),
        ([managed("b", instances=[])], set()),
    ],
)
def test_addresses_are_written_as_terraform_does(
    resources: list[dict[str, object]], addresses: set[str]
) -> None:
    assert addresses_in(json.dumps({"resources": resources}).encode()) == addresses


@pytest.mark.parametrize("broken", [b"", b"{", b"\xff"])
def test_a_broken_state_has_no_address(broken: bytes) -> None:
    assert addresses_in(broken) == set()


def operation(kind: str, address: str) -> str:
    """A message of terraform about the creation of a resource."""
    hook = {"resource": {"addr": address}, "action": "create"}
    return json.dumps({"@message": kind, "type": kind, "hook": hook}) + "\n"


def inputs(folder: Path, script: str) -> ReconciliationInput:
    """A terraform that says what the script says, where an apply of `a.b` was left open."""
    terraform = folder / "terraform"
    terraform.write_text(f"#!/bin/sh\n{script}\n")
    terraform.chmod(0o755)
    (folder / SPOOL_FILE).write_text(operation("apply_start", "a.b"))
    return ReconciliationInput(
        folder, folder, folder / "rescued", str(terraform), {"PATH": "/usr/bin:/bin"}
    )


async def test_a_state_that_does_not_answer_is_no_empty_state(tmp_path: Path) -> None:
    assert await reconcile(inputs(tmp_path, "exit 1")) == Reconciliation(inconclusive=True)


async def test_what_began_and_is_not_in_the_state_is_unknown(tmp_path: Path) -> None:
    assert await reconcile(inputs(tmp_path, "echo {}")) == Reconciliation(unknown=["a.b"])


async def test_the_state_says_which_changes_were_made_without_a_message(tmp_path: Path) -> None:
    planned = {"in": "import", "gone": "remove", "new": "move", "kept": "remove"}
    plan = tmp_path / "plan"
    plan.mkdir()
    (plan / SPOOL_FILE).write_text(
        "".join(
            json.dumps(
                {
                    "@message": "",
                    "type": "planned_change",
                    "change": {"resource": {"addr": f'a.b["{key}"]'}, "action": action},
                }
            )
            + "\n"
            for key, action in planned.items()
        )
    )
    state = {"resources": [managed("b", instances=[{"index_key": "in"}, {"index_key": "kept"}])]}
    scene = replace(inputs(tmp_path, f"echo '{json.dumps(state)}'"), plan_folder=plan)
    (tmp_path / SPOOL_FILE).unlink()
    assert await reconcile(scene) == Reconciliation(
        silent=[SilentChange("import", 'a.b["in"]'), SilentChange("remove", 'a.b["gone"]')]
    )


async def test_an_unwritten_state_is_pushed_back_and_an_empty_one_never(tmp_path: Path) -> None:
    state = json.dumps({"resources": [managed("b")]})
    rescued = tmp_path / "errored.tfstate"
    script = 'case "$2" in push) cp "$3" pushed;; pull) cat pushed 2>/dev/null || echo {};; esac'
    made = inputs(tmp_path, script)

    rescued.write_text("{}")
    assert await reconcile(made) == Reconciliation(unknown=["a.b"])
    assert not (tmp_path / "pushed").exists()

    rescued.write_text(state)
    assert await reconcile(made) == Reconciliation()
    assert (tmp_path / "rescued" / "errored.tfstate").read_text() == state


async def test_a_secret_in_a_key_is_compared_and_not_shown(tmp_path: Path) -> None:
    """Redacted addresses are in no state: an ordinary failure was reported as unrecorded."""
    keys = ("hunter2-first", "hunter2-other", "hunter2-third")
    secrets = Redactor(keys)
    state = {
        "resources": [managed("b", instances=[{"index_key": keys[0]}, {"index_key": keys[1]}])]
    }
    scene = replace(inputs(tmp_path, f"echo '{json.dumps(state)}'"), redact=secrets.clean)

    (tmp_path / SPOOL_FILE).write_text(
        "".join(operation("apply_complete", f'a.b["{key}"]') for key in keys[:2])
        + operation("apply_start", f'a.b["{keys[2]}"]')
    )
    assert await reconcile(scene) == Reconciliation(unknown=['a.b["(sensitive)"]'])


async def test_a_terraform_that_never_started_left_nothing_open(tmp_path: Path) -> None:
    scene = inputs(tmp_path, "echo {}")
    (tmp_path / SPOOL_FILE).unlink()
    assert await reconcile(scene) == Reconciliation()
