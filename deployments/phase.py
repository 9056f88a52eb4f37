"""The phases of a deployment: one row of `PHASES` each."""

from dataclasses import dataclass

from deployments.limit import Limit
from deployments.open_enum import OpenEnum
from deployments.reasons import Reason

__all__ = ["PHASES", "PLAN_FILE", "TERRAFORM_PHASES", "Phase"]

PLAN_FILE = "plan.tfplan"

# How long plan and apply wait for a state lock: the terraform of a terminated deployment may still
# save the state. Below the no-progress limit of 2 minutes, since waiting prints a single line.
_LOCK_TIMEOUT = "-lock-timeout=60s"


class Phase(OpenEnum):
    """The phases, in order; `UNKNOWN` is before all, so that no phase counts as done."""

    UNKNOWN = "unknown"
    QUEUE = "queue"
    PREFLIGHT = "preflight"
    INIT = "init"
    PLAN = "plan"
    APPROVAL = "approval"
    APPLY = "apply"
    FINALIZE = "finalize"


@dataclass(frozen=True)
class TerraformPhase:
    """A phase that runs terraform: arguments, deadline, and the reason for each of three ends.

    The defaults of the deadlines are promised to customers; the maxima are twice the longest time
    that a customer's stack took, rounded up. `failed` holds where terraform's error has no known
    cause. `no_progress_limit` is the field of `Timings` behind `stalled`. Killing a phase that
    changes resources can lose state.
    """

    arguments: tuple[str, ...]
    deadline: Limit
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


# A new phase that runs terraform also needs its reasons in `reasons` and a place in
# workflows/deployment.py. Request, options of the command line and deadlines derive from the rows.
PHASES: dict[Phase, PhaseRow] = {
    Phase.UNKNOWN: PhaseRow("Running"),
    Phase.QUEUE: PhaseRow("Queued", "Queue"),
    Phase.PREFLIGHT: PhaseRow("Preparing"),
    Phase.INIT: PhaseRow(
        "Initialising",
        "Init",
        TerraformPhase(
            ("init", "-json", "-no-color", "-input=false"),
            Limit(300, "5 minutes: providers come from a mirror", 1, 1800),
            Reason.INIT_FAILED,
            Reason.INIT_TIMED_OUT,
            Reason.INIT_STALLED,
        ),
    ),
    Phase.PLAN: PhaseRow(
        "Planning",
        "Plan",
        TerraformPhase(
            (
                "plan",
                "-json",
                "-input=false",
                _LOCK_TIMEOUT,
                # Wins over terraform.tfvars and *.auto.tfvars; terraform evaluates no value.
                "-var-file=terraform.tfvars.json",
                f"-out={PLAN_FILE}",
            ),
            Limit(600, "10 minutes: a plan reads each resource", 1, 3600),
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
            ("apply", "-json", "-input=false", "-auto-approve", _LOCK_TIMEOUT, PLAN_FILE),
            Limit(2400, "40 minutes: Google takes minutes for a gateway", 1, 14_400),
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
