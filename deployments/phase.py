"""The phases of a deployment."""

from enum import StrEnum

__all__ = ["Phase"]


class Phase(StrEnum):
    """What a deployment is busy with, in this order."""

    QUEUE = "queue"
    PREFLIGHT = "preflight"
    INIT = "init"
    PLAN = "plan"
    APPROVAL = "approval"
    APPLY = "apply"
    FINALIZE = "finalize"
