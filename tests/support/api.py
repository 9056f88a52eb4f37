"""The API as a process of its own."""

import sys
from collections.abc import Sequence

import httpx

from tests.support.servers import Process, eventually
from tests.support.service import House

API = (sys.executable, "-m", "cli.main", "api")


def start_api(house: House, port: int, argv: Sequence[str] = API) -> Process:
    """Start the API of a house, or another program in its place."""
    environment = {**house.environment(), "ANAVA_API__PORT": str(port)}
    forks = house.forks and argv == API
    return house.run([*argv], environment, house.data / "api.log", forks=forks)


async def until_ready(session: httpx.AsyncClient, seconds: float = 30) -> None:
    async def ready() -> bool:
        try:
            return (await session.get("/health/ready")).status_code == 200
        except httpx.TransportError:
            return False

    await eventually(ready, "the API", seconds)
