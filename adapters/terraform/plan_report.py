"""The plan as people may see it: every sensitive value replaced, what is not needed dropped."""

from typing import Any

import msgspec

from adapters.redaction import MARK, Redactor
from deployments.ports import PlanSummary

__all__ = ["redact_plan", "summarise"]

# `terraform show -json` prints all of these in clear, with no mark of what is sensitive (tried).
_DROPPED = ("variables", "prior_state", "planned_values", "configuration")


def redact_plan(plan_json: bytes, redactor: Redactor) -> bytes:
    """The plan's JSON without a secret.

    A value that is sensitive before or after is hidden in both, since terraform itself marks some
    copies of sensitive values as harmless (`terraform_data.output`, tried); known secrets are
    removed everywhere.
    """
    plan = msgspec.json.decode(plan_json)
    for name in _DROPPED:
        plan.pop(name, None)
    for entry in (*plan.get("resource_changes", ()), *plan.get("resource_drift", ())):
        _hide_change(entry.get("change", {}))
    for change in plan.get("output_changes", {}).values():
        _hide_change(change)
    return msgspec.json.encode(_clean(plan, redactor))


def summarise(plan_json: bytes, sha256: str) -> PlanSummary:
    """What the plan destroys or replaces."""
    plan = msgspec.json.decode(plan_json)
    return PlanSummary(
        sha256=sha256,
        destructive=[
            str(entry["address"])
            for entry in plan.get("resource_changes", ())
            if {"delete", "forget"} & set(entry["change"]["actions"])
        ],
    )


def _hide_change(change: dict[str, Any]) -> None:
    before, after = change.pop("before_sensitive", False), change.pop("after_sensitive", False)
    for name in ("before", "after"):
        if name in change:
            change[name] = _hide(_hide(change[name], before), after)


def _hide(value: Any, sensitive: Any) -> Any:  # noqa: ANN401 - any JSON, as terraform wrote it
    if sensitive is True:
        return MARK
    if isinstance(value, dict) and isinstance(sensitive, dict):
        return {name: _hide(one, sensitive.get(name, False)) for name, one in value.items()}
    if isinstance(value, list) and isinstance(sensitive, list):
        marks = [*sensitive, *([False] * (len(value) - len(sensitive)))]
        return [_hide(one, mark) for one, mark in zip(value, marks, strict=False)]
    return value


def _clean(value: Any, redactor: Redactor) -> Any:  # noqa: ANN401 - as above
    if isinstance(value, str):
        return redactor.clean(value)
    if isinstance(value, list):
        return [_clean(one, redactor) for one in value]
    if isinstance(value, dict):
        return {redactor.clean(name): _clean(one, redactor) for name, one in value.items()}
    # A number that is a secret as a whole; a part of one says nothing.
    number = type(value) in (int, float)
    return MARK if number and redactor.clean(str(value)) == MARK else value
