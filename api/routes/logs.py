"""The log of a deployment: a page of it, or as it comes."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import StreamingResponse

from api.dependencies import BroadcastsNeeded, CurrentUser, Services, ServicesNeeded
from api.schemas.logs import LogPage
from api.stream import Viewer, has_all
from api.view import Seen
from deployments.events import EventId

__all__ = ["router"]

router = APIRouter(prefix="/api/deployment/{deployment}/logs", tags=["logs"])

_START = EventId(0, 0)
# Read at once; a page may need several.
_READ_BYTES = 256 * 1024
# A page with huge lines ends early rather than filling the memory.
_MOST_PAGE_BYTES = 8 * 1024 * 1024
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@router.get("", response_model=LogPage)
async def page(
    deployment: str,
    user: CurrentUser,
    services: ServicesNeeded,
    after: str | None = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
) -> Response:
    """Events after the cursor, as they are stored."""
    cursor = EventId.parse(after) if after is not None else _START
    seen = await services.deployments.get(user, deployment)
    events, cursor, more = await _read(services, seen, cursor, limit)
    # Terminal was seen before the log was read, so what lay there then has been read.
    end = not more and seen.is_terminal and cursor >= seen.log_end
    tail = f'],"next_after":"{cursor}","end":{"true" if end else "false"}}}'
    content = b'{"events":[' + b",".join(events) + tail.encode()
    return Response(content, media_type="application/json", headers=_HEADERS)


@router.get("/stream", response_class=StreamingResponse)
async def stream(
    deployment: str,
    user: CurrentUser,
    services: ServicesNeeded,
    broadcasts: BroadcastsNeeded,
    after: str | None = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """Server-Sent Events; a finished deployment with nothing after the cursor answers 204."""
    # A browser that comes back sends the header; the address still says where it began.
    given = last_event_id or after
    cursor = EventId.parse(given) if given else _START
    seen = await services.deployments.get(user, deployment)
    if given and await _is_over(services, seen, cursor):
        return Response(status_code=204, headers=_HEADERS)
    frames = Viewer(services, broadcasts, seen, cursor).frames()
    return StreamingResponse(frames, media_type="text/event-stream", headers=_HEADERS)


async def _is_over(services: Services, seen: Seen, cursor: EventId) -> bool:
    if await has_all(services, seen, cursor):
        return True
    # Without a seal the first stream has waited for the log; nobody waits a second time.
    unsealed = seen.is_terminal and seen.log_end == _START
    return unsealed and not await services.logs.read(seen.id, cursor, 1)


async def _read(
    services: Services, seen: Seen, cursor: EventId, limit: int
) -> tuple[list[bytes], EventId, bool]:
    """Events, the new cursor, and whether more may be there."""
    events: list[bytes] = []
    size = 0
    while chunks := await services.logs.read(seen.id, cursor, _READ_BYTES):
        for chunk in chunks:
            for line, raw in enumerate(chunk.data.splitlines(), chunk.first):
                if len(events) >= limit or size > _MOST_PAGE_BYTES:
                    return events, cursor, True
                cursor = EventId(chunk.segment, line)
                if not _is_end(raw):
                    events.append(raw)
                    size += len(raw)
    return events, cursor, False


def _is_end(raw: bytes) -> bool:
    """An end record is `{"id":…,"end":…`; a text cannot look so, its quotes are escaped."""
    return raw.partition(b",")[2].startswith(b'"end":')
