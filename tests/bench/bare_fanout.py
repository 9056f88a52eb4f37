"""The baseline of the live log: the least that one Python process can do with a file and viewers.

`python -m tests.bench.bare_fanout <file> <port> <viewers>` waits for so many connections, then
sends each of them what the file holds and what is added to it, as it is, until SIGTERM.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from adapters.local.inotify import FileChanges

_READ_BYTES = 256 * 1024


async def _serve(path: Path, port: int, viewers: int) -> None:
    everybody, stop = asyncio.Event(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    connected: list[asyncio.StreamWriter] = []

    async def joined(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.append(writer)
        if len(connected) == viewers:
            everybody.set()

    server = await asyncio.start_server(joined, "127.0.0.1", port, backlog=1024)
    await everybody.wait()
    changes = FileChanges()
    file = os.open(path, os.O_RDONLY)
    with changes.watch(path.parent, frozenset({path.name})) as watch:
        last = False
        while not last:
            last = stop.is_set()
            while data := os.read(file, _READ_BYTES):
                for writer in connected:
                    writer.write(data)
                # Or nothing is sent before all of it is read.
                await asyncio.sleep(0)
            await watch.changed(0.1)
    for writer in connected:
        writer.close()
    await asyncio.gather(*(item.wait_closed() for item in connected))
    server.close()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
