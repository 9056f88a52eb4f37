"""What is true after an abnormal end: the journal of the apply against Terraform's state."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from adapters.local import atomic_files
from adapters.terraform import command
from adapters.terraform.run_command import run_command
from adapters.terraform.state import errored
from deployments.results import Reconciliation
from deployments.step import ResourceStatus
from worker.steps.event_log import PROGRESS_FILE, SPOOL_FILE

__all__ = ["ReconciliationInput", "addresses_in", "compare_with_state", "reconcile"]

_MAKES = frozenset({"create", "update", "replace", "import"})


@dataclass(frozen=True)
class ReconciliationInput:
    """Where the apply ran and with what; `rescued` is a folder for operators alone."""

    work: Path
    step_folder: Path
    rescued: Path
    terraform: str
    environment: Mapping[str, str]


async def reconcile(inputs: ReconciliationInput) -> Reconciliation:
    """Compare what was reported complete with what the state holds.

    The step's log is closed: its progress is final. A state that does not answer leaves it
    unsure; it is never taken for an empty one. A state that terraform could not write is kept for
    operators and pushed back first. An empty one never is: pushing it would drop everything
    (DESIGN section 5).

    Raises:
        TerraformUnusable: terraform does not answer.
    """
    unsaved = await asyncio.to_thread(
        errored.read_errored_state, inputs.work, inputs.step_folder / SPOOL_FILE
    )
    if addresses_in(unsaved):
        kept = await asyncio.to_thread(errored.preserve, unsaved, inputs.rescued)
        # When it is refused, the state below tells what is not recorded.
        await run_command(
            [inputs.terraform, "state", "push", str(kept)], inputs.environment, inputs.work
        )
    pulled = await run_command(
        command.state_argv(inputs.terraform), inputs.environment, inputs.work
    )
    if pulled.exit_code:
        return Reconciliation(inconclusive=True)
    progress = atomic_files.read(inputs.step_folder / PROGRESS_FILE) or {}
    resources = progress.get("resources", [])
    return compare_with_state(
        resources if isinstance(resources, list) else [], addresses_in(pulled.output)
    )


def compare_with_state(
    resources: Sequence[Mapping[str, object]], recorded: set[str]
) -> Reconciliation:
    """The journal against the state, both as values."""
    made = [
        str(resource["address"])
        for resource in resources
        if resource["status"] == ResourceStatus.DONE and resource["action"] in _MAKES
    ]
    # What is gone from the state after its delete had begun was deleted.
    begun = [
        str(item["address"])
        for item in resources
        if item["status"] == ResourceStatus.RUNNING and item["action"] != "delete"
    ]
    return Reconciliation(
        unrecorded=[address for address in made if address not in recorded],
        unknown=[address for address in begun if address not in recorded],
    )


def addresses_in(state: bytes) -> set[str]:
    """Addresses of all managed resources in a state; empty for none or a broken one."""
    try:
        content = json.loads(state or b"{}")
    except ValueError:
        return set()
    return {
        _address(resource, instance)
        for resource in content.get("resources", ())
        if resource.get("mode") == "managed"
        for instance in resource.get("instances", ())
    }


def _address(resource: Mapping[str, object], instance: Mapping[str, object]) -> str:
    module = f"{resource['module']}." if resource.get("module") else ""
    key = instance.get("index_key")
    index = "" if key is None else f"[{json.dumps(key, ensure_ascii=False)}]"
    return f"{module}{resource['type']}.{resource['name']}{index}"
