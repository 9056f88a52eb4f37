"""Many viewers of one deployment, in a process of their own: `viewers.py PORT ID COUNT`.

Each follows the stream on a bare connection, comes back behind the last whole event after any cut,
and ends with `end`. Printed are `watching`, once all have seen a line, and at the end how many saw
which lines (as one hash of all ids in order) and which sources they were told of.
"""

import asyncio
import hashlib
import json
import re
import sys
from collections import Counter
from dataclasses import dataclass, field

# A quote in a text is escaped, so nothing else looks so.
LINE = re.compile(rb'\["(\d+-\d+)",')
# Back at once, but not a thousand times a second at a port where nobody listens.
AGAIN_SECONDS = 0.2


@dataclass
class Viewer:
    """One viewer: what it saw, and how often it had to come back."""

    port: int
    id: str
    after: bytes = b""
    lines: int = 0
    connections: int = 0
    ended: bool = False
    sources: list[str] = field(default_factory=list)
    began: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> str:
        """Follow to the end; the hash of all ids."""
        digest = hashlib.sha256()
        while not self.ended:
            try:
                reader, writer = await asyncio.open_connection(
                    "127.0.0.1", self.port, limit=1024 * 1024
                )
            except OSError:
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            try:
                await self._connection(reader, writer, digest)
            except (OSError, asyncio.IncompleteReadError):
                await asyncio.sleep(AGAIN_SECONDS)
            finally:
                writer.close()
        return digest.hexdigest()

    async def _connection(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        digest: "hashlib._Hash",
    ) -> None:
        self.connections += 1
        # HTTP/1.0 is answered without chunks.
        path = f"/api/deployment/{self.id}/logs/stream"
        head = f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n".encode()
        writer.write(
            head + (b"Last-Event-ID: " + self.after + b"\r\n" if self.after else b"") + b"\r\n"
        )
        answer = await reader.readuntil(b"\r\n\r\n")
        self.ended = b" 204 " in answer
        if not self.ended and b" 200 " not in answer.partition(b"\r\n")[0]:
            await asyncio.sleep(AGAIN_SECONDS)
            return
        while not self.ended:
            self._take(await reader.readuntil(b"\n\n"), digest)

    def _take(self, block: bytes, digest: "hashlib._Hash") -> None:
        fields = dict(line.split(b": ", 1) for line in block.splitlines() if line)
        if fields[b"event"] == b"log":
            for id in LINE.findall(fields[b"data"]):
                digest.update(id + b",")
                self.lines += 1
            self.after = fields[b"id"]
            self.began.set()
        if fields[b"event"] == b"source":
            self.sources.append(json.loads(fields[b"data"])["label"])
        self.ended = fields[b"event"] == b"end"


async def main(port: int, id: str, count: int) -> None:
    viewers = [Viewer(port, id) for _ in range(count)]
    running = [asyncio.create_task(item.run()) for item in viewers]
    for viewer in viewers:
        await viewer.began.wait()
    sys.stdout.write("watching\n")
    sys.stdout.flush()
    found = Counter(await asyncio.gather(*running))
    said = {
        "digests": found,
        "lines": Counter(entry.lines for entry in viewers),
        "sources": Counter("; ".join(element.sources) for element in viewers),
        "connections": Counter(value.connections for value in viewers),
    }
    sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
