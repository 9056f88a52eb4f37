"""A scenario: the state of the world at the start, as plain data in a file of `scenarios/`.

Every field has a default, so that an empty file is the world in which everything is allowed.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from google_stand_in.answers import Json
from google_stand_in.clock import MAX_SECONDS
from google_stand_in.rules import Rule, parse
from google_stand_in.world import NUMBER, PROJECT, World

SCENARIOS = Path(__file__).with_name("scenarios")
DURATIONS = ("propagation_seconds", "role_seconds", "operation_seconds", "token_seconds")
_MAX_BYTES = 1_000_000  # a scenario file has some kilobytes


@dataclass(frozen=True)
class ProjectAtStart:
    """A project of a scenario; `enabled` None: a new project's few APIs."""

    project_id: str = PROJECT
    number: str = NUMBER
    name: str = "Demo project"
    billing: bool = True
    enabled: list[str] | None = None
    org_policies: dict[str, Json] = field(default_factory=dict)
    firebase_terms: bool = True
    known_after_seconds: float = 0
    roles: dict[str, list[str]] = field(default_factory=dict)

    def add_to(self, world: World) -> None:
        """Add the project; roles and APIs that exist from the start are in effect."""
        project = world.add_project(self.project_id, self.number, self.name)
        project.billing, project.org_policies = self.billing, dict(self.org_policies)
        project.firebase_terms = self.firebase_terms
        project.known_at = world.now() + self.known_after_seconds
        if self.enabled is not None:
            settled = world.now() - world.role_seconds
            project.enabled = dict.fromkeys(self.enabled, settled)
        bindings = [
            {"role": role, "members": list(members)} for role, members in self.roles.items()
        ]
        if bindings:
            policy = {"version": 1, "etag": "ACAB", "bindings": bindings}
            world.policies[f"projects/{self.project_id}"] = policy


@dataclass(frozen=True)
class Scenario:
    """The world at the start; `rules` as in the control API."""

    description: str = ""
    access: str = "everything"
    untestable: list[str] = field(default_factory=list)
    credential_project: str = ""
    propagation_seconds: float = 0
    role_seconds: float = 0
    operation_seconds: float = 0
    token_seconds: float = 3600
    projects: list[ProjectAtStart] = field(default_factory=lambda: [ProjectAtStart()])
    rules: list[Json] = field(default_factory=list)

    def world(self) -> World:
        world = World(
            access=self.access,
            untestable=frozenset(self.untestable),
            credential_project=self.credential_project,
        )
        for name in DURATIONS:
            setattr(world, name, float(getattr(self, name)))
        for project in self.projects:
            project.add_to(world)
        return world

    def faults(self) -> list[Rule]:
        return parse(self.rules)


EVERYTHING_ALLOWED = Scenario()


def named(name: str) -> Scenario:
    """The scenario of that name in `scenarios/`; raises ValueError with the names there are."""
    known = sorted(path.stem for path in SCENARIOS.glob("*.json"))
    if name not in known:
        raise ValueError(f"no scenario {name[:80]!r}; there are {', '.join(known)}")
    return read(SCENARIOS / f"{name}.json")


def read(path: Path) -> Scenario:
    """The scenario of a file; raises ValueError with the cause, OSError."""
    content = path.read_bytes()
    if len(content) > _MAX_BYTES:
        raise ValueError(f"a scenario file has at most {_MAX_BYTES} bytes")
    try:
        return parsed(json.loads(content))
    except RecursionError:
        raise ValueError("too deeply nested") from None


def parsed(content: Any) -> Scenario:
    """The scenario of decoded JSON; raises ValueError that names field and value."""
    values = _checked(Scenario, content, "a scenario")
    if values.get("access", "roles") not in {"everything", "roles"}:
        raise ValueError(f"access is 'everything' or 'roles', not {values['access']!r}")
    if "projects" in values:
        values["projects"] = [_project(item) for item in values["projects"]]
    scenario = Scenario(**values)
    ids = [item for project in scenario.projects for item in (project.project_id, project.number)]
    if not ids or len(ids) != len(set(ids)):
        raise ValueError("projects are one or more, with ids and numbers of their own")
    if scenario.credential_project not in {"", *ids}:
        raise ValueError(f"credential_project {scenario.credential_project!r} is no project")
    scenario.faults()
    return scenario


def _project(content: Any) -> ProjectAtStart:
    values = _checked(ProjectAtStart, content, "a project")
    for name, pattern in (("project_id", r"[a-z][a-z0-9-]{4,28}[a-z0-9]"), ("number", r"\d{6,20}")):
        if name in values and not re.fullmatch(pattern, values[name], re.ASCII):
            raise ValueError(f"{name} of a project: {values[name]!r} is not {pattern}")
    for role, members in values.get("roles", {}).items():
        if not isinstance(members, list) or not all(isinstance(item, str) for item in members):
            raise ValueError(f"roles of a project: {role!r} has a list of members")
    if not all(isinstance(policy, dict) for policy in values.get("org_policies", {}).values()):
        raise ValueError("org_policies of a project are objects by constraint")
    return ProjectAtStart(**values)


def _checked(kind: type, content: Any, what: str) -> dict[str, Any]:
    """The fields of a dataclass with values of their types; no other field."""
    if not isinstance(content, dict):
        raise ValueError(f"{what} is an object")  # noqa: TRY004 - callers handle ValueError
    types: Mapping[str, Any] = {item.name: item.type for item in fields(kind)}
    for name, value in content.items():
        if name not in types:
            raise ValueError(f"unknown field {name[:80]!r} of {what}")
        if not _fits(types[name], value):
            raise ValueError(f"{name} of {what}: {str(value)[:80]!r} is not valid")
    return dict(content)


def _fits(kind: Any, value: Any) -> bool:
    """Whether a decoded value has the type of a field."""
    if kind is float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and 0 <= value <= MAX_SECONDS
    if kind in (bool, str):
        return isinstance(value, kind)
    if str(kind).startswith("dict"):
        return isinstance(value, dict)
    texts = "list[str]" in str(kind)
    return isinstance(value, list) and all(not texts or isinstance(item, str) for item in value)
