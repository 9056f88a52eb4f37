"""A state file's version: lineage, serial and number of resources."""

import json

from deployments.errors import Unavailable
from deployments.stack_record import StatePosition

__all__ = ["complete_position", "continues", "position_of"]


def position_of(state: bytes) -> StatePosition:
    """Return the version of a state; a missing state has no lineage.

    Raises:
        Unavailable: the state is damaged.
    """
    if not state:
        return StatePosition()
    try:
        content = json.loads(state)
        managed = [resource for resource in content["resources"] if resource["mode"] == "managed"]
        instances = sum(len(resource["instances"]) for resource in managed)
        return StatePosition(str(content["lineage"]), int(content["serial"]), instances)
    except (ValueError, LookupError, TypeError):
        raise Unavailable("The state is damaged: the file is no state of terraform.") from None


def complete_position(state: bytes) -> StatePosition | None:
    """Return the version of a state; None for a missing, cut or damaged state."""
    try:
        position = position_of(state)
    except Unavailable:
        return None
    return position if position.lineage else None


def continues(stored: StatePosition | None, state: StatePosition | None) -> bool:
    """Whether a complete state is a later version of the stored state, or nothing is stored."""
    if state is None or not state.lineage:
        return False
    if stored is None or not stored.lineage:
        return True
    return stored.lineage == state.lineage and stored.serial < state.serial
