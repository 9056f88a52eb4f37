"""Concurrent calls end together, with the error of a single call."""

import asyncio

import pytest

from adapters.task_group import run_all
from deployments.errors import Unavailable


async def _echo(value: int) -> int:
    await asyncio.sleep(0)
    return value


async def test_the_results_are_in_the_order_of_the_calls() -> None:
    assert await run_all(_echo(value) for value in (3, 1, 2)) == [3, 1, 2]
    assert await run_all(iter(())) == []


async def test_an_error_ends_the_other_calls_and_is_raised_as_it_is() -> None:
    """The calls that `gather` left behind went on with requests of an ended activity."""
    ended = []

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("waiting")

    async def fail() -> None:
        cause = OSError("refused")
        raise Unavailable("Google does not answer.") from cause

    with pytest.raises(Unavailable) as raised:
        await run_all([wait(), fail(), wait()])
    assert ended == ["waiting", "waiting"]
    assert isinstance(raised.value.__cause__, OSError)


async def test_of_two_errors_the_first_is_raised() -> None:
    async def fail_when_cancelled() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("second")

    async def fail() -> None:
        raise Unavailable("first")

    with pytest.raises(Unavailable, match="first"):
        await run_all([fail_when_cancelled(), fail()])


async def test_a_cancel_ends_every_call() -> None:
    started, ended = asyncio.Event(), []

    async def wait() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("waiting")

    task = asyncio.create_task(run_all([wait(), wait()]))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["waiting", "waiting"]
