"""The values that all steps on a host share."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from adapters.local.inotify import FileChanges
from adapters.redaction import Redactor
from adapters.terraform import command
from adapters.terraform.state.backends import StateBackends
from deployments.step import StepOrder
from deployments.typical_durations import TypicalDurations
from worker.owner_bytes import OwnerBytes

__all__ = ["HostContext"]


@dataclass(frozen=True)
class HostContext:
    """Terraform, worker and adapters of a host; `google` is the address of a Google stand-in.

    `inherited` is what each child process gets besides its own environment: the path of shared
    libraries, which the interpreter of the runner may need, proxy and certificate authorities.
    `log_limit_bytes` is the limit for the log of a deployment; `owners` is the count of the worker.
    """

    workers: Path
    worker: str
    terraform: str
    path: str
    cli_config: Path
    changes: FileChanges
    redactor: Callable[[str], Redactor]
    states: StateBackends
    durations: Callable[[], TypicalDurations]
    owners: OwnerBytes
    google: str | None = None
    inherited: Mapping[str, str] = field(default_factory=dict)
    log_limit_bytes: int = sys.maxsize

    def environment(self, home: Path) -> dict[str, str]:
        """Terraform's complete environment, for the home folder of a deployment."""
        common = command.environment(home, self.cli_config, self.path)
        return {**common, **self.inherited, **self.states.terraform_environment()}

    def step_environment(self, order: StepOrder, home: Path) -> dict[str, str]:
        """Terraform's environment for a step, with the stand-in's address where one is set."""
        common = self.environment(home)
        if not (order.credential_ref and self.google):
            return common
        return {**common, **command.provider_environment(self.google)}
