"""Requests that are right, and what is wrong with others."""

from dataclasses import replace

import pytest

from deployments.errors import FieldProblem, InvalidRequest
from deployments.requests import DeploymentFields, Value, check

GOOD = DeploymentFields(project_id="customer-1", template="sandbox")


def problems(requested: DeploymentFields) -> list[FieldProblem]:
    """What is wrong with it; an AssertionError when nothing is."""
    with pytest.raises(InvalidRequest) as refusal:
        check(requested)
    return list(refusal.value.problems)


def named(requested: DeploymentFields) -> list[tuple[str, str]]:
    return [(problem.pointer, problem.code) for problem in problems(requested)]


def with_variable(name: str, value: Value) -> DeploymentFields:
    return replace(GOOD, variables={name: value})


# What no name may be, whatever its own rule: each tries to be more than a name somewhere.
HOSTILE_NAMES = [
    "",
    " ",
    "customer-1\n",
    "\ncustomer-1",
    "customer\0-1",
    "customer-\ud800",
    "../../etc/passwd",
    "customer.1",
    "customer_1",
    "-customer",
    "CUSTOMER-1",
    "customer-1' OR 1=1 --",
    '"customer"',
    "${var.secret}",
    "%{ if true }x",
    "$(reboot)",
    "`id`",
    "customér-1",
    "customer-\uff11",
    "a" * 100_000,
]
