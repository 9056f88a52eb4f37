"""The run's metadata endpoint: from it Google's libraries in terraform's processes get their token.

They ask the address in GCE_METADATA_HOST as if this were a machine of Google's, whenever a token
is about to end (facts: seven times in an apply of 52 s with tokens of 20 s). What is answered lies
in the step's folder, in a file that a worker renews; so it outlives that worker, and the token
is in no environment, no argument, no plan and no state.
"""

import os
import time

from runner import linux
from runner.step_files import CREDENTIAL, StepFiles

TYPE_CHECKING = False  # typing's own costs an import; type checkers know the name
if TYPE_CHECKING:
    from socketserver import BaseServer

_HOST = "127.0.0.1"
_ROOT = "/computeMetadata/v1/"
_ACCOUNT = "instance/service-accounts/default/"

_BACKLOG = 64
# Terraform and its provider ask one after the other; more than this at once is somebody else.
_MOST_REQUESTS = 16
# Who connects and says nothing holds one of them for so long.
_SILENCE_SECONDS = 5.0

# A token that ends while it is on its way would be refused.
_SHORTEST_SECONDS = 2.0
# Google's library gives up on an answer after 5 s and then asks again, some five times.
_PATIENCE_SECONDS = 4.0
_LOOK_SECONDS = 0.05

_OK, _FORBIDDEN, _UNKNOWN, _UNAVAILABLE = 200, 403, 404, 503
_TEXT, _JSON = "application/text", "application/json"

_Answer = tuple[int, str, str]


class MetadataServer:
    """Bound before terraform starts, since its environment names the port; serves afterwards."""

    __slots__ = ("_descriptor", "_folder", "address")

    def __init__(self, folder: StepFiles) -> None:
        import _socket  # 0.4 ms; `socket`, with selectors and enums, takes ten times as long

        listener = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
        listener.bind((_HOST, 0))
        listener.listen(_BACKLOG)
        self.address = f"{_HOST}:{listener.getsockname()[1]}"
        self._descriptor = listener.detach()
        self._folder = folder

    @property
    def environment(self) -> dict[bytes, bytes]:
        """What tells Google's libraries to ask here."""
        return {b"GCE_METADATA_HOST": self.address.encode()}

    def serve(self) -> None:
        """Answer from now on, in threads that end with this process."""
        import threading

        threading.Thread(target=_serve, args=(self._descriptor, self._folder), daemon=True).start()


def _serve(descriptor: int, folder: StepFiles) -> None:
    _server(descriptor, folder).serve_forever()


def _server(descriptor: int, folder: StepFiles) -> "BaseServer":
    # All of it is dear and only needed now that terraform runs; it asks first after some 100 ms.
    import socket
    import threading
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    listener = socket.socket(fileno=descriptor)
    port = listener.getsockname()[1]
    free = threading.BoundedSemaphore(_MOST_REQUESTS)

    class Handler(BaseHTTPRequestHandler):
        server_version, sys_version = "Metadata", ""
        timeout = _SILENCE_SECONDS

        def do_GET(self) -> None:
            ports = self.client_address[1], port
            status, kind, text = _answer(folder, self.path, self.headers, ports)
            body = text.encode()
            self.send_response(status)
            self.send_header("Metadata-Flavor", "Google")
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing: runner.err is for what went wrong in the runner."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def process_request(
            self, request: "socket.socket | tuple[bytes, socket.socket]", client: object
        ) -> None:
            free.acquire()
            super().process_request(request, client)

        def process_request_thread(
            self, request: "socket.socket | tuple[bytes, socket.socket]", client: object
        ) -> None:
            try:
                super().process_request_thread(request, client)
            finally:
                free.release()

        def handle_error(self, *_: object) -> None:
            """A client that went away is no matter."""

    server = Server((_HOST, 0), Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    return server


def _answer(folder: StepFiles, path: str, headers: object, ports: tuple[int, int]) -> _Answer:
    """What the protocol says: the header both ways, nothing through a proxy, nothing else."""
    get = headers.get  # type: ignore[attr-defined] # an email.message.Message, not worth its import
    if get("Metadata-Flavor") != "Google" or get("X-Forwarded-For") is not None:
        return _FORBIDDEN, _TEXT, "Ask with the header Metadata-Flavor: Google, and directly.\n"
    if not _is_ours(*ports):
        return _FORBIDDEN, _TEXT, "This endpoint is for another user's processes.\n"
    name = path.partition("?")[0]
    if not name.startswith(_ROOT):
        return _UNKNOWN, _TEXT, "not found\n"
    return _fact(folder, name[len(_ROOT) :])


def _fact(folder: StepFiles, name: str) -> _Answer:
    if name in {"universe/universe_domain", "universe/universe-domain"}:
        return _OK, _TEXT, "googleapis.com"
    facts = {"project/project-id": "project_id", f"{_ACCOUNT}email": "email"}
    if name in facts:
        text = str((_read(folder) or {}).get(facts[name], ""))
        return (_OK, _TEXT, text) if text else (_UNKNOWN, _TEXT, "not found\n")
    if name == f"{_ACCOUNT}token":
        return _token(folder)
    return _UNKNOWN, _TEXT, "not found\n"


def _token(folder: StepFiles) -> _Answer:
    """The token, or that there is none: a worker may just be on its way with the next one."""
    import json

    limit = time.monotonic() + _PATIENCE_SECONDS
    while True:
        found = _read(folder) or {}
        left = float(str(found.get("until_boottime", 0.0))) - linux.boottime()
        if left >= _SHORTEST_SECONDS:
            answer = {
                "access_token": found["token"],
                "expires_in": int(left),
                "token_type": "Bearer",
            }
            return _OK, _JSON, json.dumps(answer)
        if time.monotonic() > limit:
            return _UNAVAILABLE, _TEXT, "No worker has renewed this run's credential.\n"
        time.sleep(_LOOK_SECONDS)


def _read(folder: StepFiles) -> dict[str, object] | None:
    try:
        return folder.read_json(CREDENTIAL)
    except ValueError:
        return None


def _is_ours(client: int, server: int) -> bool:
    """Whether a connection was opened by a process of our own user (proc(5), /proc/net/tcp)."""
    loopback = bytes(reversed((127, 0, 0, 1))).hex().upper()
    mine, theirs = f"{loopback}:{client:04X}".encode(), f"{loopback}:{server:04X}".encode()
    for line in linux.read_whole("/proc/net/tcp").splitlines()[1:]:
        fields = line.split()
        if fields[1] == mine and fields[2] == theirs:
            return int(fields[7]) == os.geteuid()
    return False
