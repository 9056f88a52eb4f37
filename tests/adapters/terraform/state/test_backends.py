"""Where the state of a stack lies, by settings; with a real terraform on a real object store."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from adapters.settings import Settings, base_environment
from adapters.store_settings import GcsSettings, StateSettings
from adapters.terraform import command
from adapters.terraform.output.messages import decode
from adapters.terraform.output.progress import ProgressAccumulator
from adapters.terraform.state.backends import (
    LocalStateBackend,
    StateBackends,
    backend_file,
    credentials_file,
    sensitive_outputs,
)
from adapters.terraform.state.gcs import GcsStateBackend
from deployments.errors import Unavailable
from deployments.phase import Phase
from deployments.reasons import Reason
from deployments.results import EndContext, Reconciliation, conclude
from deployments.step import StepKey
from tests.adapters.terraform.state.bucket import locked
from tests.support import stores
from worker.steps.exit_record import ExitRecord, StepEvidence, interpret


def settings(data: Path, endpoint: str | None) -> Settings:
    states = StateSettings(backend="gcs", bucket=stores.BUCKET)
    return Settings(data_dir=data, state=states, gcs=GcsSettings(endpoint=endpoint))


def test_a_run_directory_keeps_the_backend_it_was_made_with(tmp_path: Path) -> None:
    """The settings may name another bucket, or none, before its deployment has ended."""
    made = StateBackends(settings(tmp_path, "http://gcs:4443"), {}).of("local.sandbox.p.x")
    (tmp_path / "backend.tf.json").write_text(backend_file(made))
    used = StateBackends(Settings(data_dir=tmp_path), {}).used_by(tmp_path)
    assert used is not None
    assert used.backend() == made.backend()
    assert used.backend() == {
        "gcs": {
            "bucket": stores.BUCKET,
            "prefix": "stacks/local.sandbox.p.x",
            "storage_custom_endpoint": "http://gcs:4443/storage/v1/",
        }
    }


def test_a_local_state_lies_below_the_data_folder(tmp_path: Path) -> None:
    states = StateBackends(Settings(data_dir=tmp_path), {})
    state = states.of("local.sandbox.p.x")
    assert state == LocalStateBackend(
        tmp_path / "stacks" / "local.sandbox.p.x" / "terraform.tfstate"
    )
    (tmp_path / "backend.tf.json").write_text(backend_file(state))
    assert states.used_by(tmp_path) == state
    assert (state.read(), state.lock()) == (b"", None)
    assert states.terraform_environment() == {}


# A terraform that tries to lock the state; the exit code is 1 where the lock is held.
_PROBE = """
import fcntl, sys
with open(sys.argv[1], "r+b") as file:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.exit(1)
"""


def test_a_local_state_is_locked_until_it_is_replaced(tmp_path: Path) -> None:
    """A read of the file freed the kernel's lock, so terraform could begin before the write."""
    path = tmp_path / "terraform.tfstate"
    path.write_bytes(b"before")
    exit_codes: list[int] = []

    def change(stored: bytes) -> bytes:
        probe = [sys.executable, "-c", _PROBE, str(path)]
        exit_codes.append(subprocess.run(probe, check=False).returncode)  # noqa: S603 - Python
        return stored + b" and after"

    LocalStateBackend(path).replace(change)
    assert exit_codes == [1]
    assert path.read_bytes() == b"before and after"


def test_a_replaced_local_state_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other copy was removed next: a power failure could leave an empty state and no copy."""
    synced: list[int] = []
    fsync = os.fsync

    def recorded(fd: int) -> None:
        fsync(fd)
        synced.append(os.fstat(fd).st_ino)

    monkeypatch.setattr(os, "fsync", recorded)
    path = tmp_path / "terraform.tfstate"
    path.write_bytes(b"before")
    LocalStateBackend(path).replace(lambda _: b"after")
    assert path.read_bytes() == b"after"
    assert synced == [path.stat().st_ino, tmp_path.stat().st_ino], "the file, then its name"


@pytest.mark.parametrize("content", ["{}", '{"terraform": []}', '{"terraform": {"backend": 1}}'])
def test_a_cleared_or_strange_run_directory_has_no_state(tmp_path: Path, content: str) -> None:
    states = StateBackends(Settings(data_dir=tmp_path), {})
    assert states.used_by(tmp_path) is None
    (tmp_path / "backend.tf.json").write_text(content)
    assert states.used_by(tmp_path) is None


@pytest.mark.parametrize(
    "state",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"outputs": 1}',
        b'{"outputs": {"a": 1}}',
        b'{"outputs": {"a": {"value": "x"}}}',
    ],
)
def test_a_state_without_sensitive_outputs_hides_nothing(state: bytes) -> None:
    assert list(sensitive_outputs(state)) == []


def test_every_text_in_a_sensitive_output_is_hidden() -> None:
    value = {"a": ["one", {"b": "two"}, 3, None]}
    state = json.dumps({"outputs": {"x": {"sensitive": True, "value": value}}})
    assert list(sensitive_outputs(state.encode())) == ["one", "two"]


def run(argv: list[str], work: Path, extra: Mapping[str, str]) -> "list[bytes]":
    config = work / "terraform.tfrc"
    config.write_text(command.cli_config(work))
    environment = command.environment(work, config, base_environment()["PATH"])
    ended = subprocess.run(  # noqa: S603 - our own command
        argv, cwd=work, env={**environment, **extra}, capture_output=True, timeout=60, check=False
    )
    return ended.stdout.splitlines()


@pytest.fixture
def terraform() -> str:
    found = shutil.which("terraform")
    assert found is not None, "terraform is on the PATH"
    return found


def configured(work: Path, state: GcsStateBackend) -> None:
    (work / "backend.tf.json").write_text(backend_file(state))
    (work / "main.tf").write_text('output "one" {\n  value = 1\n}\n')
    (work / "terraform.tfvars.json").write_text("{}")


async def test_whoever_meets_a_foreign_lock_says_who_holds_it(
    terraform: str, state: GcsStateBackend, tmp_path: Path
) -> None:
    configured(tmp_path, state)
    extra = {"STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{_port(state)}"}
    run(command.phase_argv(terraform, Phase.INIT), tmp_path, extra)
    lock = locked(state, Who="operator@laptop")
    argv = [
        item for item in command.phase_argv(terraform, Phase.PLAN) if "-lock-timeout" not in item
    ]
    accumulator = ProgressAccumulator()
    for message in map(decode, run(argv, tmp_path, extra)):
        if message is not None:
            accumulator.add(message)
    record = ExitRecord("exited", exit_code=1)
    ended = interpret(StepKey("dep-x", 2), Phase.PLAN, record, accumulator, StepEvidence(None, 1))
    result = conclude([ended], EndContext(Phase.PLAN), Reconciliation())
    assert result.reason is Reason.STATE_LOCKED
    assert "operator@laptop" in result.errors[0].detail
    assert state.lock() == lock


def _port(state: GcsStateBackend) -> int:
    backend = state.backend()["gcs"]
    assert isinstance(backend, dict)
    return urlsplit(backend["storage_custom_endpoint"]).port or 0


class TokenServer(HTTPServer):
    """Gives a token to whoever signs for it, as Google's does."""

    asked: list[str]


class _Tokens(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, TokenServer)
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.asked.append(body)
        answer = b'{"access_token": "t", "token_type": "Bearer", "expires_in": 3600}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def tokens() -> Iterator[TokenServer]:
    with TokenServer(("127.0.0.1", 0), _Tokens) as server:
        server.asked = []
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


async def test_at_google_the_backend_signs_in_with_the_workers_own_file(
    terraform: str,
    state: GcsStateBackend,
    tokens: TokenServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing of it is in the backend's configuration; terraform's environment holds its path."""
    key = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = tmp_path / "worker.json"
    file.write_text(
        json.dumps(
            {
                "type": "service_account",
                "project_id": "a-test",
                "client_email": "worker@example.invalid",
                "private_key": key.decode(),
                "private_key_id": "1",
                "token_uri": f"http://127.0.0.1:{tokens.server_port}/token",
            }
        )
    )
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    extra = StateBackends(settings(tmp_path, None), base_environment()).terraform_environment()
    assert extra == {"GOOGLE_BACKEND_CREDENTIALS": str(file)}
    configured(work, state)
    for phase in (Phase.INIT, Phase.PLAN, Phase.APPLY):
        run(command.phase_argv(terraform, phase), work, extra)
    assert json.loads(state.read())["outputs"]["one"]["value"] == 1
    assert tokens.asked, "a token was asked for"
    assert all("jwt-bearer" in item for item in tokens.asked)


def test_credentials_of_the_gcloud_command_are_found_where_google_looks(tmp_path: Path) -> None:
    folder = tmp_path / ".config" / "gcloud"
    folder.mkdir(parents=True)
    file = folder / "application_default_credentials.json"
    file.write_text("{}")
    for environment in ({"HOME": str(tmp_path)}, {"CLOUDSDK_CONFIG": str(folder)}):
        assert credentials_file(environment) == file
    assert credentials_file({"HOME": "/nonexistent"}) is None


def test_without_credentials_a_worker_says_so_at_its_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "missing.json"))
    with pytest.raises(Unavailable, match="Cloud Storage"):
        StateBackends(settings(tmp_path, None), {})
