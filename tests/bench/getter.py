"""The client of the status benchmark: GETs on kept connections, as fast as they are answered.

`python -m tests.bench.getter <port> <path> <requests> <at once>`
"""

import asyncio
import json
import sys
import time
from itertools import chain


async def _connection(port: int, path: str, requests: int) -> list[float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    question = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    found = []
    for _ in range(requests):
        begin = time.perf_counter()
        writer.write(question)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii").lower()
        assert head.startswith("http/1.1 200"), head
        await reader.readexactly(int(head.partition("content-length: ")[2].split()[0]))
        found.append(1000 * (time.perf_counter() - begin))
    writer.close()
    return found


async def _main(port: int, path: str, requests: int, at_once: int) -> None:
    # The first answer on each side makes things that stay.
    await _connection(port, path, 3)
    begin = time.perf_counter()
    each = -(-requests // at_once)
    found = await asyncio.gather(*(_connection(port, path, each) for _ in range(at_once)))
    seconds = (time.perf_counter() - begin) * requests / (each * at_once)
    sys.stdout.write(json.dumps({"milliseconds": [*chain(*found)], "seconds": seconds}))


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
