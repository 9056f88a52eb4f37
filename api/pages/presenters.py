"""Deployments and the API as pages show them: in words, in order."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from api.schemas.deployments import DeploymentSummary
from deployments.deployment import Operation as Asked
from deployments.deployment import Status
from deployments.execution import DeploymentSnapshot
from deployments.labels import status_label
from deployments.phase import PHASES, Phase
from deployments.reasons import Reason

__all__ = [
    "DeploymentRow",
    "PhaseItem",
    "RunningOperation",
    "counts",
    "operations",
    "phase_items",
    "row",
    "status_word",
    "word",
]

_ORDER = list(Phase)


@dataclass(frozen=True)
class DeploymentRow:
    """A deployment in the list."""

    it: DeploymentSummary
    word: str


@dataclass(frozen=True)
class PhaseItem:
    """A phase: `state` is done, now, failed or todo."""

    name: str
    state: str


@dataclass(frozen=True)
class RunningOperation:
    """One route of the API; `parameters` are name, place, whether required, description."""

    method: str
    path: str
    summary: str
    description: str
    parameters: list[tuple[str, str, bool, str]]
    body: str
    answers: list[tuple[str, str, str]]


def word(snapshot: DeploymentSnapshot) -> str:
    """What it does now, or how it ended."""
    return status_label(
        snapshot.status,
        snapshot.phase,
        snapshot.reason,
        cancelling=snapshot.cancel_requested,
        destroying=snapshot.operation is Asked.DESTROY,
    )


def status_word(status: Status) -> str:
    """A status as a filter names it."""
    return status_label(status, Phase.QUEUE, Reason.NONE, cancelling=False)


def row(it: DeploymentSummary, snapshot: DeploymentSnapshot) -> DeploymentRow:
    """A line of the list."""
    return DeploymentRow(it, word(snapshot))


def phase_items(snapshot: DeploymentSnapshot) -> list[PhaseItem]:
    """How far it is on its way through the phases."""
    return [
        PhaseItem(row.title, _state(phase, snapshot)) for phase, row in PHASES.items() if row.title
    ]


def _state(phase: Phase, snapshot: DeploymentSnapshot) -> str:
    at, here = _ORDER.index(snapshot.phase), _ORDER.index(phase)
    if snapshot.status is Status.COMPLETED:
        # Without changes nothing is applied.
        idle = snapshot.reason in {Reason.NO_CHANGES, Reason.NOTHING_TO_DESTROY}
        return "todo" if phase is Phase.APPLY and idle else "done"
    if here < at:
        return "done"
    if here > at:
        return "todo"
    return "failed" if snapshot.is_terminal else "now"


def counts(snapshot: DeploymentSnapshot) -> str:
    """What was done to how many resources, as far as it is known; nothing before the end."""
    if snapshot.result is None:
        return ""
    planned = snapshot.result.counts
    if snapshot.status is not Status.COMPLETED:
        # Terraform counts what it did only when it has done all of it.
        done, open_ = len(snapshot.result.changed), len(snapshot.result.not_applied)
        known = done + open_ and not snapshot.result.omitted
        return f"{done} of {done + open_} planned changes were made." if known else ""
    pairs = (
        (planned.add, "created"),
        (planned.change, "updated"),
        (planned.remove, "destroyed"),
        (planned.imported, "imported"),
    )
    text = ", ".join(f"{number} {what}" for number, what in pairs if number)
    return f"Resources: {text}." if text else ""


def operations(openapi: dict[str, Any]) -> list[RunningOperation]:
    """The routes of an OpenAPI document, in its order."""
    return [
        RunningOperation(
            method=method.upper(),
            path=path,
            summary=one.get("summary", ""),
            description=one.get("description", ""),
            parameters=[
                (each["name"], each["in"], each.get("required", False), each.get("description", ""))
                for each in one.get("parameters", [])
            ],
            body=_example(one.get("requestBody", {}).get("content", {})),
            answers=list(_answers(one)),
        )
        for path, methods in openapi["paths"].items()
        for method, one in methods.items()
    ]


def _answers(operation: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for status, answer in operation["responses"].items():
        content = answer.get("content", {})
        codes = ", ".join(code for item in content.values() for code in item.get("examples", ()))
        yield status, codes or answer["description"], _example(content)


def _example(content: dict[str, Any]) -> str:
    for item in content.values():
        if isinstance(item.get("example"), str):
            return str(item["example"])
        if "example" in item:
            return json.dumps(item["example"], indent=2)
    return ""
