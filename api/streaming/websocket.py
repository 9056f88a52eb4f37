"""A deployment over a WebSocket: its events, and requests with their answers (docs/stream.md).

Who ends it: the last event (`end`, `bye`), a message that is no text, or the client. Two tasks
write, one shows events and one answers; each message is one whole frame.
"""

import asyncio
import logging
from contextlib import aclosing, suppress
from enum import IntEnum

from starlette.websockets import WebSocket, WebSocketDisconnect

from api.problems import KINDS, Problem, problem_of
from api.schemas.messages import CancelMessage, Message, ResumeMessage, UnavailableMessage
from api.services.container import Services
from api.services.deployment_view import DeploymentSnapshot
from api.streaming.registry import BroadcastRegistry
from api.streaming.viewer import Viewer
from api.streaming.websocket_messages import parse_message, reply
from deployments.errors import AnavaError, FieldProblem, InvalidRequest, NotAvailable
from deployments.events import EventId

__all__ = ["CloseCode", "WebSocketSession"]

_log = logging.getLogger("anava.api.stream")


class CloseCode(IntEnum):
    """Why the server closes (RFC 6455, section 7.4.1).

    The protocol itself has two more: 1007 for a text that is no UTF-8, 1009 for one too long.
    """

    ENDED = 1000
    NO_TEXT = 1003
    BROKEN = 1011
    COME_BACK = 1012


_CODES = {"end": CloseCode.ENDED, "bye": CloseCode.COME_BACK}


class WebSocketSession:
    """One accepted WebSocket.

    Args:
        socket: accepted.
        services: what is read and asked.
        broadcasts: what is shared with the others who watch.
        seen: the deployment as it was found, for its owner.
    """

    def __init__(
        self,
        socket: WebSocket,
        services: Services,
        broadcasts: BroadcastRegistry,
        snapshot: DeploymentSnapshot,
    ) -> None:
        self._socket = socket
        self._services = services
        self._broadcasts = broadcasts
        self._seen = snapshot
        self._showing: asyncio.Task[None] | None = None

    async def run(self, after: EventId) -> None:
        """Show what lies behind the cursor, and answer, until the connection is closed."""
        self._show(after)
        try:
            while (message := await self._socket.receive())["type"] == "websocket.receive":
                text = message.get("text")
                if text is None:
                    await self._close(CloseCode.NO_TEXT)
                    return
                await self._take(text)
        except WebSocketDisconnect:
            return
        finally:
            await self._hush()

    def _show(self, after: EventId) -> None:
        viewer = Viewer(self._services, self._broadcasts, self._seen, after)
        self._showing = asyncio.create_task(self._send_events(viewer))

    async def _hush(self) -> None:
        """Show nothing any more; what was not sent yet is not sent."""
        if self._showing is not None:
            self._showing.cancel()
            await asyncio.wait({self._showing})

    async def _send_events(self, viewer: Viewer) -> None:
        code = CloseCode.BROKEN
        try:
            async with aclosing(viewer.frames()) as found:
                async for frames in found:
                    for frame in frames:
                        await self._send(frame.message)
                    code = _CODES.get(frames[-1].event, CloseCode.BROKEN)
        except WebSocketDisconnect:
            return
        except Exception:  # noqa: BLE001 - logged; the client comes back
            _log.exception("the events of %s broke", self._seen.id)
        await self._close(code)

    async def _take(self, text: str) -> None:
        name, message = parse_message(text)
        after, problem = None, None
        if isinstance(message, Problem):
            problem = message
        else:
            try:
                after = await self._do(message)
            except AnavaError as error:
                problem = problem_of(error)
            except Exception:  # noqa: BLE001 - logged; this request failed, the events go on
                _log.exception("request %s failed", self._socket.state.request_id)
                problem = Problem("internal_error", KINDS["internal_error"].meaning)
        if after is not None:
            # Behind its answer come only lines behind the id.
            await self._hush()
        await self._send(reply(name, problem, self._socket.state.request_id))
        if after is not None:
            self._show(after)

    async def _do(self, message: Message) -> EventId | None:
        """Carry out a request; the id behind which events shall go on, if that was asked."""
        deployments, owner, id = self._services.deployments, self._seen.owner, self._seen.id
        if isinstance(message, UnavailableMessage):
            raise NotAvailable(f"This version takes no {message.type}.")
        if isinstance(message, CancelMessage):
            await deployments.cancel(owner, id, message.reason, force=False)
        if isinstance(message, ResumeMessage):
            after = _cursor(message.id)
            self._seen = await deployments.get(owner, id)
            return after
        return None

    async def _send(self, text: str) -> None:
        try:
            await self._socket.send_text(text)
        except RuntimeError:
            # The other task, or the server itself, has closed meanwhile.
            raise WebSocketDisconnect(CloseCode.BROKEN) from None

    async def _close(self, code: CloseCode) -> None:
        with suppress(RuntimeError, WebSocketDisconnect):
            await self._socket.close(code)


def _cursor(id: str) -> EventId:
    try:
        return EventId.parse(id)
    except InvalidRequest as error:
        problems = (
            FieldProblem("/id", problem.code, problem.message) for problem in error.problems
        )
        raise InvalidRequest(str(error), *problems) from None
