"""The detail of a deployment about its last step, besides terraform's own errors."""

from deployments.phase import TERRAFORM_PHASES
from deployments.step import StepOutcome, StepResult, StopCause

__all__ = ["is_disk_full", "step_detail"]

# Of Go's runtime on Linux, in the detail of a diagnostic: ENOSPC and EDQUOT.
_DISK_ERRORS = ("no space left on device", "disk quota exceeded")
# Its detail is the output of a program, which may write to another machine's disk.
_PROVISIONER = "provisioner error"


def is_disk_full(step: StepResult) -> bool:
    """Whether a full disk of the host ended the step."""
    if step.outcome is StepOutcome.DONE:
        return False
    return (
        step.stop is StopCause.DISK_FULL
        or (step.disk_full and step.outcome is not StepOutcome.STOPPED)
        or any(
            error in diagnostic.detail
            for diagnostic in step.diagnostics
            for error in _DISK_ERRORS
            if not diagnostic.summary.endswith(_PROVISIONER)
        )
    )


def step_detail(step: StepResult) -> str:
    """Sentences about a death of terraform, a full disk, an exceeded limit; else the error."""
    sentences = [step.death] if step.death else []
    if is_disk_full(step):
        sentences.append("The disk of the host was full.")
    if limit := _limit(step):
        sentences.append(limit)
    if step.error:
        sentences.append(step.error)
    return " ".join(sentences)


def _limit(step: StepResult) -> str:
    """The limit that ended the step, and how to raise it."""
    if step.stop is StopCause.DEADLINE and step.limit_seconds:
        return (
            f"The limit of {step.limit_seconds} s for {step.phase} was exceeded: deploy with "
            f"timeouts.{step.phase}_seconds, or `anava deploy --{step.phase}-seconds`, to raise it."
        )
    if step.stop is StopCause.NO_PROGRESS and step.limit_seconds:
        name = TERRAFORM_PHASES[step.phase].no_progress_limit.upper()
        return (
            f"Terraform printed nothing and hardly used the processor or the network for "
            f"{step.limit_seconds} s: an operator can raise the limit by ANAVA_PHASES__{name}."
        )
    return ""
