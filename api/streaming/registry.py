"""The broadcasts of this process, one a deployment that is watched."""

import asyncio

from api.services.container import Services
from api.streaming.broadcast import Broadcast
from deployments.execution import DeploymentSnapshot

__all__ = ["BroadcastRegistry"]


class BroadcastRegistry:
    """Makes, finds and ends them."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._running: dict[str, Broadcast] = {}

    def join(self, snapshot: DeploymentSnapshot) -> Broadcast:
        """The deployment's broadcast, with one viewer more."""
        broadcast = self._running.get(snapshot.id)
        if broadcast is None or broadcast.ended:
            broadcast = self._running[snapshot.id] = Broadcast(self._services, snapshot)
            broadcast.start()
        broadcast.viewers += 1
        return broadcast

    async def until_changed(self, snapshot: DeploymentSnapshot, seconds: float) -> None:
        """Return when the deployment is not any more as it was seen, or after so many seconds."""
        broadcast = self.join(snapshot)
        try:
            async with asyncio.timeout(seconds):
                while broadcast.snapshot == snapshot and not broadcast.ended:
                    await broadcast.news()
        except TimeoutError:
            return
        finally:
            self.leave(broadcast)

    def leave(self, broadcast: Broadcast) -> None:
        """One viewer less; the last one ends it."""
        broadcast.viewers -= 1
        if broadcast.viewers:
            return
        broadcast.close()
        if self._running.get(broadcast.snapshot.id) is broadcast:
            del self._running[broadcast.snapshot.id]
