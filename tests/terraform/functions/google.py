"""A real server with the few paths that the functions call, each answering what a test says."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

METADATA = "/computeMetadata/v1/instance/service-accounts/default/token"
STS = "/v1/token"


@dataclass
class Said:
    """One answer: JSON, or bytes as they are; `held` waits for the end of the test."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    held: bool = False


@dataclass(frozen=True)
class Asked:
    """One request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)


@dataclass
class Google:
    """The server's address, what it answers by path, what it was asked."""

    address: str
    answers: dict[str, Said] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def start_anew(self, answers: dict[str, Said]) -> None:
        """Forget the last test: what it held ends now."""
        self.over.set()
        self.over = threading.Event()
        self.answers = answers
        self.asked.clear()

    def paths(self) -> list[str]:
        return [item.path for item in self.asked]


@contextmanager
def serving() -> Iterator[Google]:
    """Google until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length", "0"))
            content = self.rfile.read(length)
            headers = {name.lower(): value for name, value in self.headers.items()}
            google.asked.append(Asked(self.command, self.path, headers, content))
            said = google.answers.get(self.path, Said(404, {"error": "no such path"}))
            if said.held:
                google.over.wait(30)
            body = said.body if isinstance(said.body, bytes) else json.dumps(said.body).encode()
            self.send_response(said.status)
            for name, value in said.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - the base class looks for it

        def handle(self) -> None:
            with suppress(ConnectionError):  # the function gave up waiting, as it should
                super().handle()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    google = Google(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield google
    finally:
        google.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
