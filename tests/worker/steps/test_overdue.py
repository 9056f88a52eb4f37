"""The supervisor reports overdue resources to the workflow: once, and again when they change."""

import asyncio
import itertools
from dataclasses import replace

import pytest

from deployments.step import Resource, ResourceStatus
from tests.support.servers import eventually
from tests.worker.steps.supervising import FakeStep, FakeTemporal, supervisor_of

SLOW = Resource("google_x.a", "create", ResourceStatus.RUNNING, overdue=True)


async def test_it_is_told_once_and_again_when_it_changes() -> None:
    step, temporal = FakeStep(), FakeTemporal()
    running = asyncio.create_task(supervisor_of(step, temporal).run())
    temporal.away = True
    step.slow = [SLOW]
    await eventually(lambda: temporal.reports == [["google_x.a"]], "the first word")

    step.slow = [SLOW, replace(SLOW, address="google_x.b")]
    await eventually(lambda: len(temporal.reports) == 2, "the second word")
    step.slow = []
    await eventually(lambda: len(temporal.reports) == 3, "the all-clear")
    step.ended = True
    await running

    assert temporal.reports == [["google_x.a"], ["google_x.a", "google_x.b"], []]


async def test_a_list_that_changes_all_the_time_is_reported_less_and_less_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A workflow takes 10,000 signals: a signal a second spent them in three hours."""
    monkeypatch.setattr("worker.steps.supervisor._HEARTBEAT_SECONDS", 0.02)
    step, temporal = FakeStep(), FakeTemporal()
    running = asyncio.create_task(supervisor_of(step, temporal).run())
    loop = asyncio.get_running_loop()
    times: list[float] = []

    async def changed() -> bool:
        step.slow = [replace(SLOW, address=f"google_x.{loop.time()}")]
        if len(temporal.reports) > len(times):
            times.append(loop.time())
        return len(times) == 5

    await eventually(changed, "five reports")
    step.ended = True
    await running
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert all(gap >= 0.02 * 2**number * 0.9 for number, gap in enumerate(gaps))


async def test_more_than_ten_are_not_reported_again_and_again() -> None:
    """Only ten are sent, and each change among the others sent the same ten."""
    step, temporal = FakeStep(), FakeTemporal()
    many = [replace(SLOW, address=f"google_x.{number}") for number in range(30)]
    step.slow = many
    running = asyncio.create_task(supervisor_of(step, temporal).run())
    await eventually(lambda: len(temporal.reports) == 1, "the report")
    step.slow = many[:20]
    beats = temporal.beats
    await eventually(lambda: temporal.beats > beats + 1, "another heartbeat")
    step.ended = True
    await running
    assert temporal.reports == [[resource.address for resource in many[:10]]]
