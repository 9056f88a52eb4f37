"""Bodies about deployments."""

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model, model_validator

from api.schemas import fields
from api.schemas.fields import QueryModel, RequestModel, RequestText
from deployments.deployment import ApprovalPolicy, Operation, Status
from deployments.execution import DeploymentFilter
from deployments.log_text import without_host_paths
from deployments.requests import DeploymentFields
from deployments.temporal_names import Attribute
from deployments.timings import PhaseTimeouts, limits_of

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
    "ErrorBody",
    "LinksBody",
    "ListQuery",
    "OutputBody",
    "ProgressBody",
    "ResourceBody",
    "ResourceList",
    "ResultBody",
    "SealBody",
]

# JSON readers round larger numbers (RFC 8259, section 6), so terraform would get another value.
_MAX_EXACT_INTEGER = 2**53
# More variables than any template declares; the check refuses each undeclared variable by name.
_MAX_VARIABLES = 100
# Above the limits of every template's lists; `requests.check` has the rules.
_MAX_ENTRIES = 100
_MAX_ENTRY_CHARACTERS = 4096


def _exact(value: str | bool | int | float) -> str | bool | int | float:
    if isinstance(value, int) and abs(value) > _MAX_EXACT_INTEGER:
        raise ValueError("a whole number may not lie beyond 2^53")
    return value


_Name = Annotated[str, Field(max_length=128)]
_Scalar = Annotated[str | bool | int | float, AfterValidator(_exact)]
_Entry = Annotated[str, Field(max_length=_MAX_ENTRY_CHARACTERS)]
# Without fail_fast 100 lists of wrong entries make 10,000 errors, which take 40 ms (measured).
_Value = _Scalar | Annotated[list[_Entry], Field(max_length=_MAX_ENTRIES, fail_fast=True)]
_Empty = Annotated[str, Field(examples=[""])]
_OLDER_SPELLINGS = {"project_id": "projectId", "storage_location": "storageLocation"}
_NoAddresses = Annotated[list[str], Field(examples=[[]])]


def _timeout_fields() -> dict[str, Any]:
    """A field for each phase with a deadline; `requests.check` enforces the bounds."""
    return {
        name: (
            int,
            Field(
                default=limit.default,
                description=limit.reason,
                json_schema_extra={"minimum": limit.minimum, "maximum": limit.maximum},
            ),
        )
        for name, limit in limits_of(PhaseTimeouts).items()
    }


# A type checker cannot read a base class that a call makes.
if TYPE_CHECKING:
    _Timeouts = RequestModel
else:
    _Timeouts = create_model("_Timeouts", __base__=RequestModel, **_timeout_fields())


class TimeoutsBody(_Timeouts):
    """Limits of the phases, in seconds."""


class DeployBody(RequestModel):
    """Request of `POST /api/deploy`. `projectId` and `storageLocation` are older spellings.

    This version refuses `template_version`, `revision`, `continues` and the operations `drift` and
    `repair`.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "template": "sandbox",
                    "project_id": "demo-project-1",
                    "region": "us-central1",
                    "prefix": "anava",
                    "variables": {"resource_seconds": 1},
                }
            ]
        }
    )

    template: RequestText
    project_id: RequestText | None = None
    projectId: RequestText | None = None  # noqa: N815 - the original service's spelling
    region: RequestText = DeploymentFields.region
    prefix: RequestText = DeploymentFields.prefix
    storage_location: RequestText | None = None
    storageLocation: RequestText | None = None  # noqa: N815 - the original service's spelling
    variables: Annotated[dict[_Name, _Value], Field(max_length=_MAX_VARIABLES)] = Field(
        default_factory=dict
    )
    operation: Literal["deploy", "destroy", "drift", "repair"] = "deploy"
    approval: Literal["auto", "if_destructive", "always"] = "auto"
    timeouts: TimeoutsBody = TimeoutsBody()
    template_version: RequestText | None = None
    revision: int | None = None
    continues: RequestText | None = None
    confirm: RequestText | None = None

    @model_validator(mode="after")
    def _single_spelling(self) -> Self:
        for name, older in _OLDER_SPELLINGS.items():
            if getattr(self, name) is not None and getattr(self, older) is not None:
                raise ValueError(f"{name} and {older} are the same field: send one of them")
        if self.project_id is None and self.projectId is None:
            raise ValueError("project_id is required")
        return self

    def to_fields(self) -> DeploymentFields:
        """The fields for `requests.check`, which has their rules."""
        values = dict(self) | {
            "operation": Operation(self.operation),
            "approval": ApprovalPolicy(self.approval),
            "timeouts": PhaseTimeouts(**dict(self.timeouts)),
        }
        for name, older in _OLDER_SPELLINGS.items():
            older_value = values.pop(older)
            values[name] = older_value if values[name] is None else values[name]
        sent = {name: value for name, value in values.items() if value is not None}
        return DeploymentFields(**sent)


class CancelBody(RequestModel):
    """Request of `POST …/cancel`. `force` does not wait for open operations; state may be lost."""

    reason: Annotated[str, Field(max_length=500)] = ""
    force: bool = False


class ListQuery(QueryModel):
    """Query of `GET /api/deployments`."""

    status: fields.KnownStatus | None = None
    project: RequestText | None = None
    stack: RequestText | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: str | None = None

    def to_filter(self) -> DeploymentFilter:
        """The conditions without the place in the list."""
        status = None if self.status is None else Status(self.status)
        return DeploymentFilter(status, self.project, {Attribute.STACK: self.stack})


class LinksBody(BaseModel):
    """Paths of the deployment and of the parts."""

    self: Annotated[str, Field(examples=["/api/deployment/dep-m7s3qk2xv5ahd4jzcy6rnw2ptu"])]
    logs: Annotated[str, Field(examples=["/api/deployment/dep-m7s3qk2xv5ahd4jzcy6rnw2ptu/logs"])]
    stream: str
    resources: str
    plan: str
    artifacts: str
    cancel: str


class AcceptedBody(BaseModel):
    """An accepted deployment. No field ever changes, so equal requests get equal bytes."""

    id: fields.DeploymentId
    tenant: Annotated[str, Field(examples=["local"])]
    stack: fields.StackId
    template: fields.TemplateName
    project_id: fields.ProjectId
    prefix: fields.Prefix
    region: fields.Region
    storage_location: fields.Location
    operation: Annotated[str, Field(examples=["deploy"])]
    created_at: fields.Timestamp
    links: LinksBody


class ActionsBody(BaseModel):
    """The actions that are open to the caller now."""

    can_cancel: bool
    can_force_cancel: bool
    can_approve: bool
    can_discard: bool
    can_retry: bool
    can_destroy: Annotated[bool, Field(examples=[True])]


class CountsBody(BaseModel):
    """Numbers of changes.

    `moved` and `forgotten` resources have another address or none in the Terraform state and are
    otherwise unchanged; `outputs`: outputs with another value; `actions`: invoked actions.
    """

    add: Annotated[int, Field(examples=[12])]
    change: int
    remove: int
    imported: int
    moved: int
    forgotten: int
    outputs: int
    actions: int


class ErrorBody(BaseModel):
    """A cause of failure, or an obstacle that a check found.

    `severity`: blocking, warning or note. `fix`: a command or a link, empty if there is none.
    `audience`: who can act, `user` or `operator`; `actor`, more precisely: `person`,
    `administrator` of project or organisation, `service` or `google`. `effect`: `fatal`, `repeated`
    by the deployment until a limit, or `harmless`. `resource`: the address, permission, API or name
    that is concerned. `file` and `line`: a place in the template, empty and 0 if there is none.
    """

    cause: Annotated[str, Field(examples=["permission_denied"])]
    severity: Annotated[str, Field(examples=["blocking"])]
    message: Annotated[
        str,
        AfterValidator(without_host_paths),
        Field(examples=["The permission iam.serviceAccounts.create is missing in demo-project-1."]),
    ]
    next_step: Annotated[
        str, Field(examples=["Ask an owner of the project to grant it, then deploy again."])
    ]
    fix: Annotated[
        str,
        Field(examples=["https://console.cloud.google.com/iam-admin/iam?project=demo-project-1"]),
    ]
    audience: Annotated[str, Field(examples=["user"])]
    actor: Annotated[str, Field(examples=["administrator"])]
    effect: Annotated[str, Field(examples=["fatal"])]
    resource: Annotated[str, Field(examples=["iam.serviceAccounts.create"])]
    detail: fields.ErrorText
    file: _Empty
    line: int


class OutputBody(BaseModel):
    """An output; `value` is null when the output is sensitive."""

    name: Annotated[str, Field(examples=["storage_location"])]
    sensitive: bool
    value: Annotated[Any, Field(examples=["US"])]


class CancelInfoBody(BaseModel):
    """The author of the cancel; an empty name is an operator who used Temporal."""

    by: Annotated[str, Field(examples=["local"])]
    reason: Annotated[str, Field(examples=["wrong project"])]


class SealBody(BaseModel):
    """The end record of one step's log.

    `end`: `complete`; `not_started` where terraform did not start in this step; else the log lacks
    `missing_lines` lines (0: the number is unknown) after its line `missing_after`, by `cause`.
    """

    step: Annotated[int, Field(examples=[3])]
    end: Annotated[str, Field(examples=["complete"])]
    lines: Annotated[int, Field(examples=[42])]
    sha256: fields.Sha256
    missing_lines: int
    missing_after: int
    cause: _Empty


class ResultBody(BaseModel):
    """The end of the deployment.

    `counts`: the changes that were made, `planned`: those that were planned. `tainted`: the
    resources that were created in part; the next deployment replaces them. `unchanged`: the
    resources whose planned change was found to be none. For their size the values of the outputs in
    `omitted_outputs` were left out, which the artifact `outputs.json` has, and `omitted` further
    entries, which the artifact `record.json` has.
    """

    detail: fields.ErrorText
    counts: CountsBody
    planned: CountsBody
    changed: list[fields.Address]
    not_applied: _NoAddresses
    tainted: _NoAddresses
    unchanged: _NoAddresses
    unrecorded: _NoAddresses
    unknown: _NoAddresses
    errors: Annotated[list[ErrorBody], Field(examples=[[]])]
    outputs: list[OutputBody]
    omitted_outputs: Annotated[list[str], Field(examples=[[]])]
    seals: list[SealBody]
    plan_sha256: fields.Sha256
    cancel: Annotated[CancelInfoBody | None, Field(examples=[None])]
    terraform_version: fields.TerraformVersion
    omitted: int


class DeploymentSummary(AcceptedBody):
    """A deployment in a list.

    `started_at`: the time when the deployment got hold of its stack. `template_version`: a digest
    of the template's files, empty while unknown. `revision`: null in this version.
    """

    template_version: Annotated[str, Field(examples=["9f86d081884c"])]
    revision: int | None
    status: Annotated[str, Field(examples=["completed"])]
    phase: Annotated[str, Field(examples=["finalize"])]
    reason: Annotated[str, Field(examples=["applied"])]
    started_at: Annotated[str | None, Field(examples=["2026-11-24T10:00:02.120Z"])]
    ended_at: Annotated[str | None, Field(examples=["2026-11-24T10:00:04.120Z"])]


class DeploymentBody(DeploymentSummary):
    """A deployment. `message` and `next_step` explain the `reason`."""

    variables: Annotated[dict[str, Any], Field(examples=[{"resource_seconds": 1}])]
    message: Annotated[str, Field(examples=["All planned changes were made."])]
    next_step: _Empty
    cancel_requested: bool
    cancel_too_late: bool
    actions: ActionsBody
    host: Annotated[str | None, Field(examples=["host-1"])]
    result: ResultBody | None


class DeploymentPage(BaseModel):
    """A page of deployments."""

    items: list[DeploymentSummary]
    next_cursor: str | None


class ResourceBody(BaseModel):
    """The progress of a resource: planned, running, done, failed or unchanged.

    `unchanged`: the planned change was found to be none.
    `typical_seconds` is the usual duration for this resource type, 0 if unknown; `overdue`: the
    resource takes much longer, probably because Google refuses each request.
    """

    address: fields.Address
    action: Annotated[str, Field(examples=["create"])]
    status: Annotated[str, Field(examples=["running"])]
    started_at: fields.Timestamp
    elapsed_seconds: Annotated[float, Field(examples=[1.0])]
    id: _Empty
    reason: _Empty
    typical_seconds: int
    overdue: bool


class ResourceList(BaseModel):
    """The resources of a deployment, on a single page."""

    items: list[ResourceBody]
    next_cursor: str | None


class ProgressBody(BaseModel):
    """The progress of a deployment up to and including the event `until`."""

    step: Annotated[int, Field(examples=[3])]
    phase: fields.PhaseName
    until: fields.EventIdText
    resources: list[ResourceBody]
    counts: Annotated[
        dict[str, int],
        Field(examples=[{"planned": 0, "running": 1, "done": 0, "failed": 0, "unchanged": 0}]),
    ]
