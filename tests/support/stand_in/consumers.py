"""The stand-in behind Google's rules of consumers: each request counts against a project.

Without `X-Goog-User-Project` this is the project of the credential, `worker-proj`, which the
stand-in does not contain.
"""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvicorn
from starlette.types import Message, Receive, Scope, Send

from google_stand_in.answers import Answer, error_info, invalid, refusal
from google_stand_in.app import StandIn
from google_stand_in.failures import failing
from tests.support.servers import eventually, free_port

__all__ = ["WORKER_NUMBER", "Consumers", "consumers"]

WORKER_NUMBER = "999000999000"
_FREE = {"_control", "computeMetadata", "oauth2", "sts"}


@dataclass
class Consumers:
    """An ASGI application; all fields may be changed between requests."""

    stand_in: StandIn = field(default_factory=StandIn)
    endpoint: str = ""
    # APIs that are on in the credential's own project.
    worker_apis: set[str] = field(default_factory=set)
    # Whether the caller has serviceusage.services.use in the customer's project.
    may_use_project: bool = True
    # Names that Google cannot test on a project.
    untestable: set[str] = field(default_factory=set)
    # Quota project and path of each request.
    requests: list[tuple[str, str]] = field(default_factory=list)

    def token(self, permissions: list[str] | None = None) -> str:
        """A token with these permissions; without a list, with all."""
        granted = None if permissions is None else frozenset(permissions)
        return self.stand_in.control.world.issue_token(3600, "caller@example.com", granted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        content, replay = await _read(receive)
        refused = self._refusal(scope, content)
        if refused is None:
            await self.stand_in(scope, replay, send)
            return
        await send(
            {
                "type": "http.response.start",
                "status": refused[0],
                "headers": [(b"content-type", b"application/json")],
            }
        )
        await send({"type": "http.response.body", "body": json.dumps(refused[1]).encode()})

    def _refusal(self, scope: Scope, content: bytes) -> tuple[int, object] | None:
        path = str(scope["path"])
        api = path.split("/")[1]
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        quota_project = headers.get("x-goog-user-project", "")
        self.requests.append((quota_project, path))
        if api in _FREE:
            return None
        if quota_project and not self.may_use_project:
            info = {"consumer": f"projects/{quota_project}", "service": f"{api}.googleapis.com"}
            message = f"Caller does not have required permission to use project {quota_project}."
            answer = refusal(
                403, message, error_info("USER_PROJECT_DENIED", "googleapis.com", info)
            )
            return _plain(answer.answer)
        number, enabled = self._consumer(quota_project)
        if f"{api}.googleapis.com" not in enabled:
            filling = {"service": f"{api}.googleapis.com", "title": api, "number": number}
            old = "_storage" if api == "storage" else ""
            return _plain(failing(f"api_disabled{old}", filling).answer)
        if path.endswith(":testIamPermissions"):
            names = {str(name) for name in json.loads(content or b"{}").get("permissions", [])}
            if names & self.untestable:
                return _plain(invalid("Permission is not valid for this resource.").answer)
        return None

    def _consumer(self, quota_project: str) -> tuple[str, set[str]]:
        project = self.stand_in.control.world.find_project(quota_project)
        if project is None:
            return WORKER_NUMBER, self.worker_apis
        return project.number, {*project.enabled}


async def _read(receive: Receive) -> tuple[bytes, Receive]:
    """The body, and a `receive` that delivers the body once more."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            break
    content = b"".join(parts)

    async def replay() -> Message:
        return {"type": "http.request", "body": content, "more_body": False}

    return content, replay


def _plain(answer: Answer) -> tuple[int, object]:
    return answer.status, answer.content


@contextmanager
def consumers() -> Iterator[Consumers]:
    """A server of its own on loopback."""
    port = free_port()
    app = Consumers(endpoint=f"http://127.0.0.1:{port}")
    config = uvicorn.Config(app, port=port, log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        asyncio.run(eventually(lambda: server.started, "the stand-in"))
        yield app
    finally:
        server.should_exit = True
        thread.join()
