"""The retry budget of a deployment: how often refusals are followed by another try."""

from deployments.cause_rows import Action
from deployments.reasons import Reason
from deployments.timings import RetryLimits

__all__ = ["LAST_STEP_WITH_RETRY", "RetryBudget"]

# After this step no further try begins. A try has 12 steps at most, so the history holds input and
# result of 262 steps and of 65 surveys: at most 38 MB in payloads of 64 KiB, where Temporal ends a
# workflow at 50 MB, and 12,000 events, where Temporal ends a workflow at 51,200.
LAST_STEP_WITH_RETRY = 250


class RetryBudget:
    """Counts a deployment's tries. Deterministic: the caller gives the time."""

    def __init__(self, limits: RetryLimits) -> None:
        self._limits = limits
        self._began_at: dict[tuple[Action, Reason, str], float] = {}
        self._tries: dict[tuple[Action, Reason, str], int] = {}

    @property
    def tries(self) -> int:
        """Number of granted tries."""
        return sum(self._tries.values())

    def pause(
        self,
        action: Action,
        now: float,
        steps: int = 0,
        reason: Reason = Reason.NONE,
        resource: str = "",
    ) -> int | None:
        """Seconds until the next try after a refusal at `now`; None when the budget is spent.

        `steps` is the number of steps so far. Each cause of a wait at each resource has the whole
        time for itself: a new project first waits for APIs, minutes later for roles of a build and
        for the API that its gateway makes.
        """
        if steps >= LAST_STEP_WITH_RETRY:
            return None
        cause = (action, reason, resource) if action is Action.WAIT else (action, Reason.NONE, "")
        tried = self._tries.get(cause, 0)
        elapsed = now - self._began_at.setdefault(cause, now)
        if not self._is_granted(action, tried, elapsed):
            return None
        self._tries[cause] = tried + 1
        limits = self._limits
        return min(limits.first_pause_seconds << tried, limits.longest_pause_seconds)

    def _is_granted(self, action: Action, tried: int, elapsed: float) -> bool:
        limits = self._limits
        if action is Action.WAIT:
            return elapsed < limits.propagation_seconds
        if action is Action.IMPORT:
            return tried < limits.most_imports
        return action is Action.RETRY and tried < limits.most and elapsed < limits.total_seconds
