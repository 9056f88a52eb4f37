"""The phases of a deployment: one row of `PHASES` each."""

from dataclasses import dataclass
from enum import StrEnum

from deployments.reasons import Reason

__all__ = ["PHASES", "TERRAFORM_PHASES", "Phase"]


class Phase(StrEnum):
    """The phases, in order."""

    QUEUE = "queue"
    PREFLIGHT = "preflight"
    INIT = "init"
    PLAN = "plan"
    APPROVAL = "approval"
    APPLY = "apply"
    FINALIZE = "finalize"


@dataclass(frozen=True)
class TerraformPhase:
    """A phase that runs terraform, with the reason for each of three ends.

    `failed` holds where terraform's error has no known cause. `no_progress_limit` is the field of
    `Timings` behind `stalled`. Killing a phase that changes resources can lose state.
    """

    failed: Reason
    timed_out: Reason
    stalled: Reason
    no_progress_limit: str = "no_progress_seconds"
    changes_resources: bool = False


@dataclass(frozen=True)
class PhaseRow:
    """The texts of a phase for people, and the terraform of the phase.

    `label` is the status of a deployment in the phase. `title` names the phase among those that a
    person follows; an empty title hides a phase that takes milliseconds or is not built yet.
    """

    label: str
    title: str = ""
    terraform: TerraformPhase | None = None


# A new phase that runs terraform also needs three reasons, a deadline in `timings.PhaseTimeouts`, a
# command in adapters/terraform/command.py and a place in workflows/deployment.py.
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
