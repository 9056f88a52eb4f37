"""The API as a process of its own."""

import sys

import httpx

from tests.support.servers import Process, eventually
from tests.support.service import House


def start_api(house: House, port: int) -> Process:
    environment = {**house.environment(), "ANAVA_API__PORT": str(port)}
    argv = [sys.executable, "-m", "cli.main", "api"]
    process = Process(argv, environment, house.data / "api.log")
    house.workers.append(process)
    return process


async def until_ready(session: httpx.AsyncClient, seconds: float = 30) -> None:
    async def ready() -> bool:
        try:
            return (await session.get("/health/ready")).status_code == 200
        except httpx.TransportError:
            return False

    await eventually(ready, "the API", seconds)
