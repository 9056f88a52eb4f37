"""Bodies about deployments."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from api.examples import DEPLOY
from deployments.deployment import ApprovalPolicy, Operation, Status
from deployments.requests import DeploymentFields
from deployments.timings import PhaseTimeouts

__all__ = [
    "AcceptedBody",
    "ActionsBody",
    "CancelBody",
    "CancelInfoBody",
    "CountsBody",
    "DeployBody",
    "DeploymentBody",
    "DeploymentPage",
    "DeploymentSummary",
    "FindingBody",
    "LinksBody",
    "ListQuery",
    "OutputBody",
    "ProgressBody",
    "ResourceBody",
    "ResultBody",
    "SealBody",
]

# Beyond this a JSON reader rounds (RFC 8259, section 6), and terraform would get another number.
_LARGEST_WHOLE = 2**53
# More variables than any template declares; what is undeclared is refused one by one.
_MOST_VARIABLES = 100


# More than any template's list may have, longer than any entry: their rules are `requests.check`'s.
_MOST_ENTRIES = 100
_LONGEST_ENTRY = 4096


def _exact(value: str | bool | int | float) -> str | bool | int | float:
    if isinstance(value, int) and abs(value) > _LARGEST_WHOLE:
        raise ValueError("a whole number may not lie beyond 2^53")
    return value


_Text = Annotated[str, Field(max_length=256)]
_Name = Annotated[str, Field(max_length=128)]
_Scalar = Annotated[str | bool | int | float, AfterValidator(_exact)]
_Entry = Annotated[str, Field(max_length=_LONGEST_ENTRY)]
_Value = _Scalar | Annotated[list[_Entry], Field(max_length=_MOST_ENTRIES)]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class TimeoutsBody(_Asked):
    """Limits of the phases, in seconds."""

    init_seconds: int = PhaseTimeouts.init_seconds
    plan_seconds: int = PhaseTimeouts.plan_seconds
    apply_seconds: int = PhaseTimeouts.apply_seconds


class DeployBody(_Asked):
    """What `POST /api/deploy` takes. `projectId` and `storageLocation` are the older spellings."""

    model_config = ConfigDict(json_schema_extra={"example": DEPLOY})

    project_id: _Text | None = None
    projectId: _Text | None = None  # noqa: N815 - the original service's spelling
    region: _Text = DeploymentFields.region
    prefix: _Text = DeploymentFields.prefix
    storage_location: _Text | None = None
    storageLocation: _Text | None = None  # noqa: N815 - the original service's spelling
    template: _Text = "sandbox"
    variables: Annotated[dict[_Name, _Value], Field(max_length=_MOST_VARIABLES)] = Field(
        default_factory=dict
    )
    operation: Literal["deploy", "destroy"] = "deploy"
    approval: Literal["auto", "if_destructive", "always"] = "auto"
    timeouts: TimeoutsBody = TimeoutsBody()
    continues: _Text | None = None
    confirm: _Text | None = None

    @model_validator(mode="after")
    def _one_spelling(self) -> Self:
        if self.project_id is not None and self.projectId is not None:
            raise ValueError("project_id and projectId are the same field: send one of them")
        if self.storage_location is not None and self.storageLocation is not None:
            raise ValueError(
                "storage_location and storageLocation are the same field: send one of them"
            )
        if self.project_id is None and self.projectId is None:
            raise ValueError("project_id is required")
        return self

    def asked(self) -> DeploymentFields:
        """The fields with the right types; the rules are `requests.check`'s."""
        return DeploymentFields(
            project_id=self.project_id or self.projectId or "",
            region=self.region,
            prefix=self.prefix,
            storage_location=self._location(),
            template=self.template,
            variables=self.variables,
            operation=Operation(self.operation),
            approval=ApprovalPolicy(self.approval),
            timeouts=PhaseTimeouts(**self.timeouts.model_dump()),
            continues=self.continues,
            confirm=self.confirm,
        )

    def _location(self) -> str:
        if self.storage_location is not None:
            return self.storage_location
        return (
            DeploymentFields.storage_location
            if self.storageLocation is None
            else self.storageLocation
        )


class CancelBody(_Asked):
    """What `POST …/cancel` takes. `force` skips waiting for open operations: state may be lost."""

    reason: Annotated[str, Field(max_length=500)] = ""
    force: bool = False


class ListQuery(BaseModel):
    """What `GET /api/deployments` takes in its query."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: Status | None = None
    project: _Text | None = None
    stack: _Text | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: str | None = None


class LinksBody(BaseModel):
    """Where to go on."""

    self: str
    logs: str
    stream: str
    resources: str
    plan: str
    artifacts: str
    cancel: str


class AcceptedBody(BaseModel):
    """An accepted deployment: only what never changes, so that equal requests get equal bytes."""

    id: str
    stack: str
    template: str
    project_id: str
    prefix: str
    region: str
    storage_location: str
    operation: str
    created_at: str
    links: LinksBody


class ActionsBody(BaseModel):
    """What the caller may do now."""

    can_cancel: bool
    can_force_cancel: bool
    can_approve: bool
    can_discard: bool
    can_retry: bool
    can_destroy: bool


class CountsBody(BaseModel):
    """Numbers of resources."""

    add: int
    change: int
    remove: int
    imported: int


class OutputBody(BaseModel):
    """One output; `value` is null when it is sensitive."""

    name: str
    sensitive: bool
    value: Any


class CancelInfoBody(BaseModel):
    """Who asked for the cancel; without a name it was an operator through Temporal."""

    by: str
    reason: str


class SealBody(BaseModel):
    """The end record of one step's log."""

    step: int
    end: str
    lines: int
    sha256: str


class FindingBody(BaseModel):
    """What stands in the way: `mend` is a command or a link that mends it, or empty.

    `severity`: blocking, warning or note; `resource` is what it is about.
    """

    cause: str
    severity: str
    message: str
    next_step: str
    fix: str
    audience: str
    resource: str
    detail: str
    file: str
    line: int


class ResultBody(BaseModel):
    """How the deployment ended."""

    detail: str
    counts: CountsBody
    changed: list[str]
    not_applied: list[str]
    unrecorded: list[str]
    unknown: list[str]
    errors: list[FindingBody]
    outputs: list[OutputBody]
    seals: list[SealBody]
    plan_sha256: str
    cancel: CancelInfoBody | None
    terraform_version: str
    omitted: int


class DeploymentSummary(BaseModel):
    """A deployment in a list."""

    id: str
    stack: str
    template: str
    project_id: str
    prefix: str
    region: str
    storage_location: str
    operation: str
    status: str
    phase: str
    reason: str
    created_at: str
    ended_at: str | None
    links: LinksBody


class DeploymentBody(DeploymentSummary):
    """A deployment. `sentence` and `advice` explain the reason."""

    variables: dict[str, Any]
    message: str
    next_step: str
    cancel_requested: bool
    cancel_too_late: bool
    actions: ActionsBody
    host: str | None
    result: ResultBody | None


class DeploymentPage(BaseModel):
    """A page of deployments."""

    items: list[DeploymentSummary]
    next_cursor: str | None


class ResourceBody(BaseModel):
    """How far one resource is.

    `typical_seconds` is what this usually takes for its type, 0 where nobody knows; `overdue`: it
    takes so much longer that Google probably keeps refusing it.
    """

    address: str
    action: str
    status: str
    started_at: str
    elapsed_seconds: float
    id: str
    reason: str
    typical_seconds: int
    overdue: bool


class ProgressBody(BaseModel):
    """How far a deployment is, true up to and with the event `until`."""

    step: int
    phase: str
    until: str
    resources: list[ResourceBody]
    counts: dict[str, int]
