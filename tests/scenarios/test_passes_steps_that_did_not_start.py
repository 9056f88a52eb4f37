"""A step in which terraform did not start hides no line, in any copy of the log, live or later."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from deployments.deployment import Status
from deployments.events import EndKind
from tests.scenarios.command_line import CommandLine
from tests.support.api import start_api, until_ready
from tests.support.invariants import Views, check_invariants
from tests.support.servers import Process, eventually, free_port
from tests.support.service import Deployment, House
from tests.support.sinks import every_sink
from tests.support.stores import Store

# Three workers die one after the other, and each death is noticed after seconds.
pytestmark = pytest.mark.long

COPIES = {"local", "redis", "gcs", "firestore"}


@pytest.fixture
async def commands(house: House, stores: dict[str, Store]) -> list[CommandLine]:
    """`anava` against an API that reads this machine's files, and one that reads Redis."""
    house.settings = every_sink(stores)
    command_lines = []
    for sources in ("local,redis", "redis,local"):
        house.settings["ANAVA_LOG__SOURCES"] = sources
        port = free_port()
        start_api(house, port)
        url = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=url) as session:
            await until_ready(session, 60)
        command_lines.append(CommandLine(house, url, house.data))
    return command_lines


@pytest.fixture
async def mortal(house: House, request: pytest.FixtureRequest) -> AsyncIterator[None]:
    """There is always a worker; each is killed in the steps of the test's parameter."""
    steps = ",".join(map(str, request.param))

    async def replace() -> None:
        while True:
            worker = house.worker("tests/scenarios/dying_worker.py", DIES_IN_STEPS=steps)
            await eventually(lambda: worker.popen.poll() is not None, "the next death", 600)  # noqa: B023

    task = asyncio.create_task(replace())
    yield
    task.cancel()
    await asyncio.wait({task})


def follow(command: CommandLine, id: str, out: Path) -> Process:
    words = " ".join([*command.argv("logs", "-f", "--json", id), f">{out}"])
    process = Process(["/bin/sh", "-c", f"exec {words}"], command.environment(), Path(f"{out}.sh"))
    command.house.workers.append(process)
    return process


@pytest.mark.parametrize(
    ("mortal", "steps"),
    [
        pytest.param((1, 3, 4), 6, id="the first, and two in a row"),
        pytest.param((1, 2, 3), 3, id="all"),
        pytest.param((3, 4, 5), 5, id="the last"),
    ],
    indirect=["mortal"],
)
async def test_all_lines_are_read_and_the_empty_numbers_are_named(
    house: House,
    commands: list[CommandLine],
    mortal: None,
    steps: int,
    request: pytest.FixtureRequest,
) -> None:
    empty = set(request.node.callspec.params["mortal"])
    deployment = await house.deploy(resource_seconds=0.1, lines=20)
    outs = [house.data / f"out.{number}" for number in range(len(commands))]
    followers = [
        follow(command, deployment.id, out) for command, out in zip(commands, outs, strict=True)
    ]
    result = await deployment.result()
    assert (result.status is Status.COMPLETED) is (steps == 6), result
    ends = {seal.step: seal.end for seal in result.seals}
    assert ends == {
        step: EndKind.NOT_STARTED if step in empty else EndKind.COMPLETE
        for step in range(1, steps + 1)
    }
    stored = [event["id"] for step in ends for event in deployment.events(step)[:-1]]
    for command, follower, out in zip(commands, followers, outs, strict=True):
        await eventually(lambda: follower.popen.poll() is not None, "the end", 60)  # noqa: B023
        *followed, last = [json.loads(line) for line in out.read_text().splitlines()]
        assert [line["id"] for line in followed] == stored
        assert last["status"] == result.status
        later = (await command.run("logs", "--json", deployment.id)).out.splitlines()
        assert [json.loads(line)["id"] for line in later] == stored
        await assert_verified(command, deployment, ends)
    console = (house.data / "worker.log").read_text()
    for step in empty:
        assert f'"message":"end of step {step}: not_started"' in console
    async with httpx.AsyncClient(base_url=commands[1].url, timeout=60) as api:
        page = (await api.get(f"/api/deployment/{deployment.id}/logs?limit=10000")).json()
        assert ([event["id"] for event in page["items"]], page["complete"]) == (stored, True)
        await check_invariants(house, deployment, Views(api=api))


async def assert_verified(
    command: CommandLine, deployment: Deployment, ends: dict[int, EndKind]
) -> None:
    """`anava logs --verify` names each number, in the result and in every copy."""

    async def equal() -> bool:
        return (await command.run("logs", "--verify", deployment.id)).code == 0

    await eventually(equal, "equal copies", 60)
    report = json.loads((await command.run("logs", "--verify", "--json", deployment.id)).out)
    copies = {copy["name"]: [step["step"] for step in copy["steps"]] for copy in report["copies"]}
    assert copies.keys() >= COPIES
    assert all(numbers == sorted(ends) for numbers in copies.values()), copies
    table = (await command.run("logs", "--verify", deployment.id)).out.splitlines()
    seals = [line.split() for line in table if line.startswith("seal")]
    assert [(int(words[1]), words[-1]) for words in seals] == [*ends.items()]
