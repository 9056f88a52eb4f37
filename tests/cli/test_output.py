"""The output of the command line on any terminal, to a closed pipe and to a full disk."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from adapters.settings import base_environment
from cli.client import Document
from cli.render import retention_lines
from tests.support.repository import ROOT

TEXT = "déployé ✓ 🚀"
LINES = 20_000
REFUSED = 2


class Answers(BaseHTTPRequestHandler):
    """An API that has a deployment, whose log is longer than a pipe holds."""

    def do_GET(self) -> None:
        kind = "application/json"
        if self.path.startswith("/api/deployments"):
            item = {"id": "dep-1", "status": "completed", "stack": TEXT}
            body = json.dumps({"items": [item], "next_cursor": None})
        elif "format=ndjson" in self.path:
            body = json.dumps({"text": TEXT}, ensure_ascii=False) + "\n"
        else:
            kind, body = "text/plain", f"12:00:00 {TEXT}\n" * LINES
        content = body.encode()
        self.send_response(200)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


@pytest.fixture(scope="module")
def api() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def argv(api: str, *words: str) -> list[str]:
    return [sys.executable, "-m", "cli.main", *words, "--api", api]


def environment(**settings: str) -> dict[str, str]:
    return {"PATH": base_environment()["PATH"], "PYTHONPATH": str(ROOT), **settings}


def run(words: Sequence[str], **settings: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(  # noqa: S603 - our own program
        words, env=environment(**settings), capture_output=True, check=False, timeout=60
    )


# An ASCII terminal gets UTF-8: click takes it for a locale that was not set.
ENCODINGS = {"ascii": "utf-8", "latin-1": "latin-1", "utf-8": "utf-8"}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_terminal_of_any_encoding_shows_each_line(api: str, encoding: str) -> None:
    ended = run(argv(api, "list"), PYTHONIOENCODING=encoding, LC_ALL="C")

    assert ended.returncode == 0, ended.stderr
    escaped = r"déployé \u2713 \ud83d\ude80"
    expected = escaped if encoding == "latin-1" else TEXT
    assert expected in ended.stdout.decode(ENCODINGS[encoding])


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_output_for_programs_is_json_in_any_encoding(api: str, encoding: str) -> None:
    ended = run(argv(api, "logs", "dep-1", "--json"), PYTHONIOENCODING=encoding)

    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout.decode(ENCODINGS[encoding])) == {"text": TEXT}


def test_a_reader_that_leaves_ends_the_command_as_sigpipe_does(api: str) -> None:
    with subprocess.Popen(  # noqa: S603 - our own program
        argv(api, "logs", "dep-1"),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as command:
        assert command.stdout is not None
        assert command.stderr is not None
        assert command.stdout.readline().decode() == f"12:00:00 {TEXT}\n"
        command.stdout.close()
        errors = command.stderr.read()

        assert command.wait(60) == -signal.SIGPIPE
    assert errors == b""


@pytest.mark.parametrize("words", [("list",), ("list", "--help")])
def test_a_full_disk_is_a_sentence_and_an_exit_code(api: str, words: Sequence[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(  # noqa: S603 - our own program
            argv(api, *words),
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            timeout=60,
        )

    assert ended.returncode == REFUSED
    assert ended.stderr == b"The output is incomplete: No space left on device.\n"


def test_a_command_without_standard_streams_works(api: str) -> None:
    words = " ".join(argv(api, "list", "--json"))

    ended = run(["/bin/sh", "-c", f"{words} <&- >&- 2>&-"])

    assert ended.returncode == 0


def test_a_report_of_the_retention_names_why_data_stay() -> None:
    report: Document = {
        "kind": "run directories",
        "days": 90,
        "expired": {"count": 2, "size_bytes": 1_234_567},
        "kept": {"younger than the limit": {"count": 1, "size_bytes": 10}},
        "error": "the disk\x1b[2J fails",
    }

    assert list(retention_lines([report], dry_run=True)) == [
        "run directories, 90 days:",
        "        2        1,234,567 bytes would be deleted",
        "        1               10 bytes kept: younger than the limit",
        "  error: the disk\\x1b[2J fails",
    ]
    assert "deleted" in list(retention_lines([report], dry_run=False))[1]
