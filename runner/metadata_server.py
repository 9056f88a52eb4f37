"""The run's metadata endpoint, which gives tokens to Google's libraries in terraform's processes.

The libraries query the address in GCE_METADATA_HOST as on a Compute Engine machine, whenever a
token is about to expire (measured: seven times in an apply of 52 s with tokens of 20 s). A worker
renews the token in a file of the step's folder, so the endpoint outlives that worker, and the token
is in no environment, argument, plan or state.

Every process of this machine can connect, also a browser. A connection of another user is refused
before it takes a place; a page of another site, which can only reach the port by a name of its own
(DNS rebinding) or across origins, is refused by Host, Origin and Sec-Fetch-Site.
"""

import os
import time

from runner import linux
from runner.step_files import CREDENTIAL, StepFiles

TYPE_CHECKING = False  # importing typing takes time; type checkers accept this name
if TYPE_CHECKING:
    import socket
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
    from socketserver import BaseServer

    _Connection = socket.socket | tuple[bytes, socket.socket]

_HOST = "127.0.0.1"
_ROOT = "/computeMetadata/v1/"
_ACCOUNT = "instance/service-accounts/default/"

# Connections of other users wait here until they are refused, in about 0.1 ms each.
_BACKLOG = 1024
# Terraform and its provider send requests in sequence; more at once are another program's.
_MAX_CONCURRENT_REQUESTS = 16
# From the connection to the end of the request, however slowly it arrives: Google's library sends
# a request at once and waits 5 s for the answer.
_REQUEST_SECONDS = 2.0
# A response of 1 kB fits into the socket's buffer.
_RESPONSE_SECONDS = 5.0

# Google refuses a token that expires in transit.
_MIN_VALIDITY_SECONDS = 2.0
# Google's library times out after 5 s and retries about five times.
_RENEWAL_WAIT_SECONDS = 4.0
_POLL_SECONDS = 0.05

_OK, _FORBIDDEN, _NOT_FOUND, _UNAVAILABLE = 200, 403, 404, 503
_TEXT, _JSON = "application/text", "application/json"
_HEADERS_OF_BROWSERS = ("Origin", "Sec-Fetch-Site")

_Response = tuple[int, str, str]

_OF_ANOTHER_USER = "This endpoint serves processes of another user.\n"
_REFUSAL = (
    "HTTP/1.0 403 Forbidden\r\nMetadata-Flavor: Google\r\nContent-Type: application/text\r\n"
    f"Content-Length: {len(_OF_ANOTHER_USER)}\r\n\r\n{_OF_ANOTHER_USER}"
).encode()


class MetadataServer:
    """Listens before terraform starts, which needs the port number; answers from `serve` on."""

    __slots__ = ("_descriptor", "_folder", "address")

    def __init__(self, folder: StepFiles) -> None:
        import _socket  # 0.4 ms; `socket`, with selectors and enums, takes 4 ms

        listener = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
        listener.bind((_HOST, 0))
        listener.listen(_BACKLOG)
        self.address = f"{_HOST}:{listener.getsockname()[1]}"
        self._descriptor = listener.detach()
        self._folder = folder

    @property
    def environment(self) -> dict[bytes, bytes]:
        """The variable that directs Google's libraries to this endpoint."""
        return {b"GCE_METADATA_HOST": self.address.encode()}

    def serve(self) -> None:
        """Answer requests in daemon threads, which end with this process."""
        import threading

        threading.Thread(target=_serve, args=(self._descriptor, self._folder), daemon=True).start()


def _serve(descriptor: int, folder: StepFiles) -> None:
    _server(descriptor, folder).serve_forever()


def _server(descriptor: int, folder: StepFiles) -> "BaseServer":
    # Expensive imports, here and below, after terraform's start; the first request comes about
    # 100 ms later.
    import socket

    listener = socket.socket(fileno=descriptor)
    port = listener.getsockname()[1]
    server = _server_class(port)((_HOST, 0), _handler_class(folder, f"{_HOST}:{port}"), False)  # noqa: FBT003 -- the positional parameter bind_and_activate
    server.socket.close()
    server.socket = listener
    return server


def _server_class(port: int) -> "type[ThreadingHTTPServer]":
    import socket
    import threading
    from http.server import ThreadingHTTPServer

    free = threading.BoundedSemaphore(_MAX_CONCURRENT_REQUESTS)

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def verify_request(self, request: "_Connection", client: tuple[str, int]) -> bool:
            """Refuse a connection of another user before it takes a place."""
            if _is_same_user(client[1], port):
                return True
            if isinstance(request, socket.socket):
                request.setblocking(False)  # noqa: FBT003 -- the method's signature
                request.send(_REFUSAL)
            return False

        def process_request(self, request: "_Connection", client: object) -> None:
            free.acquire()
            super().process_request(request, client)

        def process_request_thread(self, request: "_Connection", client: object) -> None:
            try:
                super().process_request_thread(request, client)
            finally:
                free.release()

        def handle_error(self, *_: object) -> None:
            """Ignore a client that disconnected."""

    return Server


def _handler_class(folder: StepFiles, address: str) -> "type[BaseHTTPRequestHandler]":
    import io
    from http.server import BaseHTTPRequestHandler

    class Request(io.RawIOBase):
        """The bytes of a request until its deadline; a timeout per read would start anew."""

        def __init__(self, connection: "socket.socket") -> None:
            self._connection = connection
            self._end = time.monotonic() + _REQUEST_SECONDS

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # the buffer of BufferedReader
            left = self._end - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._connection.settimeout(left)
            return self._connection.recv_into(buffer)

    class Handler(BaseHTTPRequestHandler):
        server_version, sys_version = "Metadata", ""

        def setup(self) -> None:
            super().setup()
            self.rfile.close()
            self.rfile = io.BufferedReader(Request(self.connection))

        def do_GET(self) -> None:
            self.connection.settimeout(_RESPONSE_SECONDS)
            status, kind, text = _response(folder, self.path, self.headers, address)
            body = text.encode()
            self.send_response(status)
            self.send_header("Metadata-Flavor", "Google")
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Discard access logs: runner.err holds the runner's errors alone."""

    return Handler


def _response(folder: StepFiles, path: str, headers: object, address: str) -> _Response:
    """Answer per protocol: the flavor header both ways, no request through a proxy or of a page."""
    get_all = headers.get_all  # type: ignore[attr-defined] # an email.message.Message; importing the type takes time
    if get_all("Metadata-Flavor") != ["Google"] or get_all("X-Forwarded-For"):
        return _FORBIDDEN, _TEXT, "Send the header Metadata-Flavor: Google, and use no proxy.\n"
    if get_all("Host") != [address] or any(map(get_all, _HEADERS_OF_BROWSERS)):
        return _FORBIDDEN, _TEXT, f"Send the header Host: {address}, and use no browser.\n"
    name = path.partition("?")[0]
    if not name.startswith(_ROOT):
        return _NOT_FOUND, _TEXT, "not found\n"
    return _value(folder, name[len(_ROOT) :])


def _value(folder: StepFiles, name: str) -> _Response:
    if name in {"universe/universe_domain", "universe/universe-domain"}:
        return _OK, _TEXT, "googleapis.com"
    keys = {"project/project-id": "project_id", f"{_ACCOUNT}email": "email"}
    if name in keys:
        text = str((_read(folder) or {}).get(keys[name], ""))
        return (_OK, _TEXT, text) if text else (_NOT_FOUND, _TEXT, "not found\n")
    if name == f"{_ACCOUNT}token":
        return _token(folder)
    return _NOT_FOUND, _TEXT, "not found\n"


def _token(folder: StepFiles) -> _Response:
    """The token, or 503 when no worker renews the credential within the wait."""
    import json

    limit = time.monotonic() + _RENEWAL_WAIT_SECONDS
    while True:
        credential = _read(folder) or {}
        left = float(str(credential.get("until_boottime", 0.0))) - linux.boottime()
        if left >= _MIN_VALIDITY_SECONDS:
            answer = {
                "access_token": credential["token"],
                "expires_in": int(left),
                "token_type": "Bearer",
            }
            return _OK, _JSON, json.dumps(answer)
        if time.monotonic() > limit:
            return _UNAVAILABLE, _TEXT, "No worker has renewed this run's credential.\n"
        time.sleep(_POLL_SECONDS)


def _read(folder: StepFiles) -> dict[str, object] | None:
    try:
        return folder.read_json(CREDENTIAL)
    except ValueError:
        return None


def _is_same_user(client: int, server: int) -> bool:
    """Whether a process of this user opened the connection (proc(5), /proc/net/tcp)."""
    loopback = bytes(reversed((127, 0, 0, 1))).hex().upper()
    local, remote = f"{loopback}:{client:04X}".encode(), f"{loopback}:{server:04X}".encode()
    for line in linux.read_whole("/proc/net/tcp").splitlines()[1:]:
        fields = line.split()
        if fields[1] == local and fields[2] == remote:
            return int(fields[7]) == os.geteuid()
    return False
