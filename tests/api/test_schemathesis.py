"""Every route keeps to its own document, whatever it is asked: the real server, the real file."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.specs.openapi.checks import positive_data_acceptance

from adapters.settings import base_environment
from tests.api.serving import UNLIMITED_SETTINGS
from tests.support.servers import ROOT, Process, eventually, free_port

schema = schemathesis.openapi.from_path(ROOT / "docs" / "openapi.json")
# Each answer takes milliseconds; a deadline would measure the machine.
# Cursors, event ids and rules between fields are told in words: a schema cannot say them, so what
# is valid by the schema may still be refused, with a documented 422.
_BEYOND_SCHEMAS: list[Any] = [positive_data_acceptance]
_FEW = settings(
    max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), database=None
)


@pytest.fixture(scope="module")
def address(temporal_address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    data: Path = tmp_path_factory.mktemp("api")
    port = free_port()
    environment = {
        **base_environment(),
        "TEMPORAL_ADDRESS": temporal_address,
        "ANAVA_DATA_DIR": str(data),
        "ANAVA_API__PORT": str(port),
        **UNLIMITED_SETTINGS,
        "PYTHONPATH": str(ROOT),
    }
    process = Process([sys.executable, "-m", "api.main"], environment, data / "api.log")
    url = f"http://127.0.0.1:{port}"
    log = data / "api.log"
    asyncio.run(eventually(lambda: "Uvicorn running" in log.read_text(), "the API"))
    yield url
    process.end()


@schema.parametrize()
@_FEW
def test_a_route_answers_as_documented(case: Case[Any], address: str) -> None:
    case.call_and_validate(base_url=address, timeout=30, excluded_checks=_BEYOND_SCHEMAS)


@pytest.fixture(scope="module")
def deployment(address: str) -> str:
    """One that exists and that no worker takes up."""
    answer = httpx.post(
        f"{address}/api/deploy", json={"template": "sandbox", "project_id": "customer-1"}
    )
    return str(answer.json()["id"])


# A stream of what never ends would never answer.
@(
    schema.include(path_regex="{deployment}")
    .exclude(path_regex="stream|artifacts/download")
    .parametrize()
)
@_FEW
def test_a_route_of_a_deployment_answers_as_documented(
    case: Case[Any], address: str, deployment: str
) -> None:
    case.path_parameters["deployment"] = deployment
    if str(case.query.get("wait", "")).isdecimal() and int(case.query["wait"]) <= 30:
        case.query["wait"] = 0
    case.call_and_validate(base_url=address, timeout=60, excluded_checks=_BEYOND_SCHEMAS)
