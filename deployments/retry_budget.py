"""How long a deployment goes on in spite of refusals."""

from deployments.refusal_causes import Action
from deployments.timings import RetryLimits

__all__ = ["RetryBudget"]


class RetryBudget:
    """Counts a deployment's tries; every answer is a function of what it was told before."""

    def __init__(self, limits: RetryLimits) -> None:
        self._limits = limits
        self._began_at: dict[Action, float] = {}
        self._tries: dict[Action, int] = {}

    @property
    def tries(self) -> int:
        """How many tries it has granted."""
        return sum(self._tries.values())

    def pause(self, action: Action, now: float) -> int | None:
        """Seconds until the next try, after a refusal at `now`; None: there is none."""
        tried = self._tries.get(action, 0)
        waited = now - self._began_at.setdefault(action, now)
        if not self._is_worth_it(action, tried, waited):
            return None
        self._tries[action] = tried + 1
        limits = self._limits
        return min(limits.first_pause_seconds << tried, limits.longest_pause_seconds)

    def _is_worth_it(self, action: Action, tried: int, waited: float) -> bool:
        limits = self._limits
        if action is Action.WAIT:
            return waited < limits.propagation_seconds
        if action is Action.IMPORT:
            return tried < limits.most_imports
        return action is Action.RETRY and tried < limits.most and waited < limits.total_seconds
