"""What is true after an abnormal end: terraform's messages against the state."""

import json
from pathlib import Path

import pytest

from adapters.redaction import Redactor
from deployments.results import Reconciliation, Recovery
from deployments.step import Resource, ResourceStatus, SilentChange
from worker.state_reconciliation import addresses_in, compare_with_state, reconcile, tainted_in
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


@pytest.mark.parametrize(
    ("status", "tainted"),
    [("running", ["a.b"]), ("failed", ["a.b"]), ("planned", []), ("done", [])],
)
def test_what_the_apply_began_and_the_state_marks_is_tainted(
    status: str, tainted: list[str]
) -> None:
    resources = [resource("a.b", status), resource("c.d", status)]
    compared = compare_with_state(resources, {"a.b", "c.d"}, {"a.b"})
    assert compared == Reconciliation(tainted=tainted)


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
        ([managed("b", instances=[{"deposed": "aa11"}])], {"a.b"}),
    ],
)
def test_addresses_are_written_as_terraform_does(
    resources: list[dict[str, object]], addresses: set[str]
) -> None:
    assert addresses_in(json.dumps({"resources": resources}).encode()) == addresses


def test_the_tainted_instances_of_a_state() -> None:
    instances = [{"index_key": 0, "status": "tainted"}, {"index_key": 1}]
    state = {"resources": [managed("b", instances=instances), managed("c")]}
    assert tainted_in(json.dumps(state).encode()) == {"a.b[0]"}


@pytest.mark.parametrize("broken", [b"", b"{", b"\xff"])
def test_a_broken_state_has_no_address(broken: bytes) -> None:
    assert addresses_in(broken) == tainted_in(broken) == set()


def operation(kind: str, address: str) -> str:
    """A message of terraform about the creation of a resource."""
    hook = {"resource": {"addr": address}, "action": "create"}
    return json.dumps({"@message": kind, "type": kind, "hook": hook}) + "\n"


def step_folder(folder: Path) -> Path:
    """An apply that made `a.made` and left `a.open`."""
    made, begun = operation("apply_complete", "a.made"), operation("apply_start", "a.open")
    (folder / SPOOL_FILE).write_text(made + begun)
    return folder


@pytest.mark.parametrize(("instances", "unknown"), [([], ["a.open"]), ([{}], [])])
def test_a_deposed_object_is_not_the_instance_that_replaces_it(
    tmp_path: Path, instances: list[dict[str, str]], unknown: list[str]
) -> None:
    """Its replacement was killed, and the old object counted as the new."""
    deposed = {"deposed": "aa11", "status": "tainted"}
    resources = [managed("made"), managed("open", instances=[deposed, *instances])]
    state = json.dumps({"resources": resources}).encode()
    reconciliation = reconcile(step_folder(tmp_path), state, Recovery.NONE)
    assert (reconciliation.unknown, reconciliation.tainted) == (unknown, [])


def test_a_store_that_does_not_answer_costs_no_name(tmp_path: Path) -> None:
    """The report named no resource when the state could not be read."""
    reconciliation = reconcile(step_folder(tmp_path), None, Recovery.NONE)
    assert reconciliation == Reconciliation(unknown=["a.made", "a.open"], inconclusive=True)


def test_what_began_and_is_not_in_the_state_is_unknown(tmp_path: Path) -> None:
    state = json.dumps({"resources": [managed("made")]}).encode()
    reconciliation = reconcile(step_folder(tmp_path), state, Recovery.NONE)
    assert reconciliation == Reconciliation(unknown=["a.open"])


@pytest.mark.parametrize(("hole", "is_inconclusive"), [(None, False), (0, True), (70, True)])
def test_resources_may_be_missing_where_the_spool_has_a_hole(
    tmp_path: Path, hole: int | None, is_inconclusive: bool
) -> None:
    (tmp_path / "exit.json").write_text(json.dumps({"outcome": "exited", "spool_hole": hole}))
    reconciliation = reconcile(tmp_path, b"", Recovery.NONE)
    assert reconciliation == Reconciliation(inconclusive=is_inconclusive)


def test_the_state_says_which_changes_were_made_without_a_message(tmp_path: Path) -> None:
    planned = {"in": "import", "gone": "remove", "new": "move", "kept": "remove"}
    changes = (
        {"resource": {"addr": f'a.b["{key}"]'}, "action": action} for key, action in planned.items()
    )
    messages = ({"@message": "", "type": "planned_change", "change": change} for change in changes)
    plan = tmp_path / "plan"
    plan.mkdir()
    (plan / SPOOL_FILE).write_text("".join(json.dumps(message) + "\n" for message in messages))
    state = {"resources": [managed("b", instances=[{"index_key": "in"}, {"index_key": "kept"}])]}
    made = reconcile(tmp_path, json.dumps(state).encode(), Recovery.NONE, plan_folder=plan)
    assert made == Reconciliation(
        silent=[SilentChange("import", 'a.b["in"]'), SilentChange("remove", 'a.b["gone"]')]
    )


def test_what_is_in_a_state_that_is_not_saved_yet_is_named_and_not_unknown(tmp_path: Path) -> None:
    state = json.dumps({"resources": [managed("made"), managed("open"), managed("old")]}).encode()
    reconciliation = reconcile(step_folder(tmp_path), state, Recovery.PENDING)
    assert reconciliation == Reconciliation(unsaved=["a.made"], recovery=Recovery.PENDING)


def test_a_secret_in_a_key_is_compared_and_not_shown(tmp_path: Path) -> None:
    """Redacted addresses are in no state: an ordinary failure was reported as unrecorded."""
    keys = ("hunter2-first", "hunter2-other", "hunter2-third")
    redact = Redactor(keys).clean
    instances = [{"index_key": keys[0]}, {"index_key": keys[1]}]
    state = json.dumps({"resources": [managed("b", instances=instances)]}).encode()
    (tmp_path / SPOOL_FILE).write_text(
        "".join(operation("apply_complete", f'a.b["{key}"]') for key in keys[:2])
        + operation("apply_start", f'a.b["{keys[2]}"]')
    )
    hidden = 'a.b["(sensitive)"]'
    reconciliation = reconcile(tmp_path, state, Recovery.NONE, redact)
    assert reconciliation == Reconciliation(unknown=[hidden])
    assert reconcile(tmp_path, None, Recovery.NONE, redact).unknown == [hidden] * 3


def test_a_terraform_that_never_started_left_nothing_open(tmp_path: Path) -> None:
    assert reconcile(tmp_path, b"", Recovery.NONE) == Reconciliation()
