"""Follows a deployment's event stream to the end, across broken connections."""

import asyncio
import json
from dataclasses import dataclass

import httpx
from httpx_sse import EventSource, ServerSentEvent, SSEError, aconnect_sse

from cli.client import ApiUnreachable, Client, Document, failure

__all__ = ["Display", "Follower"]

# More than two missed pings: the API sends a ping every 15 s.
_SILENCE_SECONDS = 40.0
_PAUSES_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)
# About 45 s of pauses, longer than an API takes to restart.
_MAX_FAILURES = 12


class Display:
    """Where a followed deployment is shown; a method that a display lacks shows nothing."""

    def lines(self, lines: list[list[str]]) -> None:
        """Show lines of the log, each with id, time, level and text."""

    def status(self, deployment: Document) -> None:
        """Show the whole deployment, at the start and after each change."""

    def resources(self, changes: list[Document]) -> None:
        """Show the resources that changed, each as a whole document."""

    def source(self, label: str) -> None:
        """Show from which store the log is read, after a change of the store."""

    def connection(self, label: str) -> None:
        """Show the state of the connection: `live`, or the fault."""


@dataclass
class Follower:
    """A viewer of a deployment's log.

    `after` is the id of the last event received; `status` that of the `end` event. `lacks_lines`:
    the deployment has ended, and its last lines have not arrived for a minute.
    """

    http: Client
    id: str
    display: Display
    after: str = ""
    status: str | None = None
    lacks_lines: bool = False

    async def run(self) -> str | None:
        """Read until the `end` event; the deployment's status, None where no `end` came.

        Raises:
            ApiUnreachable: twelve connections in a row failed.
            CommandError: there is no such deployment.
        """
        failures, ended = 0, False
        while not ended:
            before = self.after
            try:
                ended = await self._connection()
                failures = 0
            except (httpx.TransportError, SSEError) as error:
                failures = 0 if self.after != before else failures + 1
                self.display.connection("lost, trying again")
                if failures >= _MAX_FAILURES:
                    raise ApiUnreachable(f"No API at {self.http.base_url}: {error}") from None
            if not ended:
                await asyncio.sleep(_PAUSES_SECONDS[min(failures, len(_PAUSES_SECONDS) - 1)])
        return self.status

    async def _connection(self) -> bool:
        """Read a connection; whether the stream has ended."""
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
        before = self.after
        async for event in source.aiter_sse():
            if event.event == "end":
                self.status = json.loads(event.data).get("status")
                return True
            if event.event == "bye":
                is_behind = json.loads(event.data).get("reason") == "behind"
                self.lacks_lines = is_behind and self.after == before
                return self.lacks_lines
            self._show(event)
        return False

    def _show(self, event: ServerSentEvent) -> None:
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
