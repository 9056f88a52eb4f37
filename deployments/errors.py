"""Every error that this service raises on purpose.

Only two places translate them: `api/problems.py` to HTTP, `activities/failures.py` to Temporal.

Tree:

    AnavaError
      InvalidRequest
        NotAvailable
        IdempotencyKeyReused
      NotFound
        PlanNotReady
        AcapConfigMissing
        OnAnotherHost
        Expired
      PlanTooLarge
      AcapConfigIncomplete
      LinkRefused
        LinkExpired
      AlreadyFinished
      LogNotSealed
      LimitReached
        TooManyDeployments
        TooManyCreates
      SignInExpired
      Unavailable
        TemporalUnavailable
        LogGap
        StateUnreachable
      InvalidSettings
      HostFault
        TerraformUnusable
        RunDirectoryBroken
        PlanChanged
        SecretsUnreadable
        DiskFull
        StateOnAnotherHost
        StateBeingRecovered
        StateReplaced
      NotAcceptedByApi
      RecordUnreadable
      CostsUnreadable
      StepMoved
        Fenced
        AttemptGone
        HandedOver
"""

from dataclasses import dataclass
from typing import ClassVar

from deployments.open_enum import OpenEnum

__all__ = [
    "AcapConfigIncomplete",
    "AcapConfigMissing",
    "AlreadyFinished",
    "AnavaError",
    "AttemptGone",
    "Audience",
    "CostsUnreadable",
    "DiskFull",
    "Expired",
    "Fenced",
    "FieldProblem",
    "HandedOver",
    "HostFault",
    "IdempotencyKeyReused",
    "InvalidRequest",
    "InvalidSettings",
    "LimitReached",
    "LinkExpired",
    "LinkRefused",
    "LogGap",
    "LogNotSealed",
    "NotAcceptedByApi",
    "NotAvailable",
    "NotFound",
    "OnAnotherHost",
    "PlanChanged",
    "PlanNotReady",
    "PlanTooLarge",
    "RecordUnreadable",
    "RunDirectoryBroken",
    "SecretsUnreadable",
    "SignInExpired",
    "StateBeingRecovered",
    "StateOnAnotherHost",
    "StateReplaced",
    "StateUnreachable",
    "StepMoved",
    "TemporalUnavailable",
    "TerraformUnusable",
    "TooManyCreates",
    "TooManyDeployments",
    "Unavailable",
]


class Audience(OpenEnum):
    """Who must act on an error."""

    USER = "user"
    OPERATOR = "operator"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class FieldProblem:
    """A wrong field of a request: a JSON pointer, a code and a sentence."""

    pointer: str
    code: str
    message: str


class AnavaError(Exception):
    """A request that this service refuses, or a failure with a known cause.

    `problems` are the fields that cause the error.
    """

    retryable: ClassVar[bool] = False
    # The pause before a retry; None for the pauses of Temporal's retry policy.
    retry_seconds: ClassVar[float | None] = None
    audience: ClassVar[Audience] = Audience.USER
    next_step: ClassVar[str] = "Read the detail; if it does not help, contact an operator."

    def __init__(self, message: str = "", *problems: FieldProblem) -> None:
        super().__init__(message)
        self.problems = problems


class InvalidRequest(AnavaError):
    """The request breaks a documented rule."""

    next_step = "Correct the named fields and send the request again."


class NotAvailable(InvalidRequest):
    """This version does not support the value yet."""

    next_step = "Omit the field or use a value that this version supports."


class IdempotencyKeyReused(InvalidRequest):
    """The idempotency key was used before with another body."""

    next_step = "Use a new Idempotency-Key for a new deployment."


class NotFound(AnavaError):
    """The resource does not exist, or belongs to another owner."""

    next_step = "Check the id against the list of your deployments."


class PlanNotReady(NotFound):
    """The deployment has no plan to show."""

    next_step = "Try again after the phase plan; a deployment that ended earlier has no plan."


class AcapConfigMissing(NotFound):
    """The deployment has no camera configuration, or none yet."""

    next_step = "Use a completed deployment; those of the sandbox have no camera configuration."


class OnAnotherHost(NotFound):
    """The data lie on the disk of another host, which this service cannot read."""

    next_step = (
        "Ask the service on that host, or let an operator set a store that all hosts share: "
        "ANAVA_LOG__SINKS, ANAVA_LOG__SOURCES and ANAVA_ARTIFACTS__STORE."
    )


class Expired(NotFound):
    """The data were deleted when their retention ended."""

    next_step = "Nothing to do: operators choose the retention, and deleted data do not return."


class PlanTooLarge(AnavaError):
    """The plan is too large for a single response."""

    next_step = "Download plan.json or plan.txt, unless the list of files says that it is left out."


class AcapConfigIncomplete(AnavaError):
    """Outputs for the camera configuration were not recorded."""

    next_step = "Deploy the stack again: the next completed deployment records all outputs."


class LinkRefused(AnavaError):
    """The download link was not issued by this service for this artifact."""

    next_step = "Request the artifact again and follow the new link unchanged."


class LinkExpired(LinkRefused):
    """The download link has expired."""


class AlreadyFinished(AnavaError):
    """The deployment has ended and takes no more actions."""

    next_step = "Start a new deployment of the stack."


class LogNotSealed(AnavaError):
    """The log is not complete yet, so the copies cannot be compared."""

    next_step = "Try again after the end; the log of a terminated deployment is never complete."


class LimitReached(AnavaError):
    """A limit of this service for its callers is reached."""

    next_step = "Send the request again after the time in the header Retry-After."

    def __init__(self, message: str = "", retry_seconds: float = 2.0) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_seconds


class TooManyDeployments(LimitReached):
    """You have too many deployments that wait or run."""

    next_step = "Wait until a deployment has ended, or cancel one, then send the request again."


class TooManyCreates(LimitReached):
    """You have started too many deployments in the last minute."""


class SignInExpired(AnavaError):
    """Google does not accept the sign-in, or the sign-in is missing."""

    next_step = "Sign in with Google again, then repeat the request."


class Unavailable(AnavaError):
    """A server that this service depends on does not answer."""

    retryable = True
    audience = Audience.OPERATOR
    next_step = "Try again in a few seconds; running deployments are not affected."


class TemporalUnavailable(Unavailable):
    """Temporal does not answer."""

    next_step = "Check that the Temporal server is up; running terraform is not affected."


class LogGap(Unavailable):
    """A store answers and lacks lines of the log, which another copy may have."""


class StateUnreachable(Unavailable):
    """The store of the stack's state does not answer."""

    next_step = "Check the store of the states: docs/runbooks/state-store.md."


class InvalidSettings(AnavaError):
    """Settings contradict each other or name something that does not exist."""

    audience = Audience.OPERATOR
    next_step = "Correct the setting that the message names and start again."


class HostFault(AnavaError):
    """This host cannot run terraform correctly."""

    audience = Audience.OPERATOR
    next_step = "Check the host that the deployment names: docs/runbooks/host-fault.md."


class TerraformUnusable(HostFault):
    """The terraform binary or the provider mirror is missing, too old or broken."""

    next_step = "Install terraform 1.9 or newer, or set ANAVA_TERRAFORM__BINARY."


class RunDirectoryBroken(HostFault):
    """A file in the run directory is missing or damaged."""


class PlanChanged(HostFault):
    """The plan file was changed after the plan (the sha256 differs)."""

    next_step = "Deploy again, and find out which process changed the run directory."


class SecretsUnreadable(HostFault):
    """A text cannot be decrypted: the process that encrypted the text has other keys."""

    next_step = (
        "Give API and workers the same ANAVA_SECRETS__KEYS, or one data folder; deploy again."
    )


class DiskFull(HostFault):
    """The disk of the host has too little free space."""

    next_step = "Free space on the host's disk: docs/runbooks/disk-full.md."


class StateOnAnotherHost(HostFault):
    """The stack's state lies elsewhere, so this host would make every resource again."""

    # A retry may reach the host that has the state: its worker polls the same task queue.
    retryable = True
    retry_seconds = 1.0
    next_step = "Deploy where the state lies, or move the state: docs/runbooks/state-store.md."


class StateBeingRecovered(HostFault):
    """A host has a later version of the state than the store."""

    next_step = "Deploy again when the store answers; the host then saves the state by itself."


class StateReplaced(HostFault):
    """Another state lies in place of the stack's state."""

    next_step = "Find the cause of the replacement: docs/runbooks/state-store.md."


class NotAcceptedByApi(AnavaError):
    """The work does not follow from a request that the API of this service accepted."""

    audience = Audience.OPERATOR
    next_step = "Find who reaches Temporal: docs/runbooks/not-accepted.md."


class RecordUnreadable(AnavaError):
    """The record was written by another program, so this service cannot read it."""

    audience = Audience.OPERATOR
    next_step = "Let an operator find who wrote it: docs/runbooks/not-accepted.md."


class CostsUnreadable(AnavaError):
    """The prices of a template break a rule of their format."""

    audience = Audience.OPERATOR
    next_step = "Correct the costs.json of the template, or remove it: then no costs are shown."


class StepMoved(AnavaError):
    """Another worker owns this step now; this worker must release the step."""

    audience = Audience.OPERATOR
    next_step = "Nothing to do: the other worker continues."


class Fenced(StepMoved):
    """A claim with a higher epoch exists."""


class AttemptGone(StepMoved):
    """Temporal has closed the activity attempt."""


class HandedOver(StepMoved):
    """This worker is shutting down; the next worker continues the step."""
