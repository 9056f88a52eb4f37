"""What a stop of `anava up` cancels, and what it says of the rest."""

import asyncio

import pytest

from cli.shutdown import ShutdownPrompt
from deployments.deployment import CancelRequest
from deployments.errors import TemporalUnavailable


class Deployments:
    """Deployments that end when they are cancelled, except those that are told not to."""

    def __init__(self, *ids: str, endless: str = "", refused: str = "") -> None:
        self.alive = set(ids)
        self.cancelled: list[str] = []
        self.follower = ""
        self._endless = endless
        self._refused = refused

    async def running_ids(self) -> list[str]:
        return sorted(self.alive)

    async def cancel(self, deployment: str, request: CancelRequest) -> None:
        assert request == CancelRequest("local", "`anava up` was stopped")
        if deployment == self._refused:
            raise TemporalUnavailable("not now")
        self.cancelled.append(deployment)
        if deployment != self._endless:
            self.alive.discard(deployment)
        if self.follower:
            self.alive.add(self.follower)
            self.follower = ""


def _stopping(running: Deployments, wait_seconds: float = 10) -> ShutdownPrompt:
    return ShutdownPrompt(running, asyncio.Queue(), wait_seconds)


async def test_what_starts_during_the_cancelling_is_cancelled_too() -> None:
    running = Deployments("dep-1")
    running.follower = "dep-2"

    assert await _stopping(running).cancel_all()

    assert running.cancelled == ["dep-1", "dep-2"]


async def test_nothing_is_said_where_nothing_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert await _stopping(Deployments()).cancel_all()

    assert capsys.readouterr() == ("", "")


async def test_what_does_not_end_in_time_is_named_with_what_becomes_of_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    running = Deployments("dep-slow", "dep-deaf", endless="dep-slow", refused="dep-deaf")

    assert not await _stopping(running, 0.5).cancel_all()

    slow, deaf = capsys.readouterr().err.splitlines()
    assert slow.startswith("Not ended after 0.5 s: dep-slow. The cancel stays in force")
    assert deaf.startswith("Not cancelled: dep-deaf. Terraform continues")
    assert running.cancelled == ["dep-slow"], "asked once"
