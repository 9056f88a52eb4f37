"""State reconciliation: the progress of an interrupted apply compared with Terraform's state."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from adapters.terraform import command
from adapters.terraform.output.events import LineSplitter
from adapters.terraform.output.messages import ProgressAccumulator, decode
from adapters.terraform.run_command import run_command
from adapters.terraform.state import errored
from adapters.terraform.state.addresses import comparable_address, instance_address
from deployments.results import Reconciliation
from deployments.step import Resource, ResourceStatus, SilentChange
from worker.steps.event_log import SPOOL_FILE

__all__ = ["ReconciliationInput", "addresses_in", "compare_with_state", "reconcile"]

# Amortises the system call; an incomplete line takes memory in addition.
_READ_BYTES = 1024 * 1024

_RECORDED_ACTIONS = frozenset({"create", "update", "replace", "import"})


@dataclass(frozen=True)
class ReconciliationInput:
    """Folders and terraform of the apply; `errored_states` is a folder for operators alone.

    `redact` is applied to each address of the result, never before the comparison. `plan_folder` is
    that of the apply's plan.
    """

    work: Path
    step_folder: Path
    errored_states: Path
    terraform: str
    environment: Mapping[str, str]
    redact: Callable[[str], str] = str
    plan_folder: Path | None = None


async def reconcile(inputs: ReconciliationInput) -> Reconciliation:
    """Compare the resources that terraform reported complete with the resources in the state.

    The step's log is sealed, so the spool is complete. A state that cannot be read makes the result
    inconclusive; such a state never counts as empty. A state that terraform could not write is
    first preserved for operators and pushed. An empty state is never pushed: a push would drop all
    resources. Raises TerraformUnusable when terraform does not answer.
    """
    errored_state = await asyncio.to_thread(
        errored.read_errored_state, inputs.work, inputs.step_folder / SPOOL_FILE
    )
    if addresses_in(errored_state):
        file = await asyncio.to_thread(errored.preserve, errored_state, inputs.errored_states)
        # After a refused push, the comparison below reports the unrecorded resources.
        await run_command(
            [inputs.terraform, "state", "push", str(file)], inputs.environment, inputs.work
        )
    pulled = await run_command(
        command.state_argv(inputs.terraform), inputs.environment, inputs.work
    )
    if pulled.exit_code:
        return Reconciliation(inconclusive=True)
    # Not progress.json, whose addresses are redacted.
    apply = await asyncio.to_thread(_progress_in, inputs.step_folder)
    plan = await asyncio.to_thread(_progress_in, inputs.plan_folder)
    recorded = addresses_in(pulled.output)
    compared = compare_with_state(apply.resources(), recorded)
    return replace(
        compared,
        unrecorded=[inputs.redact(address) for address in compared.unrecorded],
        unknown=[inputs.redact(address) for address in compared.unknown],
        silent=[
            replace(change, address=inputs.redact(change.address))
            for change in plan.silent()
            if _is_made(change, recorded)
        ],
    )


def compare_with_state(resources: Sequence[Resource], recorded: set[str]) -> Reconciliation:
    """Compare an apply's resources, none of them redacted, with the addresses in the state."""
    missing = [
        resource for resource in resources if comparable_address(resource.address) not in recorded
    ]
    return Reconciliation(
        unrecorded=[
            resource.address
            for resource in missing
            if resource.status is ResourceStatus.DONE and resource.action in _RECORDED_ACTIONS
        ],
        # A resource whose delete had begun and that is not in the state was deleted.
        unknown=[
            resource.address
            for resource in missing
            if resource.status is ResourceStatus.RUNNING and resource.action != "delete"
        ],
    )


def addresses_in(state: bytes) -> set[str]:
    """The comparable addresses of all managed resources; empty for an empty or broken state."""
    try:
        content = json.loads(state or b"{}")
    except ValueError:
        return set()
    return {
        instance_address(resource, instance)
        for resource in content.get("resources", ())
        if resource.get("mode") == "managed"
        for instance in resource.get("instances", ())
    }


def _is_made(change: SilentChange, recorded: set[str]) -> bool:
    """Whether a state with these addresses has the change."""
    is_recorded = comparable_address(change.address) in recorded
    return is_recorded is (change.action != "remove")


def _progress_in(step_folder: Path | None) -> ProgressAccumulator:
    """The progress of an ended step, nothing redacted; empty where terraform never started."""
    progress = ProgressAccumulator()
    spool = step_folder / SPOOL_FILE if step_folder else None
    for line in _lines(spool) if spool is not None and spool.is_file() else ():
        if message := decode(line):
            progress.add(message)
    return progress


def _lines(spool: Path) -> Iterator[bytes]:
    splitter = LineSplitter()
    with spool.open("rb") as file:
        while data := file.read(_READ_BYTES):
            yield from (line for line, _ in splitter.split(data))
    yield from (line for line, _ in splitter.flush())
