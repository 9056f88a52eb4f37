"""Temporal's database is lost and the data folder is kept: nothing holds its place for ever."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.local.host_report import LocalHostReports
from deployments.deployment import Status
from deployments.findings import Severity
from tests.support.processes import processes_below
from tests.support.servers import TemporalServer, eventually
from tests.support.service import Deployment, House

APPLY = 3


@pytest.fixture
async def losing(tmp_path: Path) -> AsyncIterator[tuple[TemporalServer, House]]:
    """A Temporal of its own, and a house with a single place on it."""
    folder = tmp_path / "temporal"
    folder.mkdir()
    server = TemporalServer(folder)
    server.start()
    house = House(await server.client(), server.address, tmp_path / "data")
    house.data.mkdir()
    house.settings["ANAVA_WORKER__DEPLOYMENTS"] = "1"
    yield server, house
    house.end()
    server.end()


async def lose_database(server: TemporalServer, house: House) -> None:
    """Kill Temporal, remove its database, start it again."""
    server.kill()
    for file in server.database():
        file.unlink()
    server.start()
    house.client = await server.client()


async def deploy_again(house: House, lost: Deployment) -> Deployment:
    """Another deployment of the same stack."""
    return await house.deploy(prefix=lost.stack.rpartition(".")[2], resource_seconds=0.1)


@pytest.mark.parametrize(
    ("step", "file"),
    [(APPLY, "started.json"), pytest.param(1, "step.json", marks=pytest.mark.long)],
)
async def test_the_lost_deployment_gives_up_place_and_secrets_and_is_reported(
    losing: tuple[TemporalServer, House], step: int, file: str
) -> None:
    server, house = losing
    worker = house.worker()
    lost = await house.deploy(resource_seconds=5)
    await lost.until_file(step, file)
    worker.kill()
    await lose_database(server, house)
    house.worker()
    await eventually((lost.folder / "record.json").exists, "the end of the lost deployment", 60)

    await eventually(lambda: not processes_below(lost.folder), "the end of terraform")
    kept = [name for name in ("work", "home", "secrets.json") if (lost.folder / name).exists()]
    assert kept == []
    assert f"Temporal does not know {lost.id}" in (house.data / "worker.log").read_text()
    reports = LocalHostReports(house.data / "runs", house.data)
    assert (await reports.current()).lost_deployments == [lost.id]

    # The host has a single place.
    result = await (await deploy_again(house, lost)).result()

    assert result.status is Status.COMPLETED
    [warning] = [error for error in result.errors if lost.id in error.message]
    assert warning.severity is Severity.WARNING
    assert "in step" in warning.message
    assert len(house.recorded(lost)) == 12
    assert (await reports.current()).lost_deployments == []


@pytest.mark.long
async def test_a_terminated_deployment_is_reported_by_the_next(house: House) -> None:
    house.worker()
    terminated = await house.deploy(resource_seconds=30)
    await terminated.until_text(APPLY, "apply_start")
    await terminated.handle.terminate()
    await eventually((terminated.folder / "record.json").exists, "its end on the host", 90)

    result = await (await deploy_again(house, terminated)).result()

    assert result.status is Status.COMPLETED
    assert [error for error in result.errors if terminated.id in error.message]
