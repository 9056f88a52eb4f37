"""`anava up`: whatever ends it, terraform and its deployment are never in doubt."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.deployment import Status
from tests.support.invariants import check_invariants, check_unlocked
from tests.support.machine import Machine, is_alive
from tests.support.processes import end_processes, processes_below
from tests.support.servers import ROOT, eventually, free_port
from tests.support.service import Deployment, House

INIT, PLAN, APPLY = 1, 2, 3
REFUSED, INTERRUPTED = 2, 130
# Times three layers: longer than the 4 s that `anava up` needs to start.
REATTACHABLE_SECONDS = 2
# Printed in ten slices, so that terraform writes several times a second.
LINES = 10


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """One for all: a test finds `anava up` running, or starts it."""
    machine = Machine(tmp_path_factory.mktemp("machine"))
    yield machine
    machine.end()


async def in_apply(machine: Machine, house: House, seconds: float) -> Deployment:
    deployment = await machine.deploy(house, resource_seconds=seconds, lines=LINES)
    await deployment.until_text(APPLY, "apply_start")
    return deployment


async def assert_goes_on_alone(deployment: Deployment) -> None:
    """Terraform writes on, without any of us."""
    spool = deployment.file(APPLY, "spool")
    size = spool.stat().st_size
    await eventually(lambda: spool.stat().st_size > size, "terraform's next line")
    assert not deployment.file(APPLY, "exit.json").exists()


async def assert_reattached(machine: Machine, deployment: Deployment) -> None:
    """The attempt of a worker that is dead is ended by another; terraform was started once."""
    house = await machine.house()
    deployment.handle = house.client.get_workflow_handle(deployment.id)
    await assert_completed(house, deployment)
    assert set((await deployment.attempts()).values()) == {1}


async def assert_completed(house: House, deployment: Deployment) -> None:
    result = await deployment.result()
    assert result.status is Status.COMPLETED
    assert len(house.recorded(deployment)) == 12
    await check_invariants(house, deployment)


def assert_cancelled(machine: Machine, house: House, deployment: Deployment) -> None:
    result = machine.record(deployment)["result"]
    assert result["status"] == Status.CANCELLED
    assert result["cancel"] == {"by": "local", "reason": "`anava up` was stopped"}
    check_unlocked(house.data, deployment.stack)


def assert_no_process_left(machine: Machine, children: dict[str, int]) -> None:
    assert len(children) == 3
    assert not [name for name, pid in children.items() if is_alive(pid)]
    assert not processes_below(machine.data)


async def test_killed_whole_in_an_apply_the_next_up_goes_on(machine: Machine) -> None:
    deployment = await in_apply(machine, await machine.up(), REATTACHABLE_SECONDS)
    children = machine.children()
    machine.kill()
    end_processes(children.values())
    await assert_goes_on_alone(deployment)
    await machine.up()
    await assert_reattached(machine, deployment)


async def test_killed_alone_its_children_end_before_the_next_up_takes_the_folder(
    machine: Machine,
) -> None:
    deployment = await in_apply(machine, await machine.up(), REATTACHABLE_SECONDS)
    children = machine.children()
    assert len(children) == 3
    machine.kill()
    # At once: it waits for the children, who still hold ports, database and folder.
    await machine.up()
    assert not [name for name, pid in children.items() if is_alive(pid)]
    await assert_reattached(machine, deployment)


async def test_a_killed_child_comes_back_while_a_deployment_goes_on(machine: Machine) -> None:
    house = await machine.up()
    deployment = await in_apply(machine, house, 1)
    before = machine.children()
    end_processes(before.values())

    def all_back() -> bool:
        now = machine.children()
        return len(now) == 3 and not set(now.values()) & set(before.values())

    await eventually(all_back, "the children")
    await assert_completed(house, deployment)


async def test_a_second_up_is_told_what_is_in_its_way(machine: Machine, tmp_path: Path) -> None:
    await machine.up()
    other = Machine(tmp_path)

    def refused(one: Machine) -> str:
        ended = subprocess.run(  # noqa: S603 - our own program
            one.argv(), env=one.environment(), cwd=ROOT, capture_output=True, check=False
        )
        assert ended.returncode == REFUSED
        return ended.stderr.decode()

    assert f"Another `anava up` (or demo) runs with {machine.data}." in refused(machine)
    other.temporal_port = machine.temporal_port
    assert f"Port {other.temporal_port} of 127.0.0.1, meant for Temporal, is taken; " in (
        said := refused(other)
    )
    assert "--temporal-port" in said
    other.temporal_port, other.port = free_port(), machine.port
    assert "ANAVA_API__PORT" in refused(other)


async def test_sigterm_cancels_what_runs_or_starts_meanwhile(machine: Machine) -> None:
    house = await machine.up()
    assert machine.process is not None
    children = machine.children()
    first = await in_apply(machine, house, 30)
    machine.process.send_signal(signal.SIGTERM)
    await machine.until_said("Cancelling")
    late = await machine.deploy(house, resource_seconds=30)
    assert await machine.ended() == 0
    assert [item["signal"] for item in first.exit(APPLY)["signals"]] == ["SIGINT"]
    assert_cancelled(machine, house, first)
    assert_no_process_left(machine, children)
    house = await machine.up()
    late.handle = house.client.get_workflow_handle(late.id)
    assert (await late.result()).status is Status.CANCELLED


async def test_sigint_without_a_terminal_cancels_though_api_is_dead(machine: Machine) -> None:
    house = await machine.up()
    assert machine.process is not None
    deployment = await in_apply(machine, house, 30)
    children = machine.children()
    os.kill(children["api"], signal.SIGKILL)
    os.kill(children["temporal"], signal.SIGKILL)
    machine.process.send_signal(signal.SIGINT)
    assert await machine.ended() == INTERRUPTED
    assert_cancelled(machine, house, deployment)
    assert_no_process_left(machine, children)


async def test_ctrl_c_at_a_terminal_asks(machine: Machine) -> None:
    with machine.terminal() as terminal:
        await terminal.shows("Ready")
        # Twice as long: two questions are answered before terraform is looked at.
        deployment = await in_apply(machine, await machine.house(), 2 * REATTACHABLE_SECONDS)
        terminal.type("\x03")
        await terminal.shows("[b]ack: ")
        terminal.type("b\n")
        # A terminal forgets at Ctrl-C what was typed but not read.
        await terminal.shows("Serving")
        terminal.type("\x03")
        await terminal.shows("[b]ack: ")
        terminal.type("l\n")
        assert await machine.ended() == 0
    await assert_goes_on_alone(deployment)
    with machine.terminal() as terminal:
        await terminal.shows("Ready")
        await assert_reattached(machine, deployment)
        house = await machine.house()
        deployment = await in_apply(machine, house, 30)
        terminal.type("\x03")
        await terminal.shows("[b]ack: ")
        terminal.type("c\n")
        await terminal.shows("Cancelling")
        assert await machine.ended() == 0
    assert_cancelled(machine, house, deployment)
