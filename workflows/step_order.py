"""What a deployment was told, and what it therefore orders of a step."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from deployments.deployment import DEFAULT_TENANT, DeploymentRequest, Operation
from deployments.imports import Import
from deployments.phase import Phase
from deployments.step import StepKey, StepOrder, StepResult
from deployments.timings import Timings

__all__ = ["DeploymentInput", "step_order"]


@dataclass(frozen=True)
class DeploymentInput:
    """What a deployment needs to know from its start on.

    `credential_ref` says whose name it uses at Google; what that gives travels nowhere.
    """

    owner: str
    request: DeploymentRequest
    timings: Timings = field(default_factory=Timings)
    credential_ref: str = ""
    tenant: str = DEFAULT_TENANT


def step_order(
    phase: Phase,
    key: StepKey,
    input: DeploymentInput,
    done: Sequence[StepResult],
    imports: Sequence[Import] = (),
) -> StepOrder:
    """The order of a phase's step; an apply is bound to the plan that was made last."""
    timings, timeouts = input.timings, input.request.timeouts
    planned = next((item for item in reversed(done) if item.plan_sha256), None)
    deadlines = {
        Phase.INIT: timeouts.init_seconds,
        Phase.PLAN: timeouts.plan_seconds,
        Phase.APPLY: timeouts.apply_seconds,
    }
    silence = {Phase.PLAN: timings.plan_no_progress_seconds}
    return StepOrder(
        key=key,
        phase=phase,
        deadline_seconds=deadlines[phase],
        no_progress_seconds=silence.get(phase, timings.no_progress_seconds),
        lease_seconds=timings.lease_seconds,
        ladder=timings.ladder,
        plan_sha256=planned.plan_sha256 if planned and phase is Phase.APPLY else "",
        imports=list(imports) if phase is Phase.PLAN else [],
        destroy=input.request.operation is Operation.DESTROY,
        # init asks no API: the provider comes from a mirror, the state has credentials of its own.
        credential_ref="" if phase is Phase.INIT else input.credential_ref,
        project_id=input.request.stack.project_id,
    )
