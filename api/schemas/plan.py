"""Bodies about plans."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from api.schemas.fields import Address, TerraformVersion

__all__ = ["PlanBody", "PlanChangeBody", "PlanOutputBody"]

_Action = Annotated[str, Field(examples=["create"])]


class PlanChangeBody(BaseModel):
    """The planned change of a resource.

    `action`: create, read, update, replace, delete, forget, import or no-op; `actions` are
    terraform's own. `imported`: the resource exists already and is imported under `import_id`;
    `action` is then the change beside the import, or `import` without such a change. `reason` and
    `replace_paths` explain a replacement or deletion. In `before` and `after` a hidden value is
    "(sensitive)", a value that apply determines is "(known after apply)"; both are null for a
    no-op.
    """

    address: Address
    previous_address: Annotated[str, Field(examples=[""])]
    action: _Action
    actions: list[_Action]
    reason: Annotated[str, Field(examples=[""])]
    replace_paths: Annotated[list[str], Field(examples=[[]])]
    imported: bool
    import_id: Annotated[str, Field(examples=[""])]
    before: Annotated[Any, Field(examples=[None])]
    after: Annotated[Any, Field(examples=[{"id": "(known after apply)", "input": "(sensitive)"}])]


class PlanOutputBody(BaseModel):
    """The planned change of an output; values as in a resource's change."""

    name: Annotated[str, Field(examples=["api_key"])]
    action: _Action
    before: Annotated[Any, Field(examples=[None])]
    after: Annotated[Any, Field(examples=["(sensitive)"])]


class PlanBody(BaseModel):
    """A plan. `counts` has the number of resources by action; the lists hold addresses.

    `imported` includes resources that the plan also changes.
    """

    terraform_version: TerraformVersion
    counts: Annotated[dict[str, int], Field(examples=[{"create": 1}])]
    destroyed: Annotated[list[str], Field(examples=[[]])]
    replaced: Annotated[list[str], Field(examples=[[]])]
    imported: Annotated[list[str], Field(examples=[[]])]
    changes: list[PlanChangeBody]
    outputs: list[PlanOutputBody]
