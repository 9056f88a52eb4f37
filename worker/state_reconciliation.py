"""State reconciliation: the progress of an interrupted apply compared with Terraform's state."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from adapters.local import atomic_files
from adapters.local.progress import PROGRESS_FILE
from deployments.results import Reconciliation, Recovery
from deployments.step import ResourceStatus

__all__ = ["addresses_in", "compare_with_state", "reconcile"]

_RECORDED_ACTIONS = frozenset({"create", "update", "replace", "import"})


def reconcile(step_folder: Path, state: bytes | None, recovery: Recovery) -> Reconciliation:
    """Compare the resources that terraform reported complete with the resources in a state.

    Args:
        step_folder: the folder of the apply, whose log is sealed, so the progress is final.
        state: the state in the store, or the state that a recovery saves later; None where the
            store does not answer, so that the result is inconclusive and names every resource.
        recovery: the recovery of the state.
    """
    progress = atomic_files.read(step_folder / PROGRESS_FILE) or {}
    listed = progress.get("resources", [])
    resources = listed if isinstance(listed, list) else []
    if state is None:
        comparison = compare_with_state(resources, set())
        unknown = [*comparison.unrecorded, *comparison.unknown]
        return Reconciliation(unknown=unknown, inconclusive=True)
    comparison = compare_with_state(resources, addresses_in(state))
    unsaved = addresses_in(state) if recovery is Recovery.PENDING else set()
    made = compare_with_state(resources, set()).unrecorded
    return replace(
        comparison, recovery=recovery, unsaved=[address for address in made if address in unsaved]
    )


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
