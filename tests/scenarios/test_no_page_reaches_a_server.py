"""A page of another site reaches no server of `anava up`: every listener is looked at."""

import uuid
from collections.abc import AsyncIterator, Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path

import httpx
import pytest
from temporalio.service import RPCError, RPCStatusCode

from cli.local_environment import LocalEnvironment
from tests.support.listeners import Listener
from tests.support.machine import Machine

FOREIGN = {"Origin": "http://evil.example", "Content-Type": "text/plain"}
REFUSED = {400, 403, 404, 405, 421}
LOOPBACK = ip_network("127.0.0.0/8")
# What Temporal's metrics say under any path but their own.
METRICS = "/metrics"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    machine = Machine(tmp_path_factory.mktemp("machine"), with_ui=True)
    yield machine
    machine.end()


@pytest.fixture
async def opened(machine: Machine) -> list[Listener]:
    """Every listener of the processes of an `anava up`."""
    await machine.up()
    return sorted(machine.listeners())


@pytest.fixture
async def browser() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=10, trust_env=False) as session:
        yield session


async def answer_of(
    browser: httpx.AsyncClient, listener: Listener, path: str, headers: dict[str, str], body: str
) -> httpx.Response | None:
    """The answer to what a browser sends; None of a server that speaks no HTTP/1.1, like gRPC."""
    address, port = listener
    method = "POST" if body else "GET"
    url = f"http://{address}:{port}{path}"
    try:
        return await browser.request(method, url, headers=headers, content=body)
    except (httpx.RemoteProtocolError, httpx.ReadError):
        return None


async def test_a_page_starts_no_workflow_at_any_listener(
    machine: Machine, opened: list[Listener], browser: httpx.AsyncClient
) -> None:
    """Temporal's HTTP API, on a random port, took a POST of any page that was sent as text."""
    id = f"of-a-page-{uuid.uuid4()}"
    path = f"/api/v1/namespaces/default/workflows/{id}"
    body = '{"workflowType": {"name": "X"}, "taskQueue": {"name": "q"}}'
    assert len(opened) >= 7, "API, guard, Web UI, Temporal with its own"
    for listener in opened:
        answer = await answer_of(browser, listener, path, FOREIGN, body)
        assert answer is None or answer.status_code in REFUSED, (listener, answer)
    house = await machine.house()
    with pytest.raises(RPCError) as missing:
        await house.client.get_workflow_handle(id).describe()
    assert missing.value.status is RPCStatusCode.NOT_FOUND


@pytest.mark.parametrize("path", ["/", "/api/v1/namespaces", "/api/deployments"])
async def test_a_foreign_host_name_is_served_by_no_listener(
    opened: list[Listener], browser: httpx.AsyncClient, path: str
) -> None:
    """By DNS rebinding a page reads what a server answers to any Host: the Web UI did."""
    own_address = []
    for listener in opened:
        answer = await answer_of(browser, listener, path, {"Host": "evil.example"}, "")
        if listener[0] == "127.0.0.1":
            assert answer is None or answer.status_code in REFUSED, (listener, answer)
        else:
            own_address.append(listener[0])
    # The Web UI itself checks nothing; its address is drawn anew at each start.
    assert len(own_address) == 1
    assert ip_address(own_address[0]) in LOOPBACK


async def test_what_a_rebound_page_may_read_of_the_metrics_names_no_deployment(
    machine: Machine, opened: list[Listener], browser: httpx.AsyncClient
) -> None:
    house = await machine.house()
    deployment = await machine.deploy(house)
    await deployment.result()
    texts = []
    for listener in opened:
        answer = await answer_of(browser, listener, METRICS, {"Host": "evil.example"}, "")
        if listener[0] == "127.0.0.1" and answer is not None and answer.status_code == 200:
            texts.append(answer)
    [answer] = texts
    assert answer.text.startswith("# HELP"), "counters of Temporal"
    assert "access-control-allow-origin" not in answer.headers, "read by rebinding alone"
    assert deployment.id not in answer.text
    assert "demo-project-1" not in answer.text
    assert str(machine.data) not in answer.text


async def test_operators_reach_the_web_ui_behind_its_guard(
    machine: Machine, opened: list[Listener], browser: httpx.AsyncClient
) -> None:
    assert opened
    guard = f"http://127.0.0.1:{machine.ui_port}"
    page = await browser.get(guard)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html")
    assert (await browser.get(f"{guard}/api/v1/namespaces")).json()["namespaces"]
    assert f"Temporal UI  {guard}" in machine.output.read_text()
    foreign = await browser.get(guard, headers={"Host": "evil.example"})
    assert (foreign.status_code, foreign.json()["code"]) == (421, "host_not_allowed")
    forged = await browser.post(f"{guard}/api/v1/namespaces", headers=FOREIGN, content="{}")
    assert (forged.status_code, forged.json()["code"]) == (403, "origin_not_allowed")


def test_the_address_of_the_web_ui_itself_cannot_be_guessed(tmp_path: Path) -> None:
    """Not by trying: of 200 addresses no two are equal, and none is near 127.0.0.1."""
    drawn = [LocalEnvironment(tmp_path, "127.0.0.1", 8000).ui_server[0] for _ in range(200)]
    assert len(set(drawn)) >= 199
    assert all(ip_address(address) in LOOPBACK for address in drawn)
    assert not [address for address in drawn if address.startswith(("127.0.", "127.255."))]
