"""What retention deletes of several deployments, and what it leaves."""

import pytest

from deployments.deployment_id import is_deployment_id, is_stack_id
from deployments.retention import (
    Facts,
    RetainReason,
    Stored,
    choose,
    reason_to_retain,
)

A, B = "local.sandbox.demo.a", "local.sandbox.demo.b"


def test_of_each_stack_the_newest_and_the_newest_completed_stay() -> None:
    """A revision names the newest completed deployment, also behind a failed one."""
    expired = [Stored(name, float(at), 1) for at, name in enumerate("abcdef")]
    facts: dict[str, Facts | None] = {
        "a": Facts(A, completed=True),
        "b": Facts(A, completed=True),
        "c": Facts(A, completed=False),
        "d": Facts(A, completed=False),
        "e": Facts(B, completed=True),
        "f": None,
    }

    chosen = {stored.id: reason for stored, reason in choose(expired, facts)}

    assert chosen == {
        "f": RetainReason.UNKNOWN,
        "e": RetainReason.NEWEST,
        "d": RetainReason.NEWEST,
        "c": None,
        "b": RetainReason.COMPLETED,
        "a": None,
    }


def test_the_newest_that_completed_stays_once() -> None:
    expired = [Stored(name, float(at), 1) for at, name in enumerate("ab")]
    facts = dict.fromkeys("ab", Facts(A, completed=True))

    assert [reason for _, reason in choose(expired, facts)] == [RetainReason.NEWEST, None]


def test_what_is_protected_or_young_or_kept_by_its_store_stays() -> None:
    protected = {"a": RetainReason.OPEN}

    assert reason_to_retain(Stored("a", 0.0, 1), protected, 10.0) is RetainReason.OPEN
    assert reason_to_retain(Stored("b", 10.0, 1), protected, 10.0) is RetainReason.YOUNG
    kept = Stored("b", 0.0, 1, RetainReason.RESOURCES)
    assert reason_to_retain(kept, protected, 10.0) is RetainReason.RESOURCES
    assert reason_to_retain(Stored("b", 9.0, 1), protected, 10.0) is None


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", "dep-", "../x", "dep-" + "a" * 25, "dep-" + "a" * 27, "dep-" + "A" * 26),
        *("dep-" + "a" * 26 + "\n", "dep-" + "a" * 25 + "/", "dep-" + "\uff41" * 26),
    ],
)
def test_no_other_name_is_a_deployment(name: str) -> None:
    assert not is_deployment_id(name)


@pytest.mark.parametrize(
    "name", ["", "..", "a.b.c", "a.b.c.d.e", "a.b.c.", "...", "a.b.c.d\n", "a.b.../d", "a.b.c.d/"]
)
def test_no_other_name_is_a_stack(name: str) -> None:
    assert not is_stack_id(name)


def test_ids_of_deployments_and_stacks_are_known() -> None:
    assert is_deployment_id("dep-" + "a2" * 13)
    assert is_stack_id(A)
