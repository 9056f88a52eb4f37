"""The supervisor leaves terraform the processor while it prints faster than a person reads."""

import asyncio
import itertools

from tests.worker.steps.supervising import FakeStep, FakeTemporal, supervisor_of

LOOKS = 5
RESTED_SECONDS = 0.02


class Printing(FakeStep):
    """A step of which each look finds so many lines."""

    def __init__(self, lines: int) -> None:
        super().__init__()
        self.lines = lines
        self.looked_at: list[float] = []

    async def write_events(self) -> int:
        self.looked_at.append(asyncio.get_running_loop().time())
        self.ended = len(self.looked_at) >= LOOKS
        return self.lines

    async def wait_for_change(self, seconds: float) -> None:
        await asyncio.sleep(0)


async def pauses(lines: int) -> list[float]:
    """How long it waited before each further look, in seconds."""
    step = Printing(lines)
    await supervisor_of(step, FakeTemporal()).run()
    return [after - before for before, after in itertools.pairwise(step.looked_at[:LOOKS])]


async def test_in_a_burst_it_rests_between_its_looks() -> None:
    assert min(await pauses(lines=1000)) >= RESTED_SECONDS * 0.9


async def test_a_few_lines_are_read_at_once() -> None:
    # The quickest of four: a machine that is busy slows one down, not each of them.
    assert min(await pauses(lines=3)) < RESTED_SECONDS
