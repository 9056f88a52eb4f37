"""The stand-in's own door, /_control/: state, faults, tokens, what was asked."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import QueryParams

from google_stand_in.answers import Answer, Json, Refused
from google_stand_in.apis import ROUTES
from google_stand_in.routing import Call, find
from google_stand_in.rules import Rule, parse
from google_stand_in.world import NUMBER, PROJECT, World


@dataclass(frozen=True)
class Asked:
    """One call to an API, without anything that is secret."""

    at: float
    method: str
    path: str
    token: str
    status: int
    seconds: float

    def view(self) -> Json:
        return dict(vars(self))


class Control:
    """The world, its faults and its log; puts them back, changes them, shows them."""

    def __init__(self, rules: list[Rule]) -> None:
        self.rules = rules
        self.asked: list[Asked] = []
        self.world = _new_world()

    def note(self, method: str, path: str, token: str, status: int, began: float) -> None:
        """Keep what was asked; `began` is on the monotonic clock."""
        seconds = time.monotonic() - began
        self.asked.append(Asked(time.time() - seconds, method, path, token, status, seconds))

    def answer(self, method: str, path: str, content: bytes) -> Answer:
        handlers: dict[str, Callable[[Any], Json]] = {
            "POST /_control/reset": self._reset,
            "GET /_control/state": lambda _: self._state(),
            "PUT /_control/settings": self._settings,
            "PUT /_control/rules": self._rules,
            "GET /_control/log": lambda _: {"requests": [item.view() for item in self.asked]},
            "POST /_control/mint": self._provider,
            "POST /_control/revoke": self._revoke,
            "POST /_control/preload": self._preload,
            "POST /_control/project": self._project,
        }
        handler = handlers.get(f"{method} {path}")
        if handler is None:
            return Answer(404, {"error": f"no {method} {path}; there are {', '.join(handlers)}"})
        try:
            return Answer(200, handler(json.loads(content or b"{}")))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            return Answer(400, {"error": f"{type(error).__name__}: {error}"})

    def _reset(self, _: Any) -> Json:
        self.rules, self.asked, self.world = [], [], _new_world()
        return {}

    def _state(self) -> Json:
        world = self.world
        projects = {
            project.project_id: {**vars(project), "enabled": sorted(project.enabled)}
            for project in world.projects.values()
        }
        counts = {kind: len(found) for kind, found in world.resources.items()}
        return {
            "projects": projects,
            "counts": counts,
            "resources": world.resources,
            "policies": world.policies,
        }

    def _rules(self, given: Any) -> Json:
        self.rules = parse(given["rules"] if isinstance(given, dict) else given)
        return {"rules": len(self.rules)}

    def _settings(self, given: Json) -> Json:
        """Whole-world settings; `skip_seconds` puts the clock forward."""
        world = self.world
        for key, value in given.items():
            if key == "permissions":
                world.permissions = None if value is None else frozenset(map(str, value))
            elif key == "skip_seconds":
                world.skipped_seconds += float(value)
            elif key in {"propagation_seconds", "operation_seconds", "token_seconds"}:
                setattr(world, key, float(value))
            else:
                raise ValueError(f"no setting is called {key!r}")
        return {}

    def _project(self, given: Json) -> Json:
        """Make a project or change one: number, name, billing, state, enabled, org_policies."""
        world, project_id = self.world, str(given["project_id"])
        project = world.projects.get(project_id)
        if project is None:
            project = world.add_project(project_id, str(given["number"]))
        for key in ("name", "billing", "state", "org_policies"):
            if key in given:
                setattr(project, key, given[key])
        if "enabled" in given:
            project.enabled = {str(service): world.now() for service in given["enabled"]}
        return {}

    def _provider(self, given: Json) -> Json:
        seconds = float(given.get("seconds", self.world.token_seconds))
        may = given.get("permissions")
        permissions = None if may is None else frozenset(map(str, may))
        principal = str(given.get("principal", "user:caller@example.com"))
        token = self.world.provider(seconds, principal, permissions)
        return {"access_token": token, "expires_in": seconds, "token_type": "Bearer"}

    def _revoke(self, given: Json) -> Json:
        self.world.revoked.add(str(given["token"]))
        return {}

    def _preload(self, given: Json) -> Json:
        """Make calls as a caller who may do everything: `{"calls": [{method, path, body}]}`.

        Paths are those of the APIs, `/secretmanager/v1/…`; no token, rule or enabled API matters.
        """
        for call in given["calls"]:
            self._call(call.get("method", "POST"), call["path"], call.get("body", {}))
        return {"calls": len(given["calls"])}

    def _call(self, method: str, path: str, body: Json) -> None:
        path, _, query = path.partition("?")
        _, api, version, rest = path.split("/", 3)
        route, params = find(ROUTES, api, method, rest)
        if route is None:
            raise ValueError(f"no route for {method} {path}")
        content = json.dumps(body).encode()
        world, asked = self.world, QueryParams(query)
        try:
            route.handler(Call(world, method, api, version, rest, params, asked, {}, content, {}))
        except Refused as refused:
            raise ValueError(f"{method} {path}: {refused}") from None


def _new_world() -> World:
    """One project with billing, as a customer brings it."""
    world = World()
    world.add_project(PROJECT, NUMBER, "Demo project")
    return world
