"""Errors that no route expects are answered by the rules for all answers."""

import dataclasses
import errno
import os
from pathlib import Path

import httpx
import pytest

from adapters.local.artifacts import LocalArtifactStore
from api.dependencies import Services
from deployments.artifacts import Artifact
from tests.api.requests import deploy


class BrokenStore(LocalArtifactStore):
    """A store that fails in a way that no caller expects."""

    def __init__(self, root: Path, error: Exception) -> None:
        super().__init__(root)
        self._error = error

    async def entries(self, deployment: str) -> list[Artifact]:
        raise self._error


@pytest.fixture
def error() -> Exception:
    return RuntimeError("a defect")


@pytest.fixture
def services(services: Services, tmp_path: Path, error: Exception) -> Services:
    return dataclasses.replace(services, artifacts=BrokenStore(tmp_path, error))


async def failure(live: httpx.AsyncClient) -> httpx.Response:
    path = f"/api/deployment/{await deploy(live)}/artifacts"
    answer = await live.get(path, headers={"X-Request-Id": "mine-1"})
    assert answer.json()["request_id"] == "mine-1"
    assert answer.headers["X-Request-Id"] == "mine-1"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer.headers["Cache-Control"] == "no-store"
    return answer


@pytest.mark.parametrize("error", [RuntimeError("a defect"), OSError(errno.EIO, "a bad disk")])
async def test_an_internal_error_has_the_headers_of_every_answer(
    live: httpx.AsyncClient, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    """The answer lacked the request id, by which the error is to be reported."""
    answer = await failure(live)
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    (logged,) = [record for record in caplog.records if record.name == "anava.api"]
    assert logged.getMessage() == "request mine-1 failed"
    assert logged.exc_info is not None
    assert logged.exc_info[1] is error


@pytest.mark.parametrize(
    "error", [OSError(number, os.strerror(number)) for number in (errno.EMFILE, errno.ENFILE)]
)
async def test_a_lack_of_descriptors_has_the_headers_of_every_answer_and_a_line_of_log(
    live: httpx.AsyncClient, caplog: pytest.LogCaptureFixture, error: OSError
) -> None:
    """Each request logged a traceback, and the answer lacked the request id."""
    answer = await failure(live)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.headers["Retry-After"] == "2"
    (logged,) = [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]
    assert logged.getMessage() == f"a request failed: {error.strerror}"
    assert logged.exc_info is None
