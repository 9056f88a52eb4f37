"""What of a plan terraform itself calls sensitive, as texts to be hidden wherever they stand."""

from collections.abc import Iterator
from typing import Any

import msgspec

__all__ = ["sensitive_values"]


def sensitive_values(plan_json: bytes) -> list[str]:
    """Every text that is marked as sensitive somewhere in the plan.

    Terraform forgets the mark of some copies, also in the plan as text (`terraform_data.output`,
    tried), so what is marked once must be hidden everywhere.
    """
    plan = msgspec.json.decode(plan_json)
    found = set(_of_variables(plan))
    for output in plan.get("prior_state", {}).get("values", {}).get("outputs", {}).values():
        if output.get("sensitive"):
            found.update(_texts(output.get("value")))
    entries = (*plan.get("resource_changes", ()), *plan.get("resource_drift", ()))
    changes = [entry.get("change", {}) for entry in entries]
    for change in (*changes, *plan.get("output_changes", {}).values()):
        for name in ("before", "after"):
            found.update(_marked(change.get(name), change.get(f"{name}_sensitive", False)))
    return sorted(found)


def _of_variables(plan: dict[str, Any]) -> Iterator[str]:
    declared = plan.get("configuration", {}).get("root_module", {}).get("variables", {})
    for name, variable in plan.get("variables", {}).items():
        if declared.get(name, {}).get("sensitive"):
            yield from _texts(variable.get("value"))


def _marked(value: Any, sensitive: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON
    """Texts of a value where its mark, which has the value's shape, says true."""
    if sensitive is True:
        yield from _texts(value)
    elif isinstance(value, dict) and isinstance(sensitive, dict):
        for name, one in value.items():
            yield from _marked(one, sensitive.get(name, False))
    elif isinstance(value, list) and isinstance(sensitive, list):
        for one, mark in zip(value, sensitive, strict=False):
            yield from _marked(one, mark)


def _texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for entry in value:
            yield from _texts(entry)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield str(value)
