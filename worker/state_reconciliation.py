"""State reconciliation: the progress of an interrupted apply compared with Terraform's state."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from pathlib import Path

from adapters.terraform.output.events import LineSplitter
from adapters.terraform.output.messages import decode
from adapters.terraform.output.progress import ProgressAccumulator
from adapters.terraform.state.addresses import comparable_address, instance_address
from deployments.results import Reconciliation, Recovery
from deployments.step import Resource, ResourceStatus, SilentChange
from worker.steps.event_log import SPOOL_FILE
from worker.steps.exit_record import read_exit

__all__ = ["addresses_in", "compare_with_state", "reconcile", "tainted_in"]

# Amortises the system call; an incomplete line takes memory in addition.
_READ_BYTES = 1024 * 1024

_RECORDED_ACTIONS = frozenset({"create", "update", "replace", "import"})
_BEGUN = frozenset({ResourceStatus.RUNNING, ResourceStatus.FAILED})
# terraform, internal/states/statefile/version4.go
_TAINTED = "tainted"


def reconcile(
    step_folder: Path,
    state: bytes | None,
    recovery: Recovery,
    redact: Callable[[str], str] = str,
    plan_folder: Path | None = None,
) -> Reconciliation:
    """Compare the resources that terraform reported complete with the resources in a state.

    Args:
        step_folder: the folder of the apply, whose log is sealed, so the spool is complete.
        state: the state in the store, or the state that a recovery saves later; None where the
            store does not answer, so that the result is inconclusive and names every resource.
        recovery: the recovery of the state.
        redact: is applied to each address of the result, never before the comparison.
        plan_folder: the folder of the apply's plan.
    """
    # Not progress.json, whose addresses are redacted.
    resources = _progress_in(step_folder).resources()
    all_missing = compare_with_state(resources, set())
    if state is None:
        names = [*all_missing.unrecorded, *all_missing.unknown]
        return Reconciliation(unknown=list(map(redact, names)), inconclusive=True)
    statuses = _current_instances(state)
    recorded = statuses.keys()
    compared = compare_with_state(resources, recorded, _tainted(statuses))
    unsaved = [
        address
        for address in all_missing.unrecorded
        if recovery is Recovery.PENDING and address not in compared.unrecorded
    ]
    return Reconciliation(
        unrecorded=list(map(redact, compared.unrecorded)),
        unknown=list(map(redact, compared.unknown)),
        tainted=list(map(redact, compared.tainted)),
        unsaved=list(map(redact, unsaved)),
        recovery=recovery,
        # A full disk refused lines of terraform, so resources may be missing here.
        inconclusive=_has_hole(step_folder),
        silent=[
            replace(change, address=redact(change.address))
            for change in _progress_in(plan_folder).silent()
            if _is_made(change, recorded)
        ],
    )


def _has_hole(step_folder: Path) -> bool:
    record = read_exit(step_folder)
    return record is not None and record.spool_hole is not None


def compare_with_state(
    resources: Sequence[Resource],
    recorded: AbstractSet[str],
    tainted: AbstractSet[str] = frozenset(),
) -> Reconciliation:
    """Compare an apply's resources, none of them redacted, with the addresses in the state.

    `tainted` are those of the recorded addresses that the state marks so.
    """
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
        # A resource that was tainted before, and that the apply did not reach, is planned.
        tainted=[
            resource.address
            for resource in resources
            if resource.status in _BEGUN and comparable_address(resource.address) in tainted
        ],
    )


def addresses_in(state: bytes) -> set[str]:
    """The comparable addresses of all managed objects; empty for an empty or broken state."""
    return {address for address, _ in _objects(state)}


def tainted_in(state: bytes) -> set[str]:
    """The comparable addresses that a state marks as tainted: the next plan replaces them."""
    return _tainted(_current_instances(state))


def _tainted(statuses: Mapping[str, str]) -> set[str]:
    return {address for address, status in statuses.items() if status == _TAINTED}


def _current_instances(state: bytes) -> dict[str, str]:
    """The status of each instance by its address.

    A deposed object is no instance: it waits for its deletion beside the one that replaces it.
    """
    return {
        address: instance.get("status", "")
        for address, instance in _objects(state)
        if not instance.get("deposed")
    }


def _objects(state: bytes) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Address and content of each managed object; none of an empty or broken state."""
    try:
        content = json.loads(state or b"{}")
    except ValueError:
        return
    for resource in content.get("resources", ()):
        if resource.get("mode") == "managed":
            for instance in resource.get("instances", ()):
                yield instance_address(resource, instance), instance


def _is_made(change: SilentChange, recorded: AbstractSet[str]) -> bool:
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
