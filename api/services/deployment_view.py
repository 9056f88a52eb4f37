"""A workflow execution as the deployment that a caller sees."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import msgspec
from temporalio.client import (
    WorkflowExecution,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
)
from temporalio.common import SearchAttributeKey

from api.schemas.deployments import (
    ActionsBody,
    CancelInfoBody,
    CountsBody,
    DeploymentBody,
    DeploymentSummary,
    ErrorBody,
    LinksBody,
    OutputBody,
    ResultBody,
    SealBody,
)
from deployments.deployment import (
    DEFAULT_TENANT,
    DeploymentRequest,
    DeploymentResult,
    Operation,
    Status,
)
from deployments.events import EventId
from deployments.findings import Finding
from deployments.phase import Phase
from deployments.reasons import Reason, explain
from deployments.status_snapshot import effective_status
from deployments.step import Output
from deployments.templates import TEMPLATES
from deployments.temporal_names import Attribute, Memo
from deployments.transitions import actions, is_terminal

__all__ = [
    "KEYS",
    "DeploymentSnapshot",
    "from_execution",
    "public_request",
    "to_body",
    "to_error",
    "to_links",
    "to_summary",
]

KEYS = {name: SearchAttributeKey.for_keyword(name) for name in Attribute}


@dataclass(frozen=True)
class DeploymentSnapshot:
    """What Temporal says of a deployment."""

    id: str
    owner: str
    stack: str
    status: Status
    phase: Phase
    reason: Reason
    cancel_requested: bool
    request: Mapping[str, object]
    request_sha256: str
    created_at: str
    ended_at: str | None
    host: str | None
    result: DeploymentResult | None
    tenant: str = DEFAULT_TENANT
    started_at: str | None = None

    @property
    def is_terminal(self) -> bool:
        """Whether nothing can follow."""
        return is_terminal(self.status)

    @property
    def operation(self) -> Operation:
        """What it does with the stack."""
        return Operation(str(self.request.get("operation", Operation.DEPLOY)))

    @property
    def log_end(self) -> EventId:
        """The end record of the last sealed step; every log that ended goes at least so far."""
        seals = self.result.seals if self.result else []
        return max((EventId(seal.step, seal.lines + 1) for seal in seals), default=EventId(0, 0))


def public_request(request: DeploymentRequest) -> dict[str, object]:
    """What of a request everybody may see who sees the workflow: no sensitive variable."""
    stack = request.stack
    sensitive = TEMPLATES[stack.template].sensitive
    variables: dict[str, object] = json.loads(request.variables_json)
    return {
        "template": stack.template,
        "project_id": stack.project_id,
        "prefix": stack.prefix,
        "region": request.region,
        "storage_location": request.storage_location,
        "operation": str(request.operation),
        "variables": {name: value for name, value in variables.items() if name not in sensitive},
    }


async def from_execution(execution: WorkflowExecution) -> DeploymentSnapshot:
    """Read attributes and memo of an execution."""
    memo = await execution.memo()
    request = memo.get(Memo.REQUEST)
    status, phase, reason = _effective_status(execution)
    # The SDK's own converter looks at the type anew each time, which took a quarter of a GET.
    result = memo.get(Memo.RESULT)
    return DeploymentSnapshot(
        id=execution.id,
        owner=_attribute(execution, Attribute.OWNER),
        stack=_attribute(execution, Attribute.STACK),
        status=status,
        phase=phase,
        reason=reason,
        cancel_requested=_cancel_requested(execution),
        request=request if isinstance(request, dict) else {},
        request_sha256=str(memo.get(Memo.REQUEST_SHA256, "")),
        created_at=str(memo.get(Memo.CREATED_AT) or _time(execution.start_time)),
        ended_at=_time(execution.close_time) if execution.close_time else None,
        host=str(memo[Memo.HOST]) if memo.get(Memo.HOST) else None,
        result=msgspec.convert(result, DeploymentResult) if result is not None else None,
    )


def to_summary(snapshot: DeploymentSnapshot) -> DeploymentSummary:
    """As it stands in a list."""
    return DeploymentSummary(
        id=snapshot.id,
        tenant=snapshot.tenant,
        stack=snapshot.stack,
        template=_text(snapshot, "template"),
        project_id=_text(snapshot, "project_id"),
        prefix=_text(snapshot, "prefix"),
        region=_text(snapshot, "region"),
        storage_location=_text(snapshot, "storage_location"),
        operation=_text(snapshot, "operation"),
        status=snapshot.status,
        phase=snapshot.phase,
        reason=snapshot.reason,
        template_version=snapshot.result.template_version if snapshot.result else "",
        revision=None,
        created_at=snapshot.created_at,
        started_at=snapshot.started_at,
        ended_at=snapshot.ended_at,
        links=to_links(snapshot.id),
    )


def to_body(snapshot: DeploymentSnapshot) -> DeploymentBody:
    """All that its owner may see."""
    explanation = explain(snapshot.reason, destroy=snapshot.operation is Operation.DESTROY)
    may = actions(
        snapshot.status, cancel_requested=snapshot.cancel_requested, operation=snapshot.operation
    )
    variables = snapshot.request.get("variables")
    return DeploymentBody(
        **dict(to_summary(snapshot)),
        variables=variables if isinstance(variables, dict) else {},
        message=explanation.message,
        next_step=explanation.next_step,
        cancel_requested=snapshot.cancel_requested,
        cancel_too_late=snapshot.cancel_requested and snapshot.status is Status.COMPLETED,
        actions=ActionsBody(**asdict(may)),
        host=snapshot.host,
        result=_result(snapshot.result) if snapshot.result else None,
    )


def to_error(finding: Finding) -> ErrorBody:
    """The body of a finding."""
    content = asdict(finding)
    cause = content.pop("code")
    return ErrorBody(cause=cause, audience="user", detail="", file="", line=0, **content)


def to_links(deployment: str) -> LinksBody:
    """Where to go on from a deployment."""
    path = f"/api/deployment/{deployment}"
    return LinksBody(
        self=path,
        logs=f"{path}/logs",
        stream=f"{path}/logs/stream",
        resources=f"{path}/resources",
        plan=f"{path}/plan",
        artifacts=f"{path}/artifacts",
        cancel=f"{path}/cancel",
    )


def _effective_status(execution: WorkflowExecution) -> tuple[Status, Phase, Reason]:
    """What the workflow last said of itself, unless it was ended from outside since."""
    return effective_status(
        (
            Status(_attribute(execution, Attribute.STATUS) or Status.QUEUED),
            Phase(_attribute(execution, Attribute.PHASE) or Phase.QUEUE),
            Reason(_attribute(execution, Attribute.REASON) or Reason.NONE),
        ),
        running=execution.status is WorkflowExecutionStatus.RUNNING,
        terminated=execution.status is WorkflowExecutionStatus.TERMINATED,
    )


def _cancel_requested(execution: WorkflowExecution) -> bool:
    # Lists do not carry it.
    if not isinstance(execution, WorkflowExecutionDescription):
        return False
    return execution.raw_description.workflow_extended_info.cancel_requested


def _attribute(execution: WorkflowExecution, name: Attribute) -> str:
    return execution.typed_search_attributes.get(KEYS[name]) or ""


def _result(result: DeploymentResult) -> ResultBody:
    return ResultBody(
        detail=result.detail,
        counts=CountsBody(**asdict(result.counts)),
        changed=result.changed,
        not_applied=result.not_applied,
        unrecorded=result.unrecorded,
        unknown=result.unknown,
        errors=_errors(result),
        outputs=[_output(output) for output in result.outputs],
        seals=[SealBody(**asdict(seal)) for seal in result.seals],
        plan_sha256=result.plan_sha256,
        cancel=CancelInfoBody(**asdict(result.cancel)) if result.cancel else None,
        terraform_version=result.terraform_version,
        omitted=result.omitted,
    )


def _errors(result: DeploymentResult) -> list[ErrorBody]:
    """Findings, then terraform's diagnostics."""
    return [
        *(to_error(finding) for finding in result.findings),
        *(
            ErrorBody(
                cause=result.reason,
                severity="warning" if diagnostic.severity == "warning" else "blocking",
                message=diagnostic.summary,
                next_step="",
                fix="",
                audience="user",
                resource=diagnostic.address,
                detail=diagnostic.detail,
                file=diagnostic.file,
                line=diagnostic.line,
            )
            for diagnostic in result.diagnostics
        ),
    ]


def _output(output: Output) -> OutputBody:
    hidden = output.sensitive or not output.value_json
    value = None if hidden else json.loads(output.value_json)
    return OutputBody(name=output.name, sensitive=output.sensitive, value=value)


def _text(snapshot: DeploymentSnapshot, name: str) -> str:
    return str(snapshot.request.get(name, ""))


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
