"""Worker, API and command line reach a Temporal that demands client certificates, and only so."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.scenarios.command_line import CommandLine, command_line
from tests.support.api import start_api
from tests.support.certificates import Certificate
from tests.support.mutual_tls import AUTHORITY, CERTIFICATE, MutualTls, mutual_tls
from tests.support.servers import Process, TemporalServer, eventually, free_port
from tests.support.service import House


@pytest.fixture
async def secured(temporal: TemporalServer, tmp_path: Path) -> AsyncIterator[MutualTls]:
    folder = tmp_path / "certificates"
    folder.mkdir()
    async with mutual_tls(temporal.address, folder) as server:
        yield server


async def test_a_deployment_completes_with_client_certificates(
    house: House, secured: MutualTls
) -> None:
    # The last settings that the house gives to a process decide, the address included.
    house.settings |= secured.settings
    anava = await command_line(house)

    async def is_healthy() -> bool:
        return (await anava.run("health")).code == 0

    await eventually(is_healthy, "a healthy service")
    words = ("deploy", "--project", "demo-project-1", "--var", "resource_seconds=0", "-f")
    followed = await anava.run(*words)
    assert followed.code == 0, followed.err
    assert ": completed" in followed.out
    ended = await connecting(anava, "register")
    assert ended == (0, "")


async def connecting(anava: CommandLine, *words: str) -> tuple[int, str]:
    """Exit code and errors of a command that connects to Temporal itself."""
    ended = await anava.run(*words, named=False)
    return ended.code, ended.err


@pytest.mark.parametrize("cause", [CERTIFICATE, AUTHORITY])
async def test_without_certificate_or_with_another_authority_each_program_ends_with_a_sentence(
    house: House, secured: MutualTls, cause: str
) -> None:
    """The worker ended with the text of the TLS library's values, the API with a traceback."""
    house = replace(house, forks=False)
    if cause == CERTIFICATE:
        house.settings |= secured.without_certificate
    else:
        other = Certificate.authority(secured.folder, "other")
        house.settings |= secured.settings | {AUTHORITY: str(other.path)}
    folder = house.data / "here"
    folder.mkdir()

    worker, api = house.worker(), start_api(house, free_port())
    code, text = await connecting(CommandLine(house, "", folder), "register")

    assert code == 2
    assert_sentence(text, cause)
    for process, name in ((worker, "worker.log"), (api, "api.log")):
        await ended(process)
        assert process.popen.poll() == 1
        [line] = (house.data / name).read_text().splitlines()
        assert_sentence(line, cause)


def assert_sentence(text: str, cause: str) -> None:
    assert cause in text
    assert "Traceback" not in text
    assert "::" not in text


async def ended(process: Process) -> None:
    await eventually(lambda: process.popen.poll() is not None, "the end of the program", 30)
