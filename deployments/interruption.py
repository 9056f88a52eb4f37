"""An earlier deployment of a stack that ended without a result."""

from dataclasses import dataclass, field, replace

from deployments.findings import Finding, Severity, finding
from deployments.phase import Phase
from deployments.reasons import Reason

__all__ = ["Interruption"]


@dataclass(frozen=True)
class Interruption:
    """A deployment whose workflow ended or disappeared before the deployment did.

    `step` and `phase` are those of the last step, 0 and the queue before the first. `lost`:
    Temporal does not know the deployment. `unrecorded`, `unknown` and `inconclusive` as in
    `results.Reconciliation`.
    """

    deployment: str
    step: int
    phase: Phase
    lost: bool = False
    unrecorded: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    inconclusive: bool = False

    def finding(self) -> Finding:
        """The warning of the stack's next deployment."""
        message = (
            f"The earlier deployment {self.deployment} ended without a result, {self._place()}. "
            f"{self._left()}"
        )
        warning = finding(self._cause(), message, Severity.WARNING)
        return replace(warning, detail="\n".join([*self.unrecorded, *self.unknown]))

    def _place(self) -> str:
        return f"in step {self.step} ({self.phase})" if self.step else "before its first step"

    def _cause(self) -> Reason:
        if self.unrecorded:
            return Reason.UNRECORDED_RESOURCES
        return Reason.OUTCOME_UNKNOWN if self.unknown or self.inconclusive else Reason.NONE

    def _left(self) -> str:
        if self.inconclusive:
            return "It is not known which resources it made."
        left = [
            f"{len(names)} {text}"
            for names, text in (
                (self.unrecorded, "resources were made that the stack's state does not contain"),
                (self.unknown, "resources have an unknown outcome"),
            )
            if names
        ]
        return f"{'; '.join(left)}." if left else "The stack's state contains all that it made."
