"""A page of another site, in Chromium, reads and starts nothing of what `anava up` listens on."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from temporalio.service import RPCError, RPCStatusCode

from tests.support.foreign_page import visit
from tests.support.machine import Machine
from tests.support.programs import playwright_node

pytestmark = pytest.mark.long


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path, with_ui=True)
    yield machine
    machine.end()


async def test_a_page_of_another_site_reads_and_starts_nothing(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page started a workflow at Temporal's HTTP API, and read the Web UI when rebound."""
    house = await machine.up()
    ports = sorted(port for address, port in machine.listeners() if address == "127.0.0.1")
    id = f"of-a-page-{uuid.uuid4()}"
    paths = (f"/api/v1/namespaces/default/workflows/{id}", "/", "/api/deployments")
    urls = [f"http://127.0.0.1:{port}{path}" for port in ports for path in paths]
    if node := playwright_node():
        monkeypatch.setenv("PLAYWRIGHT_NODEJS_PATH", node)
    outcome = await visit(urls, '{"workflowType": {"name": "X"}, "taskQueue": {"name": "q"}}')
    assert {url: answers for url, answers in outcome.read.items() if answers} == {}
    served = {url for url, answer in outcome.rebound.items() if answer and answer[0] < 400}
    assert served == set()
    guarded = {
        outcome.rebound[f"http://127.0.0.1:{port}/"] for port in (machine.port, machine.ui_port)
    }
    assert {answer[0] for answer in guarded if answer} == {421}, "the page did reach the ports"
    with pytest.raises(RPCError) as missing:
        await house.client.get_workflow_handle(id).describe()
    assert missing.value.status is RPCStatusCode.NOT_FOUND
