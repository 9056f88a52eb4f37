"""A state that terraform could not save is found again and shown to nobody."""

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from adapters.redaction import Redactor
from adapters.settings import base_environment
from adapters.terraform.output.events import Translator
from adapters.terraform.state.errored import ERRORED_STATE_FILE, read_errored_state
from worker.state_reconciliation import addresses_in

CORPUS = Path(__file__).parents[1] / "corpus" / "apply_state_dump.jsonl"
PLANTED = "hunter2-planted"
_HCL = """
terraform {
  backend "http" {
    address   = "%s"
    retry_max = 0
  }
}
variable "secret" {
  sensitive = true
}
resource "terraform_data" "a" {
  input = var.secret
}
"""


class Backend(BaseHTTPRequestHandler):
    """Keeps one state, unless it is told to refuse."""

    state = b""
    refuses = True

    def do_GET(self) -> None:
        self._answer(200 if Backend.state else 404, Backend.state)

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if not Backend.refuses:
            Backend.state = content
        self._answer(500 if Backend.refuses else 200, b"")

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def backend() -> Iterator[str]:
    Backend.state, Backend.refuses = b"", True
    with ThreadingHTTPServer(("127.0.0.1", 0), Backend) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/state"
        server.shutdown()
        thread.join()


def apply(terraform: str, work: Path, environment: dict[str, str], spool: Path) -> None:
    for argv in (["init"], ["apply", "-auto-approve", "-json"]):
        with spool.open("wb") as output:
            subprocess.run(  # noqa: S603 - terraform
                [terraform, *argv], cwd=work, env=environment, stdout=output, check=False
            )


@pytest.mark.parametrize("has_file", [True, False])
def test_a_real_state_that_was_refused_is_found_again(tmp_path: Path, *, has_file: bool) -> None:
    work = tmp_path / "work"
    work.mkdir()
    terraform = shutil.which("terraform")
    assert terraform is not None
    environment = {"CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": "/dev/null", "HOME": str(work)}
    environment |= {"PATH": base_environment()["PATH"], "TF_VAR_secret": PLANTED}
    if not has_file:
        (work / ERRORED_STATE_FILE).mkdir()  # no file can be written there, so it prints the state
    spool = tmp_path / "spool"
    with backend() as address:
        (work / "main.tf").write_text(_HCL % address)
        apply(terraform, work, environment, spool)
        assert addresses_in(read_errored_state(work, spool)) == {"terraform_data.a"}


def test_a_printed_state_is_no_part_of_any_event() -> None:
    raw = CORPUS.read_bytes()
    assert PLANTED.encode() in raw

    events = Translator(3, "apply", "", Redactor([])).translate(raw)

    assert PLANTED.encode() not in b"\n".join(events)
    assert [event for event in events if b"kept for operators" in event] == [
        item for item in events if b"Emergency state dump" in item
    ]


def test_the_last_printed_state_counts(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    spool.write_bytes(b'{"type":"log","state":{"serial":1}}\n{"type":"log","state":{"serial":2}}')

    assert json.loads(read_errored_state(tmp_path, spool)) == {"serial": 2}


@pytest.mark.parametrize(
    "printed",
    [
        b"",
        b"\n",
        b'"state":{',
        b'{"state":{"serial":1}}\n',
        b'{"type":"provision_progress","state":{"serial":1}}\n',
        b'{"type":"log","@message":"\\"state\\":{\\"serial\\":1}"}\n',
        b'x {"type":"log","state":{"serial":1}}\n',
        b'{"type":"log","state":{"serial":1}\n',
        b'\xff"state":{\n"state":{\n',
    ],
)
def test_what_only_looks_like_a_printed_state_is_none(tmp_path: Path, printed: bytes) -> None:
    spool = tmp_path / "spool"
    spool.write_bytes(printed)

    assert read_errored_state(tmp_path, spool) == b""


def test_an_empty_file_is_no_state_and_no_spool_is_none(tmp_path: Path) -> None:
    (tmp_path / ERRORED_STATE_FILE).touch()

    assert read_errored_state(tmp_path, tmp_path / "spool") == b""
