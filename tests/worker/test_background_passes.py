"""A background pass that fails by a defect is logged, and the next pass follows."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

import worker_main
from tests.support.servers import eventually
from worker import reattachment, retention, status_mirror
from worker.reattachment import Reattachment
from worker.retention import Retention
from worker.status_mirror import StatusMirrorLoop


class Defect:
    """Fails each call by an error that is none of this service's."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, *_: object) -> Any:
        self.calls += 1
        raise ValueError("'x' is not a valid Status")

    async def wait(self, *_: object) -> Any:
        self()


def _retention(defect: Defect, folder: Path) -> Coroutine[Any, Any, None]:
    async def now() -> float:
        return 0.0

    return Retention(folder, [], defect.wait, defect.wait, now, lambda: None).run()


def _mirror(defect: Defect, _: Path) -> Coroutine[Any, Any, None]:
    executions = SimpleNamespace(list_recent=defect.wait)
    return StatusMirrorLoop(executions, cast(Any, None)).run()


def _reattachment(defect: Defect) -> Reattachment:
    host = SimpleNamespace(
        stale_steps=defect, pending=SimpleNamespace(uncleared=list), idle_deployments=defect
    )
    supervisors = SimpleNamespace(handing_over=False)
    return Reattachment(cast(Any, host), cast(Any, None), cast(Any, supervisors), 0.01)


def _scan(defect: Defect, _: Path) -> Coroutine[Any, Any, None]:
    return _reattachment(defect).run()


def _close_abandoned(defect: Defect, _: Path) -> Coroutine[Any, Any, None]:
    return _reattachment(defect).close_abandoned()


def _repeated(defect: Defect, _: Path) -> Coroutine[Any, Any, None]:
    return worker_main._repeat(defect.wait, 0.01, "the scan failed")


@pytest.mark.parametrize("loop", [_retention, _mirror, _scan, _close_abandoned, _repeated])
async def test_a_defect_in_a_pass_does_not_end_the_loop(
    loop: Callable[[Defect, Path], Coroutine[Any, Any, None]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A forged workflow ended every worker by a `ValueError` in the retention's pass."""
    monkeypatch.setattr(retention, "_PASS_SECONDS", 0.01)
    monkeypatch.setattr(status_mirror, "_INTERVAL_SECONDS", 0.01)
    monkeypatch.setattr(reattachment, "_CLEANUP_SECONDS", 0.01)
    defect = Defect()
    with caplog.at_level(logging.ERROR):
        task = asyncio.create_task(loop(defect, tmp_path))
        await eventually(lambda: task.done() or defect.calls > 1, "a second pass")
    assert not task.done()
    task.cancel()
    assert "is not a valid Status" in caplog.text


async def test_a_deployment_that_cannot_be_closed_delays_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    defect = Defect()
    closing = _reattachment(defect)
    closing._host = cast(
        Any, SimpleNamespace(pending=SimpleNamespace(uncleared=list), idle_deployments=lambda: "ab")
    )
    closing._attempts = cast(Any, SimpleNamespace(workflow_state=defect.wait))
    with caplog.at_level(logging.ERROR):
        await closing._close_all()
    assert defect.calls == 2
