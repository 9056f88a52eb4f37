"""State reconciliation: the progress of an interrupted apply compared with Terraform's state."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from adapters.local import atomic_files
from adapters.local.progress import PROGRESS_FILE
from adapters.terraform import command
from adapters.terraform.run_command import run_command
from adapters.terraform.state import errored
from deployments.results import Reconciliation
from deployments.step import ResourceStatus, SilentChange
from worker.steps.event_log import SPOOL_FILE

__all__ = ["ReconciliationInput", "addresses_in", "compare_with_state", "reconcile"]

_RECORDED_ACTIONS = frozenset({"create", "update", "replace", "import"})


@dataclass(frozen=True)
class ReconciliationInput:
    """Folders and terraform of the apply; `errored_states` is a folder for operators alone.

    `silent` are the changes of the state alone that the apply's plan has.
    """

    work: Path
    step_folder: Path
    errored_states: Path
    terraform: str
    environment: Mapping[str, str]
    silent: Sequence[SilentChange] = ()


async def reconcile(inputs: ReconciliationInput) -> Reconciliation:
    """Compare the resources that terraform reported complete with the resources in the state.

    The step's log is sealed, so the progress is final. A state that cannot be read makes the result
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
    progress = atomic_files.read(inputs.step_folder / PROGRESS_FILE) or {}
    resources = progress.get("resources", [])
    recorded = addresses_in(pulled.output)
    reconciliation = compare_with_state(resources if isinstance(resources, list) else [], recorded)
    silent = [change for change in inputs.silent if change.is_in(recorded)]
    return replace(reconciliation, silent=silent)


def compare_with_state(
    resources: Sequence[Mapping[str, object]], recorded: set[str]
) -> Reconciliation:
    """Compare an apply's resources with the addresses in the state."""
    made = [
        str(resource["address"])
        for resource in resources
        if resource["status"] == ResourceStatus.DONE and resource["action"] in _RECORDED_ACTIONS
    ]
    # A resource whose delete had begun and that is not in the state was deleted.
    begun = [
        str(resource["address"])
        for resource in resources
        if resource["status"] == ResourceStatus.RUNNING and resource["action"] != "delete"
    ]
    return Reconciliation(
        unrecorded=[address for address in made if address not in recorded],
        unknown=[address for address in begun if address not in recorded],
    )


def addresses_in(state: bytes) -> set[str]:
    """The addresses of all managed resources in a state; empty for an empty or broken state."""
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
