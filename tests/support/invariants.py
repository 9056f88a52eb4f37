"""The checker of DESIGN's invariants I1 to I10: `check_invariants` after every fault.

Each part raises an AssertionError that begins with its invariant's number. What a part cannot see
of a deployment (a stack that was deployed again, a step that started nothing) is no failure.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations, pairwise
from pathlib import Path

import httpx
from temporalio.client import WorkflowExecutionStatus

from adapters.redaction import Redactor
from adapters.terraform.state.addresses import comparable_address
from deployments.deployment import Status
from deployments.events import EndRecord
from deployments.log_ports import LogSource
from deployments.log_verification import Verdict, verify
from deployments.phase import Phase
from deployments.reasons import Reason
from deployments.transitions import is_terminal, may_follow
from tests.support.evidence import Evidence, Step, collect
from tests.support.processes import open_files_below, processes_below
from tests.support.secrets import PLANTED, assert_hidden
from tests.support.servers import eventually
from tests.support.service import Deployment, House

__all__ = [
    "Views",
    "check_copies",
    "check_evidence",
    "check_invariants",
    "check_leftovers",
    "check_log",
    "check_processes",
    "check_unlocked",
]

_VERSION = re.compile(r"(Terraform|OpenTofu) \d")
# I2 gives each process 10 s, I5 each place 5 s; the machine may be busy with other tests.
_PROCESS_SECONDS = 10
_AGREE_SECONDS = 20
_CLOSED = {
    Status.COMPLETED: WorkflowExecutionStatus.COMPLETED,
    Status.CANCELLED: WorkflowExecutionStatus.CANCELED,
    Status.FAILED: WorkflowExecutionStatus.FAILED,
    Status.NEEDS_ATTENTION: WorkflowExecutionStatus.FAILED,
}
# What a finished step leaves (worker/run_directory.py); anything else is a leftover.
_RETAINED = {"events.jsonl", "cursors", "progress.json", "exit.json", "runner.err"}
# A phase's limit is followed by the ladder that stops it, and by the machine's own delays.
_LADDER_SECONDS = 120


@dataclass(frozen=True)
class Views:
    """Where else a deployment can be seen: each adds to the checks.

    Attributes:
        api: a session of the API that serves it.
        sources: the stores that its log is shipped to.
        recorded: the addresses in its state, where that does not lie below `data/stacks`.
        mirror: the status that Firestore shows.
        contents: all that lies in stores, by where it lies.
        secrets: what must be nowhere.
    """

    api: httpx.AsyncClient | None = None
    sources: Sequence[LogSource] = ()
    recorded: set[str] | None = None
    mirror: Callable[[], str] | None = None
    contents: Iterable[tuple[str, bytes]] = ()
    secrets: tuple[str, ...] = (PLANTED,)


async def check_invariants(
    house: House, deployment: Deployment, views: Views | None = None
) -> Evidence:
    """Wait for the deployment's end and assert I1 to I10, as far as they can be observed."""
    views = views or Views()
    evidence = await _agreeing(house, deployment, views)
    await check_processes(evidence)
    await check_leftovers(evidence, house)
    # Read again: what is removed at the end has gone, and the files are final.
    check_evidence(evidence, views.secrets)
    await check_copies(evidence, views.sources)
    if views.api is not None:
        await check_api(evidence, views.api, views.secrets)
    for where, content in views.contents:
        assert_hidden(content, where, views.secrets)
    return evidence


def check_evidence(evidence: Evidence, secrets: Iterable[str] = (PLANTED,)) -> None:
    """All parts that need nothing but what has been collected."""
    for step in evidence.steps:
        check_log(step, evidence.seals.get(step.number))
    check_numbers(evidence)
    check_exclusion(evidence)
    check_state(evidence)
    check_truth(evidence)
    check_agreement(evidence)
    check_monotony(evidence)
    check_once(evidence)
    check_isolation(evidence)
    for where, content in evidence.contents():
        assert_hidden(content, where, secrets)


def check_log(step: Step, seal: EndRecord | None) -> None:
    """I1: each line once, in order, ended by a record that counts and hashes them."""
    if not step.lines:
        assert seal is None or seal.lines == 0, f"I1: step {step.number} has a seal and no log"
        return
    *events, end = step.events
    name = f"I1: step {step.number}"
    ids = [event["id"] for event in events]
    assert ids == [f"{step.number}-{line}" for line in range(1, len(events) + 1)], f"{name}: ids"
    assert "end" in end, f"{name} has no end record"
    record = EndRecord.from_fields(end)
    assert end["id"] == f"{step.number}-{len(events) + 1}", f"{name}: the end record's id"
    assert record.lines == len(events), f"{name}: {len(events)} lines of {record.lines}"
    digest = hashlib.sha256(b"".join(step.lines[:-1])).hexdigest()
    assert record.sha256 == digest, f"{name}: the lines are not those that were sealed"
    assert seal in {None, record}, f"{name}: the result has {seal}, the log {record}"


def check_numbers(evidence: Evidence) -> None:
    """I1: each step before the last has an end record, for a reader stops at a step without."""
    unrecorded = [step.number for step in evidence.steps[:-1] if not step.lines]
    assert not unrecorded, f"I1: steps {unrecorded} have no end record and hide later steps"


async def check_copies(
    evidence: Evidence, sources: Sequence[LogSource], seconds: float = 90
) -> None:
    """I1: every store holds the same lines."""

    async def equal() -> bool:
        copies = [await verify(source, evidence.id, evidence.result.seals) for source in sources]
        return all(copy.verdict is Verdict.EQUAL for copy in copies)

    await eventually(equal, "I1: an equal copy in every store", seconds)


async def check_processes(evidence: Evidence, seconds: float = _PROCESS_SECONDS) -> None:
    """I2: no process has its working directory below the run directory."""
    folder = evidence.folder
    await eventually(lambda: not processes_below(folder), "I2: the end of every process", seconds)


def check_exclusion(evidence: Evidence) -> None:
    """I3: a step starts one terraform, and no two steps of a stack run at a time."""
    for step in evidence.steps:
        starts = sum(bool(_VERSION.match(event.get("text", ""))) for event in step.events)
        # Init of terraform 1.15 prints the version once more for the backend (recorded).
        most = 2 if step.phase == Phase.INIT else 1
        assert starts <= most, f"I3: step {step.number} started {starts} terraforms"
        assert starts or not step.succeeded, f"I3: step {step.number} shows no terraform"
    spans = [
        (*_span(step), f"{run.id} step {step.number}")
        for run in (evidence, *evidence.siblings())
        for step in run.steps
        if step.exit.get("started_at") and step.exit.get("ended_at")
    ]
    for (begin, end, name), (other_begin, other_end, other) in combinations(spans, 2):
        assert end <= other_begin or other_end <= begin, f"I3: {name} and {other} ran at a time"


def check_state(evidence: Evidence) -> None:
    """I4: what terraform completed is in the state, or is reported."""
    result = evidence.result
    if any(evidence.siblings()) or result.omitted:
        return
    made: dict[str, bool] = {}
    for step in evidence.steps:
        for address, action, status in step.resources():
            if step.phase == Phase.APPLY and status == "done" and action != "read":
                made[comparable_address(address)] = action != "delete"
    reported = {comparable_address(address) for address in (*result.unrecorded, *result.unknown)}
    # The addresses of an apply are redacted.
    redactor = Redactor([PLANTED])
    recorded = {redactor.clean(address) for address in evidence.recorded}
    lost = {address for address, exists in made.items() if exists} - recorded - reported
    assert not lost, f"I4: {sorted(lost)} were made and are neither recorded nor reported"
    gone = {address for address, exists in made.items() if not exists} & recorded
    assert not gone - reported, f"I4: {sorted(gone)} were destroyed and are recorded"
    check_tainted(evidence)


def check_tainted(evidence: Evidence) -> None:
    """I4: what the last apply began and the state marks as created in part is reported."""
    if evidence.closed is None:
        return  # terminated, so there is no result
    applies = [step for step in evidence.steps if step.phase == Phase.APPLY]
    begun = {
        comparable_address(address)
        for step in applies[-1:]
        for address, _, status in step.resources()
        if status in {"running", "failed"}
    }
    redactor = Redactor([PLANTED])
    tainted = {redactor.clean(address) for address in evidence.tainted}
    reported = {comparable_address(address) for address in evidence.result.tainted}
    missing = begun & tainted - reported
    assert not missing, f"I4: {sorted(missing)} were created in part and are not reported"


def check_truth(evidence: Evidence) -> None:
    """I5: the end is what terraform's exit says."""
    status, steps = evidence.result.status, [step for step in evidence.steps if step.exit]
    applies = [step for step in steps if step.phase == Phase.APPLY]
    applied = any(step.succeeded for step in applies)
    if status is Status.COMPLETED:
        assert steps, "I5: completed, and no step ended"
        assert steps[-1].succeeded, f"I5: completed, and the last step: {steps[-1].exit}"
        assert evidence.recorded or not evidence.result.counts.add, "I5: completed without state"
    elif status in {Status.CANCELLED, Status.FAILED}:
        assert not applied, f"I5: {status}, and the apply had exited with 0"
    # Terraform had written its last state, which the host saves.
    known = evidence.result.reason in {Reason.STATE_RECOVERED, Reason.STATE_BEING_RECOVERED}
    if any(step.exit["outcome"] == "runner_lost" for step in applies) and not known:
        assert status is Status.NEEDS_ATTENTION, f"I5: {status}, and the apply's end is unknown"
    assert evidence.closed in {None, _CLOSED[status]}, f"I5: {status} closed as {evidence.closed}"


def check_agreement(evidence: Evidence) -> None:
    """I5: every place shows the same status."""
    assert len(set(evidence.statuses.values())) == 1, f"I5: {evidence.statuses}"


def check_monotony(evidence: Evidence) -> None:
    """I6: transitions follow the table, the last is final, and no phase outlived its limit."""
    statuses = [Status(status) for status in evidence.transitions]
    for now, then in pairwise(statuses):
        assert may_follow(now, then), f"I6: {then} after {now}"
    assert is_terminal(evidence.result.status), f"I6: {evidence.result.status} is no end"
    assert not statuses or statuses[-1] == evidence.result.status, f"I6: {statuses}"
    limits = evidence.record.get("request", {}).get("timeouts", {})
    for step in evidence.steps:
        if f"{step.phase}_seconds" in limits and step.exit.get("started_at"):
            begin, end = _span(step)
            limit = limits[f"{step.phase}_seconds"] + _LADDER_SECONDS
            assert (end - begin).total_seconds() <= limit, f"I6: step {step.number} outlived it"


def check_once(evidence: Evidence) -> None:
    """I7: one workflow, and each resource made once."""
    assert evidence.executions <= 1, f"I7: {evidence.executions} workflows of one id"
    made = Counter(
        address
        for step in evidence.steps
        for address, action, status in step.resources()
        if step.phase == Phase.APPLY and (action, status) == ("create", "done")
    )
    twice = [address for address, times in made.items() if times > 1]
    assert not twice, f"I7: {twice} were made more than once"


def check_isolation(evidence: Evidence) -> None:
    """I8: another owner learns nothing, and no log names another deployment."""
    assert not evidence.seen_by_another, "I8: another owner reads it"
    others = {path.name.encode() for path in (evidence.data / "runs").glob("dep-*")}
    for step in evidence.steps:
        log = b"".join(step.lines)
        strange = [name for name in others - {evidence.id.encode()} if name in log]
        assert not strange, f"I8: the log of step {step.number} names {strange}"


async def check_leftovers(
    evidence: Evidence, house: House, seconds: float = _PROCESS_SECONDS
) -> None:
    """I10: no lock, no half file, no claim, and no descriptor below the run directory."""

    def settled() -> bool:
        return not leftovers(evidence, house)

    try:
        await eventually(settled, "I10: tidiness", seconds)
    except AssertionError:
        found = leftovers(evidence, house)
        assert not found, f"I10: {found} are left"


def check_unlocked(data: Path, stack: str) -> None:
    """I10: terraform's lock of a local state is free."""
    locks = list((data / "stacks" / stack).glob(".*.lock.info"))
    assert not locks, f"I10: {locks} are left"


def leftovers(evidence: Evidence, house: House) -> list[str]:
    """Locks and files that should have gone; files that a worker holds open count as well."""
    found = list((evidence.data / "stacks" / evidence.stack).glob(".*.lock.info"))
    found += (evidence.data / "runs").glob(f".{evidence.id}*")
    found += (evidence.folder / name for name in ("work", "home", "secrets.json"))
    for step in evidence.steps:
        found += (path for path in step.folder.iterdir() if path.name not in _RETAINED)
        found += step.folder.glob("cursors/.*")
    found = [path for path in found if path.exists()]
    for worker in house.workers:
        found += open_files_below(worker.popen.pid, evidence.folder)
    return sorted(map(str, found))


async def check_api(
    evidence: Evidence, api: httpx.AsyncClient, secrets: Iterable[str] = (PLANTED,)
) -> None:
    """I1, I5 and I9 through HTTP: the same lines, the same status, no secret in any answer."""
    path = f"/api/deployment/{evidence.id}"
    body = (await api.get(path)).json()
    assert (body["status"], body["reason"]) == (
        str(evidence.result.status),
        str(evidence.result.reason),
    ), f"I5: the API shows {body['status']}, {body['reason']}"
    log = await api.get(f"{path}/logs", params={"format": "ndjson"})
    lines = [line for step in evidence.steps for line in step.lines[:-1]]
    assert log.content == b"".join(lines), "I1: the API's log is not the files'"
    if lines:
        half = len(lines) // 2
        behind = {"format": "ndjson", "after": json.loads(lines[half])["id"]}
        rest = await api.get(f"{path}/logs", params=behind)
        assert rest.content == b"".join(lines[half + 1 :]), "I1: a reader who comes back"
    for name in ("", "/plan", "/resources", "/progress", "/artifacts", "/logs"):
        assert_hidden((await api.get(path + name)).content, f"the API's {name}", secrets)
    assert_hidden(log.content, "the API's log", secrets)


async def _agreeing(house: House, deployment: Deployment, views: Views) -> Evidence:
    """The evidence once every place agrees; what it is when they do not in time."""
    newest: list[Evidence] = []

    async def agree() -> bool:
        evidence = await collect(house, deployment, views.recorded)
        if views.mirror is not None:
            evidence.statuses["Firestore"] = views.mirror()
        newest.append(evidence)
        return len(set(evidence.statuses.values())) == 1 and evidence.executions == 1

    try:
        await eventually(agree, "I5: agreement", _AGREE_SECONDS)
    except AssertionError:
        check_agreement(newest[-1])
        raise
    return newest[-1]


def _span(step: Step) -> tuple[datetime, datetime]:
    begin, end = (datetime.fromisoformat(step.exit[name]) for name in ("started_at", "ended_at"))
    return begin, end
