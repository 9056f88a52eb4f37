"""Reads the redacted plan into the body of `GET …/plan`."""

import itertools
from collections import Counter
from typing import Any

import msgspec

from api.schemas.plan import PlanBody, PlanChangeBody, PlanOutputBody

__all__ = ["UNKNOWN", "plan_view"]

# Terraform's text for a value that apply determines.
UNKNOWN = "(known after apply)"


class _Importing(msgspec.Struct):
    id: str = ""


class _Change(msgspec.Struct):
    actions: list[str]
    before: Any = None
    after: Any = None
    after_unknown: Any = False
    replace_paths: list[list[str | int]] = []
    importing: _Importing | None = None


class _ResourceChange(msgspec.Struct):
    address: str
    change: _Change
    previous_address: str = ""
    action_reason: str = ""


class _Plan(msgspec.Struct):
    terraform_version: str = ""
    resource_changes: list[_ResourceChange] = []
    output_changes: dict[str, _Change] = {}


def plan_view(plan_json: bytes) -> PlanBody:
    """The body of a plan, from the artifact `plan.json`.

    Raises:
        msgspec.DecodeError: the content is not a plan.
    """
    plan = msgspec.json.decode(plan_json, type=_Plan)
    changes = [_change(resource_change) for resource_change in plan.resource_changes]
    return PlanBody(
        terraform_version=plan.terraform_version,
        counts=dict(Counter(change.action for change in changes)),
        destroyed=[change.address for change in changes if change.action == "delete"],
        replaced=[change.address for change in changes if change.action == "replace"],
        imported=[change.address for change in changes if change.imported],
        changes=changes,
        outputs=[_output(name, change) for name, change in sorted(plan.output_changes.items())],
    )


def _change(resource_change: _ResourceChange) -> PlanChangeBody:
    change = resource_change.change
    idle = change.actions == ["no-op"]
    return PlanChangeBody(
        address=resource_change.address,
        previous_address=resource_change.previous_address,
        action=_action(change),
        actions=change.actions,
        reason=resource_change.action_reason,
        replace_paths=[_path(replace_path) for replace_path in change.replace_paths],
        import_id=change.importing.id if change.importing else "",
        imported=change.importing is not None,
        before=None if idle else change.before,
        after=None if idle else _with_unknown(change.after, change.after_unknown),
    )


def _output(name: str, change: _Change) -> PlanOutputBody:
    return PlanOutputBody(
        name=name,
        action=_action(change),
        before=change.before,
        after=_with_unknown(change.after, change.after_unknown),
    )


def _action(change: _Change) -> str:
    """The action as a single word; a pair of actions is a replacement in either order."""
    if change.importing is not None and change.actions == ["no-op"]:
        return "import"
    return change.actions[0] if len(change.actions) == 1 else "replace"


def _path(parts: list[str | int]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return text.lstrip(".")


def _with_unknown(value: Any, unknown: Any) -> Any:  # noqa: ANN401 - any JSON, as terraform wrote it
    """The value with a mark for each unknown part, which terraform omits or writes as null."""
    if unknown is True:
        return UNKNOWN
    if isinstance(unknown, dict) and isinstance(value, dict | None):
        known = value or {}
        names = [*known, *(name for name in unknown if name not in known)]
        merged = {name: _with_unknown(known.get(name), unknown.get(name)) for name in names}
        return merged if value is not None or merged else None
    if isinstance(unknown, list) and isinstance(value, list):
        pairs = itertools.zip_longest(value, unknown)
        return [_with_unknown(element, mark) for element, mark in pairs]
    return value
