"""The log of a deployment: a page of it, or as it comes."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import StreamingResponse

from api import examples
from api.dependencies import BroadcastsNeeded, CurrentUser, Services, ServicesNeeded
from api.openapi import answers
from api.schemas.deployments import SealBody
from api.schemas.logs import HoldingBody, LogFormat, LogPage, LogQuery, VerificationBody
from api.services.log_reader import LogReader
from api.services.log_verification import verify_copies
from api.streaming.viewer import Viewer, has_all
from deployments.events import EventId
from deployments.execution import DeploymentSnapshot
from deployments.log_verification import Verdict

__all__ = ["router"]

router = APIRouter(prefix="/api/deployment/{deployment}/logs", tags=["logs"])

_START = EventId(0, 0)
_PAGE_EVENTS = 1000
_KINDS = {
    LogFormat.TEXT: ("text/plain; charset=utf-8", "log"),
    LogFormat.NDJSON: ("application/x-ndjson", "jsonl"),
}
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


_PROBLEMS = ("not_found", "invalid_request", "unavailable", "temporal_unavailable")


def _documented() -> dict[int | str, dict[str, Any]]:
    found = answers(examples.LOG_PAGE, *_PROBLEMS)
    found[200]["content"]["text/plain"] = {"example": examples.LOG_TEXT}
    found[200]["content"]["application/x-ndjson"] = {"example": examples.LOG_LINES}
    return found


@router.get("", response_model=LogPage, responses=_documented())
async def get_logs(
    deployment: str,
    user: CurrentUser,
    services: ServicesNeeded,
    asked: Annotated[LogQuery, Query()],
) -> Response:
    """A page of events as they are stored, or all of them as text or newline-delimited JSON."""
    after = EventId.parse(asked.after) if asked.after is not None else _START
    before = EventId.parse(asked.before) if asked.before is not None else None
    snapshot = await services.deployments.get(user, deployment)
    reader = LogReader(services.logs, snapshot.id)
    if asked.format is not LogFormat.JSON:
        return _download(reader, after, asked)
    limit = asked.limit or _PAGE_EVENTS
    if before is None:
        found = await reader.forward(after, limit)
    else:
        found = await reader.backward(before, limit)
    # Terminal was seen before the log was read, so what lay there then has been read.
    end = not found.more and snapshot.is_terminal and found.cursor >= snapshot.log_end
    tail = (
        f'],"next_after":"{found.cursor}","previous_before":"{found.previous}",'
        f'"end":{"true" if end else "false"}}}'
    )
    content = b'{"events":[' + b",".join(found.events) + tail.encode()
    return Response(content, media_type="application/json", headers=_HEADERS)


def _download(reader: LogReader, after: EventId, asked: LogQuery) -> Response:
    kind, ending = _KINDS[asked.format]
    headers = {
        **_HEADERS,
        "Content-Disposition": f'attachment; filename="{reader.deployment}.{ending}"',
        "X-Content-Type-Options": "nosniff",
    }
    as_text = asked.format is LogFormat.TEXT
    parts = reader.parts(after, asked.limit, as_text=as_text)
    return StreamingResponse(parts, media_type=kind, headers=headers)


@router.get(
    "/verify",
    responses=answers(
        examples.VERIFICATION,
        "not_found",
        "invalid_request",
        "log_not_sealed",
        "unavailable",
        "temporal_unavailable",
    ),
)
async def verify_logs(
    deployment: str, user: CurrentUser, services: ServicesNeeded, response: Response
) -> VerificationBody:
    """Read every copy of an ended deployment's log and compare it with the seals.

    A million lines take some seconds.
    """
    snapshot = await services.deployments.get(user, deployment)
    seals, copies = await verify_copies(services, snapshot)
    response.headers.update(_HEADERS)
    return VerificationBody(
        equal=all(entry.verdict is Verdict.EQUAL for entry in copies),
        seals=[SealBody(**asdict(seal)) for seal in seals],
        copies=[HoldingBody.model_validate(asdict(item)) for item in copies],
    )


@router.get(
    "/stream",
    response_class=StreamingResponse,
    responses={
        **answers(examples.STREAM, *_PROBLEMS, media_type="text/event-stream"),
        204: {"description": "It has ended, and its log holds nothing after the cursor"},
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
    """Server-Sent Events; a finished deployment with nothing after the cursor answers 204.

    What each event holds, and the same as a WebSocket with its requests and close codes, is told in
    docs/stream.md.
    """
    # A browser that comes back sends the header; the address still says where it began.
    given = last_event_id or after
    cursor = EventId.parse(given) if given else _START
    snapshot = await services.deployments.get(user, deployment)
    if given and await _is_over(services, snapshot, cursor):
        return Response(status_code=204, headers=_HEADERS)
    parts = _parts(Viewer(services, broadcasts, snapshot, cursor))
    return StreamingResponse(parts, media_type="text/event-stream", headers=_HEADERS)


async def _parts(viewer: Viewer) -> AsyncIterator[bytes]:
    async with aclosing(viewer.frames()) as found:
        async for frames in found:
            yield b"".join(frame.sse for frame in frames)


async def _is_over(services: Services, snapshot: DeploymentSnapshot, cursor: EventId) -> bool:
    if await has_all(services, snapshot, cursor):
        return True
    # Without a seal the first stream has waited for the log; nobody waits a second time.
    unsealed = snapshot.is_terminal and snapshot.log_end == _START
    return unsealed and not await services.logs.read(snapshot.id, cursor, 1)
