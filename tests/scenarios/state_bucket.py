"""A bucket of states, seen past all our own code, and behind a proxy that loses requests."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx

from tests.support import stores
from tests.support.http_proxy import HttpProxy, http_proxy
from tests.support.invariants import Views, check_invariants
from tests.support.servers import eventually, free_port
from tests.support.service import Deployment, House
from worker.state_reconciliation import addresses_in

__all__ = ["Bucket", "FrontedBucket", "fronted_bucket", "settings", "until_settled"]


def settings(endpoint: str) -> dict[str, str]:
    """The settings of a worker whose states lie in the bucket of a server."""
    return {
        "ANAVA_STATE__BACKEND": "gcs",
        "ANAVA_STATE__BUCKET": stores.BUCKET,
        "ANAVA_GCS__ENDPOINT": endpoint,
    }


class Bucket:
    """What lies in the bucket, past all our own code."""

    def __init__(self, session: httpx.AsyncClient) -> None:
        self._session = session

    async def get(self, deployment: Deployment, kind: str) -> bytes:
        """An object of a stack; empty when there is none."""
        url = f"/storage/v1/b/{stores.BUCKET}/o/{self._name(deployment, kind)}"
        answer = await self._session.get(url, params={"alt": "media"})
        assert answer.status_code in {200, 404}, answer.text
        return answer.content if answer.status_code == 200 else b""

    async def put(self, deployment: Deployment, kind: str, content: bytes) -> None:
        url = f"/upload/storage/v1/b/{stores.BUCKET}/o?uploadType=media"
        name = self._name(deployment, kind)
        answer = await self._session.post(f"{url}&name={name}", content=content)
        assert answer.status_code == 200, answer.text

    async def serial(self, deployment: Deployment) -> int:
        content = await self.get(deployment, "tfstate")
        return int(json.loads(content)["serial"]) if content else 0

    async def recorded(self, deployment: Deployment) -> set[str]:
        return addresses_in(await self.get(deployment, "tfstate"))

    async def check(self, house: House, deployment: Deployment) -> None:
        """Every invariant, with the state and the lock that lie here."""
        await deployment.result()
        await check_invariants(house, deployment, Views(recorded=await self.recorded(deployment)))
        assert await self.get(deployment, "tflock") == b"", "I10: the lock is left"

    def _name(self, deployment: Deployment, kind: str) -> str:
        return quote(f"stacks/{deployment.stack}/default.{kind}", safe="")


@dataclass(frozen=True)
class FrontedBucket:
    """A bucket, and the proxy through which terraform and workers reach it."""

    bucket: Bucket
    proxy: HttpProxy


async def until_settled(house: House) -> None:
    """Until no state of the house waits for the bucket."""
    folder = house.data / "errored-states"
    await eventually(lambda: not any(folder.glob("*")), "the end of the recovery", 60)


@asynccontextmanager
async def fronted_bucket(folder: Path, house: House) -> AsyncIterator[FrontedBucket]:
    """Start the server and the proxy, and direct the house's workers to the proxy."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with stores.object_store(folder, url) as store:
        await store.until_up()
        await stores.make_bucket(store)
        house.settings |= settings(url)
        async with (
            http_proxy(f"http://{store.host}", port) as proxy,
            httpx.AsyncClient(base_url=f"http://{store.host}") as session,
        ):
            yield FrontedBucket(Bucket(session), proxy)
