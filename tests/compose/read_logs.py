"""Runs inside the API's container: what each source holds of a deployment's log, as JSON.

`python3 - <deployment> < read_logs.py`; ids are compared, and a hash over all lines.
"""

import asyncio
import hashlib
import json
import sys
from collections.abc import AsyncIterator

from adapters.local.inotify import FileChanges
from adapters.settings import Settings, load
from adapters.store_settings import LogSettings
from adapters.stores import open_sources
from deployments.errors import AnavaError
from deployments.events import EventId
from deployments.log_ports import LogSource

_PAGE_BYTES = 1_000_000


async def _held(settings: Settings, name: str, deployment: str) -> dict[str, object]:
    log = LogSettings(sources=(name,))
    [source] = open_sources(settings.model_copy(update={"log": log}), FileChanges())
    try:
        lines = [line async for line in _lines(source, deployment)]
    except AnavaError as error:
        return {"error": str(error)}
    digest = hashlib.sha256(b"\n".join(lines)).hexdigest()
    return {"ids": [json.loads(line)["id"] for line in lines], "sha256": digest}


async def _lines(source: LogSource, deployment: str) -> AsyncIterator[bytes]:
    after = EventId(0, 0)
    while chunks := await source.read(deployment, after, _PAGE_BYTES):
        for chunk in chunks:
            for line in chunk.data.splitlines():
                yield line
        after = chunks[-1].id


async def _main(deployment: str) -> None:
    settings = load()
    held = {name: await _held(settings, name, deployment) for name in settings.log.sources}
    sys.stdout.write(json.dumps(held))


asyncio.run(_main(sys.argv[1]))
