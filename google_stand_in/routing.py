"""Routes: path templates and their handlers."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from starlette.datastructures import QueryParams

from google_stand_in import access
from google_stand_in.answers import Answer, Json, Refused, invalid
from google_stand_in.failures import failing
from google_stand_in.world import Project, World

Handler = Callable[["Call"], Json | Answer]


@dataclass(frozen=True)
class Call:
    """A request, matched to a route. `path` follows the API's version."""

    world: World
    method: str
    api: str
    version: str
    path: str
    params: Mapping[str, str]
    query: QueryParams
    headers: Mapping[str, str]
    content: bytes
    filling: Mapping[str, str]
    permissions: frozenset[str] | None = None  # None: what the roles grant
    principal: str = ""  # empty: a call of the stand-in's own, which may do everything
    resources: tuple[str, ...] = ()  # whose policies count

    @property
    def body(self) -> Json:
        """The request body, a JSON object."""
        try:
            body = json.loads(self.content or b"{}")
        except (ValueError, RecursionError):
            raise invalid("Invalid JSON payload received. Parsing terminated.") from None
        if not isinstance(body, dict):
            raise invalid("Invalid JSON payload received. Root element must be a message.")
        return body

    @property
    def project(self) -> Project:
        return self.world.project(self.params["project"])

    @property
    def root(self) -> str:
        """`projects/<id>/`, the prefix of names in the world."""
        return f"projects/{self.project.project_id}/"

    @property
    def numbered(self) -> str:
        """`projects/<number>/`, the prefix of names in some services' responses."""
        return f"projects/{self.project.number}/"

    def required(self, parameter: str) -> str:
        """Return a required query parameter, such as `secretId`."""
        value = self.query.get(parameter, "")
        if not value:
            raise invalid(f"The request was missing the required field {parameter}.")
        return value

    def failing(self, name: str, /, **values: str) -> Refused:
        """Return a failure of the table, filled from this call."""
        return failing(name, self.filling, **values)

    def may(self, permission: str) -> bool:
        """Whether the caller has the permission on the resource of this call."""
        if self.permissions is not None:
            return permission in self.permissions
        if not self.principal:
            return True
        return access.allows(self.world, self.principal, permission, self.resources)

    def account_may(self, email: str, permission: str, *resources: str) -> bool:
        """Whether a service account has a permission on the project or on another resource."""
        project = self.root.rstrip("/")
        member = f"serviceAccount:{email}"
        return access.allows(self.world, member, permission, (project, *resources))


@dataclass(frozen=True)
class Route:
    """A template of a path, such as `projects/{project}/secrets/{secret}:addVersion`."""

    api: str
    method: str
    template: str
    permission: str
    handler: Handler
    pattern: re.Pattern[str]

    def match(self, api: str, method: str, path: str) -> dict[str, str] | None:
        if method != self.method or self.api not in {api, "*"}:
            return None
        match = self.pattern.fullmatch(path)
        return (
            {name: unquote(value) for name, value in match.groupdict().items()} if match else None
        )


class Routes:
    """The routes of an API."""

    def __init__(self, api: str) -> None:
        self._api = api
        self._routes: list[Route] = []

    def add(self, method: str, template: str, permission: str = "") -> Callable[[Handler], Handler]:
        """Register a handler; callers need `permission`, if not empty."""

        def register(handler: Handler) -> Handler:
            pattern = _pattern(template)
            self._routes.append(Route(self._api, method, template, permission, handler, pattern))
            return handler

        return register

    def get(self, template: str, permission: str = "") -> Callable[[Handler], Handler]:
        return self.add("GET", template, permission)

    def post(self, template: str, permission: str = "") -> Callable[[Handler], Handler]:
        return self.add("POST", template, permission)

    def patch(self, template: str, permission: str = "") -> Callable[[Handler], Handler]:
        return self.add("PATCH", template, permission)

    def delete(self, template: str, permission: str = "") -> Callable[[Handler], Handler]:
        return self.add("DELETE", template, permission)

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)


def _pattern(template: str) -> re.Pattern[str]:
    """Compile a template: `{name}` matches one segment, `{name=**}` one or more."""
    parts = re.split(r"\{(\w+)(=\*\*)?\}", template)
    pattern = re.escape(parts[0])
    for name, deep, literal in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        pattern += f"(?P<{name}>{'.+?' if deep else '[^/]+?'}){re.escape(literal)}"
    return re.compile(pattern, re.DOTALL)


def in_order(routes: list[Route]) -> list[Route]:
    """Custom methods first, routes of every API last: `{function}` matches `f:getIamPolicy` too."""
    return sorted(routes, key=lambda route: (":" not in route.template, route.api == "*"))


def find(
    routes: Iterable[Route], api: str, method: str, path: str
) -> tuple[Route | None, dict[str, str]]:
    """Return the first matching route and the parameters."""
    for route in routes:
        params = route.match(api, method, path)
        if params is not None:
            return route, params
    return None, {}


def page(call: Call, key: str, items: list[Any]) -> Json:
    """A page of a list, by `pageSize` (or `maxResults`) and `pageToken`."""
    try:
        size = int(call.query.get("pageSize") or call.query.get("maxResults") or 0)
        start = int(call.query.get("pageToken") or 0)
    except ValueError:
        raise invalid("Invalid page size or page token.") from None
    if size < 0 or start < 0:
        raise invalid("Invalid page size or page token.")
    end = start + (size or 200)  # the largest default page of the services used here
    more = {"nextPageToken": str(end)} if end < len(items) else {}
    return {key: items[start:end], **more}


def merged(resource: Json, body: Json, mask: str) -> Json:
    """The resource after a PATCH of the fields in the mask, or of all fields without a mask."""
    if not mask:
        return {**resource, **body}
    result = dict(resource)
    for path in mask.split(","):
        top = _camel(path.partition(".")[0].strip())
        if "." in path and isinstance(result.get(top), dict) and isinstance(body.get(top), dict):
            result[top] = merged(result[top], body[top], path.partition(".")[2])
        elif top in body:
            result[top] = body[top]
        else:
            result.pop(top, None)
    return result


def _camel(name: str) -> str:
    return re.sub(r"_(\w)", lambda match: match[1].upper(), name)
