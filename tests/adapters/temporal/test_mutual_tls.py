"""Temporal with mutual TLS: a wrong certificate, key or authority ends in a sentence.

Each error of a TLS library was shown as that library prints its values, and a file that cannot be
read ended the API with a traceback.
"""

from pathlib import Path

import pytest

from adapters.temporal.client import connect
from deployments.errors import AnavaError, InvalidSettings, TemporalUnavailable
from tests.support.certificates import Certificate
from tests.support.mutual_tls import AUTHORITY, CERTIFICATE, KEY, mutual_tls
from tests.support.servers import TemporalServer

NAME = "TEMPORAL_TLS_SERVER_NAME"


async def refusal(settings: dict[str, str]) -> AnavaError:
    with pytest.raises(AnavaError) as raised:
        await connect(settings)
    text = str(raised.value)
    assert "::" not in text, "no value of the TLS library"
    assert "{" not in text
    assert text.endswith(".")
    return raised.value


async def test_a_client_with_certificate_and_authority_connects(
    server: TemporalServer, tmp_path: Path
) -> None:
    await server.client()
    async with mutual_tls(server.address, tmp_path) as temporal:
        client = await connect(temporal.settings)
        assert await client.service_client.check_health()


async def test_a_client_certificate_that_is_missing_or_foreign_is_named(
    server: TemporalServer, tmp_path: Path
) -> None:
    await server.client()
    foreign = Certificate.authority(tmp_path, "foreign").issue(tmp_path, "stranger")
    async with mutual_tls(server.address, tmp_path) as temporal:
        expired = temporal.authority.issue(tmp_path, "expired", days=-1)
        for settings, demand in (
            (temporal.without_certificate, f"may demand a client certificate ({CERTIFICATE}"),
            (temporal.of(foreign), f"may refuse the client certificate in {CERTIFICATE}"),
            (temporal.of(expired), f"may refuse the client certificate in {CERTIFICATE}"),
            ({"TEMPORAL_ADDRESS": temporal.address}, "may demand TLS (TEMPORAL_TLS=true)"),
        ):
            error = await refusal(settings)
            assert isinstance(error, TemporalUnavailable)
            assert demand in str(error)


async def test_a_server_certificate_that_is_not_the_expected_one_is_named(
    server: TemporalServer, tmp_path: Path
) -> None:
    await server.client()
    other = Certificate.authority(tmp_path, "other")
    junk = tmp_path / "junk.pem"
    junk.write_bytes(b"\x00\xff" * 1_000)
    async with mutual_tls(server.address, tmp_path) as temporal:
        for changes, cause in (
            ({AUTHORITY: str(other.path)}, f"not of an authority in {AUTHORITY}"),
            ({AUTHORITY: str(junk)}, f"not of an authority in {AUTHORITY}"),
            ({NAME: "temporal.example"}, "for another name"),
            ({"TEMPORAL_ADDRESS": server.address}, "does not use TLS"),
        ):
            error = await refusal(temporal.settings | changes)
            assert isinstance(error, InvalidSettings)
            assert cause in str(error)
    async with mutual_tls(server.address, tmp_path, server_days=-1) as temporal:
        assert "has expired" in str(await refusal(temporal.settings))


@pytest.mark.parametrize("name", [CERTIFICATE, KEY])
async def test_a_certificate_without_its_key_is_refused(tmp_path: Path, name: str) -> None:
    async with mutual_tls("127.0.0.1:1", tmp_path) as temporal:
        settings = {key: value for key, value in temporal.settings.items() if key != name}

    error = await refusal(settings)

    assert isinstance(error, InvalidSettings)
    assert "are set together" in str(error)


@pytest.mark.parametrize(
    ("address", "cause"),
    [("127.0.0.1:1", "Connection refused."), ("\r\nhost.invalid:1", "failed to lookup address")],
)
async def test_a_server_that_does_not_answer_is_named(address: str, cause: str) -> None:
    error = await refusal({"TEMPORAL_ADDRESS": address})

    assert isinstance(error, TemporalUnavailable)
    assert cause in str(error)


@pytest.mark.parametrize(
    ("name", "value", "cause"),
    [
        (CERTIFICATE, "/nonexistent/client.pem", "/nonexistent/client.pem, which"),
        (KEY, "{folder}", "cannot be read: Is a directory"),
        (KEY, "{folder}/junk.pem", f"{KEY} has no private key"),
        (CERTIFICATE, "{folder}/junk.pem", f"{CERTIFICATE} has no certificate"),
        (KEY, "{folder}/authority.key", f"{KEY} is not the key"),
        ("TEMPORAL_TLS_CLIENT_KEY_DATA", "planted", "Cannot specify both"),
        ("TEMPORAL_ADDRESS", "a b", "invalid target URL"),
    ],
)
async def test_a_variable_with_a_wrong_value_is_named(
    tmp_path: Path, name: str, value: str, cause: str
) -> None:
    (tmp_path / "junk.pem").write_text("-----BEGIN JUNK-----")
    async with mutual_tls("127.0.0.1:1", tmp_path) as temporal:
        error = await refusal(temporal.settings | {name: value.format(folder=tmp_path)})

    assert isinstance(error, InvalidSettings)
    assert cause in str(error)
    assert "planted" not in str(error)
