"""The log of a deployment: as pages, as a download, as a live stream, and verified."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import StreamingResponse

from api.dependencies import BroadcastsNeeded, CurrentUser, Services, ServicesNeeded
from api.openapi import OF_STORE, error_responses
from api.schemas.deployments import SealBody
from api.schemas.logs import HoldingBody, LogFormat, LogPage, LogQuery, VerificationBody
from api.services.log_reader import LogReader
from api.services.log_verification import verify_copies
from api.streaming.broadcast import has_all
from api.streaming.viewer import Viewer
from deployments.events import EventId
from deployments.execution import DeploymentSnapshot
from deployments.log_verification import Verdict

__all__ = ["router"]

router = APIRouter(prefix="/api/deployment/{deployment}/logs", tags=["logs"])

_START = EventId(0, 0)
_PAGE_EVENTS = 1000
# Media type and file extension.
_DOWNLOADS = {
    LogFormat.TEXT: ("text/plain; charset=utf-8", "log"),
    LogFormat.NDJSON: ("application/x-ndjson", "jsonl"),
}
_HEADERS = {"X-Accel-Buffering": "no"}
_TIME, _TEXT = "2026-11-24T10:00:02.000Z", "terraform_data.services[0]: Creating..."
_TEXT_EXAMPLE = f"{_TIME} {_TEXT}\n"
_NDJSON_EXAMPLE = (
    f'{{"id":"3-42","time":"{_TIME}","level":"info","phase":"apply","text":"{_TEXT}"}}\n'
)
_STREAM_EXAMPLE = (
    'event: status\ndata: {"status":"running","phase":"apply"}\n\n'
    f'id: 3-42\nevent: log\ndata: {{"lines":[["3-42","{_TIME}","info","{_TEXT}"]]}}\n\n'
    'event: source\ndata: {"source":"gcs","label":"reading from Cloud Storage"}\n\n'
    'event: end\ndata: {"status":"completed"}\n\n'
)


@router.get(
    "",
    response_model=LogPage,
    responses={
        **error_responses(*OF_STORE),
        200: {
            "content": {
                "text/plain": {"example": _TEXT_EXAMPLE},
                "application/x-ndjson": {"example": _NDJSON_EXAMPLE},
            }
        },
    },
)
async def get_logs(
    deployment: str,
    user: CurrentUser,
    services: ServicesNeeded,
    query: Annotated[LogQuery, Query()],
) -> Response:
    """A page of events as they are stored, or all events as text or newline-delimited JSON."""
    after = EventId.parse(query.after) if query.after is not None else _START
    before = EventId.parse(query.before, "/before") if query.before is not None else None
    snapshot = await services.deployments.get(user, deployment)
    await services.placement.require_log(snapshot, services.logs)
    reader = LogReader(services.logs, snapshot.id)
    if query.format is not LogFormat.JSON:
        return _download(reader, after, query)
    limit = query.limit or _PAGE_EVENTS
    if before is None:
        page = await reader.forward(after, limit)
    else:
        page = await reader.backward(before, limit)
    # The status was read before the log: in a terminal status the page has seen the whole log.
    complete = not page.more and snapshot.is_terminal and page.cursor >= snapshot.log_end
    holes = b'],"holes":[' + b",".join(page.holes)
    tail = (
        f'],"next_cursor":"{page.cursor}","previous_cursor":"{page.previous}",'
        f'"complete":{"true" if complete else "false"}}}'
    )
    content = b'{"items":[' + b",".join(page.events) + holes + tail.encode()
    return Response(content, media_type="application/json", headers=_HEADERS)


def _download(reader: LogReader, after: EventId, query: LogQuery) -> Response:
    media_type, extension = _DOWNLOADS[query.format]
    headers = {
        **_HEADERS,
        "Content-Disposition": f'attachment; filename="{reader.deployment}.{extension}"',
    }
    as_text = query.format is LogFormat.TEXT
    parts = reader.parts(after, query.limit, as_text=as_text)
    return StreamingResponse(parts, media_type=media_type, headers=headers)


@router.get(
    "/verify",
    responses=error_responses(*OF_STORE, "log_not_sealed"),
)
async def verify_logs(
    deployment: str, user: CurrentUser, services: ServicesNeeded, response: Response
) -> VerificationBody:
    """Read each copy of an ended deployment's log and compare the copy with the end records.

    Takes some seconds for a million lines.
    """
    snapshot = await services.deployments.get(user, deployment)
    await services.placement.require_log(snapshot, services.logs)
    seals, copies = await verify_copies(services, snapshot)
    response.headers.update(_HEADERS)
    return VerificationBody(
        equal=all(copy.verdict is Verdict.EQUAL for copy in copies),
        seals=[SealBody(**asdict(seal)) for seal in seals],
        copies=[HoldingBody(**asdict(copy)) for copy in copies],
    )


@router.get(
    "/stream",
    response_class=StreamingResponse,
    responses={
        **error_responses(*OF_STORE),
        200: {"content": {"text/event-stream": {"example": _STREAM_EXAMPLE}}},
        204: {"description": "The deployment has ended; its log has nothing after the cursor"},
    },
)
async def stream_logs(
    deployment: str,
    user: CurrentUser,
    services: ServicesNeeded,
    broadcasts: BroadcastsNeeded,
    after: str | None = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """Server-Sent Events; 204 when the deployment has ended and no event is after the cursor.

    docs/stream.md describes the events, and the same events over a WebSocket.
    """
    # A browser that reconnects sends the header, and the address with the old `after`.
    position = last_event_id or after
    cursor = EventId.parse(position) if position else _START
    snapshot = await services.deployments.get(user, deployment)
    await services.placement.require_log(snapshot, services.logs)
    if position and await _is_over(services, snapshot, cursor):
        return Response(status_code=204, headers=_HEADERS)
    parts = _parts(Viewer(services, broadcasts, snapshot, cursor))
    return StreamingResponse(parts, media_type="text/event-stream", headers=_HEADERS)


async def _parts(viewer: Viewer) -> AsyncIterator[bytes]:
    async with aclosing(viewer.frames()) as batches:
        async for frames in batches:
            yield b"".join(frame.sse for frame in frames)


async def _is_over(services: Services, snapshot: DeploymentSnapshot, cursor: EventId) -> bool:
    if await has_all(services, snapshot, cursor):
        return True
    # The first stream has waited for a log without an end record; a second does not wait.
    unsealed = snapshot.is_terminal and snapshot.log_end == _START
    return unsealed and not await services.logs.read(snapshot.id, cursor, 1)
