"""The identity of an activity attempt, which a step's claim stores."""

from dataclasses import dataclass

from deployments.phase import Phase

__all__ = ["ActivityToken"]


@dataclass(frozen=True)
class ActivityToken:
    """The activity attempt that a step belongs to; `token` is Temporal's task token.

    `may_start` is true only in the first attempt of the first scheduling. Every other attempt
    attaches to the step's folder and starts no terraform.
    """

    token: bytes
    attempt: int
    workflow_id: str
    run_id: str
    phase: Phase
    may_start: bool
