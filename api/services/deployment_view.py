"""The bodies that a caller receives of a deployment."""

import json
from dataclasses import asdict

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
from deployments.deployment import DeploymentResult, Operation, Status
from deployments.execution import DeploymentSnapshot
from deployments.findings import Finding
from deployments.reasons import explain
from deployments.step import Output
from deployments.transitions import actions

__all__ = ["to_body", "to_error", "to_links", "to_summary"]


def to_summary(snapshot: DeploymentSnapshot) -> DeploymentSummary:
    """The body of a deployment in a list."""
    return DeploymentSummary(
        id=snapshot.id,
        tenant=snapshot.tenant,
        stack=snapshot.stack,
        template=_text(snapshot, "template"),
        project_id=_text(snapshot, "project_id"),
        prefix=_text(snapshot, "prefix"),
        region=_text(snapshot, "region"),
        storage_location=_text(snapshot, "storage_location"),
        operation=snapshot.operation,
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
    """The body of a single deployment: every field that the owner may see."""
    explanation = explain(snapshot.reason, destroy=snapshot.operation is Operation.DESTROY)
    allowed = actions(
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
        actions=ActionsBody(**asdict(allowed)),
        host=snapshot.host,
        result=_result(snapshot.result) if snapshot.result else None,
    )


def to_error(finding: Finding) -> ErrorBody:
    """The body of a finding."""
    return ErrorBody(**asdict(finding))


def to_links(deployment: str) -> LinksBody:
    """The paths of a deployment, its logs, resources, plan and artifacts."""
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


def _result(result: DeploymentResult) -> ResultBody:
    return ResultBody(
        detail=result.detail,
        counts=CountsBody(**asdict(result.counts)),
        changed=result.changed,
        not_applied=result.not_applied,
        unrecorded=result.unrecorded,
        unknown=result.unknown,
        errors=[to_error(error) for error in result.errors],
        outputs=[_output(output) for output in result.outputs],
        seals=[SealBody(**asdict(seal)) for seal in result.seals],
        plan_sha256=result.plan_sha256,
        cancel=CancelInfoBody(**asdict(result.cancel)) if result.cancel else None,
        terraform_version=result.terraform_version,
        omitted=result.omitted,
    )


def _output(output: Output) -> OutputBody:
    hidden = output.sensitive or not output.value_json
    value = None if hidden else json.loads(output.value_json)
    return OutputBody(name=output.name, sensitive=output.sensitive, value=value)


def _text(snapshot: DeploymentSnapshot, name: str) -> str:
    return str(snapshot.request.get(name, ""))
