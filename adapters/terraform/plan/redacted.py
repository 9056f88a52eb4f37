"""The plan as people may see it: every sensitive value replaced, what is not needed dropped."""

import itertools
from collections.abc import Iterator
from typing import Any

import msgspec

from adapters.redaction import MARK, Redactor

__all__ = ["redact_plan"]

# What is kept. The rest (variables, prior_state, planned_values, configuration) is printed in clear
# with no mark of what is sensitive (tried), and so may be what a later terraform adds.
_KEPT = frozenset(
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

# Below these a name is a customer's; a secret that is an ordinary word must not rename "actions".
_WITH_FREE_NAMES = frozenset({"before", "after", "after_unknown"})


def redact_plan(plan_json: bytes, redactor: Redactor) -> bytes:
    """The plan's JSON without a secret.

    Terraform marks some copies of sensitive values as harmless (`terraform_data.output`, tried). So
    a value that is sensitive before or after is hidden in both, and wherever else it stands; known
    secrets are removed everywhere.
    """
    plan = msgspec.json.decode(plan_json)
    plan = {name: value for name, value in plan.items() if name in _KEPT}
    hidden: set[str] = set()
    for entry in (*plan.get("resource_changes", ()), *plan.get("resource_drift", ())):
        _hide_change(entry.get("change", {}), hidden)
    for change in plan.get("output_changes", {}).values():
        _hide_change(change, hidden)
    return msgspec.json.encode(_clean(_clean(plan, redactor), Redactor(hidden)))


def _hide_change(change: dict[str, Any], hidden: set[str]) -> None:
    before, after = change.pop("before_sensitive", False), change.pop("after_sensitive", False)
    for name in ("before", "after"):
        if name in change:
            change[name] = _hide(_hide(change[name], before, hidden), after, hidden)


def _hide(value: Any, sensitive: Any, hidden: set[str]) -> Any:  # noqa: ANN401 - any JSON, as terraform wrote it
    if value is None or not _marks(sensitive):
        return value
    if isinstance(value, dict) and isinstance(sensitive, dict):
        return {name: _hide(one, sensitive.get(name), hidden) for name, one in value.items()}
    if isinstance(value, list) and isinstance(sensitive, list):
        marks = itertools.zip_longest(value, sensitive[: len(value)])
        return [_hide(one, mark, hidden) for one, mark in marks]
    # Marked as a whole, or of another shape than its marks: then all of it is hidden.
    hidden.update(_texts(value))
    return MARK


def _marks(sensitive: Any) -> bool:  # noqa: ANN401 - as above
    """Whether there is a mark in it anywhere."""
    if isinstance(sensitive, dict | list):
        return any(map(_marks, sensitive.values() if isinstance(sensitive, dict) else sensitive))
    return sensitive is True


def _texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - as above
    if isinstance(value, str) and value != MARK:
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def _clean(value: Any, redactor: Redactor, *, free: bool = False) -> Any:  # noqa: ANN401 - as above
    """Every text without a secret; of the names only those that are `free`, not terraform's own."""
    if isinstance(value, str):
        return redactor.clean(value)
    if isinstance(value, list):
        return [_clean(item, redactor, free=free) for item in value]
    if isinstance(value, dict):
        return {
            redactor.clean(name) if free else name: _clean(
                one, redactor, free=free or name in _WITH_FREE_NAMES
            )
            for name, one in value.items()
        }
    # A number that is a secret as a whole; a part of one says nothing.
    number = type(value) in (int, float)
    return MARK if number and redactor.clean(str(value)) == MARK else value
