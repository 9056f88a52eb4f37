"""How much each benchmark does: whole, quick, or just enough to see that it works."""

from dataclasses import dataclass

__all__ = ["QUICK", "SMOKE", "WHOLE", "Size"]


@dataclass(frozen=True)
class Size:
    """Bounds of one run.

    Args:
        rounds: pairs of ours and baseline where one takes seconds.
        many: pairs where one takes a fraction of a second.
        requests: of one block of GETs, and how many blocks are `rounds`.
        viewers: how many at 1,000 lines a second, each with its goal for p99 in milliseconds.
        live_seconds: how long they are shown lines.
        crowd, crowd_seconds: the many viewers.
        stalled: of half a thousand, how many stop to read; the others are live.
        spool_lines: lines of one translation.
        together: deployments at once, each with the seconds of its ten resources.
        bursts: lines as fast as they go, and how many pairs.
    """

    name: str
    rounds: int
    many: int
    requests: int
    viewers: tuple[tuple[int, float], ...]
    live_seconds: float
    crowd: int
    crowd_seconds: float
    stalled: int
    live: int
    spool_lines: int
    together: tuple[tuple[int, float], ...]
    bursts: tuple[tuple[int, int], ...]


_VIEWERS = ((1, 15.0), (50, 30.0), (100, 60.0))

WHOLE = Size(
    name="whole",
    rounds=5,
    many=20,
    requests=400,
    viewers=_VIEWERS,
    live_seconds=10,
    crowd=1000,
    crowd_seconds=60,
    stalled=100,
    live=400,
    spool_lines=500_000,
    together=((20, 1.0),),
    bursts=((200_000, 3), (1_000_000, 1)),
)
QUICK = Size(
    name="quick",
    rounds=2,
    many=6,
    requests=200,
    viewers=_VIEWERS,
    live_seconds=4,
    crowd=1000,
    crowd_seconds=10,
    stalled=100,
    live=400,
    spool_lines=200_000,
    together=((20, 1.0),),
    bursts=((200_000, 1),),
)
# Shows that everything still runs and counts right; the numbers mean nothing.
SMOKE = Size(
    name="smoke",
    rounds=1,
    many=1,
    requests=5,
    viewers=((2, 60.0),),
    live_seconds=0.5,
    crowd=5,
    crowd_seconds=0.5,
    stalled=1,
    live=2,
    spool_lines=2_000,
    together=((2, 0.1),),
    bursts=((2_000, 1),),
)
