"""Follows a deployment's event stream to its end, across broken connections."""

import asyncio
import json
from dataclasses import dataclass
from typing import Protocol

import httpx
from httpx_sse import EventSource, ServerSentEvent, SSEError, aconnect_sse

from cli.client import Client, Document, Unreachable, failure

__all__ = ["Display", "Follower"]

# Two missed pings (one every 15 s) and some patience.
_SILENCE_SECONDS = 40.0
_PAUSES_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)
# An API that is restarted is back by then.
_MOST_FAILURES = 12


class Display(Protocol):
    """Shows what comes."""

    def lines(self, lines: list[list[str]]) -> None:
        """Lines of the log, each with id, time, level and text."""
        ...

    def status(self, found: Document) -> None:
        """The whole deployment, when it began and whenever it changed."""
        ...

    def resources(self, changes: list[Document]) -> None:
        """Resources that changed, each whole."""
        ...

    def source(self, words: str) -> None:
        """Where the log is read from, when that changed."""
        ...

    def connection(self, word: str) -> None:
        """How the connection is: `live`, or what is wrong with it."""
        ...


@dataclass
class Follower:
    """Where one viewer stands in one deployment's log.

    `after` is the last event id seen; `status` the end's, once it came.
    """

    http: Client
    id: str
    display: Display
    after: str = ""
    status: str | None = None

    async def run(self) -> str | None:
        """Read until `end`; its status, None for an end that had nothing more to say.

        Raises:
            Unreachable: the API stayed away.
            Refused: there is no such deployment.
        """
        failures, ended = 0, False
        while not ended:
            seen = self.after
            try:
                ended = await self._connection()
                failures = 0
            except (httpx.TransportError, SSEError) as error:
                failures = 0 if self.after != seen else failures + 1
                self.display.connection("lost, trying again")
                if failures >= _MOST_FAILURES:
                    message = f"No API at {self.http.base_url}: {error}"
                    raise Unreachable(message) from None
            if not ended:
                await asyncio.sleep(_PAUSES_SECONDS[min(failures, len(_PAUSES_SECONDS) - 1)])
        return self.status

    async def _connection(self) -> bool:
        headers = {"Last-Event-ID": self.after} if self.after else {}
        path = f"/api/deployment/{self.id}/logs/stream"
        limit = httpx.Timeout(10.0, read=_SILENCE_SECONDS)
        async with aconnect_sse(
            self.http.http, "GET", path, headers=headers, timeout=limit
        ) as source:
            if source.response.status_code == httpx.codes.NO_CONTENT:
                return True
            if source.response.is_server_error:
                raise SSEError(f"status {source.response.status_code}")
            if source.response.is_error:
                await source.response.aread()
                raise failure(source.response)
            self.display.connection("live")
            return await self._events(source)

    async def _events(self, source: EventSource) -> bool:
        async for event in source.aiter_sse():
            if event.event == "end":
                self.status = json.loads(event.data).get("status")
                return True
            if event.event == "bye":
                return False
            self._take(event)
        return False

    def _take(self, event: ServerSentEvent) -> None:
        if event.event == "log":
            self.display.lines(json.loads(event.data).get("lines", []))
        elif event.event == "status":
            self.display.status(json.loads(event.data))
        elif event.event == "resource":
            self.display.resources(json.loads(event.data).get("changes", []))
        elif event.event == "source":
            self.display.source(json.loads(event.data).get("label", ""))
        if event.id:
            self.after = event.id
