"""What is true after an abnormal end: the journal against the state."""

import json
from pathlib import Path

import pytest

from adapters.local.progress import PROGRESS_FILE
from deployments.results import Reconciliation, Recovery
from worker.state_reconciliation import addresses_in, compare_with_state, reconcile


def resource(address: str, status: str, action: str = "create") -> dict[str, object]:
    return {"address": address, "status": status, "action": action}


@pytest.mark.parametrize(
    ("journal", "recorded", "reconciliation"),
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
def test_the_journal_against_the_state(
    journal: list[dict[str, object]], recorded: set[str], reconciliation: Reconciliation
) -> None:
    assert compare_with_state(journal, recorded) == reconciliation


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


def step_folder(folder: Path) -> Path:
    """An apply that made `a.made` and left `a.open`."""
    resources = [resource("a.made", "done"), resource("a.open", "running")]
    (folder / PROGRESS_FILE).write_text(json.dumps({"resources": resources}))
    return folder


def test_a_store_that_does_not_answer_costs_no_name(tmp_path: Path) -> None:
    """The report named no resource when the state could not be read."""
    reconciliation = reconcile(step_folder(tmp_path), None, Recovery.NONE)
    assert reconciliation == Reconciliation(unknown=["a.made", "a.open"], inconclusive=True)


def test_what_began_and_is_not_in_the_state_is_unknown(tmp_path: Path) -> None:
    state = json.dumps({"resources": [managed("made")]}).encode()
    reconciliation = reconcile(step_folder(tmp_path), state, Recovery.NONE)
    assert reconciliation == Reconciliation(unknown=["a.open"])


def test_what_is_in_a_state_that_is_not_saved_yet_is_named_and_not_unknown(tmp_path: Path) -> None:
    state = json.dumps({"resources": [managed("made"), managed("open"), managed("old")]}).encode()
    reconciliation = reconcile(step_folder(tmp_path), state, Recovery.PENDING)
    assert reconciliation == Reconciliation(unsaved=["a.made"], recovery=Recovery.PENDING)
