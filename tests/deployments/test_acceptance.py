"""What follows from a signed input, and which text is signed."""

import json
from dataclasses import asdict, replace
from typing import Any

import pytest

from activities.deployments import PrepareDeploymentInput
from deployments.acceptance import AcceptedDeployment, signed_text
from deployments.deployment import DeploymentRequest, Operation, Stack
from deployments.errors import NotAcceptedByApi
from deployments.imports import Import
from deployments.phase import Phase
from deployments.requests import check_again
from deployments.step import StepKey
from deployments.step_order import DeploymentInput, step_order
from deployments.timings import PhaseTimeouts
from tests.support.ids import deployment_id

ID, OTHER = deployment_id("mine"), deployment_id("other")
REQUEST = DeploymentRequest(Stack("anava", "demo-project-1", "anava"), "us-central1", "US")
INPUT = DeploymentInput("ann", REQUEST, accepted_at="2026-01-01T00:00:00.000Z")
ACCEPTED = AcceptedDeployment(ID, "run-1", INPUT)
APPLY = replace(
    step_order(Phase.APPLY, StepKey(ID, 3), INPUT, ()), plan_sha256="a hash of an earlier step"
)
PLAN = replace(step_order(Phase.PLAN, StepKey(ID, 2), INPUT, ()), imports=[Import("a.b", "id")])


def fields(input: DeploymentInput) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(json.dumps(asdict(input)))
    return content


def test_the_order_of_keys_and_the_signature_change_no_signed_text() -> None:
    backwards = dict(reversed(fields(replace(INPUT, signature="x")).items()))
    assert signed_text(ID, backwards) == signed_text(ID, fields(INPUT))


@pytest.mark.parametrize(
    "changed",
    [
        replace(INPUT, owner="bob"),
        replace(INPUT, tenant="other"),
        replace(INPUT, request=replace(REQUEST, operation=Operation.DESTROY)),
        replace(INPUT, request=replace(REQUEST, timeouts=PhaseTimeouts(apply_seconds=61))),
        replace(INPUT, timings=replace(INPUT.timings, lease_seconds=301)),
        replace(INPUT, accepted_at="2026-01-01T00:00:00.001Z"),
        replace(INPUT, credential_ref="service"),
    ],
)
def test_each_field_changes_the_signed_text(changed: DeploymentInput) -> None:
    assert signed_text(ID, fields(changed)) != signed_text(ID, fields(INPUT))
    assert signed_text(OTHER, fields(INPUT)) != signed_text(ID, fields(INPUT))


def test_a_field_of_a_later_version_is_signed_and_a_missing_default_is_not() -> None:
    later = fields(INPUT) | {"field_of_a_later_version": 1}
    assert signed_text(ID, later) != signed_text(ID, fields(INPUT))


def test_the_orders_of_the_workflow_follow_from_the_input() -> None:
    init = step_order(Phase.INIT, StepKey(ID, 1), INPUT, ())
    assert [ACCEPTED.orders(order) for order in (init, PLAN, APPLY)] == [True] * 3
    assert (init.credential_ref, APPLY.credential_ref) == ("", "service")


@pytest.mark.parametrize(
    "change",
    [
        {"destroy": True},
        {"credential_ref": "another"},
        {"credential_ref": ""},
        {"project_id": "another-project"},
        {"deadline_seconds": 86_400},
        {"lease_seconds": 1},
        {"no_progress_seconds": 1},
        {"phase": Phase.PLAN},
        {"phase": Phase.FINALIZE},
        {"key": StepKey(OTHER, 3)},
        {"key": StepKey("../victim", 3)},
        {"key": StepKey(ID, 0)},
        {"key": StepKey(ID, -1)},
        {"key": StepKey(ID, 10**9)},
    ],
)
def test_any_other_order_is_refused(change: dict[str, Any]) -> None:
    assert not ACCEPTED.orders(replace(APPLY, **change))


@pytest.mark.parametrize(
    "change",
    [
        {"stack": Stack("../evil", "demo-project-1", "anava")},
        {"stack": Stack("anava", "../../etc", "anava")},
        {"stack": Stack("anava", "demo-project-1", "..")},
        {"stack": Stack("anava", "demo-project-1", "anava", tenant="../other")},
        {"stack": Stack("anava", "demo-project-1", "anava", tenant="a" * 300)},
        {"region": "x"},
        {"variables_json": "[]"},
        {"variables_json": "{"},
        {"variables_json": '{"undeclared": 1}'},
        {"operation": Operation.REPAIR},
        {"timeouts": PhaseTimeouts(apply_seconds=10**9)},
    ],
)
def test_a_request_that_breaks_a_rule_is_refused_before_it_runs(change: dict[str, Any]) -> None:
    check_again(REQUEST)
    with pytest.raises(NotAcceptedByApi):
        check_again(replace(REQUEST, **change))


@pytest.mark.parametrize("owner", ["bob", "ANN", "ann ", "../ann", "\0", " "])
def test_a_deployment_is_prepared_for_the_signed_owner_alone(owner: str) -> None:
    """The bytes of a deployment would count for an owner of another program's choice."""
    prepared = PrepareDeploymentInput(ID, REQUEST, "run-1", "ann")
    assert prepared.is_ordered_by(ACCEPTED)
    assert not replace(prepared, owner=owner).is_ordered_by(ACCEPTED)
