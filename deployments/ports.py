"""What the service needs from the outside; adapters implement it, tests fake it.

An adapter raises only errors of `deployments.errors`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from deployments.credentials import Credential
from deployments.deployment import DeploymentRequest
from deployments.events import EndRecord
from deployments.phase import Phase
from deployments.results import Reconciliation
from deployments.step import Resource, StepKey, StepOrder, StepResult, StopCause

__all__ = [
    "ActivityAttempts",
    "ActivityToken",
    "Heartbeat",
    "Host",
    "PlanSummary",
    "PreparedHost",
    "StepFolder",
    "StepStatus",
]


class Heartbeat(Protocol):
    """The tie between a step and its activity attempt in Temporal."""

    @property
    def acknowledge_seconds(self) -> float:
        """How often `acknowledge` should be called."""
        ...

    def beat(self, detail: str) -> None:
        """Tell Temporal that this attempt lives; never blocks, never fails."""
        ...

    async def acknowledge(self, detail: str) -> bool:
        """Tell it and wait for the answer. Whether the attempt should go on (False: cancelled).

        Raises:
            AttemptGone: Temporal does not know this attempt any more.
            TemporalUnavailable: no answer.
        """
        ...

    async def complete(self, result: StepResult) -> None:
        """Deliver the result.

        Raises:
            AttemptGone: nobody waits for it.
            TemporalUnavailable: no answer.
        """
        ...


@dataclass(frozen=True)
class ActivityToken:
    """What makes a step somebody's: the attempt it belongs to.

    `may_start` is true only for the first attempt of the first scheduling; any other attaches.
    """

    token: bytes
    attempt: int
    workflow_id: str
    run_id: str
    phase: Phase
    may_start: bool


class ActivityAttempts(Protocol):
    """What Temporal knows of attempts and deployments."""

    def heartbeat(self, activity_token: ActivityToken) -> Heartbeat:
        """The tie of an adopted step."""
        ...

    async def is_pending(self, activity_token: ActivityToken, activity_id: str) -> bool:
        """Whether the workflow still waits for this activity, started or not."""
        ...

    async def report_overdue(
        self, activity_token: ActivityToken, resources: Sequence[Resource]
    ) -> None:
        """Tell the workflow what takes far longer than usual; all of it, each time.

        Raises:
            AttemptGone: there is no such workflow any more.
            TemporalUnavailable: no answer.
        """
        ...

    async def has_closed(self, workflow_id: str) -> bool:
        """Whether the deployment's workflow is known and has ended."""
        ...


@dataclass(frozen=True)
class StepStatus:
    """What can be seen of a step on this host.

    `alive`: terraform or a child of it or its runner; `watched`: its runner; `sealed`: the log has
    its end record; `stopping`: it was asked to stop.
    """

    ordered: bool = False
    started: bool = False
    ended: bool = False
    alive: bool = False
    watched: bool = False
    sealed: bool = False
    stopping: bool = False


class StepFolder(Protocol):
    """One step's folder below the run root, seen by the worker that claims it."""

    @property
    def key(self) -> StepKey:
        """Which step."""
        ...

    @property
    def detail(self) -> str:
        """One line on how far the step is."""
        ...

    def overdue(self) -> Sequence[Resource]:
        """What terraform has worked on for far longer than usual, as far as pumped."""
        ...

    def clock(self) -> float:
        """Seconds of CLOCK_BOOTTIME, the clock of leases."""
        ...

    def claim(self, activity_token: ActivityToken) -> None:
        """Make it this worker's, with the next epoch.

        Raises:
            Fenced: another worker was faster.
        """
        ...

    def activity_token(self) -> ActivityToken | None:
        """The newest claim's ticket."""
        ...

    def renew(self) -> None:
        """Show that the claim's worker lives.

        Raises:
            Fenced: a claim with a higher epoch exists. So do all methods below that write.
        """
        ...

    def extend_lease(self, sent_at: float) -> None:
        """Own the step on this host for the lease's length from `sent_at` on."""
        ...

    def credential_reference(self) -> str:
        """Whose name terraform uses here; empty for nobody's, or before it is ordered."""
        ...

    def write_credential(self, credential: Credential) -> None:
        """Put it where this step's terraform finds it; an ended step keeps none."""
        ...

    def place(self, order: StepOrder) -> None:
        """Write the order once; one that is there already stays.

        Raises:
            RunDirectoryBroken: the run directory is not here.
            PlanChanged: the plan file is not the planned one.
        """
        ...

    def look(self) -> StepStatus:
        """What can be seen now."""
        ...

    async def start(self) -> None:
        """Start a runner; one that is not needed ends by itself."""
        ...

    async def finish(self) -> None:
        """Start a runner that ends what a killed one left behind."""
        ...

    def withdraw(self) -> bool:
        """See to it that an order never starts. False: it has begun already."""
        ...

    def stop(self, cause: StopCause, *, force: bool = False) -> None:
        """Ask the runner to stop terraform; needs no claim, the first cause stays."""
        ...

    async def pump(self) -> int:
        """Make events of what terraform wrote since; how many lines."""
        ...

    async def changed(self, seconds: float) -> None:
        """Return when a file of the step changed, or after so many seconds."""
        ...

    def wake(self) -> None:
        """Let `changed` return at once."""
        ...

    async def close_log(self) -> EndRecord:
        """Write the end record; terraform has ended and all is pumped."""
        ...

    def result(self) -> StepResult:
        """What the step left behind; it has ended."""
        ...

    def release(self) -> None:
        """Let go: the next worker may claim at once."""
        ...

    def settle(self) -> None:
        """Nobody needs to look after this step any more."""
        ...


@dataclass(frozen=True)
class PreparedHost:
    """Where a deployment will run."""

    host: str
    terraform_version: str


@dataclass(frozen=True)
class PlanSummary:
    """What the plan will do, from terraform's own plan file."""

    sha256: str
    destructive: list[str]


class Host(Protocol):
    """This host's run root and terraform."""

    @property
    def id(self) -> str:
        """Random, made once for the run root."""
        ...

    async def prepare(self, deployment: str, request: DeploymentRequest) -> PreparedHost:
        """Make the run directory; a repeat finds it made."""
        ...

    def step(self, key: StepKey) -> StepFolder:
        """The folder of a step, there or not."""
        ...

    def unshipped_logs(self, generations: Mapping[str, str]) -> Sequence[tuple[StepKey, str]]:
        """Ended steps and the sink that lacks something, by the sinks' present generations."""
        ...

    def stale_steps(self) -> Sequence[StepFolder]:
        """Steps that nobody looks after: their claim is stale."""
        ...

    def idle_deployments(self) -> Sequence[str]:
        """Open deployments with no step that needs looking after."""
        ...

    async def plan_json(self, deployment: str) -> bytes:
        """The plan as JSON, secrets and all: never to be kept or shown.

        Raises:
            RunDirectoryBroken: terraform cannot show it.
        """
        ...

    async def report_plan(self, deployment: str) -> PlanSummary:
        """Keep the plan file here, and lay out as artifacts what of it may be seen.

        Raises:
            RunDirectoryBroken: terraform cannot show it.
        """
        ...

    async def settle(self, deployment: str, steps: Sequence[StepResult]) -> Reconciliation:
        """Find out what is true after an abnormal end; stops what still runs."""
        ...

    async def record(self, deployment: str, record_json: str) -> str:
        """Keep the record.

        Returns:
            The record that is kept: after a repeat the first one.
        """
        ...

    def archive(self, deployment: str, record_json: str, outputs_json: str) -> None:
        """Lay out record, outputs (none when empty) and logs; a repeat changes nothing."""
        ...

    async def keep_outputs(self, deployment: str) -> None:
        """Lay out what the state gives, sensitive values too, encrypted; a repeat changes nothing.

        Raises:
            Unavailable: the state does not answer.
        """
        ...

    async def send(self, deployment: str) -> None:
        """Send what is laid out to the store of artifacts.

        Raises:
            Unavailable: it did not take everything; what is left stays laid out.
        """
        ...

    async def clear(self, deployment: str) -> None:
        """Remove what only the work needed."""
        ...

    async def abandon(self, deployment: str) -> None:
        """Close a run directory whose deployment has ended without a record."""
        ...
