"""The input of a deployment's workflow, and the orders of its steps."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from deployments.credentials import credential_reference
from deployments.deployment import DEFAULT_TENANT, DeploymentRequest, Operation
from deployments.imports import Import
from deployments.phase import Phase
from deployments.step import StepKey, StepOrder, StepResult
from deployments.templates import TEMPLATES
from deployments.timings import Timings

__all__ = ["DeploymentInput", "step_order"]


@dataclass(frozen=True)
class DeploymentInput:
    """The input of a deployment.

    `accepted_at` is the time at which the API accepted the request, RFC 3339 by Temporal's clock;
    `signature` is the API's over all other fields and the deployment's id. Only a worker
    of the last release reads `credential_ref`, since the credential follows from the template.
    """

    owner: str
    request: DeploymentRequest
    timings: Timings = field(default_factory=Timings)
    credential_ref: str = ""
    tenant: str = DEFAULT_TENANT
    accepted_at: str = ""
    signature: str = ""


def step_order(
    phase: Phase,
    key: StepKey,
    input: DeploymentInput,
    steps: Sequence[StepResult],
    imports: Sequence[Import] = (),
) -> StepOrder:
    """The order of a phase's step; an apply is bound to the last plan."""
    timings, template = input.timings, TEMPLATES[input.request.stack.template]
    plan = next((step for step in reversed(steps) if step.plan_sha256), None)
    return StepOrder(
        key=key,
        phase=phase,
        deadline_seconds=input.request.timeouts.deadline_seconds(phase),
        no_progress_seconds=timings.no_progress_limit_seconds(phase),
        lease_seconds=timings.lease_seconds,
        ladder=timings.ladder,
        plan_sha256=plan.plan_sha256 if plan and phase is Phase.APPLY else "",
        imports=list(imports) if phase is Phase.PLAN else [],
        destroy=input.request.operation is Operation.DESTROY,
        # init calls no API: providers come from a mirror, and the state has other credentials.
        credential_ref="" if phase is Phase.INIT else credential_reference(template),
        project_id=input.request.stack.project_id,
    )
