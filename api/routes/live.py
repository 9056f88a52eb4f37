"""A deployment over a WebSocket: described in docs/stream.md, not in the OpenAPI document."""

from fastapi import APIRouter, WebSocket

from api.dependencies import BroadcastsNeeded, CurrentUser, ServicesNeeded
from api.streaming.websocket import WebSocketSession
from deployments.events import EventId

__all__ = ["router"]

router = APIRouter()


@router.websocket("/api/deployment/{deployment}/ws")
async def connect(
    socket: WebSocket,
    deployment: str,
    user: CurrentUser,
    services: ServicesNeeded,
    broadcasts: BroadcastsNeeded,
    after: str = "0-0",
) -> None:
    """The events of `…/logs/stream`, and requests. Refusals are the same problems as over HTTP."""
    cursor = EventId.parse(after)
    snapshot = await services.deployments.get(user, deployment)
    await services.placement.require_log(snapshot, services.logs)
    await socket.accept()
    await WebSocketSession(socket, services, broadcasts, snapshot).run(cursor)
