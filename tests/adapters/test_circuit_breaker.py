"""A store that has failed is left alone for a while that grows, and is used again when it is well.

The tests move the clock: none waits for a pause.
"""

import asyncio

import pytest

from adapters import circuit_breaker
from adapters.circuit_breaker import CircuitBreaker
from deployments.errors import LogGap, Unavailable
from tests.support.servers import eventually


class Store:
    """Answers, fails or hangs; counts its calls."""

    def __init__(self) -> None:
        self.calls = 0
        self.error: Exception | None = None
        self.answers = asyncio.Event()
        self.answers.set()

    async def read(self) -> str:
        self.calls += 1
        await self.answers.wait()
        if self.error is not None:
            raise self.error
        return "lines"


@pytest.fixture
def now() -> list[float]:
    return [1000.0]


async def refuses(breaker: CircuitBreaker, store: Store) -> None:
    with pytest.raises(Unavailable):
        await breaker.call(store.read)


async def failed(now: list[float]) -> tuple[Store, CircuitBreaker]:
    """A store that has just failed, and its breaker, which is open."""
    store, breaker = Store(), CircuitBreaker("Redis", lambda: now[0])
    store.error = Unavailable("away")
    await refuses(breaker, store)
    return store, breaker


async def test_a_failed_store_is_called_once_and_left_alone_for_a_pause(now: list[float]) -> None:
    store, breaker = Store(), CircuitBreaker("Redis", lambda: now[0])
    store.error = Unavailable("Redis: TimeoutError")
    for _ in range(100):
        with pytest.raises(Unavailable, match="Redis: TimeoutError"):
            await breaker.call(store.read)
    assert store.calls == 1
    store.error = None
    now[0] += 1.0
    assert await breaker.call(store.read) == "lines"
    assert [await breaker.call(store.read) for _ in range(3)] == ["lines"] * 3
    assert store.calls == 5


async def test_the_pause_doubles_up_to_a_bound(now: list[float]) -> None:
    store, breaker = Store(), CircuitBreaker("Redis", lambda: now[0])
    store.error = Unavailable("away")
    called_at = []
    for _ in range(400):
        calls = store.calls
        await refuses(breaker, store)
        if store.calls > calls:
            called_at.append(now[0] - 1000.0)
        now[0] += 0.25
    assert called_at[:7] == [0, 1, 3, 7, 15, 25, 35]


async def test_a_store_that_fails_again_soon_is_left_alone_for_longer(now: list[float]) -> None:
    """It answers the test and hangs on the next call: each call would cost a timeout a second."""
    store, breaker = Store(), CircuitBreaker("Redis", lambda: now[0])
    for pause in (1.0, 2.0, 4.0, 8.0, 10.0, 10.0):
        store.error = Unavailable("away")
        await refuses(breaker, store)
        store.error, calls = None, store.calls
        now[0] += pause - 0.01
        await refuses(breaker, store)
        assert store.calls == calls
        now[0] += 0.01
        await breaker.call(store.read)
    now[0] += 11.0
    store.error = Unavailable("away")
    await refuses(breaker, store)
    store.error = None
    now[0] += 1.0
    await breaker.call(store.read)


async def test_a_single_call_tests_a_store_that_hangs_and_no_call_waits_for_it(
    now: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(circuit_breaker, "_TEST_SECONDS", 0.01)
    store, breaker = await failed(now)
    store.error = None
    store.answers.clear()
    now[0] += 1.0
    for _ in range(20):
        with pytest.raises(Unavailable, match="away"):
            async with asyncio.timeout(5):
                await breaker.call(store.read)
    assert store.calls == 2
    # The test goes on, and finds that the store is well.
    store.answers.set()
    await eventually(lambda: breaker._test is None, "the end of the test")
    assert await breaker.call(store.read) == "lines"


async def test_a_test_that_fails_later_leaves_the_store_alone_for_longer(
    now: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(circuit_breaker, "_TEST_SECONDS", 0.01)
    store, breaker = await failed(now)
    store.answers.clear()
    now[0] += 1.0
    await refuses(breaker, store)
    store.answers.set()
    await eventually(lambda: breaker._test is None, "the end of the test")
    now[0] += 1.5
    await refuses(breaker, store)
    assert store.calls == 2
    now[0] += 0.5
    await refuses(breaker, store)
    assert store.calls == 3


async def test_calls_that_fail_together_count_once(now: list[float]) -> None:
    store, breaker = Store(), CircuitBreaker("Redis", lambda: now[0])
    store.error = Unavailable("away")
    store.answers.clear()
    calls = [asyncio.create_task(breaker.call(store.read)) for _ in range(50)]
    await eventually(lambda: store.calls == 50, "the calls")
    store.answers.set()
    for failed in await asyncio.gather(*calls, return_exceptions=True):
        assert isinstance(failed, Unavailable)
    store.error = None
    now[0] += 1.0
    assert await breaker.call(store.read) == "lines"


async def test_a_reader_that_leaves_ends_no_test(now: list[float]) -> None:
    store, breaker = await failed(now)
    store.error = None
    store.answers.clear()
    now[0] += 1.0
    reader = asyncio.create_task(breaker.call(store.read))
    await eventually(lambda: store.calls == 2, "the test")
    reader.cancel()
    await asyncio.wait({reader})
    store.answers.set()
    await eventually(lambda: breaker._test is None, "the end of the test")
    assert await breaker.call(store.read) == "lines"


async def test_a_store_that_lacks_lines_is_well(now: list[float]) -> None:
    store, breaker = Store(), CircuitBreaker("Redis", lambda: now[0])
    store.error = LogGap("line 3 is missing")
    for _ in range(3):
        with pytest.raises(LogGap):
            await breaker.call(store.read)
    assert store.calls == 3
