"""`step.json`: the order of a step, written once, read by the runner and by every worker."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import msgspec

from adapters.local import atomic_files
from deployments.errors import RunDirectoryBroken
from deployments.phase import Phase
from deployments.step import StepOrder, StopCause

__all__ = ["ORDER_FILE", "find_order", "read_order", "write_order"]

ORDER_FILE = "step.json"


class StoredOrder(msgspec.Struct):
    """The fields of `step.json` that the worker reads."""

    phase: Phase
    argv: list[str]
    environment: dict[str, str]
    lease_seconds: int
    credential_ref: str = ""
    project_id: str = ""
    deadline_seconds: int = 0
    no_progress_seconds: int = 0

    def limit_seconds(self, cause: StopCause | None) -> int:
        """The limit behind a stop; 0 where no limit was exceeded."""
        limits = {
            StopCause.DEADLINE: self.deadline_seconds,
            StopCause.NO_PROGRESS: self.no_progress_seconds,
        }
        return limits.get(cause, 0) if cause else 0


def read_order(folder: Path) -> StoredOrder:
    """Read a step's order; raises RunDirectoryBroken where missing or malformed."""
    order = find_order(folder)
    if order is None:
        raise RunDirectoryBroken(f"{ORDER_FILE} is missing")
    return order


def find_order(folder: Path) -> StoredOrder | None:
    """Read a step's order, None where missing; raises RunDirectoryBroken where malformed."""
    try:
        return msgspec.json.decode((folder / ORDER_FILE).read_bytes(), type=StoredOrder)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        raise RunDirectoryBroken(f"{ORDER_FILE}: {error}") from None


def write_order(
    folder: Path, order: StepOrder, argv: Sequence[str], environment: Mapping[str, str]
) -> None:
    """Write the order with terraform's command and environment; an existing file stays."""
    atomic_files.create(
        folder / ORDER_FILE,
        {
            "deployment": order.key.deployment,
            "step": order.key.step,
            "phase": order.phase,
            "argv": argv,
            "environment": environment,
            "deadline_seconds": order.deadline_seconds,
            "lease_seconds": order.lease_seconds,
            "no_progress_seconds": order.no_progress_seconds,
            "ladder": asdict(order.ladder),
            "credential_ref": order.credential_ref,
            "project_id": order.project_id,
        },
    )
