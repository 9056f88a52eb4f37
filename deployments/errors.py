"""Every error this service raises on purpose.

Two edges translate them and nobody else: `api/problems.py` (to HTTP) and
`activities/failures.py` (to Temporal).

Tree:

    AnavaError
      InvalidRequest
        NotAvailable
        IdempotencyKeyReused
      NotFound
        PlanNotReady
        AcapConfigMissing
      PlanTooLarge
      AcapConfigIncomplete
      LinkRefused
        LinkExpired
      AlreadyFinished
      LogNotSealed
      SignInExpired
      Unavailable
        TemporalUnavailable
      InvalidSettings
      HostFault
        TerraformUnusable
        RunDirectoryBroken
        PlanChanged
        LogGap
        SecretsUnreadable
      StepMoved
        Fenced
        AttemptGone
        HandedOver
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

__all__ = [
    "AcapConfigIncomplete",
    "AcapConfigMissing",
    "AlreadyFinished",
    "AnavaError",
    "AttemptGone",
    "Audience",
    "Fenced",
    "FieldProblem",
    "HandedOver",
    "HostFault",
    "IdempotencyKeyReused",
    "InvalidRequest",
    "InvalidSettings",
    "LinkExpired",
    "LinkRefused",
    "LogGap",
    "LogNotSealed",
    "NotAvailable",
    "NotFound",
    "PlanChanged",
    "PlanNotReady",
    "PlanTooLarge",
    "RunDirectoryBroken",
    "SecretsUnreadable",
    "SignInExpired",
    "StepMoved",
    "TemporalUnavailable",
    "TerraformUnusable",
    "Unavailable",
]


class Audience(StrEnum):
    """Who can do something about an error."""

    USER = "user"
    OPERATOR = "operator"


@dataclass(frozen=True)
class FieldProblem:
    """One wrong field of a request: where (JSON pointer), a code and a sentence."""

    pointer: str
    code: str
    message: str


class AnavaError(Exception):
    """Something this service refuses or cannot do."""

    retryable: ClassVar[bool] = False
    audience: ClassVar[Audience] = Audience.USER
    next_step: ClassVar[str] = "Read the detail; if it does not help, ask an operator."


class InvalidRequest(AnavaError):
    """The request breaks a rule that its sender can read in the documentation."""

    next_step = "Correct the named fields and send the request again."

    def __init__(self, message: str, *problems: FieldProblem) -> None:
        super().__init__(message)
        self.problems = problems


class NotAvailable(InvalidRequest):
    """The value is part of the design, but this version cannot do it yet."""

    next_step = "Leave the field out or use a value that this version offers."


class IdempotencyKeyReused(InvalidRequest):
    """The key was used before, with another body."""

    next_step = "Use a new Idempotency-Key for a new deployment."


class NotFound(AnavaError):
    """There is no such thing, or it belongs to somebody else."""

    next_step = "Check the id; list your deployments to see what there is."


class PlanNotReady(NotFound):
    """The deployment has no plan that could be shown."""

    next_step = "Ask again when the phase is past plan; one that ended before it never has a plan."


class AcapConfigMissing(NotFound):
    """The deployment has no camera configuration, or none yet."""

    next_step = "Ask for it of a deployment that has completed; those of the sandbox have none."


class PlanTooLarge(AnavaError):
    """The plan is too large to be shown as one answer."""

    next_step = "Download the artifact plan.json or plan.txt instead."


class AcapConfigIncomplete(AnavaError):
    """Outputs that the camera configuration is made of were not recorded."""

    next_step = "Deploy the stack again; when that has completed, its configuration is whole."

    def __init__(self, message: str, *problems: FieldProblem) -> None:
        super().__init__(message)
        self.problems = problems


class LinkRefused(AnavaError):
    """A download link was not made by this service for what it is used for."""

    next_step = "Ask for the artifact again and follow the new link as it is."


class LinkExpired(LinkRefused):
    """A download link is older than it may be."""


class AlreadyFinished(AnavaError):
    """The deployment has ended, so nothing can be asked of it any more."""

    next_step = "Start a new deployment of the stack."


class LogNotSealed(AnavaError):
    """The log has no seal, or none yet, that its copies could be compared with."""

    next_step = "Ask again when it has ended; one that an operator terminated never gets a seal."


class SignInExpired(AnavaError):
    """Google does not accept the sign-in, or there is none."""

    next_step = "Sign in with Google again, then repeat the request."


class Unavailable(AnavaError):
    """A part this service needs does not answer just now."""

    retryable = True
    audience = Audience.OPERATOR
    next_step = "Try again in a few seconds; running deployments are not affected."


class TemporalUnavailable(Unavailable):
    """Temporal does not answer."""

    next_step = "Check that the Temporal server is up; what runs goes on meanwhile."


class InvalidSettings(AnavaError):
    """The settings contradict each other or name something that is not there."""

    audience = Audience.OPERATOR
    next_step = "Correct the setting that the message names and start again."


class HostFault(AnavaError):
    """This host cannot run terraform as it should."""

    audience = Audience.OPERATOR
    next_step = "Look at the host named in the deployment: docs/runbooks/host-fault.md."


class TerraformUnusable(HostFault):
    """The terraform binary or its provider mirror is missing, too old or broken."""

    next_step = "Install terraform 1.9 or newer, or set ANAVA_TERRAFORM__BINARY."


class RunDirectoryBroken(HostFault):
    """A file in the run directory is missing or cannot be understood."""


class PlanChanged(HostFault):
    """The plan file is not the one that was planned (its sha256 differs)."""

    next_step = "Somebody changed the run directory; deploy again and find out who."


class LogGap(HostFault):
    """A chunk does not follow the last line that the log holds."""


class SecretsUnreadable(HostFault):
    """What the API encrypted cannot be read on this host."""

    next_step = (
        "Give API and workers the same ANAVA_SECRETS__KEYS, or one data folder; deploy again."
    )


class StepMoved(AnavaError):
    """Somebody else owns this step now; the one who reads this must let go."""

    audience = Audience.OPERATOR
    next_step = "Nothing to do: the other owner goes on."


class Fenced(StepMoved):
    """A claim with a higher epoch exists."""


class AttemptGone(StepMoved):
    """Temporal does not know the activity attempt any more."""


class HandedOver(StepMoved):
    """This worker is going; the next one goes on with the step."""
