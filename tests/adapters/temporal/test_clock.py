"""Temporal's time, whatever this machine's clock shows."""

from datetime import UTC, datetime, timedelta

import pytest

from adapters.local.atomic_files import boot_seconds
from adapters.temporal.clock import TemporalClock
from deployments.errors import TemporalUnavailable
from tests.support.servers import TemporalServer

# The server runs on this machine, whose clock the test does not touch.
TOLERANCE = timedelta(seconds=1)


async def test_it_is_the_servers_time_and_survives_a_minute_without_the_server(
    server: TemporalServer,
) -> None:
    later_seconds = 0.0
    clock = TemporalClock(await server.client(), lambda: boot_seconds() + later_seconds)
    first = await clock.now()
    assert abs(first - datetime.now(UTC)) < TOLERANCE
    server.kill()
    later = await clock.now()
    assert first < later < datetime.now(UTC) + TOLERANCE
    later_seconds = 3600.0
    with pytest.raises(TemporalUnavailable):
        await clock.now()
