"""A host that cannot read its run root accepts nothing, and costs nothing."""

import asyncio
from typing import Any, cast

import pytest
from temporalio.worker import CustomSlotSupplier

from worker.admission import shared_queue_tuner


def supplier(used: Any) -> CustomSlotSupplier:
    tuner = shared_queue_tuner(used, 20, lambda: True)
    return cast(CustomSlotSupplier, tuner._get_activity_task_slot_supplier())


async def test_a_run_root_that_cannot_be_read_takes_no_processor(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The SDK repeats a call that raises at once: a worker without its folder took a processor."""
    calls = 0

    def used() -> int:
        nonlocal calls
        calls += 1
        if calls < 3:
            raise FileNotFoundError(2, "No such file or directory", "runs")
        return 0

    context: Any = None
    await asyncio.wait_for(supplier(used).reserve_slot(context), 30)

    assert calls == 3
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [
        "no deployment is accepted, the run root cannot be read"
    ]
