"""The broadcasts of this process, one per deployment with viewers."""

import asyncio

from api.services.container import Services
from api.streaming.broadcast import Broadcast
from deployments.execution import DeploymentSnapshot

__all__ = ["BroadcastRegistry"]


class BroadcastRegistry:
    """Creates a broadcast for the first viewer of a deployment and closes it after the last."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._running: dict[str, Broadcast] = {}

    def join(self, snapshot: DeploymentSnapshot) -> Broadcast:
        """Add a viewer to the deployment's broadcast; `leave` removes the viewer."""
        broadcast = self._running.get(snapshot.id)
        if broadcast is None or broadcast.ended:
            broadcast = self._running[snapshot.id] = Broadcast(self._services, snapshot)
            broadcast.start()
        broadcast.viewers += 1
        return broadcast

    async def until_changed(self, snapshot: DeploymentSnapshot, seconds: float) -> None:
        """Return when the deployment differs from the snapshot, or after so many seconds."""
        broadcast = self.join(snapshot)
        try:
            async with asyncio.timeout(seconds):
                while broadcast.snapshot == snapshot and not broadcast.ended:
                    await broadcast.next_entry()
        except TimeoutError:
            return
        finally:
            self.leave(broadcast)

    def leave(self, broadcast: Broadcast) -> None:
        """Remove a viewer; the last viewer closes the broadcast."""
        broadcast.viewers -= 1
        if broadcast.viewers:
            return
        broadcast.close()
        if self._running.get(broadcast.snapshot.id) is broadcast:
            del self._running[broadcast.snapshot.id]
