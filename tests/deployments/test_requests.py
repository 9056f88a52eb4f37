"""What a request may say, field by field."""

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.deployment import ApprovalPolicy, DeploymentRequest, Operation, Stack
from deployments.errors import InvalidRequest, NotAvailable
from deployments.requests import DeploymentFields, Value, check
from deployments.timings import PhaseTimeouts
from tests.deployments.requested import GOOD, HOSTILE_NAMES, named, problems, with_variable


def test_a_project_alone_is_a_request_with_the_documented_defaults() -> None:
    assert check(GOOD) == DeploymentRequest(
        stack=Stack("sandbox", "customer-1", "anava"),
        region="us-central1",
        storage_location="US",
        variables_json="{}",
        operation=Operation.DEPLOY,
        approval=ApprovalPolicy.AUTO,
        timeouts=PhaseTimeouts(init_seconds=300, plan_seconds=600, apply_seconds=2400),
    )


@pytest.mark.parametrize("value", ["abcdef", "a-1-b-2", "a" + "b" * 29, "customer--1"])
def test_a_project_id_by_googles_rule_is_taken(value: str) -> None:
    assert check(replace(GOOD, project_id=value)).stack.project_id == value


@pytest.mark.parametrize("value", [*HOSTILE_NAMES, "abcde", "1customer", "customer-", "a" * 31])
def test_any_other_project_id_is_refused(value: str) -> None:
    assert named(replace(GOOD, project_id=value)) == [("/project_id", "pattern")]


@pytest.mark.parametrize("value", ["a", "anava", "a1", "a-b", "a" + "b" * 14])
def test_a_prefix_that_leaves_room_in_a_service_account_id_is_taken(value: str) -> None:
    assert check(replace(GOOD, prefix=value)).stack.prefix == value


@pytest.mark.parametrize("value", [*HOSTILE_NAMES, "1", "a-", "a" * 16, "a.b"])
def test_any_other_prefix_is_refused(value: str) -> None:
    assert named(replace(GOOD, prefix=value)) == [("/prefix", "pattern")]


@pytest.mark.parametrize("value", ["us-central1", "europe-west12", "northamerica-northeast2"])
def test_a_region_is_taken(value: str) -> None:
    assert check(replace(GOOD, region=value)).region == value


@pytest.mark.parametrize("value", [*HOSTILE_NAMES, "us", "US-CENTRAL1", "us-central123", "a-b1-"])
def test_what_is_no_region_is_refused(value: str) -> None:
    assert named(replace(GOOD, region=value)) == [("/region", "pattern")]


@pytest.mark.parametrize(
    "value", ["US", "EU", "ASIA", "NAM4", "EUR4", "EUR8", "ASIA1", "us-central1", "US-CENTRAL1"]
)
def test_a_storage_location_is_taken(value: str) -> None:
    assert check(replace(GOOD, storage_location=value)).storage_location == value


@pytest.mark.parametrize("value", [*HOSTILE_NAMES, "us", "EUR6", "NAM", "Us-Central1", "US "])
def test_what_is_no_storage_location_is_refused(value: str) -> None:
    assert named(replace(GOOD, storage_location=value)) == [("/storage_location", "pattern")]


@pytest.mark.parametrize("value", ["", "../sandbox", "Sandbox", "sandbox\0", "platform", "\ud800"])
def test_an_unknown_template_is_refused_with_the_names_that_exist(value: str) -> None:
    (problem,) = problems(replace(GOOD, template=value))
    assert (problem.pointer, problem.code) == ("/template", "unknown")
    assert problem.message == "template must be one of: anava, sandbox."


@pytest.mark.parametrize(
    ("requested", "pointer"),
    [
        (replace(GOOD, approval=ApprovalPolicy.IF_DESTRUCTIVE), "/approval"),
        (replace(GOOD, approval=ApprovalPolicy.ALWAYS), "/approval"),
        (replace(GOOD, continues="dep-x"), "/continues"),
        (replace(GOOD, continues=""), "/continues"),
        (replace(GOOD, operation=Operation.DRIFT), "/operation"),
        (replace(GOOD, operation=Operation.REPAIR), "/operation"),
        (replace(GOOD, template_version="0123456789ab"), "/template_version"),
        (replace(GOOD, revision=1), "/revision"),
    ],
)
def test_what_is_designed_but_not_built_is_not_available(
    requested: DeploymentFields, pointer: str
) -> None:
    with pytest.raises(NotAvailable) as refusal:
        check(requested)
    assert [(problem.pointer, problem.code) for problem in refusal.value.problems] == [
        (pointer, "not_available")
    ]


def test_every_problem_is_told_at_once_and_in_one_answer() -> None:
    """What is not available was kept back until all else was right."""
    requested = DeploymentFields(
        project_id="x",
        template="sandbox",
        prefix="-",
        region="moon",
        storage_location="here",
        variables={"a/b~c": 1},
        operation=Operation.DESTROY,
        confirm="y/-",
        approval=ApprovalPolicy.ALWAYS,
        timeouts=PhaseTimeouts(init_seconds=0, plan_seconds=3601, apply_seconds=14_401),
        continues="dep-x",
    )
    assert named(requested) == [
        ("/project_id", "pattern"),
        ("/prefix", "pattern"),
        ("/region", "pattern"),
        ("/storage_location", "pattern"),
        ("/variables/a~1b~0c", "undeclared"),
        ("/timeouts/init_seconds", "range"),
        ("/timeouts/plan_seconds", "range"),
        ("/timeouts/apply_seconds", "range"),
        ("/confirm", "confirm"),
        ("/approval", "not_available"),
        ("/continues", "not_available"),
    ]
    with pytest.raises(InvalidRequest) as refusal:
        check(requested)
    assert type(refusal.value) is InvalidRequest


@pytest.mark.parametrize("name", ["project_id", "", "Lines", "lines ", "\ud800", "x" * 10_000])
def test_an_undeclared_variable_is_refused_with_the_declared_names(name: str) -> None:
    (problem,) = problems(with_variable(name, 1))
    assert (problem.pointer, problem.code) == ("/variables/" + name[:64], "undeclared")
    assert problem.message.endswith("only: fail, lines, resource_seconds, resources, secret.")


@pytest.mark.parametrize("name", ["resource_seconds", "lines", "resources"])
@pytest.mark.parametrize(
    "value",
    [10**400, -(10**400), 2**63, -1, math.inf, -math.inf, math.nan, 1e308, True, False, "3", ""],
)
def test_a_number_that_is_none_or_out_of_bounds_is_a_field_problem(name: str, value: Value) -> None:
    """10**400 raised OverflowError out of math.isfinite, which was answered with 500."""
    assert named(with_variable(name, value)) == [(f"/variables/{name}", "value")]


@pytest.mark.parametrize(
    ("name", "value"),
    [("lines", 0.5), ("resources", 1.000001), ("resources", 0), ("lines", 1_000_001)],
)
def test_a_count_is_whole_and_within_its_bounds(name: str, value: float) -> None:
    assert named(with_variable(name, value)) == [(f"/variables/{name}", "value")]


def test_a_bound_is_told_in_figures() -> None:
    """It said "between 0 and 1e+06"."""
    (problem,) = problems(with_variable("lines", -1))
    assert problem.message == "The value must be between 0 and 1000000."


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("resource_seconds", 0),
        ("resource_seconds", 3600),
        ("resource_seconds", 0.125),
        ("lines", 250_000),
        ("lines", 3.0),
        ("resources", 1),
        ("resources", 1000),
    ],
)
def test_a_number_at_its_bounds_is_taken_as_it_is(name: str, value: float) -> None:
    assert json.loads(check(with_variable(name, value)).variables_json) == {name: value}


@pytest.mark.parametrize("value", [1, 0.5, True, "a\0b", "\ud800", "x\udfffy", "x" * 4097])
def test_a_text_that_terraform_could_not_carry_is_refused(value: Value) -> None:
    assert named(with_variable("secret", value)) == [("/variables/secret", "value")]


def test_a_refusal_never_repeats_the_value_of_a_variable() -> None:
    (problem,) = problems(with_variable("secret", "hunter2-hunter2\0"))
    assert "hunter2" not in problem.message + problem.pointer


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=4096))
def test_any_other_text_travels_unchanged(text: str) -> None:
    travelled = check(with_variable("secret", text)).variables_json
    assert json.loads(travelled.encode()) == {"secret": text}


@pytest.mark.parametrize(
    "text",
    ['"', "${var.prefix}", "%{ if true }", "a\nb\r\n", "$(id)", "';--", "\\", "\u2028", "😀"],
)
def test_what_means_something_elsewhere_is_only_text_in_a_variable(text: str) -> None:
    assert json.loads(check(with_variable("secret", text)).variables_json) == {"secret": text}


@given(st.one_of(st.integers(), st.floats(), st.text(), st.booleans()), st.text(max_size=80))
def test_whatever_a_variable_is_the_answer_is_a_request_or_a_field_problem(
    value: Value, name: str
) -> None:
    for item in (name, "lines", "fail"):
        requested = with_variable(item, value)
        try:
            travelled = json.loads(check(requested).variables_json)
        except InvalidRequest:
            continue
        assert travelled == {item: value}


@pytest.mark.parametrize("phase", ["init_seconds", "plan_seconds", "apply_seconds"])
@pytest.mark.parametrize("value", [0, -1, 10**400, True, math.nan, 1.5, math.inf])
def test_a_limit_that_is_no_number_of_seconds_is_refused(phase: str, value: int) -> None:
    """True counted as a second, and 1.5 went on to where only integers are read."""
    timeouts = replace(PhaseTimeouts(), **{phase: value})
    assert named(replace(GOOD, timeouts=timeouts)) == [(f"/timeouts/{phase}", "range")]


@pytest.mark.parametrize(
    "timeouts",
    [
        PhaseTimeouts(init_seconds=1, plan_seconds=1, apply_seconds=1),
        PhaseTimeouts(init_seconds=1800, plan_seconds=3600, apply_seconds=14_400),
    ],
)
def test_the_shortest_and_the_longest_limits_are_taken(timeouts: PhaseTimeouts) -> None:
    assert check(replace(GOOD, timeouts=timeouts)).timeouts == timeouts


DESTROY = replace(GOOD, operation=Operation.DESTROY)


def test_a_destroy_is_confirmed_by_the_name_of_what_is_lost() -> None:
    request = check(replace(DESTROY, confirm="customer-1/anava"))
    assert request.operation is Operation.DESTROY


@pytest.mark.parametrize(
    "confirm",
    [
        None,
        "",
        "yes",
        "customer-1",
        "/anava",
        "customer-1/",
        "customer-1/anava ",
        " customer-1/anava",
        "customer-1/anava\n",
        "Customer-1/anava",
        "customer-1/*",
        "customer-2/anava",
        "local.sandbox.customer-1.anava",
        "customer-1/anava\0",
        "customer\u20111/anava",
        "\ud800",
        "x" * 100_000,
    ],
)
def test_a_destroy_with_any_other_confirmation_is_refused(confirm: str | None) -> None:
    (problem,) = problems(replace(DESTROY, confirm=confirm))
    assert (problem.pointer, problem.code) == ("/confirm", "confirm")
    assert "anava destroy" in problem.message


def test_a_deploy_that_confirms_something_was_meant_otherwise() -> None:
    assert named(replace(GOOD, confirm="customer-1/anava")) == [("/confirm", "confirm")]
