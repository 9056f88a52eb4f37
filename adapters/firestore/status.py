"""The document `deployments/<id>` in Firestore, which a customer's web client follows.

`status.rules` permits the client to read documents of its own user id, and to write none.
"""

from collections.abc import Mapping
from datetime import timedelta

from google.api_core.exceptions import AlreadyExists, FailedPrecondition

from adapters.firestore.client import Firestore, translated
from deployments.deployment import Status
from deployments.execution import DeploymentSnapshot
from deployments.transitions import is_terminal

__all__ = ["FirestoreStatusMirror"]

# Firestore sustains 1 write per second to a document, over all writers.
_WRITE_INTERVAL = timedelta(seconds=1)
# Temporal's lists are late by less than this.
_MAX_LIST_LAG = timedelta(seconds=60)
_FIELDS = (
    *("tenant", "owner", "stack", "operation", "status", "phase", "reason"),
    *("created_at", "started_at", "ended_at"),
)
_TERMINAL = frozenset(status.value for status in Status if is_terminal(status))


class FirestoreStatusMirror:
    """Writes a status document per deployment, safe against concurrent writers."""

    def __init__(self, store: Firestore) -> None:
        self._store = store

    async def write(self, snapshot: DeploymentSnapshot) -> bool:
        """Write the document unless equal; return False if the write must wait.

        All times that are compared come from the server.

        Raises:
            Unavailable: the write may or may not have happened.
        """
        content = {name: str(getattr(snapshot, name) or "") for name in _FIELDS}
        document = self._store.deployment(snapshot.id)
        limits = self._store.limits
        with translated():
            existing = await document.get(**limits)
            current = existing.to_dict()
            if current == content:
                return True
            try:
                if current is None:
                    await document.create(content, **limits)
                elif _may_replace(current, snapshot, existing.read_time - existing.update_time):
                    unchanged = self._store.client.write_option(
                        last_update_time=existing.update_time
                    )
                    await document.update(content, option=unchanged, **limits)
                else:
                    return False
            except (AlreadyExists, FailedPrecondition):
                return False
        return True


def _may_replace(
    current: Mapping[str, object], snapshot: DeploymentSnapshot, age: timedelta
) -> bool:
    """Whether the document is old enough; a terminal status may be newer than a list."""
    reopens = current.get("status") in _TERMINAL and not is_terminal(snapshot.status)
    return age >= (_MAX_LIST_LAG if reopens else _WRITE_INTERVAL)
