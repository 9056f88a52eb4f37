"""The phases of a deployment: one row of `PHASES` each."""

from dataclasses import dataclass
from enum import StrEnum

from deployments.reasons import Reason

__all__ = ["PHASES", "TERRAFORM_PHASES", "Phase", "PhaseRow", "TerraformPhase"]


class Phase(StrEnum):
    """What a deployment does at a time, in this order."""

    QUEUE = "queue"
    PREFLIGHT = "preflight"
    INIT = "init"
    PLAN = "plan"
    APPROVAL = "approval"
    APPLY = "apply"
    FINALIZE = "finalize"


@dataclass(frozen=True)
class TerraformPhase:
    """A phase that runs terraform.

    Attributes:
        failed: reason when terraform fails without a known cause.
        timed_out: reason when the phase's deadline passed.
        stalled: reason when terraform printed nothing for too long.
        no_progress_limit: field of `Timings` that says how long that is.
        changes_resources: whether terraform changes resources, so that a killed one can lose state.
    """

    failed: Reason
    timed_out: Reason
    stalled: Reason
    no_progress_limit: str = "no_progress_seconds"
    changes_resources: bool = False


@dataclass(frozen=True)
class PhaseRow:
    """How people see a phase, and its terraform.

    Attributes:
        label: status of a deployment that is in the phase.
        title: name among the phases that a person follows; empty for a phase that is not shown,
            since it takes milliseconds or is not built yet.
        terraform: None for a phase without terraform.
    """

    label: str
    title: str = ""
    terraform: TerraformPhase | None = None


# A new phase that runs terraform also needs a deadline in `timings.PhaseTimeouts`, its command in
# adapters/terraform/command.py, its reasons, and its place in workflows/deployment.py.
PHASES: dict[Phase, PhaseRow] = {
    Phase.QUEUE: PhaseRow("Queued", "Queue"),
    Phase.PREFLIGHT: PhaseRow("Preparing"),
    Phase.INIT: PhaseRow(
        "Initialising",
        "Init",
        TerraformPhase(Reason.INIT_FAILED, Reason.INIT_TIMED_OUT, Reason.INIT_STALLED),
    ),
    Phase.PLAN: PhaseRow(
        "Planning",
        "Plan",
        TerraformPhase(
            Reason.PLAN_FAILED,
            Reason.PLAN_TIMED_OUT,
            Reason.PLAN_STALLED,
            no_progress_limit="plan_no_progress_seconds",
        ),
    ),
    Phase.APPROVAL: PhaseRow("Waiting"),
    Phase.APPLY: PhaseRow(
        "Applying",
        "Apply",
        TerraformPhase(
            Reason.APPLY_FAILED,
            Reason.APPLY_TIMED_OUT,
            Reason.APPLY_STALLED,
            changes_resources=True,
        ),
    ),
    Phase.FINALIZE: PhaseRow("Finishing"),
}

TERRAFORM_PHASES: dict[Phase, TerraformPhase] = {
    phase: row.terraform for phase, row in PHASES.items() if row.terraform is not None
}
