"""The control API, /_control/: state, faults, tokens, log of calls."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import QueryParams

from google_stand_in import scenario
from google_stand_in.answers import Answer, Json, Refused
from google_stand_in.apis import ROUTES
from google_stand_in.clock import MAX_SECONDS
from google_stand_in.routing import Call, find
from google_stand_in.rules import Rule, parse
from google_stand_in.scenario import DURATIONS, Scenario


@dataclass(frozen=True)
class LoggedCall:
    """A call to an API, without secrets."""

    at: float
    method: str
    path: str
    token: str
    status: int
    seconds: float

    def view(self) -> Json:
        return dict(vars(self))


class Control:
    """Shows, changes and resets the world, the rules and the log."""

    def __init__(self, scenario: Scenario, rules: list[Rule]) -> None:
        self.scenario = scenario
        self.log: list[LoggedCall] = []
        self.world = scenario.world()
        self.rules = [*rules, *scenario.faults()]

    def note(self, method: str, path: str, token: str, status: int, began: float) -> None:
        """Log a call; `began` is on the monotonic clock."""
        seconds = time.monotonic() - began
        self.log.append(LoggedCall(time.time() - seconds, method, path, token, status, seconds))

    def answer(self, method: str, path: str, content: bytes) -> Answer:
        handlers: dict[str, Callable[[Any], Json]] = {
            "POST /_control/reset": self._reset,
            "PUT /_control/scenario": self._scenario,
            "GET /_control/state": lambda _: self._state(),
            "PUT /_control/settings": self._settings,
            "PUT /_control/rules": self._rules,
            "GET /_control/log": lambda _: {"requests": [call.view() for call in self.log]},
            "POST /_control/mint": self._issue_token,
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
        self.log, self.world, self.rules = [], self.scenario.world(), self.scenario.faults()
        return {}

    def _scenario(self, body: Any) -> Json:
        """Reset to another scenario: `{"name": …}`, or the content of a scenario file."""
        named = isinstance(body, dict) and set(body) == {"name"}
        self.scenario = scenario.named(str(body["name"])) if named else scenario.parsed(body)
        return self._reset(None)

    def _state(self) -> Json:
        world = self.world
        projects = {
            project.project_id: {**vars(project), "enabled": sorted(project.enabled)}
            for project in world.projects.values()
        }
        counts = {kind: len(resources) for kind, resources in world.resources.items()}
        return {
            "projects": projects,
            "counts": counts,
            "resources": world.resources,
            "policies": world.policies,
        }

    def _rules(self, body: Any) -> Json:
        self.rules = parse(body["rules"] if isinstance(body, dict) else body)
        return {"rules": len(self.rules)}

    def _settings(self, body: Json) -> Json:
        """Change settings of the world; `skip_seconds` advances the clock."""
        world = self.world
        for key, value in body.items():
            if key == "permissions":
                world.permissions = None if value is None else frozenset(map(str, value))
            elif key == "skip_seconds":
                world.clock.advance(float(value))
            elif key in DURATIONS:
                if not 0 <= float(value) <= MAX_SECONDS:
                    raise ValueError(f"{key} is between 0 and {MAX_SECONDS}")
                setattr(world, key, float(value))
            else:
                raise ValueError(f"unknown setting {key!r}")
        return {}

    def _project(self, body: Json) -> Json:
        """Create or change a project: number, name, billing, state, enabled and the like."""
        world, project_id = self.world, str(body["project_id"])
        project = world.projects.get(project_id)
        if project is None:
            project = world.add_project(project_id, str(body["number"]))
        for key in ("name", "billing", "state", "org_policies", "firebase_terms"):
            if key in body:
                setattr(project, key, body[key])
        if "enabled" in body:
            project.enabled = {str(service): world.now() for service in body["enabled"]}
        return {}

    def _issue_token(self, body: Json) -> Json:
        seconds = float(body.get("seconds", self.world.token_seconds))
        may = body.get("permissions")
        permissions = None if may is None else frozenset(map(str, may))
        principal = str(body.get("principal", "user:caller@example.com"))
        token = self.world.issue_token(seconds, principal, permissions)
        return {"access_token": token, "expires_in": seconds, "token_type": "Bearer"}

    def _revoke(self, body: Json) -> Json:
        self.world.revoked.add(str(body["token"]))
        return {}

    def _preload(self, body: Json) -> Json:
        """Run calls with all permissions: `{"calls": [{method, path, body}]}`.

        Paths start with the API, `/secretmanager/v1/…`; tokens, rules, disabled APIs are ignored.
        """
        for call in body["calls"]:
            self._call(call.get("method", "POST"), call["path"], call.get("body", {}))
        return {"calls": len(body["calls"])}

    def _call(self, method: str, path: str, body: Json) -> None:
        path, _, query = path.partition("?")
        _, api, version, rest = path.split("/", 3)
        route, params = find(ROUTES, api, method, rest)
        if route is None:
            raise ValueError(f"no route for {method} {path}")
        content = json.dumps(body).encode()
        call = Call(
            self.world, method, api, version, rest, params, QueryParams(query), {}, content, {}
        )
        try:
            answer = route.handler(call)
        except Refused as refused:
            raise ValueError(f"{method} {path}: {refused}") from None
        if isinstance(answer, dict):
            self.world.started(answer, None)
