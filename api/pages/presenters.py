"""View models of the pages: deployments, their phases, and the routes of the API."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from deployments.deployment import Operation, Status
from deployments.execution import DeploymentSnapshot
from deployments.labels import status_label
from deployments.phase import PHASES, Phase
from deployments.reasons import Reason
from deployments.step import Counts

__all__ = ["counts", "example_of", "filter_label", "label", "operations", "phase_states"]

_ORDER = list(Phase)
# As in Swagger UI, for a field without an example.
_PLACEHOLDERS: dict[object, object] = {
    "string": "string",
    "integer": 0,
    "number": 0.0,
    "boolean": False,
}
_VERBS = {
    "add": "created",
    "tainted": "created in part",
    "change": "updated",
    "remove": "destroyed",
    "imported": "imported",
    "moved": "moved",
    "forgotten": "forgotten",
}
_OTHERS = {"outputs": "Changed outputs", "actions": "Invoked actions"}
_SCHEMA_PREFIX = "#/components/schemas/"


@dataclass(frozen=True)
class ApiOperation:
    """A route of the API.

    `parameters` are OpenAPI's; `answers` are status, description or problem codes, example.
    """

    method: str
    path: str
    summary: str
    description: str
    parameters: list[dict[str, Any]]
    body: str
    answers: list[tuple[str, str, str]]


def label(snapshot: DeploymentSnapshot) -> str:
    """The current activity, or the kind of end, in one or two words."""
    return status_label(
        snapshot.status,
        snapshot.phase,
        snapshot.reason,
        cancelling=snapshot.cancel_requested,
        destroying=snapshot.operation is Operation.DESTROY,
    )


def filter_label(status: Status) -> str:
    """The label of a status in the filter."""
    return status_label(status, Phase.QUEUE, Reason.NONE, cancelling=False)


def phase_states(snapshot: DeploymentSnapshot) -> dict[str, str]:
    """The state of each phase by title: done, now, failed or todo."""
    return {row.title: _state(phase, snapshot) for phase, row in PHASES.items() if row.title}


def _state(phase: Phase, snapshot: DeploymentSnapshot) -> str:
    if snapshot.status is Status.COMPLETED:
        # A plan without changes is not applied.
        idle = snapshot.reason in {Reason.NO_CHANGES, Reason.NOTHING_TO_DESTROY}
        return "todo" if phase is Phase.APPLY and idle else "done"
    current, shown = _ORDER.index(snapshot.phase), _ORDER.index(phase)
    if shown < current:
        return "done"
    if shown > current:
        return "todo"
    return "failed" if snapshot.is_terminal else "now"


def counts(snapshot: DeploymentSnapshot) -> str:
    """The changes in numbers, and those planned where they differ; empty before the end."""
    if snapshot.result is None:
        return ""
    made, planned = snapshot.result.counts, snapshot.result.planned
    if snapshot.status is Status.COMPLETED and made == planned:
        return f"{_numbers(made)}." if made.total else ""
    made_text = _numbers(made, tainted=len(snapshot.result.tainted))
    texts = [f"Made: {made_text}.", f"Planned: {_numbers(planned)}."] if planned.total else []
    if snapshot.status is not Status.COMPLETED and planned.of_resources:
        numbers = f"{made.of_resources} of {planned.of_resources}"
        texts.insert(0, f"{numbers} planned changes were made.")
    return " ".join(texts)


def _numbers(counts: Counts, tainted: int = 0) -> str:
    numbers = {**asdict(counts), "tainted": tainted}
    resources = [f"{numbers[name]} {verb}" for name, verb in _VERBS.items() if numbers[name]]
    groups = [f"Resources: {', '.join(resources)}"] if resources else []
    groups += [f"{label}: {numbers[name]}" for name, label in _OTHERS.items() if numbers[name]]
    return ". ".join(groups) or "no changes"


def operations(openapi: dict[str, Any]) -> list[ApiOperation]:
    """The routes of an OpenAPI document, in the document's order."""
    schemas = openapi["components"]["schemas"]
    return [
        ApiOperation(
            method=method.upper(),
            path=path,
            summary=operation.get("summary", ""),
            description=operation.get("description", ""),
            parameters=operation.get("parameters", []),
            body=_example_text(operation.get("requestBody", {}).get("content", {}), schemas),
            answers=list(_answers(operation, schemas)),
        )
        for path, methods in openapi["paths"].items()
        for method, operation in methods.items()
    ]


def example_of(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> object:
    """An example value of a JSON schema, composed of the examples of its parts."""
    schema = schemas.get(schema.get("$ref", "").removeprefix(_SCHEMA_PREFIX), schema)
    if "examples" in schema:
        return schema["examples"][0]
    if options := schema.get("anyOf"):
        # A nullable field is null, unless it has a schema of its own.
        return next((example_of(option, schemas) for option in options if "$ref" in option), None)
    if "properties" in schema:
        return {name: example_of(part, schemas) for name, part in schema["properties"].items()}
    if "items" in schema:
        return [example_of(schema["items"], schemas)]
    return next(iter(schema.get("enum", ())), _PLACEHOLDERS.get(schema.get("type")))


def _answers(
    operation: dict[str, Any], schemas: Mapping[str, Any]
) -> Iterator[tuple[str, str, str]]:
    for status, answer in operation["responses"].items():
        content = answer.get("content", {})
        codes = [code for media in content.values() for code in media.get("examples", ())]
        example = "" if codes else _example_text(content, schemas)
        yield status, ", ".join(codes) or answer["description"], example


def _example_text(content: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    if media := content.get("application/json"):
        return json.dumps(example_of(media["schema"], schemas), indent=2, ensure_ascii=False)
    return next((str(media["example"]) for media in content.values() if "example" in media), "")
