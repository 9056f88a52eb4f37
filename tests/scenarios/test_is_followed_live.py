"""A viewer gets every line once, whatever becomes of the API in between."""

import json
import sys

import httpx
from httpx_sse import aconnect_sse

from tests.support.api import start_api, until_ready
from tests.support.invariants import Views, check_invariants
from tests.support.servers import Process, eventually, free_port
from tests.support.service import House


async def read_ids(session: httpx.AsyncClient, id: str, after: str, most: int) -> list[str]:
    """Ids of log lines behind `after`, until so many have come, the end, or a cut."""
    ids: list[str] = []
    headers = {"Last-Event-ID": after} if after else {}
    try:
        async with aconnect_sse(
            session, "GET", f"/api/deployment/{id}/logs/stream", headers=headers
        ) as source:
            async for event in source.aiter_sse():
                if event.event == "log":
                    ids += [line[0] for line in json.loads(event.data)["lines"]]
                if event.event == "end" or len(ids) >= most:
                    break
    except httpx.TransportError:
        return ids
    return ids


async def test_a_killed_api_costs_a_viewer_no_line_and_repeats_none(house: House) -> None:
    port = free_port()
    house.worker()
    api = start_api(house, port)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as session:
        await until_ready(session)
        answer = await session.post(
            "/api/deploy",
            json={
                "template": "sandbox",
                "project_id": "demo-project-1",
                "variables": {"resource_seconds": 1},
            },
        )
        assert answer.status_code == 202
        id = answer.json()["id"]
        ids = await read_ids(session, id, "", 40)
        api.kill()
        start_api(house, port)
        await until_ready(session)
        ids += await read_ids(session, id, ids[-1], 1_000_000)
        runs = house.data / "runs" / id / "steps"
        expected = []
        for step in (1, 2, 3):
            lines = (runs / str(step) / "events.jsonl").read_text().splitlines()
            expected += [json.loads(line)["id"] for line in lines[:-1]]
        assert ids == expected
        body = (await session.get(f"/api/deployment/{id}")).json()
        assert (body["status"], body["reason"]) == ("completed", "applied")
        deployment = house.known(id, body["stack"])
        await check_invariants(house, deployment, Views(api=session))
        late = await session.post(f"/api/deployment/{id}/cancel", json={})
        assert (late.status_code, late.json()["code"]) == (409, "already_finished")


async def test_cancel_by_the_command_line_says_who_asked(house: House) -> None:
    port = free_port()
    house.worker()
    start_api(house, port)
    url = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=url, timeout=60) as session:
        await until_ready(session)
        body = {
            "template": "sandbox",
            "project_id": "demo-project-1",
            "variables": {"resource_seconds": 30},
        }
        id = (await session.post("/api/deploy", json=body)).json()["id"]
        spool = house.data / "runs" / id / "steps" / "3" / "spool"
        await eventually(lambda: spool.exists() and "apply_start" in spool.read_text(), "the apply")
        command = Process(
            [sys.executable, "-m", "cli.main", "cancel", id, "--reason", "enough", "--api", url],
            house.environment(),
            house.data / "cli.log",
        )
        assert command.popen.wait(30) == 0, (house.data / "cli.log").read_text()

        async def cancelled() -> dict[str, object] | None:
            seen: dict[str, object] = (await session.get(f"/api/deployment/{id}")).json()
            return seen if seen["status"] == "cancelled" else None

        seen = await eventually(cancelled, "the cancel")
        assert isinstance(seen["result"], dict)
        assert seen["result"]["cancel"] == {"by": "local", "reason": "enough"}
