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
    DiagnosticBody,
    FindingBody,
    LinksBody,
    OutputBody,
    ResultBody,
    SealBody,
)
from deployments.deployment import DeploymentRequest, DeploymentResult, Operation, Status
from deployments.events import EventId
from deployments.names import Attribute, Memo
from deployments.phase import Phase
from deployments.reasons import Reason, explain
from deployments.segment import Output
from deployments.standing import true_standing
from deployments.templates import TEMPLATES
from deployments.transitions import actions, is_terminal

__all__ = ["KEYS", "Seen", "body", "links", "public_request", "see", "summary"]

KEYS = {name: SearchAttributeKey.for_keyword(name) for name in Attribute}


@dataclass(frozen=True)
class Seen:
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
        """The end record of the last sealed segment; every log that ended goes at least so far."""
        seals = self.result.seals if self.result else []
        return max((EventId(one.segment, one.lines + 1) for one in seals), default=EventId(0, 0))


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


async def see(execution: WorkflowExecution) -> Seen:
    """Read attributes and memo of an execution."""
    memo = await execution.memo()
    request = memo.get(Memo.REQUEST)
    status, phase, reason = _standing(execution)
    # The SDK's own converter looks at the type anew each time, which took a quarter of a GET.
    result = memo.get(Memo.RESULT)
    return Seen(
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


def summary(seen: Seen) -> DeploymentSummary:
    """As it stands in a list."""
    return DeploymentSummary(
        id=seen.id,
        stack=seen.stack,
        template=_text(seen, "template"),
        project_id=_text(seen, "project_id"),
        prefix=_text(seen, "prefix"),
        region=_text(seen, "region"),
        storage_location=_text(seen, "storage_location"),
        operation=_text(seen, "operation"),
        status=seen.status,
        phase=seen.phase,
        reason=seen.reason,
        created_at=seen.created_at,
        ended_at=seen.ended_at,
        links=links(seen.id),
    )


def body(seen: Seen) -> DeploymentBody:
    """All that its owner may see."""
    explanation = explain(seen.reason, destroy=seen.operation is Operation.DESTROY)
    may = actions(seen.status, cancel_requested=seen.cancel_requested, operation=seen.operation)
    variables = seen.request.get("variables")
    return DeploymentBody(
        **dict(summary(seen)),
        variables=variables if isinstance(variables, dict) else {},
        sentence=explanation.sentence,
        advice=explanation.advice,
        cancel_requested=seen.cancel_requested,
        cancel_too_late=seen.cancel_requested and seen.status is Status.COMPLETED,
        actions=ActionsBody(**asdict(may)),
        host=seen.host,
        result=_result(seen.result) if seen.result else None,
    )


def links(deployment: str) -> LinksBody:
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


def _standing(execution: WorkflowExecution) -> tuple[Status, Phase, Reason]:
    """What the workflow last said of itself, unless it was ended from outside since."""
    return true_standing(
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
        not_done=result.not_done,
        unrecorded=result.unrecorded,
        unknown=result.unknown,
        diagnostics=[DiagnosticBody(**asdict(one)) for one in result.diagnostics],
        findings=[FindingBody(**asdict(one)) for one in result.findings],
        outputs=[_output(one) for one in result.outputs],
        seals=[SealBody(**asdict(one)) for one in result.seals],
        plan_sha256=result.plan_sha256,
        cancel=CancelInfoBody(**asdict(result.cancel)) if result.cancel else None,
        terraform_version=result.terraform_version,
        omitted=result.omitted,
    )


def _output(output: Output) -> OutputBody:
    hidden = output.sensitive or not output.value_json
    value = None if hidden else json.loads(output.value_json)
    return OutputBody(name=output.name, sensitive=output.sensitive, value=value)


def _text(seen: Seen, name: str) -> str:
    return str(seen.request.get(name, ""))


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
