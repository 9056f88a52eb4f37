"""Artifacts of a bucket behind a circuit breaker, shared by all requests of the process."""

from collections.abc import Iterable

from adapters.circuit_breaker import CircuitBreaker
from deployments.artifacts import Artifact, ArtifactStore, Content

__all__ = ["GuardedArtifactStore"]


class GuardedArtifactStore:
    """Reads from another store; after a failure readers get `Unavailable` at once for a while.

    Writes are not guarded: the outbox has a pause of its own.
    """

    def __init__(self, store: ArtifactStore, name: str) -> None:
        self._store = store
        self._breaker = CircuitBreaker(name)

    async def put(self, deployment: str, name: str, content: Iterable[bytes]) -> Artifact:
        return await self._store.put(deployment, name, content)

    async def entries(self, deployment: str) -> list[Artifact]:
        return await self._breaker.call(lambda: self._store.entries(deployment))

    async def open(self, deployment: str, name: str) -> Content:
        return await self._breaker.call(lambda: self._store.open(deployment, name))

    async def link(self, deployment: str, name: str) -> str:
        return await self._breaker.call(lambda: self._store.link(deployment, name))
