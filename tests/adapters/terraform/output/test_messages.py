"""What the messages say together."""

import json
from pathlib import Path

import pytest

from adapters.redaction import Redactor
from adapters.terraform.output.messages import Message, decode
from adapters.terraform.output.progress import ProgressAccumulator
from deployments.step import Counts, ResourceStatus, SilentChange

CORPUS = Path(__file__).parents[1] / "corpus"
HALTED = {"severity": "error", "summary": "execution halted", "detail": ""}


def say(kind: str, **content: object) -> dict[str, object]:
    return {"@message": kind, "type": kind, **content}


def on(address: str) -> dict[str, object]:
    return {"hook": {"resource": {"addr": address}, "action": "create"}}


def folded(*lines: dict[str, object]) -> ProgressAccumulator:
    accumulator = ProgressAccumulator()
    for line in lines:
        message = decode(json.dumps(line).encode())
        assert message is not None
        accumulator.add(message)
    return accumulator


def test_a_number_that_holds_a_secret_stays_json() -> None:
    """It became `[secret]` without quotes, and the API could not read the result."""
    accumulator = ProgressAccumulator(Redactor(["123456789"]).clean)
    line = {
        "@message": "Outputs: 1",
        "type": "outputs",
        "outputs": {"account": {"sensitive": False, "type": "number", "value": 123456789}},
    }
    message = decode(json.dumps(line).encode())
    assert message is not None

    accumulator.add(message)

    value = json.loads(accumulator.outputs[0].value_json)
    assert "123456789" not in str(value)


def test_what_terraform_announced_and_held_back_has_not_begun() -> None:
    """It made an interrupted apply `outcome_unknown` now and then."""
    accumulator = folded(
        say("apply_start", **on("a.done")),
        say("apply_start", **on("a.failed")),
        say("apply_start", **on("a.held")),
        say("apply_complete", **on("a.done")),
        say("apply_errored", **on("a.failed")),
        say("diagnostic", diagnostic=HALTED),
    )
    assert accumulator.addresses(ResourceStatus.DONE) == ["a.done"]
    assert accumulator.addresses(ResourceStatus.FAILED) == ["a.failed"]
    assert accumulator.addresses(ResourceStatus.PLANNED) == ["a.held"]


def test_a_flood_of_complaints_does_not_hide_that_it_was_held_back() -> None:
    flood = [say("diagnostic", diagnostic={"summary": f"broken {number}"}) for number in range(100)]
    accumulator = folded(
        say("apply_start", **on("a.held")), *flood, say("diagnostic", diagnostic=HALTED)
    )
    assert not accumulator.addresses(ResourceStatus.RUNNING)


@pytest.mark.parametrize(
    "line",
    [
        say("diagnostic", diagnostic={**HALTED, "address": "a.other"}),
        say("diagnostic", diagnostic={**HALTED, "summary": "Error: execution halted"}),
        say("provision_progress", diagnostic=HALTED),
        say("log", **{"@message": "Error: execution halted"}),
    ],
)
def test_nothing_else_takes_a_begun_operation_back(line: dict[str, object]) -> None:
    accumulator = folded(say("apply_start", **on("a.begun")), line)
    assert accumulator.addresses(ResourceStatus.RUNNING) == ["a.begun"]


def test_what_terraform_stopped_waiting_for_has_no_known_end() -> None:
    """It was called failed, so nobody was told that Google may have made it all the same."""
    accumulator = folded(
        say("apply_start", **on("a.refused")),
        say("apply_start", **on("a.open")),
        say("apply_errored", **on("a.refused")),
        {"@message": "\nTwo interrupts received. Exiting immediately. Note that …", "type": "log"},
        say("diagnostic", diagnostic={"severity": "error", "summary": "operation canceled"}),
        say("apply_errored", **on("a.open")),
        say("diagnostic", diagnostic=HALTED),
    )
    assert accumulator.addresses(ResourceStatus.FAILED) == ["a.refused"]
    assert accumulator.addresses(ResourceStatus.RUNNING) == ["a.open"]


def test_a_real_interrupted_apply_leaves_nothing_open() -> None:
    lines = (CORPUS / "apply_interrupted.jsonl").read_bytes().splitlines()
    accumulator = ProgressAccumulator()
    for line in lines:
        if message := decode(line):
            accumulator.add(message)
    assert not accumulator.addresses(ResourceStatus.RUNNING)


def test_what_a_failed_apply_achieved_is_counted_as_terraform_would() -> None:
    """Terraform prints no summary when it fails, and what is made is made."""
    accumulator = folded(
        *(
            say("planned_change", change={"resource": {"addr": f"a.{action}"}, "action": action})
            for action in ("create", "update", "delete", "replace", "held")
        ),
        *(
            say("apply_complete", hook={"resource": {"addr": f"a.{done}"}, "action": action})
            for done, action in (
                ("create", "create"),
                ("update", "update"),
                ("delete", "delete"),
                ("replace", "delete"),
                ("replace", "create"),
            )
        ),
    )
    assert accumulator.achieved() == Counts(add=2, change=1, remove=2)


def working(seconds: float, kind: str = "google_secret_manager_secret") -> dict[str, object]:
    return {
        "hook": {
            "resource": {"addr": f"{kind}.a", "resource_type": kind},
            "action": "create",
            "elapsed_seconds": seconds,
        }
    }


def test_what_terraform_works_on_for_far_too_long_is_overdue_until_it_ends() -> None:
    begun = folded(say("apply_start", **working(0)), say("apply_progress", **working(50)))
    assert begun.overdue() == []

    late = say("apply_progress", **working(70))
    begun.add(decode(json.dumps(late).encode()) or Message(""))
    (found,) = begun.overdue()
    assert (found.address, found.typical_seconds) == ("google_secret_manager_secret.a", 5)
    assert found.overdue

    end = say("apply_errored", **working(1231))
    begun.add(decode(json.dumps(end).encode()) or Message(""))
    assert begun.overdue() == []
    assert not begun.resources()[0].overdue


def test_a_resource_of_a_kind_that_nobody_knows_is_never_overdue() -> None:
    """The sandbox's resources take as long as their user asks for."""
    accumulator = folded(
        say("apply_start", **working(0, "terraform_data")),
        say("apply_progress", **working(3600, "terraform_data")),
    )
    assert accumulator.overdue() == []


def plan(**changes: dict[str, object]) -> list[dict[str, object]]:
    return [
        say("planned_change", change={"resource": {"addr": f"a.{name}"}, **change})
        for name, change in changes.items()
    ]


SUMMARY = {"add": 1, "change": 1, "import": 2, "remove": 0}


def test_a_plan_counts_also_what_terraforms_summary_leaves_out() -> None:
    accumulator = folded(
        *plan(
            new={"action": "create"},
            moved={"action": "move", "previous_resource": {"addr": "a.old"}},
            gone={"action": "remove"},
            taken={"action": "import", "importing": {"id": "x"}},
            changed={"action": "update", "importing": {"id": "y"}},
        ),
        say("planned_action_invocation", **{"@message": "invoked"}),
        # `action_invocation` since terraform 1.14 (internal/command/views/json/change_summary.go).
        say("change_summary", changes={**SUMMARY, "operation": "plan", "action_invocation": 3}),
        say(
            "outputs",
            outputs={
                "same": {"sensitive": False, "action": "noop"},
                "new": {"sensitive": True, "action": "create"},
                "old": {"sensitive": False, "action": "delete"},
            },
        ),
    )
    assert accumulator.counts == Counts(
        add=1, change=1, imported=2, moved=1, forgotten=1, outputs=2, actions=3
    )
    assert accumulator.silent() == [
        SilentChange("move", "a.moved"),
        SilentChange("remove", "a.gone"),
        SilentChange("import", "a.taken"),
        SilentChange("import", "a.changed"),
    ]


def test_after_a_complete_apply_no_resource_is_open() -> None:
    """Terraform prints nothing of an update without a change, nor of the half that forgets."""
    complete = {"resource": {"addr": "a.half"}, "action": "create"}
    accumulator = folded(
        *plan(
            same={"action": "update"},
            half={"action": "replace"},
            gone={"action": "remove"},
        ),
        say("apply_start", hook=complete),
        say("apply_complete", hook=complete),
        say("change_summary", changes={"add": 1, "change": 0, "remove": 0, "operation": "apply"}),
    )
    assert {resource.address: resource.status for resource in accumulator.resources()} == {
        "a.same": ResourceStatus.UNCHANGED,
        "a.half": ResourceStatus.DONE,
        "a.gone": ResourceStatus.DONE,
    }


def test_a_replacement_that_failed_half_way_has_destroyed() -> None:
    """It counted as no change, and the resource was gone."""
    accumulator = folded(
        *plan(half={"action": "replace"}),
        say("apply_complete", hook={"resource": {"addr": "a.half"}, "action": "delete"}),
        say("apply_errored", hook={"resource": {"addr": "a.half"}, "action": "create"}),
        say("action_complete"),
    )
    assert accumulator.achieved() == Counts(remove=1, actions=1)


def diagnostic(severity: str, summary: str, detail: str = "") -> dict[str, object]:
    content = {"severity": severity, "summary": summary, "detail": detail}
    return say("diagnostic", diagnostic=content)


GOOGLE = "Error creating Bucket: googleapi: Error {}: refused, {}"
FORBIDDEN = GOOGLE.format(403, "SECURITY_POLICY_VIOLATED")
RATE = GOOGLE.format(429, "rateLimitExceeded")


@pytest.mark.parametrize("warnings", [1, 60, 10_000])
def test_an_error_after_any_number_of_warnings_is_the_only_diagnostic(warnings: int) -> None:
    """After 50 warnings the error was in no field of the result, and no cause was judged."""
    accumulator = folded(
        *(diagnostic("warning", f"deprecated {number}") for number in range(warnings)),
        diagnostic("error", FORBIDDEN),
    )
    assert [item.summary for item in accumulator.diagnostics] == [FORBIDDEN]
    assert accumulator.diagnostics_omitted == 0


def test_the_error_that_decides_comes_first_however_many_errors_there_are() -> None:
    accumulator = folded(
        diagnostic("error", "execution halted"),
        *(diagnostic("error", RATE, f"retry {number}") for number in range(60)),
        *(diagnostic("error", f"Invalid value {number}") for number in range(60)),
        diagnostic("error", FORBIDDEN),
    )
    summaries = [item.summary for item in accumulator.diagnostics]
    assert summaries == [FORBIDDEN, *(f"Invalid value {number}" for number in range(49))]
    assert accumulator.diagnostics_omitted == 1 + 60 + 11


def test_errors_of_equal_weight_stay_in_the_order_of_terraform() -> None:
    accumulator = folded(*(diagnostic("error", f"broken {number}") for number in range(3)))
    assert [item.summary for item in accumulator.diagnostics] == [
        "broken 0",
        "broken 1",
        "broken 2",
    ]


def test_warnings_are_counted_where_there_is_no_error_and_repeats_are_not() -> None:
    warnings = [diagnostic("warning", f"deprecated {number}") for number in range(70)]
    accumulator = folded(*warnings, *warnings)
    assert len(accumulator.diagnostics) == 50
    assert accumulator.diagnostics_omitted == 20


def test_resources_whose_keys_are_secrets_are_counted_each() -> None:
    """After redaction the addresses are equal; two resources were counted as a single one."""
    accumulator = ProgressAccumulator(Redactor(["hunter2-first", "hunter2-other"]).clean)
    for key in ("hunter2-first", "hunter2-other"):
        line = say("apply_complete", **on(f'a.b["{key}"]'))
        accumulator.add(decode(json.dumps(line).encode()) or Message(""))
    assert accumulator.addresses(ResourceStatus.DONE) == ['a.b["(sensitive)"]'] * 2
    assert accumulator.achieved() == Counts(add=2)
