"""A state file's version: lineage, serial and number of resources."""

import json

from deployments.errors import Unavailable
from deployments.stack_record import StatePosition

__all__ = ["position_of"]


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
