"""Logs and artifacts in Cloud Storage whose retention ends."""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence

from google.cloud.storage import Blob

from adapters.gcs.objects import Objects
from deployments.artifacts import RECORD
from deployments.deployment_id import is_deployment_id
from deployments.retention import Stored

__all__ = ["RetainedObjects", "is_no_record", "is_record"]


class RetainedObjects:
    """The objects `<folder>/<deployment>/…` of each deployment that `selects` accepts by name.

    The times are Cloud Storage's.
    """

    def __init__(
        self, objects: Objects, folder: str, selects: Callable[[str], bool] = lambda _: True
    ) -> None:
        self._objects = objects
        self._folder = folder
        self._selects = selects

    async def entries(self, _: float = math.inf, /) -> Sequence[Stored]:
        """The deployments that have such objects; lists all objects of the folder."""
        return await self._objects.threaded(self._entries)

    async def remove(self, stored: Stored) -> bool:
        """Delete the deployment's objects, each in exactly the listed generation."""
        await self._objects.threaded(self._remove, stored.id)
        return True

    def _entries(self) -> list[Stored]:
        deployments: dict[str, list[Blob]] = defaultdict(list)
        for blob in self._objects.entries(f"{self._folder}/"):
            deployment = blob.name.split("/")[1]
            if is_deployment_id(deployment) and self._selects(blob.name):
                deployments[deployment].append(blob)
        return [
            Stored(
                deployment,
                max(blob.updated.timestamp() for blob in blobs),
                sum(blob.size or 0 for blob in blobs),
            )
            for deployment, blobs in deployments.items()
        ]

    def _remove(self, deployment: str) -> None:
        for blob in self._objects.entries(f"{self._folder}/{deployment}/"):
            if self._selects(blob.name):
                self._objects.remove(blob)


def is_record(name: str) -> bool:
    """Whether an object is a record."""
    return name.rpartition("/")[2] == RECORD


def is_no_record(name: str) -> bool:
    """Whether an object is another artifact than a record."""
    return not is_record(name)
