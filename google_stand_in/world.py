"""The data of the stand-in: projects, resources, policies, tokens, operations."""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from google_stand_in.answers import Json, error_info, not_found, refusal
from google_stand_in.clock import Clock

PROJECT, NUMBER = "demo-proj", "123456789012"  # the initial project

# APIs that are enabled in a new project (a selection).
DEFAULT_APIS = (
    "servicemanagement",
    "serviceusage",
    "storage",
    "storage-api",
    "logging",
    "monitoring",
)


@dataclass
class Project:
    """A customer's project. `enabled`: enabled services with the time of activation."""

    project_id: str
    number: str
    name: str
    billing: bool = True
    state: str = "ACTIVE"
    enabled: dict[str, float] = field(default_factory=dict)
    org_policies: dict[str, Json] = field(default_factory=dict)
    known_at: float = 0  # Service Usage refuses a project that was made moments ago
    firebase_terms: bool = True  # accepted in the Firebase console

    def ready(self, service: str, now: float) -> bool:
        """Whether an API is enabled and the change has taken effect."""
        at = self.enabled.get(service)
        return at is not None and at <= now


class OperationFailed(Exception):
    """Raised by an operation's `finish`: the error is a google.rpc.Status."""

    def __init__(self, error: Json) -> None:
        super().__init__(error["message"])
        self.error = error


@dataclass(frozen=True)
class Token:
    """An access token; permissions None: those of the world."""

    principal: str
    expires_at: float
    permissions: frozenset[str] | None = None


@dataclass
class Operation:
    """A long-running operation; `finish` creates the response at `done_at`, or fails.

    `abandon` leaves the resource of a failed operation behind, as Google does. An `error` that was
    injected takes the place of `finish`.
    """

    name: str
    done_at: float
    finish: Callable[[], Json]
    metadata: Json
    abandon: Callable[[Json], None] = lambda _: None
    error: Json | None = None
    outcome: Json | None = None

    def complete(self) -> None:
        if self.error is None:
            try:
                self.outcome = {"response": self.finish()}
            except OperationFailed as failed:
                self.error = failed.error
        if self.error is not None:
            self.abandon(self.error)
            self.outcome = {"error": self.error}

    def view(self) -> Json:
        done = {"done": True, **self.outcome} if self.outcome is not None else {}
        return {"name": self.name, "metadata": self.metadata, **done}


@dataclass
class World:
    """All data. Kinds are plural nouns, names are full resource names with the project's id."""

    permissions: frozenset[str] | None = None  # None: all permissions
    access: str = "everything"  # or "roles": what the IAM policies grant
    untestable: frozenset[str] = frozenset()  # permissions that testIamPermissions refuses
    # The project of the callers' credential; "": calls need no API outside the resource's project.
    credential_project: str = ""
    propagation_seconds: float = 0  # delay until an enabled API works
    role_seconds: float = 0  # delay until a granted role works
    operation_seconds: float = 0  # duration of an operation
    token_seconds: float = 3600  # lifetime of tokens from the metadata and OAuth endpoints
    clock: Clock = field(default_factory=Clock)
    projects: dict[str, Project] = field(default_factory=dict)
    resources: dict[str, dict[str, Json]] = field(default_factory=dict)
    policies: dict[str, Json] = field(default_factory=dict)
    effective_at: dict[tuple[str, str, str], float] = field(default_factory=dict)  # of grants
    managed_services: dict[str, float] = field(default_factory=dict)  # known to Google since
    payloads: dict[str, bytes] = field(default_factory=dict)
    operations: dict[str, Operation] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    revoked: set[str] = field(default_factory=set)
    purge_at: dict[tuple[str, str], float] = field(default_factory=dict)  # soft-deleted resources
    # Resources that Google keeps after the last time at which it restores them.
    restorable_until: dict[str, float] = field(default_factory=dict)
    serials: int = 0

    def now(self) -> float:
        return self.clock.now()

    def stamp(self, seconds: float = 0) -> str:
        """The time in `seconds` from now, in Google's format."""
        moment = datetime.fromtimestamp(self.now() + seconds, UTC)
        return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")

    def serial(self) -> int:
        self.serials += 1
        return self.serials

    def unique(self, text: str = "") -> str:
        """A number of 21 digits, like Google's unique ids."""
        seed = hashlib.sha256(f"{text}{self.serial()}".encode()).hexdigest()
        return str(int(seed, 16))[:21]

    # Projects.

    def add_project(self, project_id: str, number: str, name: str = "") -> Project:
        project = Project(project_id, number, name or project_id)
        ready = self.now()
        project.enabled = {f"{service}.googleapis.com": ready for service in DEFAULT_APIS}
        self.projects[project_id] = project
        return project

    def find_project(self, name: str) -> Project | None:
        """Find a project by id or number."""
        found = self.projects.get(name)
        return found or next(
            (project for project in self.projects.values() if project.number == name), None
        )

    def project(self, name: str) -> Project:
        project = self.find_project(name)
        if project is None or project.state != "ACTIVE":
            info = error_info(
                "CONSUMER_INVALID", "googleapis.com", {"consumer": f"projects/{name}"}
            )
            raise refusal(403, f"Permission denied on resource project {name}.", info)
        return project

    def canonical(self, name: str) -> str:
        """Replace the project's number in a resource name by the id."""
        head, _, rest = name.partition("/")
        project, _, tail = rest.partition("/")
        found = self.find_project(project) if head == "projects" else None
        return f"projects/{found.project_id}/{tail}" if found and tail else name

    # Resources.

    def kind(self, kind: str) -> dict[str, Json]:
        return self.resources.setdefault(kind, {})

    def under(self, kind: str, prefix: str) -> list[Json]:
        """The resources of a kind with this prefix, ordered by name."""
        return [
            resource
            for name, resource in sorted(self.kind(kind).items())
            if name.startswith(prefix)
        ]

    def get(self, kind: str, name: str) -> Json:
        found = self.kind(kind).get(name)
        if found is None:
            raise not_found(name)
        return found

    def put(self, kind: str, name: str, resource: Json, exists: str = "") -> Json:
        """Create a resource; `exists` is the error message for a name in use."""
        if name in self.kind(kind):
            raise refusal(409, exists or f"Resource '{name}' already exists")
        self.kind(kind)[name] = resource
        return resource

    def remove(self, kind: str, name: str) -> Json:
        found = self.get(kind, name)
        del self.kind(kind)[name]
        self.policies.pop(name, None)
        return found

    def begin_removal(self, kind: str, name: str) -> Json:
        """Set a resource to DELETING; refused while another operation of it is running.

        firebase/firebase-tools#10731
        """
        resource = self.get(kind, name)
        if resource.get("state") in {"CREATING", "DELETING", "DEPLOYING", "UPDATING"}:
            raise refusal(409, "unable to queue the operation", status="ABORTED")
        resource["state"] = "DELETING"
        return resource

    def schedule_purge(self, kind: str, name: str, seconds: float) -> None:
        """Remove a soft-deleted resource and its children after some time."""
        self.purge_at[kind, name] = self.now() + seconds

    def purge(self, kind: str, name: str) -> None:
        del self.purge_at[kind, name]
        self.remove(kind, name)
        for resources in self.resources.values():
            for below in [resource for resource in resources if resource.startswith(f"{name}/")]:
                del resources[below]

    def exists(self, name: str) -> bool:
        return any(name in resources for resources in self.resources.values())

    # Tokens.

    def issue_token(
        self, seconds: float, principal: str, permissions: frozenset[str] | None = None
    ) -> str:
        token = f"ya29.stand-in-{secrets.token_urlsafe(24)}"
        self.tokens[token] = Token(principal, self.now() + seconds, permissions)
        return token

    def bearer(self, token: str) -> Token | None:
        """The token, None when unknown, expired or revoked."""
        found = self.tokens.get(token)
        alive = found is not None and found.expires_at > self.now() and token not in self.revoked
        return found if alive else None

    # Operations.

    def operation(
        self,
        name: str,
        finish: Callable[[], Json],
        metadata: Json | None = None,
        abandon: Callable[[Json], None] = lambda _: None,
    ) -> Json:
        """Start an operation; `settle` completes it, at once unless `operation_seconds` is set."""
        done_at = self.now() + self.operation_seconds
        operation = Operation(name, done_at, finish, metadata or {}, abandon)
        self.operations[name] = operation
        return operation.view()

    def started(self, answer: Json, error: Json | None) -> Json:
        """The answer of a call; one that started an operation is settled, or fails by `error`."""
        operation = self.operations.get(str(answer.get("name", "")))
        if operation is None:
            return answer
        if operation.outcome is None:
            operation.error = error or operation.error
        self.settle()
        return operation.view()

    def settle(self) -> None:
        """Complete due operations in the order of their start; purge due resources."""
        due = self.now()
        for kind, name in [key for key, until in self.purge_at.items() if until <= due]:
            self.purge(kind, name)
        for operation in self.operations.values():
            if operation.outcome is None and operation.done_at <= due:
                operation.complete()
