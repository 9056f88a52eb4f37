"""The record of a stack: where the state lies, and how far the state has come.

The record outlives the deployments of the stack. A host that reads another state than the recorded
one, or an older one, would make every resource of the stack again.
"""

from dataclasses import dataclass

from deployments.errors import StateBeingRecovered, StateOnAnotherHost, StateReplaced

__all__ = ["StackRecord", "StatePosition", "check_position"]


@dataclass(frozen=True)
class StatePosition:
    """A version of a state; terraform raises the serial with each change.

    A missing state has no lineage. `resources` is the number of managed resource instances.
    """

    lineage: str = ""
    serial: int = 0
    resources: int = 0


@dataclass(frozen=True)
class StackRecord:
    """The latest known version of a stack's state.

    `location` is where the state lies: the URL of a bucket's prefix, or `host:` and the id of the
    host whose disk has the state. `host` is the host that wrote the record. A state that is not
    `saved` lies on the disk of that host alone: the store did not answer. A stack without a state
    so far has no lineage.
    """

    location: str
    host: str
    lineage: str = ""
    serial: int = 0
    saved: bool = True


def check_position(
    record: StackRecord | None, location: str, position: StatePosition | None, host: str
) -> None:
    """Check that a state is the recorded state, or a later version wherever the state lies now.

    Args:
        record: the stack's record; None for a stack without a state.
        location: where this host reads and writes the state.
        position: the version of the state there; None while the store does not answer.
        host: the id of this host.

    Raises:
        StateOnAnotherHost: the state lies elsewhere, and was not moved here.
        StateBeingRecovered: the state is older than the record.
        StateReplaced: another state lies in place of the recorded state.
    """
    if record is None or _has_arrived(record, position):
        return
    if record.location != location:
        raise StateOnAnotherHost(_elsewhere(record, host))
    if not record.saved:
        raise StateBeingRecovered(f"Host {record.host} has a state that the store does not have.")
    if position is None or not record.lineage:
        return
    if position.lineage and position.lineage != record.lineage:
        raise StateReplaced(
            f"The state at {location} has the lineage {position.lineage}; the stack's state has "
            f"the lineage {record.lineage}."
        )
    raise StateBeingRecovered(
        f"The state at {location} has the serial {position.serial}; host {record.host} has seen "
        f"the serial {record.serial}."
    )


def _has_arrived(record: StackRecord, position: StatePosition | None) -> bool:
    """Whether a state contains all changes that the record names."""
    if position is None or not record.lineage:
        return False
    return position.lineage == record.lineage and position.serial >= record.serial


def _elsewhere(record: StackRecord, host: str) -> str:
    owner = record.location.removeprefix("host:")
    if owner != record.location:
        return f"The stack's state lies on host {owner}, and this deployment reached host {host}."
    return f"The stack's state lies in {record.location}, which host {host} does not use."
