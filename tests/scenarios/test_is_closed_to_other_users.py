"""The worker and the API close themselves and their folders to other users of the machine."""

from pathlib import Path

import httpx
import pytest

from tests.support.api import start_api, until_ready
from tests.support.servers import TemporalServer, free_port
from tests.support.service import House


@pytest.fixture
def house_data(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(0o755)
    return data


async def test_worker_and_api_tighten_the_data_folder_and_leave_no_core_dump(
    temporal: TemporalServer, house_data: Path
) -> None:
    house = House(await temporal.client(), temporal.address, house_data, forks=False)
    try:
        worker, port = house.worker(), free_port()
        await house.until_up()
        api = start_api(house, port)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as session:
            await until_ready(session)
            for process in (worker, api):
                assert _core_limits(process.popen.pid) == ["0", "0"]
        assert [_mode(folder) for folder in (house_data, house_data / "runs")] == [0o700, 0o700]
    finally:
        house.end()


def _core_limits(pid: int) -> list[str]:
    limits = Path(f"/proc/{pid}/limits").read_text().splitlines()
    return next(line for line in limits if line.startswith("Max core file size")).split()[4:6]


def _mode(folder: Path) -> int:
    return folder.stat().st_mode & 0o777
