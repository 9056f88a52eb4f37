"""The server of all APIs, at `/<first label of the host>/<version>/…`.

`https://iam.googleapis.com/v1/projects/p` is `/iam/v1/projects/p` here. Cloud Storage's uploads and
the metadata server's paths are at the root, where clients expect them.
"""

import asyncio
import hashlib
import json
import re
import time
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from google_stand_in import access
from google_stand_in.access import covering
from google_stand_in.answers import Answer, Json, Refused, invalid, refusal
from google_stand_in.apis import ROUTES
from google_stand_in.control import Control
from google_stand_in.failures import failing, title
from google_stand_in.routing import Call, Route, find
from google_stand_in.rules import Rule
from google_stand_in.scenario import EVERYTHING_ALLOWED, Scenario
from google_stand_in.world import Project, Token

# APIs whose consumer is the caller's project, not the project in the path.
UNGATED = {
    "cloudbilling",
    "cloudresourcemanager",
    "iamcredentials",
    "oauth2",
    "orgpolicy",
    "serviceusage",
    "sts",
}
BILLED = {
    "apigateway",
    "artifactregistry",
    "cloudbuild",
    "cloudfunctions",
    "run",
    "secretmanager",
}
OPEN = {"", "computeMetadata", "oauth2", "sts"}
MAX_BYTES = 64 * 1024 * 1024  # far above the source of a function


class StandIn:
    """An ASGI application with a world of its own."""

    def __init__(
        self, rules: list[Rule] | None = None, scenario: Scenario = EVERYTHING_ALLOWED
    ) -> None:
        self.control = Control(scenario, rules or [])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        answer = await self._answer(request)
        content = answer.content
        if isinstance(content, dict):
            content = json.dumps(content).encode()
        headers = {"content-type": "application/json; charset=UTF-8", **answer.headers}
        await Response(content, answer.status, headers)(scope, receive, send)

    async def _answer(self, request: Request) -> Answer:
        began = time.monotonic()
        raw = request.scope["raw_path"].decode("latin-1")
        content = await _content(request)
        if content is None:
            return refusal(413, "Request payload size exceeds the limit.").answer
        if raw.startswith("/_control/"):
            return self.control.answer(request.method, raw, content)
        try:
            answer = await self._google(request, raw, content)
        except Refused as refused:
            answer = refused.answer
        bearer = _bearer(request)
        fingerprint = hashlib.sha256(bearer.encode()).hexdigest()[:12] if bearer else ""
        self.control.note(request.method, raw, fingerprint, answer.status, began)
        return answer

    async def _google(self, request: Request, raw: str, content: bytes) -> Answer:
        world = self.control.world
        world.settle()
        api, version, path = _parts(raw)
        route, params = find(ROUTES, api, request.method, path)
        query = request.query_params
        project = self._project(api, params, query.get("project", ""))
        filling = _filling(project, api, path, params, route)
        target = f"{raw}?{request.url.query}" if request.url.query else raw
        rule = next(
            (item for item in self.control.rules if item.fires(request.method, target)), None
        )
        if rule is not None:
            await asyncio.sleep(rule.delay_seconds)
            answer = rule.answer(filling)
            if answer is not None:
                return answer
        token = self._token(api, request, filling)
        if route is None:
            raise refusal(404, f"The requested URL {raw[:200]} was not found on this server.")
        allowed = (
            token.permissions if token and token.permissions is not None else world.permissions
        )
        headers = request.headers
        call = Call(
            world,
            request.method,
            api,
            version,
            path,
            params,
            query,
            headers,
            content,
            filling,
            allowed,
            token.principal if token else "",
            covering(world, project, api, params, path),
        )
        _check_consumer(call)
        _gate(call, route, project)
        try:
            result = route.handler(call)
        except (AttributeError, KeyError, TypeError, ValueError):
            # A field of the wrong type: Google validates bodies against the schema first.
            raise invalid("Invalid JSON payload received. Unknown name or wrong type.") from None
        if isinstance(result, Answer):
            return result
        return Answer(200, world.started(result, rule.error(filling) if rule else None))

    def _project(self, api: str, params: dict[str, str], default: str) -> Project | None:
        """The project of a call, from the path, the bucket or the query; None if unknown."""
        world = self.control.world
        if api == "storage" and "bucket" in params:
            bucket = world.kind("buckets").get(params["bucket"], {})
            return world.find_project(bucket.get("projectNumber", ""))
        return world.find_project(params.get("project", default))

    def _token(self, api: str, request: Request, filling: Json) -> Token | None:
        if api in OPEN:
            return None
        token = self.control.world.bearer(_bearer(request))
        if token is None:
            old = "_storage" if api == "storage" else ""
            raise failing(f"token_expired{old}", filling)
        return token


def _filling(
    project: Project | None, api: str, path: str, params: dict[str, str], route: Route | None
) -> dict[str, str]:
    service = f"{api}.googleapis.com"
    return {
        "project": project.project_id if project else params.get("project", ""),
        "number": project.number if project else "0",
        "service": service,
        "services": service,
        "title": title(service),
        "permission": route.permission if route else "",
        "resource": path,
        "name": path.rpartition("/")[2],
        "method": f"{service}/{path}",
        "principal": "caller@example.com",
        "email": params.get("account", ""),
    }


def _check_consumer(call: Call) -> None:
    """Check the API in the project that the call counts against: the quota project.

    X-Goog-User-Project names it, else it is the credential's project. Cloud Storage counts against
    the bucket's project: https://cloud.google.com/docs/quotas/quota-project.
    """
    world = call.world
    if not world.credential_project or call.api in OPEN:
        return
    named = call.headers.get("x-goog-user-project", "")
    if not named and call.api == "storage":
        return
    consumer = world.project(named or world.credential_project)
    within = (f"projects/{consumer.project_id}",)
    use = "serviceusage.services.use"
    if named and not access.allows(world, call.principal, use, within):
        raise call.failing("user_project_denied", project=consumer.project_id)
    if not consumer.ready(f"{call.api}.googleapis.com", world.now()):
        old = "_storage" if call.api == "storage" else ""
        values = {"project": consumer.project_id, "number": consumer.number}
        raise call.failing(f"api_disabled{old}", **values)


def _gate(call: Call, route: Route, project: Project | None) -> None:
    """Check API, permission and billing before the handler runs."""
    old = "_storage" if call.api == "storage" else ""
    gated = project if call.api not in UNGATED | OPEN else None
    if gated and not gated.ready(f"{call.api}.googleapis.com", call.world.now()):
        raise call.failing(f"api_disabled{old}")
    # A bucket that does not exist is 404 for everybody: googleapis/nodejs-storage#220.
    bucket = call.params.get("bucket") if call.api == "storage" else None
    is_absent = bucket is not None and bucket not in call.world.kind("buckets")
    if route.permission and not is_absent and not call.may(route.permission):
        raise call.failing(f"permission_denied{old}")
    if project and not project.billing and call.api in BILLED and call.method == "POST":
        raise call.failing("billing_disabled")


async def _content(request: Request) -> bytes | None:
    """Read the complete body; None when longer than the limit."""
    parts: list[bytes] = []
    length = 0
    async for part in request.stream():
        length += len(part)
        if length <= MAX_BYTES:
            parts.append(part)
    return b"".join(parts) if length <= MAX_BYTES else None


def _bearer(request: Request) -> str:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def _parts(raw: str) -> tuple[str, str, str]:
    """Split a path into API, version and rest; `%2F` stays encoded, part of a name."""
    try:
        escaped = re.sub("%2f", "%252F", raw, flags=re.IGNORECASE)
        path = unquote(escaped, errors="strict")
    except UnicodeDecodeError:
        raise invalid("The path is not UTF-8.") from None
    path = re.sub(r"^/(storage/)?(upload|download)/storage/(\w+)/", r"/storage/\3/\2/", path)
    path = re.sub(r"^/storage/storage/", "/storage/", path)
    # The provider's Firebase client uses only the host of the endpoint.
    path = re.sub(r"^/v1beta1/", "/firebase/v1beta1/", path)
    api, _, rest = path.removeprefix("/").partition("/")
    version, _, rest = rest.partition("/")
    return api, version, rest
