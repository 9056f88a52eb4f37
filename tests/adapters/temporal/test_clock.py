"""Temporal's time, whatever this machine's clock shows."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.temporal.clock import TemporalClock
from deployments.errors import TemporalUnavailable
from tests.support.servers import TemporalServer

# The server runs on this machine, whose clock the test does not touch.
TOLERANCE = timedelta(seconds=1)


async def test_it_is_the_servers_time_and_survives_a_minute_without_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = TemporalServer(tmp_path)
    server.start()
    try:
        clock = TemporalClock(await server.client())
        first = await clock.now()
        assert abs(first - datetime.now(UTC)) < TOLERANCE
        server.kill()
        later = await clock.now()
        assert first < later < datetime.now(UTC) + TOLERANCE
        boot = time.clock_gettime(time.CLOCK_BOOTTIME)
        monkeypatch.setattr("adapters.temporal.clock._boot_seconds", lambda: boot + 3600)
        with pytest.raises(TemporalUnavailable):
            await clock.now()
    finally:
        server.end()
