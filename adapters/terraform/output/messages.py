"""Terraform's machine-readable output, typed; and the fold of it into progress.

Source: `terraform … -json`, ui "1.2" (terraform 1.11.4; OpenTofu differs in names only, so
messages are told apart by `type`). Nothing is guessed from text: a provisioner may print anything.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from deployments.step import Counts, Diagnostic, Output, Resource, ResourceStatus
from deployments.typical_durations import TypicalDurations

__all__ = ["Message", "ProgressAccumulator", "decode"]

# A broken configuration repeats itself; the first ones say it all.
_MOST_DIAGNOSTICS = 50

# An interrupt lets terraform's walk end and write its state; each resource that the UI has said
# to start and that the stop hook then held back is complained of with these words and no address
# (terraform, internal/terraform/hook_stop.go, the last of the PreApply hooks).
_HALTED = "execution halted"
# What terraform says before it stops waiting for its providers (command/meta_backend, tried).
_GIVEN_UP = "Two interrupts received."


class HookResource(msgspec.Struct):
    """Which resource a message speaks of."""

    addr: str = ""
    resource_type: str = ""


class Hook(msgspec.Struct):
    """What happens to a resource."""

    resource: HookResource | None = None
    action: str = ""
    id_value: str | None = None
    elapsed_seconds: float = 0


class Change(msgspec.Struct):
    """One planned change."""

    resource: HookResource | None = None
    action: str = ""
    reason: str = ""


class Summary(msgspec.Struct):
    """Terraform's own count of changes."""

    add: int = 0
    change: int = 0
    remove: int = 0
    imported: int = msgspec.field(name="import", default=0)
    operation: str = ""


class Position(msgspec.Struct):
    """A place in a file."""

    line: int = 0


class Range(msgspec.Struct):
    """Where in the template."""

    filename: str = ""
    start: Position | None = None


class RawDiagnostic(msgspec.Struct):
    """A complaint."""

    severity: str = "error"
    summary: str = ""
    detail: str = ""
    address: str = ""
    range: Range | None = None


class RawOutput(msgspec.Struct):
    """An output; `value` is missing when it is sensitive."""

    sensitive: bool = False
    value: Any = msgspec.UNSET


class Message(msgspec.Struct):
    """One line of the machine-readable output, as far as we read it."""

    text: str = msgspec.field(name="@message")
    type: str = ""
    level: str = msgspec.field(name="@level", default="info")
    time: str = msgspec.field(name="@timestamp", default="")
    hook: Hook | None = None
    change: Change | None = None
    changes: Summary | None = None
    diagnostic: RawDiagnostic | None = None
    outputs: dict[str, RawOutput] | None = None
    # All of the state, printed because it could not be saved; it is never taken into an event.
    state: msgspec.Raw = msgspec.Raw()


_DECODER = msgspec.json.Decoder(Message)


def decode(line: bytes) -> Message | None:
    """The message in a line; None when it is not one of terraform's."""
    # What is not an object needs no parser: init prints three plain lines with a backend block.
    if line[:1] != b"{":
        return None
    try:
        return _DECODER.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def as_diagnostic(raw: RawDiagnostic) -> Diagnostic:
    """The value that the other rooms know."""
    where = raw.range
    return Diagnostic(
        severity=raw.severity,
        summary=raw.summary,
        detail=raw.detail,
        address=raw.address,
        file=where.filename if where else "",
        line=where.start.line if where and where.start else 0,
    )


class _Entry:
    """One resource while its step runs."""

    __slots__ = ("action", "elapsed", "id", "kind", "left", "reason", "started_at", "status")

    def __init__(self, kind: str, action: str, reason: str = "") -> None:
        self.kind = kind
        self.action = action
        self.reason = reason
        self.status = ResourceStatus.PLANNED
        self.started_at = ""
        self.elapsed = 0.0
        self.id = ""
        # A replacement is a delete and a create; only both together make it done.
        self.left = 2 if action == "replace" else 1

    def as_resource(self, address: str, durations: TypicalDurations) -> Resource:
        """The value that the other rooms know."""
        running = self.status is ResourceStatus.RUNNING
        return Resource(
            address=address,
            action=self.action,
            status=self.status,
            started_at=self.started_at,
            elapsed_seconds=self.elapsed,
            id=self.id,
            reason=self.reason,
            typical_seconds=durations.typical_seconds(self.kind, self.action),
            overdue=running and durations.is_overdue(self.kind, self.action, self.elapsed),
        )


class ProgressAccumulator:
    """What all messages so far say together; a function of them alone, but for `paces`."""

    def __init__(self, redact: Callable[[str], str] = str) -> None:
        self._redact = redact
        # What is said to be usual; no event depends on it.
        self.durations = TypicalDurations()
        self._entries: dict[str, _Entry] = {}
        # By the address as terraform writes it: progress comes every 10 s for each resource.
        self._known: dict[str, _Entry] = {}
        self._handlers: dict[str, Callable[[Message], None]] = {
            "log": self._logged,
            "refresh_start": self._worked,
            "planned_change": self._planned,
            "apply_start": self._started,
            "apply_progress": self._progressed,
            "apply_complete": self._completed,
            "apply_errored": self._errored,
            "change_summary": self._summed,
            "diagnostic": self._complained,
            "outputs": self._put_out,
        }
        self.counts = Counts()
        self.applied = False
        self._given_up = False
        # Terraform has its state's lock before it refreshes or shows the first change (its source,
        # internal/backend/local/backend_local.go: LocalRun locks, then reads the state).
        self.works_on_state = False
        self.diagnostics: list[Diagnostic] = []
        self.outputs: list[Output] = []

    def add(self, message: Message) -> None:
        """Take one message in."""
        handler = self._handlers.get(message.type)
        if handler is not None:
            handler(message)

    def resources(self) -> list[Resource]:
        """Every resource that is planned or worked on, in the order of first mention."""
        return [
            entry.as_resource(address, self.durations) for address, entry in self._entries.items()
        ]

    def overdue(self) -> list[Resource]:
        """Those that terraform has worked on for far longer than usual."""
        running = [
            entry.as_resource(address, self.durations)
            for address, entry in list(self._entries.items())
            if entry.status is ResourceStatus.RUNNING
        ]
        return [item for item in running if item.overdue]

    def addresses(self, *statuses: ResourceStatus) -> list[str]:
        """Addresses of the resources in one of these statuses."""
        return [name for name, entry in self._entries.items() if entry.status in statuses]

    def achieved(self) -> Counts:
        """What is done so far, as terraform would count it; it does not where it fails."""
        done = [
            entry.action for entry in self._entries.values() if entry.status is ResourceStatus.DONE
        ]
        replaced = done.count("replace")
        return Counts(
            add=done.count("create") + replaced,
            change=done.count("update"),
            remove=done.count("delete") + replaced,
        )

    def tally(self) -> dict[str, int]:
        """How many resources are in which status."""
        tally = dict.fromkeys(ResourceStatus, 0)
        # A keeper asks while a thread of its own adds lines.
        for entry in list(self._entries.values()):
            tally[entry.status] += 1
        return {str(status): number for status, number in tally.items()}

    def _worked(self, _message: Message) -> None:
        self.works_on_state = True

    def _planned(self, message: Message) -> None:
        self.works_on_state = True
        change = message.change
        if change and change.resource and change.action not in ("noop", "read"):
            address = self._redact(change.resource.addr)
            kind = change.resource.resource_type
            self._entries[address] = _Entry(kind, change.action, change.reason)
            self._known.clear()

    def _entry(self, message: Message) -> _Entry | None:
        hook = message.hook
        if hook is None or hook.resource is None:
            return None
        entry = self._known.get(hook.resource.addr) or self._found(hook.resource, hook.action)
        if entry is None:
            return None
        if hook.elapsed_seconds > entry.elapsed:
            entry.elapsed = hook.elapsed_seconds
        if hook.id_value:
            entry.id = self._redact(hook.id_value)
        return entry

    def _found(self, raw: HookResource, action: str) -> _Entry | None:
        address = self._redact(raw.addr)
        # Reading a data source is reported in the same words, but changes nothing.
        if address not in self._entries and action in ("read", "noop"):
            return None
        made = _Entry(raw.resource_type, action)
        entry = self._known[raw.addr] = self._entries.setdefault(address, made)
        return entry

    def _started(self, message: Message) -> None:
        if entry := self._entry(message):
            entry.status = ResourceStatus.RUNNING
            entry.started_at = entry.started_at or message.time

    def _progressed(self, message: Message) -> None:
        self._entry(message)

    def _completed(self, message: Message) -> None:
        if entry := self._entry(message):
            entry.left -= 1
            if entry.left <= 0:
                entry.status = ResourceStatus.DONE

    def _errored(self, message: Message) -> None:
        entry = self._entry(message)
        # Of what terraform no longer waits for nobody knows whether it was made: it still runs.
        if entry and not self._given_up:
            entry.status = ResourceStatus.FAILED

    def _logged(self, message: Message) -> None:
        self._given_up |= message.text.lstrip().startswith(_GIVEN_UP)

    def _summed(self, message: Message) -> None:
        summary = message.changes
        if summary is None:
            return
        self.counts = Counts(summary.add, summary.change, summary.remove, summary.imported)
        if summary.operation in ("apply", "destroy"):
            self.applied = True
            # Imports and moves are done without a message of their own (measured).
            for entry in self._entries.values():
                if entry.action in ("import", "move", "remove"):
                    entry.status = ResourceStatus.DONE

    def _complained(self, message: Message) -> None:
        if message.diagnostic is None:
            return
        if message.diagnostic.summary == _HALTED and not message.diagnostic.address:
            self._halted()
        if len(self.diagnostics) >= _MOST_DIAGNOSTICS:
            return
        raw = as_diagnostic(message.diagnostic)
        clean = Diagnostic(
            severity=raw.severity,
            summary=self._redact(raw.summary),
            detail=self._redact(raw.detail),
            address=self._redact(raw.address),
            file=raw.file,
            line=raw.line,
        )
        # One plan can say the same twice (measured).
        if clean not in self.diagnostics:
            self.diagnostics.append(clean)

    def _halted(self) -> None:
        """What still seems to run has never begun.

        Diagnostics come when the walk is over and the state is written: by then every operation
        that did begin has said how it ended.
        """
        for entry in self._entries.values():
            if entry.status is ResourceStatus.RUNNING and not self._given_up:
                entry.status = ResourceStatus.PLANNED

    def _put_out(self, message: Message) -> None:
        self.outputs = [
            Output(
                name=name,
                sensitive=raw.sensitive,
                value_json=""
                if raw.sensitive or raw.value is msgspec.UNSET
                else self._json(raw.value),
            )
            for name, raw in (message.outputs or {}).items()
        ]

    def _json(self, value: object) -> str:
        """A value as JSON without a secret; what a secret was cut out of may be JSON no more."""
        text = self._redact(msgspec.json.encode(value).decode())
        try:
            msgspec.json.decode(text)
        except msgspec.DecodeError:
            return msgspec.json.encode(text).decode()
        return text
