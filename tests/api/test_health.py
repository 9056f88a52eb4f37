"""Health for people and for orchestrators."""

from collections.abc import Iterator

import httpx
import pytest

from tests.api.conftest import running_temporal


@pytest.fixture(scope="module")
def temporal_address() -> Iterator[str]:
    """A server of its own: Temporal remembers for minutes that a worker of another test asked."""
    yield from running_temporal()


async def test_health_without_a_worker_is_degraded(api: httpx.AsyncClient) -> None:
    answer = await api.get("/health")
    assert answer.status_code == 200
    assert answer.json()["status"] == "degraded"
    assert answer.json()["temporal"] is True


async def test_it_lives_and_is_ready(api: httpx.AsyncClient) -> None:
    assert (await api.get("/health/live")).status_code == 200
    assert (await api.get("/health/ready")).status_code == 200
    assert (await api.get("/api/version")).json() == {"version": "0.1.0"}
