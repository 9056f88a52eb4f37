"""The load client: many viewers in one process, which counts and does little else.

`python -m tests.bench.viewers '<order as JSON>'` prints `ready` when every viewer has its answer,
`ended` when all of them have ended and, some seconds later, what they saw as one line of JSON.
Every viewer's ids are checked for gaps and repeats; the text of one is kept whole and read at the
end, for the times of the lines.
"""

import gc
import hashlib
import json
import select
import socket
import sys
import time
from array import array
from dataclasses import asdict, dataclass, field

from tests.bench.figures import Spread, spread
from tests.bench.scene import APPLY, moment

__all__ = ["Order", "Seen"]

_RECEIVE_BYTES = 256 * 1024
_LOG = b"\nevent: log\ndata: "
_FIRST = b'{"lines":[["'
# Where its reader is kept waiting, terraform makes two lines of one: then only the first is dated.
_PACED = " (local-exec): line "
# Two thousand latencies of each frame would be millions; these are enough for a 99th percentile.
_MOST_SAMPLES = 2_000_000


@dataclass(frozen=True)
class Order:
    """What to do.

    Args:
        port: of the server on loopback.
        path: of the stream; empty for the bare fan-out, which sends terraform's own lines.
        viewers: who read.
        stalled: who ask and then never read.
        seconds: give up after so long.
    """

    port: int
    path: str
    viewers: int
    stalled: int = 0
    seconds: float = 300


@dataclass
class Seen:
    """What the viewers saw.

    Args:
        lost, doubled: lines, over all viewers.
        lines: of one viewer, those that the pacing program printed.
        unequal: viewers that did not end with the same ids as the first.
        latency: from terraform's time of a line to its receipt, in milliseconds.
        shown: the hash over id, time and text of all lines of the first viewer.
        last: the last id of each step.
    """

    viewers: int
    lost: int
    doubled: int
    lines: int
    unequal: int
    received_mb: float
    latency: Spread
    shown: str = ""
    last: dict[str, int] = field(default_factory=dict)


class Viewer:
    """One connection."""

    def __init__(self, order: Order, *, whole: bool) -> None:
        self.socket = socket.create_connection(("127.0.0.1", order.port))
        if order.path:
            head = f"GET {order.path} HTTP/1.1\r\nHost: 127.0.0.1:{order.port}\r\n\r\n"
            self.socket.sendall(head.encode())
        self.socket.setblocking(False)  # noqa: FBT003 - the function takes it so
        self._take = self._frames if order.path else self._lines
        self._whole = whole
        self._pending = b""
        self.kept: list[bytes] = []
        self.bytes = 0
        self.lost = self.doubled = 0
        self.last: dict[int, int] = {}
        self.ended = False
        # One entry a frame: when, which step, first and last line.
        self.arrived = array("d")
        self.ranges = array("q")

    def feed(self, data: bytes, now: float) -> None:
        """Take in what was received."""
        self.bytes += len(data)
        if self._whole:
            self.kept.append(data)
        self._take(self._pending + data if self._pending else data, now)

    def _lines(self, data: bytes, now: float) -> None:
        end = data.rfind(b"\n") + 1
        self._pending = data[end:]
        if count := data.count(b"\n", 0, end):
            self._range(now, APPLY, self.last.get(APPLY, 0) + 1, count)

    def _frames(self, data: bytes, now: float) -> None:
        *frames, self._pending = data.split(b"\n\n")
        for frame in frames:
            at = frame.find(_LOG)
            if at >= 0:
                self._frame(frame, at, now)
            elif b"event: end\n" in frame or b"event: bye\n" in frame:
                self.ended = True

    def _frame(self, frame: bytes, at: int, now: float) -> None:
        last = frame[frame.rfind(b"id: ", 0, at) + 4 : at].split(b"-")
        step, end = int(last[0]), int(last[1])
        begin = at + len(_LOG)
        if not frame.startswith(_FIRST, begin):
            # Nothing but an end record.
            self._range(now, step, end, 1)
            return
        begin += len(_FIRST)
        first = frame[begin : frame.index(b'"', begin)].split(b"-")
        if int(first[0]) == step:
            self._range(now, step, int(first[1]), end - int(first[1]) + 1)
            return
        # Over the end of a step, whose record is shown as no line; it happens twice.
        before = 0
        for line in json.loads(frame[at + len(_LOG) :])["lines"]:
            part, number = map(int, line[0].split("-"))
            if before not in (0, part):
                self._range(now, before, self.last[before] + 1, 1)
            before = part
            self._range(now, part, number, 1)
        if self.last.get(step, 0) < end:
            self._range(now, step, end, 1)

    def _range(self, now: float, step: int, first: int, count: int) -> None:
        expected = self.last.get(step, 0) + 1
        self.lost += max(0, first - expected)
        self.doubled += max(0, min(count, expected - first))
        self.last[step] = max(expected - 1, first + count - 1)
        self.arrived.append(now)
        self.ranges.extend((step, first, first + count - 1))


def _framed(viewer: Viewer) -> tuple[dict[int, float], str]:
    """When terraform printed each paced line, by its number, and the hash of all that was shown."""
    found: dict[int, float] = {}
    shown = hashlib.sha256()
    for frame in b"".join(viewer.kept).split(b"\n\n"):
        at = frame.find(_LOG)
        lines = json.loads(frame[at + len(_LOG) :])["lines"] if at >= 0 else []
        for id, time_, _, text in lines:
            shown.update(f"{id} {time_} {text}\n".encode())
            if _PACED in text:
                found[int(id.partition("-")[2])] = moment(time_)
    return found, shown.hexdigest()


def _bare(viewer: Viewer) -> dict[int, float]:
    """The same of terraform's own lines."""
    messages = map(json.loads, b"".join(viewer.kept).splitlines())
    return {
        line: moment(one["@timestamp"])
        for line, one in enumerate(messages, 1)
        if _PACED in one["@message"]
    }


def _latencies(viewers: list[Viewer], times: dict[int, float]) -> list[float]:
    step = max(1, len(viewers) * len(times) // _MOST_SAMPLES)
    found: list[float] = []
    for viewer in viewers:
        for at, now in enumerate(viewer.arrived):
            step, first, last = viewer.ranges[3 * at : 3 * at + 3]
            if step == APPLY:
                # The same lines for every viewer, whatever the frames.
                lines = range(first + -first % step, last + 1, step)
                found += [1000 * (now - times[line]) for line in lines if line in times]
    return found


def _watch(order: Order) -> list[Viewer]:
    gc.disable()
    viewers = [Viewer(order, whole=number == 0) for number in range(order.viewers)]
    stalled = [Viewer(order, whole=False) for _ in range(order.stalled)]
    _follow({viewer.socket.fileno(): viewer for viewer in viewers}, order)
    for item in (*viewers, *stalled):
        item.socket.close()
    return viewers


def _follow(viewers: dict[int, Viewer], order: Order) -> None:
    poll = select.epoll()
    for number in viewers:
        poll.register(number, select.EPOLLIN)
    # The bare fan-out says nothing before there is something.
    silent = len(viewers) if order.path else 0
    ready = False
    give_up = time.monotonic() + order.seconds
    while viewers and time.monotonic() < give_up:
        if not silent and not ready:
            ready = _say("ready")
        for number, _ in poll.poll(1.0):
            viewer = viewers[number]
            data = viewer.socket.recv(_RECEIVE_BYTES)
            now = time.time()
            silent -= bool(silent and not viewer.bytes)
            viewer.feed(data, now)
            if viewer.ended or not data:
                poll.unregister(number)
                del viewers[number]
    _say("ended")


def _say(word: str) -> bool:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()
    return True


def main() -> None:
    """Watch, then tell."""
    order = Order(**json.loads(sys.argv[1]))
    viewers = _watch(order)
    times, shown = _framed(viewers[0]) if order.path else (_bare(viewers[0]), "")
    seen = Seen(
        viewers=len(viewers),
        lost=sum(viewer.lost for viewer in viewers),
        doubled=sum(item.doubled for item in viewers),
        lines=len(times),
        unequal=sum(entry.last != viewers[0].last for entry in viewers),
        received_mb=sum(element.bytes for element in viewers) / 1e6,
        latency=spread(_latencies(viewers, times)),
        shown=shown,
        last={str(step): line for step, line in viewers[0].last.items()},
    )
    sys.stdout.write(json.dumps(asdict(seen)) + "\n")


if __name__ == "__main__":
    main()
