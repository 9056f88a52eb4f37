"""`deployments/<id>` in Firestore: what a customer's web client listens to.

`status.rules` lets it read the documents whose `owner` it is, and write none.
"""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta

from google.api_core.exceptions import AlreadyExists, FailedPrecondition

from adapters.firestore.client import Firestore, translated
from deployments.deployment import Status
from deployments.status_snapshot import StatusSnapshot
from deployments.transitions import is_terminal

__all__ = ["FirestoreStatusMirror"]

# What a document takes for long (Firestore's own limit), whoever writes.
_PACE = timedelta(seconds=1)
# Lists of Temporal are older than what they tell by less.
_LAG = timedelta(seconds=60)
_ENDS = frozenset(status.value for status in Status if is_terminal(status))


class FirestoreStatusMirror:
    """Port `StatusMirror`."""

    def __init__(self, store: Firestore) -> None:
        self._store = store

    async def write(self, snapshot: StatusSnapshot) -> bool:
        """Port `StatusMirror`. Times compared are the server's."""
        content = {name: str(value) for name, value in asdict(snapshot).items() if name != "id"}
        document = self._store.deployment(snapshot.id)
        limits = self._store.limits
        with translated():
            found = await document.get(**limits)
            there = found.to_dict()
            if there == content:
                return True
            try:
                if there is None:
                    await document.create(content, **limits)
                elif _may_follow(there, snapshot, found.read_time - found.update_time):
                    seen = self._store.client.write_option(last_update_time=found.update_time)
                    await document.update(content, option=seen, **limits)
                else:
                    return False
            except (AlreadyExists, FailedPrecondition):
                return False
        return True


def _may_follow(there: Mapping[str, object], snapshot: StatusSnapshot, age: timedelta) -> bool:
    """Whether it is time for another write, and what would be written is not the older one."""
    wakes = there.get("status") in _ENDS and not is_terminal(snapshot.status)
    return age >= (_LAG if wakes else _PACE)
