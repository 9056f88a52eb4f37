"""The camera configuration over HTTP, where there is none or it cannot be read."""

from pathlib import Path

import httpx
import pytest
from temporalio.client import Client

from adapters.encryption import AesGcmCipher
from api.dependencies import Services
from api.schemas.acap_config import AcapConfigBody
from deployments.acap_config import SECRETS
from deployments.artifacts import ENCRYPTED_OUTPUTS, LEFT_OUT, left_out_content
from deployments.credentials import SERVICE
from deployments.errors import Unavailable
from tests.api.requests import deploy

KEY = bytes(32)


async def code(api: httpx.AsyncClient, deployment: str, query: str = "") -> tuple[int, str]:
    answer = await api.get(f"/api/deployment/{deployment}/acap-config{query}")
    return answer.status_code, answer.json()["code"]


async def test_before_the_end_and_without_outputs_there_is_none(
    api: httpx.AsyncClient, client: Client
) -> None:
    found = await deploy(api, template="anava")
    assert await code(api, found) == (404, "acap_config_missing")
    await client.get_workflow_handle(found).terminate()
    assert await code(api, found) == (404, "acap_config_missing")
    sandbox = await deploy(api)
    assert await code(api, sandbox) == (404, "acap_config_missing")


async def test_what_another_key_encrypted_is_not_available(
    api: httpx.AsyncClient, services: Services, client: Client
) -> None:
    found = await deploy(api, template="anava")
    await client.get_workflow_handle(found).terminate()
    other = AesGcmCipher([KEY]).encrypt("{}", found).encode()
    for encrypted in (other, b"", b"v1.", b"{}", "v1.\u00e9".encode()):
        await services.artifacts.put(found, ENCRYPTED_OUTPUTS, [encrypted])
        assert await code(api, found) == (503, "unavailable")


@pytest.mark.parametrize("reason", LEFT_OUT.values())
async def test_outputs_that_were_left_out_are_missing(
    reason: str, api: httpx.AsyncClient, services: Services, client: Client
) -> None:
    deployment = await deploy(api, template="anava")
    await client.get_workflow_handle(deployment).terminate()
    content = left_out_content(ENCRYPTED_OUTPUTS, reason).encode()
    await services.artifacts.put(deployment, ENCRYPTED_OUTPUTS, [content])
    assert await code(api, deployment) == (404, "acap_config_missing")


async def test_what_was_encrypted_for_one_deployment_opens_no_other(
    services: Services, tmp_path: Path
) -> None:
    encrypted = AesGcmCipher.open((), tmp_path).encrypt("{}", "dep-1")
    assert services.deployments.decrypt("dep-1", encrypted) == "{}"
    with pytest.raises(Unavailable):
        services.deployments.decrypt("dep-2", encrypted)


@pytest.mark.parametrize("query", ["?download=maybe", "?download=1&download=x", "?download="])
async def test_a_strange_question_is_refused(api: httpx.AsyncClient, query: str) -> None:
    found = await deploy(api, template="anava")
    assert await code(api, found, query) == (422, "invalid_request")


async def test_only_a_template_that_asks_google_is_given_a_reference(
    api: httpx.AsyncClient, client: Client
) -> None:
    for template, reference in (("anava", SERVICE), ("sandbox", "")):
        found = await deploy(api, template=template)
        history = await client.get_workflow_handle(found).fetch_history()
        started = history.events[0].workflow_execution_started_event_attributes
        (given,) = await client.data_converter.decode(started.input.payloads)
        assert given["credential_ref"] == reference


def test_every_secret_field_is_marked_in_the_document() -> None:
    schemas = AcapConfigBody.model_json_schema()
    for pointer in SECRETS:
        section, key = pointer.strip("/").split("/")
        name = schemas["properties"][section]["$ref"].rpartition("/")[2]
        assert schemas["$defs"][name]["properties"][key]["format"] == "password"
