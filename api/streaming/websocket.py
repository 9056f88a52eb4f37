"""A deployment over a WebSocket: its events, and requests with their answers (docs/stream.md).

The connection ends with the final event (`end`, `bye`), with a binary message, or when the client
closes it. Two tasks write, for events and for answers; each message is a whole text frame.
"""

import asyncio
import json
import logging
from contextlib import aclosing, suppress
from enum import IntEnum
from typing import Any

from pydantic import ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from api.middleware.strict_json import json_error
from api.problems import Problem, document, problem_of, validation_problem
from api.schemas.messages import (
    MESSAGES,
    CancelMessage,
    Message,
    PingMessage,
    ResumeMessage,
    UnavailableMessage,
)
from api.services.container import Services
from api.streaming.broadcast import BroadcastRegistry
from api.streaming.viewer import Viewer
from deployments.errors import AnavaError, NotAvailable
from deployments.events import EventId
from deployments.execution import DeploymentSnapshot

__all__ = ["CloseCode", "WebSocketSession"]

_log = logging.getLogger("anava.api.stream")


class CloseCode(IntEnum):
    """The server's close codes (RFC 6455, section 7.4.1).

    The WebSocket library adds 1007 for invalid UTF-8 and 1009 for a message that is too long.
    """

    ENDED = 1000
    NOT_TEXT = 1003
    BROKEN = 1011
    COME_BACK = 1012


_CODES = {"end": CloseCode.ENDED, "bye": CloseCode.COME_BACK}


class WebSocketSession:
    """A session on an accepted WebSocket; the deployment belongs to the caller."""

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
        self._snapshot = snapshot
        self._events: asyncio.Task[None] | None = None

    async def run(self, after: EventId) -> None:
        """Send the events after the cursor and answer requests until the connection closes."""
        self._start_events(after)
        try:
            while (message := await self._socket.receive())["type"] == "websocket.receive":
                text = message.get("text")
                if text is None:
                    await self._close(CloseCode.NOT_TEXT)
                    return
                await self._answer(text)
        except WebSocketDisconnect:
            return
        finally:
            await self._stop_events()

    def _start_events(self, after: EventId) -> None:
        viewer = Viewer(self._services, self._broadcasts, self._snapshot, after)
        self._events = asyncio.create_task(self._send_events(viewer))

    async def _stop_events(self) -> None:
        """Stop the events; unsent frames are discarded."""
        if self._events is not None:
            self._events.cancel()
            await asyncio.wait({self._events})

    async def _send_events(self, viewer: Viewer) -> None:
        code = CloseCode.BROKEN
        try:
            async with aclosing(viewer.frames()) as batches:
                async for frames in batches:
                    for frame in frames:
                        await self._send(frame.message)
                    code = _CODES.get(frames[-1].event, CloseCode.BROKEN)
        except WebSocketDisconnect:
            return
        except Exception:  # noqa: BLE001 - logged; the client reconnects
            _log.exception("the events of %s failed", self._snapshot.id)
        await self._close(code)

    async def _answer(self, text: str) -> None:
        name, message = _parse(text)
        after, problem = None, None
        if isinstance(message, Problem):
            problem = message
        else:
            try:
                after = await self._execute(message)
            except AnavaError as error:
                problem = problem_of(error)
            except Exception:  # noqa: BLE001 - logged; this request failed, the events continue
                _log.exception("request %s failed", self._socket.state.request_id)
                problem = Problem("internal_error")
        if after is not None:
            # Only lines after the id follow the answer.
            await self._stop_events()
        await self._send(_reply(name, problem, self._socket.state.request_id))
        if after is not None:
            self._start_events(after)

    async def _execute(self, message: Message) -> EventId | None:
        """Execute a request; `resume_from` returns the id after which the events continue."""
        deployments = self._services.deployments
        caller, id = self._snapshot.caller, self._snapshot.id
        if isinstance(message, UnavailableMessage):
            raise NotAvailable(f"{message.type} is not available in this version.")
        if isinstance(message, CancelMessage):
            await deployments.cancel(caller, id, message.reason, force=False)
        if isinstance(message, ResumeMessage):
            after = EventId.parse(message.id, "/id")
            self._snapshot = await deployments.get(caller, id)
            return after
        return None

    async def _send(self, text: str) -> None:
        try:
            await self._socket.send_text(text)
        except RuntimeError:
            # The other task or the server has closed the socket.
            raise WebSocketDisconnect(CloseCode.BROKEN) from None

    async def _close(self, code: CloseCode) -> None:
        with suppress(RuntimeError, WebSocketDisconnect):
            await self._socket.close(code)


def _parse(text: str) -> tuple[str | None, Message | Problem]:
    """The client's name for the request, None if not valid, and the request or its problem."""
    if detail := json_error(text.encode()):
        return None, Problem("invalid_json", detail)
    try:
        message = MESSAGES.validate_json(text)
    except ValidationError as error:
        # pydantic puts the message type in front of the location.
        errors = [
            {**details, "loc": details["loc"][1:]}
            for details in error.errors(include_url=False, include_input=False)
        ]
        return _name(text), validation_problem(errors)
    return message.request, message


def _name(text: str) -> str | None:
    content: Any = json.loads(text)
    try:
        return PingMessage(type="ping", request=content["request"]).request
    except (ValidationError, LookupError, TypeError):
        return None


def _reply(name: str | None, problem: Problem | None, request_id: str) -> str:
    """The answer to a request: success, or the problem (RFC 9457)."""
    answer: dict[str, object] = {"answer": name, "ok": problem is None}
    return json.dumps({**answer, **document(problem, request_id)} if problem else answer)
