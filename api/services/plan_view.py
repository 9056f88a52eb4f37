"""The redacted plan as a caller sees it: what happens to what, and why."""

import itertools
from collections import Counter
from typing import Any

import msgspec

from api.schemas.plan import PlanBody, PlanChangeBody, PlanOutputBody

__all__ = ["UNKNOWN", "plan_view"]

# Terraform's own words for a value that only apply will tell.
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


class _Entry(msgspec.Struct):
    address: str
    change: _Change
    previous_address: str = ""
    action_reason: str = ""


class _Plan(msgspec.Struct):
    terraform_version: str = ""
    resource_changes: list[_Entry] = []
    output_changes: dict[str, _Change] = {}


def plan_view(plan_json: bytes) -> PlanBody:
    """What the artifact `plan.json` says.

    Raises:
        msgspec.DecodeError: it is no plan.
    """
    plan = msgspec.json.decode(plan_json, type=_Plan)
    changes = [_change(entry) for entry in plan.resource_changes]
    return PlanBody(
        terraform_version=plan.terraform_version,
        counts=dict(Counter(each.action for each in changes)),
        destroyed=[item.address for item in changes if item.action == "delete"],
        replaced=[element.address for element in changes if element.action == "replace"],
        imported=[value.address for value in changes if value.imported],
        changes=changes,
        outputs=[_output(name, change) for name, change in sorted(plan.output_changes.items())],
    )


def _change(entry: _Entry) -> PlanChangeBody:
    change = entry.change
    idle = change.actions == ["no-op"]
    return PlanChangeBody(
        address=entry.address,
        previous_address=entry.previous_address,
        action=_word(change),
        actions=change.actions,
        reason=entry.action_reason,
        replace_paths=[_path(replace_path) for replace_path in change.replace_paths],
        import_id=change.importing.id if change.importing else "",
        imported=change.importing is not None,
        before=None if idle else change.before,
        after=None if idle else _with_unknown(change.after, change.after_unknown),
    )


def _output(name: str, change: _Change) -> PlanOutputBody:
    return PlanOutputBody(
        name=name,
        action=_word(change),
        before=change.before,
        after=_with_unknown(change.after, change.after_unknown),
    )


def _word(change: _Change) -> str:
    """One word; any pair of actions is a replacement, in whichever order."""
    if change.importing is not None and change.actions == ["no-op"]:
        return "import"
    return change.actions[0] if len(change.actions) == 1 else "replace"


def _path(steps: list[str | int]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).lstrip(
        "."
    )


def _with_unknown(value: Any, unknown: Any) -> Any:  # noqa: ANN401 - any JSON, as terraform wrote it
    """The value with what is not known yet marked; terraform leaves it out, or null."""
    if unknown is True:
        return UNKNOWN
    if isinstance(unknown, dict) and isinstance(value, dict | None):
        known = value or {}
        names = [*known, *(name for name in unknown if name not in known)]
        merged = {name: _with_unknown(known.get(name), unknown.get(name)) for name in names}
        return merged if value is not None or merged else None
    if isinstance(unknown, list) and isinstance(value, list):
        pairs = itertools.zip_longest(value, unknown)
        return [_with_unknown(one, mark) for one, mark in pairs]
    return value
