"""What every step on a host shares: its terraform, its worker, its environment."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from adapters.google.provider_endpoints import provider_environment
from adapters.local.inotify import FileChanges
from adapters.redaction import Redactor
from adapters.terraform import command
from adapters.terraform.state.backends import StateBackends
from deployments.step import StepOrder
from deployments.typical_durations import TypicalDurations

__all__ = ["HostContext"]


@dataclass(frozen=True)
class HostContext:
    """What every step on a host shares; `google` is a server in place of Google's."""

    workers: Path
    worker: str
    terraform: str
    path: str
    cli_config: Path
    changes: FileChanges
    redactor: Callable[[str], Redactor]
    states: StateBackends
    durations: Callable[[], TypicalDurations]
    google: str | None = None

    def environment(self, home: Path) -> dict[str, str]:
        """Terraform's whole environment, for one deployment's home."""
        ours = command.environment(home, self.cli_config, self.path)
        return {**ours, **self.states.terraform_environment()}

    def environment_of(self, order: StepOrder, home: Path) -> dict[str, str]:
        """The same for a step; one that asks Google is told where."""
        ours = self.environment(home)
        if not (order.credential_ref and self.google):
            return ours
        return {**ours, **provider_environment(self.google)}
