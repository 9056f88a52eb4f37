"""Redaction of terraform's plan: sensitive values are replaced, other sections removed."""

import itertools
from collections.abc import Iterator
from typing import Any

import msgspec

from adapters.redaction import MARK, Redactor

__all__ = ["redact_plan", "sensitive_values"]

# Sections of the report. The others (variables, prior_state, planned_values, configuration) contain
# values in clear without a mark (tried), and sections of a later terraform may too.
_SECTIONS = frozenset(
    {
        "applyable",
        "checks",
        "complete",
        "errored",
        "format_version",
        "output_changes",
        "relevant_attributes",
        "resource_changes",
        "resource_drift",
        "terraform_version",
        "timestamp",
    }
)

# Below these keys names are a customer's and are redacted. Elsewhere they are terraform's: a secret
# that is an ordinary word must not rename "actions".
_CUSTOMER_KEYS = frozenset({"before", "after", "after_unknown"})


def redact_plan(plan_json: bytes, redactor: Redactor) -> bytes:
    """Return the plan's JSON without secrets.

    Terraform does not mark every copy of a sensitive value (`terraform_data.output`, tried). So a
    value that is sensitive before or after is hidden in both and at every other place, and known
    secrets are removed everywhere.
    """
    plan = msgspec.json.decode(plan_json)
    plan = {name: value for name, value in plan.items() if name in _SECTIONS}
    hidden: set[str] = set()
    for resource in (*plan.get("resource_changes", ()), *plan.get("resource_drift", ())):
        _hide_change(resource.get("change", {}), hidden)
    for change in plan.get("output_changes", {}).values():
        _hide_change(change, hidden)
    return msgspec.json.encode(_clean(_clean(plan, redactor), Redactor(hidden)))


def sensitive_values(plan_json: bytes) -> list[str]:
    """Return every scalar that the plan marks as sensitive, as text, for a `Redactor`.

    Terraform loses the mark of some copies, also in the plan as text (`terraform_data.output`,
    tried), so a value with a mark at one place must be hidden everywhere.
    """
    plan = msgspec.json.decode(plan_json)
    values = set(_sensitive_variables(plan))
    for output in plan.get("prior_state", {}).get("values", {}).get("outputs", {}).values():
        if output.get("sensitive"):
            values.update(_scalars(output.get("value")))
    resources = (*plan.get("resource_changes", ()), *plan.get("resource_drift", ()))
    changes = [resource.get("change", {}) for resource in resources]
    for change in (*changes, *plan.get("output_changes", {}).values()):
        for name in ("before", "after"):
            values.update(_marked(change.get(name), change.get(f"{name}_sensitive", False)))
    return sorted(values)


def _hide_change(change: dict[str, Any], hidden: set[str]) -> None:
    before, after = change.pop("before_sensitive", False), change.pop("after_sensitive", False)
    for name in ("before", "after"):
        if name in change:
            change[name] = _hide(_hide(change[name], before, hidden), after, hidden)


def _hide(value: Any, sensitive: Any, hidden: set[str]) -> Any:  # noqa: ANN401 - any JSON, as terraform wrote it
    if value is None or not _has_mark(sensitive):
        return value
    if isinstance(value, dict) and isinstance(sensitive, dict):
        return {name: _hide(child, sensitive.get(name), hidden) for name, child in value.items()}
    if isinstance(value, list) and isinstance(sensitive, list):
        marks = itertools.zip_longest(value, sensitive[: len(value)])
        return [_hide(child, mark, hidden) for child, mark in marks]
    # Marked as a whole, or with marks of another shape: hide everything.
    hidden.update(_texts(value))
    return MARK


def _has_mark(sensitive: Any) -> bool:  # noqa: ANN401 - as above
    if isinstance(sensitive, dict | list):
        return any(map(_has_mark, sensitive.values() if isinstance(sensitive, dict) else sensitive))
    return sensitive is True


def _sensitive_variables(plan: dict[str, Any]) -> Iterator[str]:
    declared = plan.get("configuration", {}).get("root_module", {}).get("variables", {})
    for name, variable in plan.get("variables", {}).items():
        if declared.get(name, {}).get("sensitive"):
            yield from _scalars(variable.get("value"))


def _marked(value: Any, sensitive: Any) -> Iterator[str]:  # noqa: ANN401 - as above
    """Scalars whose mark is true; `sensitive` has the shape of the value."""
    if sensitive is True:
        yield from _scalars(value)
    elif isinstance(value, dict) and isinstance(sensitive, dict):
        for name, child in value.items():
            yield from _marked(child, sensitive.get(name, False))
    elif isinstance(value, list) and isinstance(sensitive, list):
        for child, mark in zip(value, sensitive, strict=False):
            yield from _marked(child, mark)


def _texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - as above
    return (leaf for leaf in _leaves(value) if isinstance(leaf, str) and leaf != MARK)


def _scalars(value: Any) -> Iterator[str]:  # noqa: ANN401 - as above
    return (str(leaf) for leaf in _leaves(value) if type(leaf) in (str, int, float))


def _leaves(value: Any) -> Iterator[Any]:  # noqa: ANN401 - as above
    if isinstance(value, dict | list):
        for child in value.values() if isinstance(value, dict) else value:
            yield from _leaves(child)
    else:
        yield value


def _clean(value: Any, redactor: Redactor, *, clean_keys: bool = False) -> Any:  # noqa: ANN401 - as above
    """Remove secrets from every text, and from keys only below `_CUSTOMER_KEYS`."""
    if isinstance(value, str):
        return redactor.clean(value)
    if isinstance(value, list):
        return [_clean(child, redactor, clean_keys=clean_keys) for child in value]
    if isinstance(value, dict):
        return {
            redactor.clean(name) if clean_keys else name: _clean(
                child, redactor, clean_keys=clean_keys or name in _CUSTOMER_KEYS
            )
            for name, child in value.items()
        }
    # A number is redacted when all digits are the secret; a part of a number reveals nothing.
    is_number = type(value) in (int, float)
    return MARK if is_number and redactor.clean(str(value)) == MARK else value
