"""`make audit`: a vulnerability fails; missing advisory data is never a clean result."""

import json
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from adapters.settings import base_environment
from tests.support.servers import ROOT

LOCK = "".join(
    f"{name}=={version} --hash=sha256:{'0' * 64}\n"
    for name, version in (("sound", "1.0"), ("unsound", "2.1"))
)
ADVISORY = {
    "id": "ADV-2026-1",
    "summary": "A weakness.",
    "modified": "2026-11-01T00:00:00Z",
    "published": "2026-11-01T00:00:00Z",
    "affected": [
        {
            "package": {"name": "unsound", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.2"}]}],
        }
    ],
}


class Advisories(BaseHTTPRequestHandler):
    """OSV's query API with one advisory."""

    def do_POST(self) -> None:
        query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = {"vulns": [ADVISORY]} if query["package"]["name"] == "unsound" else {}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def source() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Advisories) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
        server.shutdown()


def audit(folder: Path, source: str, *options: str) -> tuple[int, str]:
    lock = folder / "requirements.lock"
    lock.write_text(LOCK)
    proxies = {"http_proxy": "", "HTTP_PROXY": "", "all_proxy": "", "ALL_PROXY": ""}
    ended = subprocess.run(  # noqa: S603 - our own script
        [
            *(sys.executable, ROOT / "scripts" / "audit", f"--lock={lock}"),
            *("--vulnerability-service=osv", f"--osv-url={source}"),
            *(f"--cache-dir={folder / 'cache'}", *options),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**base_environment(), **proxies},
    )
    assert ended.stderr == ""
    return ended.returncode, ended.stdout


def test_a_vulnerability_is_named_with_its_fix_and_fails(tmp_path: Path, source: str) -> None:
    status, output = audit(tmp_path, source)

    assert status == 1
    assert output == (
        "unsound 2.1 (shipped): ADV-2026-1, fixed in 2.2\naudit: 2 packages, 1 vulnerabilities\n"
    )


def test_an_accepted_vulnerability_passes_strictly(tmp_path: Path, source: str) -> None:
    status, output = audit(tmp_path, source, "--strict", "--ignore-vuln=ADV-2026-1")

    assert status == 0
    assert output == "audit: 2 packages, 0 vulnerabilities\n"


def test_an_unreachable_source_is_one_sentence_and_no_clean_result(tmp_path: Path) -> None:
    # Port 9 (discard): no server listens there.
    status, output = audit(tmp_path, "http://127.0.0.1:9/v1/query")

    assert status == 0
    assert output.startswith("audit: the advisory data cannot be reached, no package was audited: ")
    assert output.count("\n") == 1


def test_strictly_an_unreachable_source_fails(tmp_path: Path) -> None:
    status, output = audit(tmp_path, "http://127.0.0.1:9/v1/query", "--strict")

    assert status == 2
    assert "no package was audited" in output
