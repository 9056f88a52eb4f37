"""Bodies about plans."""

from typing import Any

from pydantic import BaseModel

__all__ = ["PlanBody", "PlanChangeBody", "PlanOutputBody"]


class PlanChangeBody(BaseModel):
    """What the plan does with one resource.

    `action`: create, read, update, replace, delete, forget, import or no-op; `actions` are
    terraform's own words. `adopted`: it exists already and is imported; then `action` says what
    else happens to it, `import` where nothing does. `reason` and `replace_paths` say why it is
    replaced or deleted. In `before` and `after` a hidden value is "(sensitive)", one that only
    apply will tell is "(known after apply)"; both are null for a no-op.
    """

    address: str
    previous_address: str
    action: str
    actions: list[str]
    reason: str
    replace_paths: list[str]
    importing: str
    adopted: bool
    before: Any
    after: Any


class PlanOutputBody(BaseModel):
    """What the plan does with one output; values as in a change."""

    name: str
    action: str
    before: Any
    after: Any


class PlanBody(BaseModel):
    """A plan. `counts` has each action that occurs; the lists hold addresses.

    `adopted` exist already and are imported, those that are changed thereby included.
    """

    terraform_version: str
    counts: dict[str, int]
    destroyed: list[str]
    replaced: list[str]
    adopted: list[str]
    changes: list[PlanChangeBody]
    outputs: list[PlanOutputBody]
