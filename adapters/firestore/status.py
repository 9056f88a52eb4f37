"""The document `deployments/<id>` in Firestore, which a customer's web client follows.

`firestore.rules` permits the client to read documents with its own id as `owner`, and no write.
"""

from collections.abc import Mapping
from datetime import timedelta

from google.api_core.exceptions import AlreadyExists, FailedPrecondition

from adapters.firestore.client import Firestore, translated
from deployments.deployment import Status
from deployments.execution import DeploymentSnapshot
from deployments.transitions import is_terminal

__all__ = ["FirestoreStatusMirror"]

# Firestore sustains one write per second to a document, over all writers.
_WRITE_INTERVAL = timedelta(seconds=1)
# Temporal's lists are late by less than this.
_MAX_LIST_LAG = timedelta(seconds=60)
_TERMINAL = frozenset(status.value for status in Status if is_terminal(status))


class FirestoreStatusMirror:
    """Writes a status document per deployment, safe against concurrent writers.

    Args:
        store: the client.
    """

    def __init__(self, store: Firestore) -> None:
        self._store = store

    async def write(self, snapshot: DeploymentSnapshot) -> bool:
        """Write the document unless it is equal; return False if the write must wait.

        All times that are compared come from the server.

        Raises:
            Unavailable: the write may or may not have happened.
        """
        content = _content(snapshot)
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


def _content(snapshot: DeploymentSnapshot) -> dict[str, str]:
    return {
        "tenant": snapshot.tenant,
        "owner": snapshot.owner,
        "stack": snapshot.stack,
        "operation": str(snapshot.operation),
        "status": str(snapshot.status),
        "phase": str(snapshot.phase),
        "reason": str(snapshot.reason),
        "created_at": snapshot.created_at,
        "started_at": snapshot.started_at or "",
        "ended_at": snapshot.ended_at or "",
    }


def _may_replace(
    current: Mapping[str, object], snapshot: DeploymentSnapshot, age: timedelta
) -> bool:
    """Whether the document is old enough; one with a terminal status may be newer than a list."""
    reopens = current.get("status") in _TERMINAL and not is_terminal(snapshot.status)
    return age >= (_MAX_LIST_LAG if reopens else _WRITE_INTERVAL)
