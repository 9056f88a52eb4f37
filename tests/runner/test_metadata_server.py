"""The metadata endpoint beside terraform: what it answers, to whom, and for how long."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runner.steps import PATIENCE_SECONDS, Step, until

FLAVOR = {"Metadata-Flavor": "Google"}
ROOT = "/computeMetadata/v1/"
TOKEN = ROOT + "instance/service-accounts/default/token"
SCOPES = "?scopes=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fcloud-platform"


def environment_of(pid: int) -> dict[str, str]:
    text = Path(f"/proc/{pid}/environ").read_bytes().decode()
    return dict(entry.split("=", 1) for entry in text.split("\0") if entry)


class Asking:
    """A terraform that runs, and its endpoint."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.runner = step.describe().fake("print:here", "interrupts:1", with_credential=True)
        step.prints("here")
        self.pid = step.started["terraform_pid"]
        self.address = environment_of(self.pid)["GCE_METADATA_HOST"]

    def ask(
        self, path: str, headers: dict[str, str] | None = None, method: str = "GET"
    ) -> tuple[int, str]:
        connection = http.client.HTTPConnection(self.address, timeout=PATIENCE_SECONDS)
        try:
            connection.request(method, path, headers=FLAVOR if headers is None else headers)
            answer = connection.getresponse()
            if answer.status < 500:
                assert answer.headers["Metadata-Flavor"] == "Google"
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def end(self) -> None:
        self.step.stop("cancel")
        self.step.ended(self.runner)


@pytest.fixture
def asking(step: Step) -> Iterator[Asking]:
    step.credential("planted-token-1", 3600)
    made = Asking(step)
    yield made
    if made.runner.poll() is None:
        made.end()


def test_what_googles_libraries_ask_is_answered(asking: Asking) -> None:
    assert asking.ask(ROOT + "universe/universe_domain") == (200, "googleapis.com")
    assert asking.ask(ROOT + "project/project-id") == (200, "demo-project-1")
    email = "robot@demo-project-1.iam.gserviceaccount.com"
    assert asking.ask(ROOT + "instance/service-accounts/default/email") == (200, email)
    status, text = asking.ask(TOKEN + SCOPES)
    token = json.loads(text)
    assert (status, token["access_token"], token["token_type"]) == (
        200,
        "planted-token-1",
        "Bearer",
    )
    assert 3590 < token["expires_in"] <= 3600


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/computeMetadata/",
        ROOT,
        ROOT + "instance/",
        ROOT + "instance/service-accounts/",
        ROOT + "instance/service-accounts/default/",
        ROOT + "instance/service-accounts/default/?recursive=true",
        ROOT + "instance/service-accounts/default/identity?audience=x",
        ROOT + "instance/service-accounts/other/token",
        ROOT + "instance/attributes/ssh-keys",
        ROOT + "project/numeric-project-id",
        "/computeMetadata/v1beta1/instance/service-accounts/default/token",
        ROOT + "../v1/instance/service-accounts/default/token",
        ROOT + "instance/service-accounts/default/token/",
        ROOT + "instance%2Fservice-accounts%2Fdefault%2Ftoken",
        ROOT + "credential.json",
        ROOT + "../../../credential.json",
        "/" + "x" * 60_000,
    ],
)
def test_anything_else_is_not_found(asking: Asking, path: str) -> None:
    status, text = asking.ask(path)
    assert status == 404
    assert "planted" not in text


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Metadata-Flavor": ""},
        {"Metadata-Flavor": "google"},
        {"Metadata-Flavour": "Google"},
        {**FLAVOR, "X-Forwarded-For": "10.0.0.1"},
        {**FLAVOR, "X-Forwarded-For": ""},
        {**FLAVOR, "Host": "evil.example"},
        {**FLAVOR, "Host": "127.0.0.1"},
        {**FLAVOR, "Host": "127.0.0.1:1"},
        {**FLAVOR, "Host": "localhost"},
        {**FLAVOR, "Host": ""},
        {**FLAVOR, "Origin": "http://evil.example"},
        {**FLAVOR, "Origin": "null"},
        {**FLAVOR, "Sec-Fetch-Site": "same-origin"},
    ],
)
def test_who_does_not_know_the_protocol_or_comes_through_a_proxy_is_refused(
    asking: Asking, headers: dict[str, str]
) -> None:
    for path in (TOKEN, ROOT + "project/project-id", "/"):
        status, text = asking.ask(path, headers)
        assert status == 403
        assert "planted" not in text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS", "CONNECT", "X"])
def test_it_is_for_reading_only(asking: Asking, method: str) -> None:
    status, text = asking.ask(TOKEN, method=method)
    assert status == 501
    assert "planted" not in text


@pytest.mark.parametrize(
    "raw",
    [b"\0" * 100, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\xff\xfe\r\n\r\n", b"x" * 100_000],
)
def test_what_is_no_request_harms_nobody(asking: Asking, raw: bytes) -> None:
    host, _, port = asking.address.partition(":")
    with socket.create_connection((host, int(port)), PATIENCE_SECONDS) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        try:
            seen = connection.recv(65536)
        except ConnectionResetError:
            seen = b""
    assert b"planted" not in seen
    assert asking.ask(TOKEN)[0] == 200
    assert asking.step.errors == ""


def test_silent_connections_do_not_keep_terraform_from_its_token(asking: Asking) -> None:
    host, _, port = asking.address.partition(":")
    silent = [socket.create_connection((host, int(port))) for _ in range(40)]
    try:
        assert asking.ask(TOKEN)[0] == 200
    finally:
        for item in silent:
            item.close()


@pytest.mark.parametrize("name", ["evil.example", "localhost", "metadata.google.internal"])
def test_a_page_with_a_name_of_its_own_for_this_address_is_refused(
    asking: Asking, name: str
) -> None:
    port = asking.address.partition(":")[2]
    status, text = asking.ask(TOKEN, {**FLAVOR, "Host": f"{name}:{port}"})
    assert (status, "planted" in text) == (403, False)


def test_two_hosts_in_a_request_are_refused(asking: Asking) -> None:
    connection = http.client.HTTPConnection(asking.address, timeout=PATIENCE_SECONDS)
    connection.putrequest("GET", TOKEN)
    connection.putheader("Host", "evil.example")
    connection.putheader("Metadata-Flavor", "Google")
    connection.endheaders()
    assert connection.getresponse().status == 403
    connection.close()


def test_a_request_that_trickles_in_ends_at_a_deadline(asking: Asking) -> None:
    host, _, port = asking.address.partition(":")
    begin = time.monotonic()
    with socket.create_connection((host, int(port)), 0.2) as connection:
        connection.sendall(f"GET {TOKEN} HTTP/1.1\r\nX: ".encode())
        while True:
            try:
                connection.sendall(b"x")
                seen = connection.recv(1)
                break
            except TimeoutError:
                assert time.monotonic() - begin < PATIENCE_SECONDS
            except ConnectionError:
                seen = b""
                break
    assert seen == b""
    assert time.monotonic() - begin < 4


# Connects as another user, without a request or with one that trickles in, and holds all that is
# not closed.
_TRICKLING = """
import encodings.idna, os, select, socket, sys
os.setuid(65534)
host, port = sys.argv[1].split(":")
connections = []
for number in range(int(sys.argv[2])):
    connection = socket.create_connection((host, int(port)))
    connection.setblocking(False)
    connections.append(connection)
print("connected", flush=True)
while not select.select([0], [], [], 0.05)[0]:
    for connection in connections:
        try:
            connection.send(b"GET / HTTP/1.1\\r\\nX: " if number else b"x")
        except OSError:
            pass
"""


def test_connections_of_another_user_do_not_keep_terraform_from_its_token(asking: Asking) -> None:
    if os.geteuid() != 0:
        pytest.skip("root is missing: only root can become another user")
    other = subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-I", "-S", "-c", _TRICKLING, asking.address, "60"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert other.stdin
    assert other.stdout
    try:
        assert other.stdout.readline() == b"connected\n"
        for _ in range(3):
            begin = time.monotonic()
            assert asking.ask(TOKEN)[0] == 200
            # Google's library waits for 5 s; idle connections once held a place for longer.
            assert time.monotonic() - begin < 5
    finally:
        other.communicate(b"\n", timeout=PATIENCE_SECONDS)


def test_another_user_of_the_machine_is_refused(asking: Asking) -> None:
    if os.geteuid() != 0:
        pytest.skip("root is missing: only root can become another user")
    script = (
        "import http.client, os, sys\n"
        "def ask():\n"
        "    c = http.client.HTTPConnection(sys.argv[1])\n"
        "    c.request('GET', sys.argv[2], headers={'Metadata-Flavor': 'Google'})\n"
        "    return c.getresponse()\n"
        "print(ask().status)\n"
        "os.setuid(65534)\n"
        "a = ask(); print(a.status, a.read().decode())\n"
    )
    seen = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-I", "-S", "-c", script, asking.address, TOKEN],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_SECONDS,
    ).stdout
    assert seen.startswith("200\n403 ")
    assert "planted" not in seen


def test_a_renewed_token_is_given_at_once(asking: Asking) -> None:
    asking.step.credential("planted-token-2", 20)
    token = json.loads(asking.ask(TOKEN)[1])
    assert token["access_token"] == "planted-token-2"  # noqa: S105 - planted
    assert 15 <= token["expires_in"] <= 20


def test_who_asks_between_two_tokens_waits_for_the_next(asking: Asking) -> None:
    asking.step.credential("planted-token-1", 0)
    child = subprocess.Popen(  # noqa: S603 - our own interpreter
        [
            sys.executable,
            "-c",
            "import sys, urllib.request as u\n"
            "print(u.urlopen(u.Request(sys.argv[1], headers={'Metadata-Flavor': 'Google'}))"
            ".read().decode())",
            f"http://{asking.address}{TOKEN}",
        ],
        stdout=subprocess.PIPE,
    )
    # It is connected: its request is held.
    until(lambda: _connected(asking.address) >= 2, "the request")
    asking.step.credential("planted-token-2", 3600)
    output, _ = child.communicate(timeout=PATIENCE_SECONDS)
    assert json.loads(output)["access_token"] == "planted-token-2"  # noqa: S105 - planted


def _connected(address: str) -> int:
    port = f":{int(address.rpartition(':')[2]):04X}"
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return sum(port in line and line.split()[3] == "01" for line in lines)


@pytest.mark.parametrize("content", [None, "", "[]", "{", '{"format": 1}'])
def test_without_a_valid_token_the_answer_is_that_nobody_renewed_it(
    asking: Asking, content: str | None
) -> None:
    file = asking.step.folder / "credential.json"
    file.unlink()
    if content is not None:
        file.write_text(content)
    status, text = asking.ask(TOKEN)
    assert (status, text) == (503, "No worker has renewed this run's credential.\n")
    assert asking.step.errors == ""


def test_the_endpoint_and_the_file_end_with_the_run(asking: Asking) -> None:
    assert (asking.step.folder / "credential.json").exists()
    asking.end()
    assert "credential.json" not in asking.step.names
    with pytest.raises(ConnectionRefusedError):
        asking.ask(TOKEN)


def test_what_a_killed_runner_left_is_removed_by_the_next(asking: Asking) -> None:
    asking.runner.kill()
    asking.runner.wait()
    assert asking.step.finish()["outcome"] == "runner_lost"
    assert "credential.json" not in asking.step.names


def test_the_token_is_in_no_environment_and_on_no_command_line(asking: Asking) -> None:
    assert asking.ask(TOKEN)[0] == 200
    for pid in (asking.pid, asking.runner.pid):
        for name in ("environ", "cmdline"):
            assert b"planted" not in Path(f"/proc/{pid}/{name}").read_bytes()
    asking.end()
    for file in asking.step.folder.parent.rglob("*"):
        assert not file.is_file() or b"planted" not in file.read_bytes(), file


def test_the_endpoint_listens_on_loopback_only(asking: Asking) -> None:
    host, _, port = asking.address.partition(":")
    listening = [
        line.split()[1]
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if line.split()[1].endswith(f":{int(port):04X}") and line.split()[3] == "0A"
    ]
    assert host == "127.0.0.1"
    assert listening == [f"0100007F:{int(port):04X}"]


def test_a_run_without_a_credential_has_no_endpoint(step: Step) -> None:
    runner = step.describe().fake("print:here", "interrupts:1")
    step.prints("here")
    assert "GCE_METADATA_HOST" not in environment_of(step.started["terraform_pid"])
    status = Path(f"/proc/{runner.pid}/status").read_text()
    assert "Threads:\t1\n" in status
    step.stop("cancel")
    step.ended(runner)
