"""The bodies that a caller receives of a deployment."""

import json
from dataclasses import asdict, fields

from api.schemas.deployments import (
    ActionsBody,
    DeploymentBody,
    DeploymentSummary,
    ErrorBody,
    LinksBody,
    OutputBody,
    ResultBody,
)
from deployments.deployment import DeploymentResult, Operation, Status
from deployments.execution import DeploymentSnapshot
from deployments.explanations import explain
from deployments.findings import Finding
from deployments.step import Output
from deployments.transitions import actions

__all__ = ["to_body", "to_error", "to_summary"]

_REQUEST_FIELDS = ("template", "project_id", "prefix", "region", "storage_location")


def to_summary(snapshot: DeploymentSnapshot) -> DeploymentSummary:
    """The body of a deployment in a list, with the fields that the body declares."""
    values = {
        **{name: str(snapshot.request.get(name, "")) for name in _REQUEST_FIELDS},
        "template_version": snapshot.result.template_version if snapshot.result else "",
        "revision": None,
        "links": _links(snapshot.id),
    }
    return DeploymentSummary.model_validate(vars(snapshot) | values)


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


def _links(deployment: str) -> LinksBody:
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
    # Not `vars`: a field that another release did not write has its default in the class alone.
    values = {field.name: getattr(result, field.name) for field in fields(result)}
    values["outputs"] = [_output(output) for output in result.outputs]
    # Reads nested values in place: `asdict` copies each, which took half of the time (measured).
    return ResultBody.model_validate(values, from_attributes=True)


def _output(output: Output) -> OutputBody:
    hidden = output.sensitive or not output.value_json
    value = None if hidden else json.loads(output.value_json)
    return OutputBody(name=output.name, sensitive=output.sensitive, value=value)
