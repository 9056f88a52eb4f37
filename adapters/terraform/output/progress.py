"""The accumulation of terraform's messages into the progress and the result of a step."""

from bisect import insort
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import msgspec

from adapters.terraform.output.messages import ChangeSummary, HookResource, Message, as_diagnostic
from deployments.refusal_causes import precedence
from deployments.step import (
    Counts,
    Diagnostic,
    Output,
    Resource,
    ResourceStatus,
    SilentChange,
)
from deployments.typical_durations import TypicalDurations

__all__ = ["ProgressAccumulator"]

# A broken configuration prints hundreds.
_MAX_DIAGNOSTICS = 50

# After an interrupt terraform ends the walk and writes the state. Each resource that was printed as
# started and then held back by the stop hook yields a diagnostic with this summary and no address
# (terraform, internal/terraform/hook_stop.go, the last of the PreApply hooks).
_HALTED = "execution halted"
# The actions that change the state alone, by the field of `Counts`. Apply prints no message when
# such a change is made, and none at all about a move (measured).
_SILENT_ACTIONS = {"import": "imported", "move": "moved", "remove": "forgotten"}
# Printed before terraform stops waiting for providers (command/meta_backend, tried).
_ABANDONED = "Two interrupts received."
# Printed after the first SIGINT or SIGTERM, from this service or another program (tried).
_INTERRUPTED = "Interrupt received."


class _ResourceProgress:
    """The progress of a resource in a running step."""

    __slots__ = (
        "action",
        "address",
        "elapsed",
        "id",
        "imported",
        "kind",
        "reason",
        "remaining",
        "started_at",
        "status",
    )

    def __init__(
        self, address: str, kind: str, action: str, reason: str = "", *, imported: bool = False
    ) -> None:
        self.address = address
        self.imported = imported
        self.kind = kind
        self.action = action
        self.reason = reason
        self.status = ResourceStatus.PLANNED
        self.started_at = ""
        self.elapsed = 0.0
        self.id = ""
        # Operations until done: a replacement is a delete and a create.
        self.remaining = 2 if action == "replace" else 1

    def as_resource(self, durations: TypicalDurations) -> Resource:
        """Convert to the value that other rooms use."""
        running = self.status is ResourceStatus.RUNNING
        return Resource(
            address=self.address,
            action=self.action,
            status=self.status,
            started_at=self.started_at,
            elapsed_seconds=self.elapsed,
            id=self.id,
            reason=self.reason,
            typical_seconds=durations.typical_seconds(self.kind, self.action),
            overdue=running and durations.is_overdue(self.kind, self.action, self.elapsed),
            imported=self.imported,
        )

    def complete(self) -> None:
        """Settle the resource after a complete apply, where nothing is open.

        Terraform prints nothing about a planned update that turns out to be none, nor about the
        half of a replacement that forgets (measured).
        """
        if self.action in _SILENT_ACTIONS or self.status is ResourceStatus.RUNNING:
            self.status = ResourceStatus.DONE
        elif self.status is ResourceStatus.PLANNED:
            self.status = ResourceStatus.UNCHANGED


_CUT_OUTPUTS = Diagnostic(
    "warning",
    "Outputs are missing",
    "The outputs of the stack are longer than 16 MiB in total. The state has them; the result and "
    "outputs.json do not.",
)


class _Diagnostics:
    """Different diagnostics in the order of their precedence; of too many, the last are dropped."""

    def __init__(self) -> None:
        self._kept: list[tuple[int, int, Diagnostic]] = []
        # A plan can repeat a diagnostic (measured). Hashes: a dropped text takes no memory.
        self._hashes: set[int] = set()

    @property
    def kept(self) -> list[Diagnostic]:
        return [diagnostic for _, _, diagnostic in self._kept]

    @property
    def omitted(self) -> int:
        return len(self._hashes) - len(self._kept)

    def add(self, diagnostic: Diagnostic, precedence: int) -> None:
        key = hash(diagnostic)
        if key in self._hashes:
            return
        self._hashes.add(key)
        insort(self._kept, (precedence, len(self._hashes), diagnostic))
        del self._kept[_MAX_DIAGNOSTICS:]


class ProgressAccumulator:
    """Accumulates messages; the result depends on them alone, except for typical durations."""

    def __init__(self, redact: Callable[[str], str] = str) -> None:
        self._redact = redact
        # For display only; no event depends on durations.
        self.durations = TypicalDurations()
        # By the unredacted address: two addresses may be equal after redaction.
        self._resources: dict[str, _ResourceProgress] = {}
        self._handlers: dict[str, Callable[[Message], None]] = {
            "log": self._on_log,
            "planned_change": self._on_planned_change,
            "apply_start": self._on_apply_start,
            "apply_progress": self._on_apply_progress,
            "apply_complete": self._on_apply_complete,
            "apply_errored": self._on_apply_errored,
            "change_summary": self._on_change_summary,
            "diagnostic": self._on_diagnostic,
            "outputs": self._on_outputs,
            "action_complete": self._on_action_complete,
        }
        self._summary = ChangeSummary()
        self._operations: Counter[str] = Counter()
        self._changed_outputs = 0
        self.applied = False
        self._abandoned = False
        self.interrupted = False
        self._errors = _Diagnostics()
        self._warnings = _Diagnostics()
        self.outputs: list[Output] = []

    def add(self, message: Message) -> None:
        """Add a message."""
        handler = self._handlers.get(message.type)
        if handler is not None:
            handler(message)

    @property
    def diagnostics(self) -> list[Diagnostic]:
        """The errors, the deciding first, or the warnings where there is no error; at most 50."""
        return self._reported.kept

    @property
    def diagnostics_omitted(self) -> int:
        """The number of different errors, or warnings, that are not in `diagnostics`."""
        return self._reported.omitted

    @property
    def _reported(self) -> "_Diagnostics":
        return self._errors if self._errors.kept else self._warnings

    def resources(self) -> list[Resource]:
        """All planned and changed resources, in the order of their first message."""
        return [resource.as_resource(self.durations) for resource in self._resources.values()]

    def overdue(self) -> list[Resource]:
        """Running resources that take far longer than usual."""
        running = [
            resource.as_resource(self.durations)
            for resource in list(self._resources.values())
            if resource.status is ResourceStatus.RUNNING
        ]
        return [resource for resource in running if resource.overdue]

    def addresses(self, *statuses: ResourceStatus) -> list[str]:
        """Addresses of the resources with any of these statuses."""
        return [
            resource.address for resource in self._resources.values() if resource.status in statuses
        ]

    @property
    def counts(self) -> Counts:
        """Counts of the planned or, after a complete apply, of the made changes.

        The messages of an apply name neither moves nor changed outputs: the plan has these counts.
        """
        summary = self._summary
        silent = Counter(_SILENT_ACTIONS[change.action] for change in self.silent())
        return Counts(
            add=summary.add,
            change=summary.change,
            remove=summary.remove,
            imported=summary.imported,
            moved=silent["moved"],
            forgotten=silent["forgotten"],
            outputs=self._changed_outputs,
            actions=summary.actions,
        )

    def achieved(self) -> Counts:
        """Counts of the completed operations; terraform prints no counts after a failure."""
        operations = self._operations
        return Counts(
            add=operations["create"],
            change=operations["update"],
            remove=operations["delete"],
            actions=operations["action"],
        )

    def silent(self) -> list[SilentChange]:
        """The planned changes of the state alone; an import may be one besides an action."""
        return [
            SilentChange("import" if resource.imported else resource.action, resource.address)
            for resource in self._resources.values()
            if resource.imported or resource.action in _SILENT_ACTIONS
        ]

    def tally(self) -> dict[str, int]:
        """The number of resources per status."""
        tally = dict.fromkeys(ResourceStatus.known(), 0)
        # A copy: the supervisor calls this while a thread adds messages.
        for resource in list(self._resources.values()):
            tally[resource.status] += 1
        return {str(status): number for status, number in tally.items()}

    def _on_planned_change(self, message: Message) -> None:
        change = message.change
        if change is None or change.action in ("noop", "read"):
            return
        if (raw := change.resource) and raw.addr:
            self._resources[raw.addr] = _ResourceProgress(
                self._redact(raw.addr),
                raw.resource_type,
                change.action,
                change.reason,
                imported=change.importing is not None,
            )

    def _resource(self, message: Message) -> _ResourceProgress | None:
        hook = message.hook
        if hook is None or hook.resource is None or not hook.resource.addr:
            return None
        known = self._resources.get(hook.resource.addr)
        resource = known or self._add_resource(hook.resource, hook.action)
        if resource is None:
            return None
        if hook.elapsed_seconds > resource.elapsed:
            resource.elapsed = hook.elapsed_seconds
        if hook.id_value:
            resource.id = self._redact(hook.id_value)
        return resource

    def _add_resource(self, raw: HookResource, action: str) -> _ResourceProgress | None:
        # Reading a data source prints the same messages, but changes nothing.
        if action in ("read", "noop"):
            return None
        resource = _ResourceProgress(self._redact(raw.addr), raw.resource_type, action)
        self._resources[raw.addr] = resource
        return resource

    def _on_apply_start(self, message: Message) -> None:
        if resource := self._resource(message):
            resource.status = ResourceStatus.RUNNING
            resource.started_at = resource.started_at or message.time

    def _on_apply_progress(self, message: Message) -> None:
        self._resource(message)

    def _on_apply_complete(self, message: Message) -> None:
        if resource := self._resource(message):
            self._operations[message.hook.action if message.hook else ""] += 1
            resource.remaining -= 1
            if resource.remaining <= 0:
                resource.status = ResourceStatus.DONE

    def _on_apply_errored(self, message: Message) -> None:
        resource = self._resource(message)
        # Once terraform no longer waits, the outcome is unknown: the resource stays running.
        if resource and not self._abandoned:
            resource.status = ResourceStatus.FAILED

    def _on_action_complete(self, _message: Message) -> None:
        self._operations["action"] += 1

    def _on_log(self, message: Message) -> None:
        text = message.text.lstrip()
        self._abandoned |= text.startswith(_ABANDONED)
        self.interrupted |= text.startswith(_INTERRUPTED)

    def _on_change_summary(self, message: Message) -> None:
        if message.changes is None:
            return
        self._summary = message.changes
        if self._summary.operation in ("apply", "destroy"):
            self.applied = True
            for resource in self._resources.values():
                resource.complete()

    def _on_diagnostic(self, message: Message) -> None:
        if message.diagnostic is None:
            return
        if message.diagnostic.summary == _HALTED and not message.diagnostic.address:
            self._reset_halted()
        raw = as_diagnostic(message.diagnostic, message.level)
        clean = replace(
            raw,
            summary=self._redact(raw.summary),
            detail=self._redact(raw.detail),
            address=self._redact(raw.address),
        )
        if clean.severity == "error":
            self._errors.add(clean, precedence(clean))
        else:
            self._warnings.add(clean, 0)

    def _reset_halted(self) -> None:
        """Reset the running resources to planned: their operations never started.

        Diagnostics follow the walk and the write of the state. By then every operation that started
        has printed a result.
        """
        for resource in self._resources.values():
            if resource.status is ResourceStatus.RUNNING and not self._abandoned:
                resource.status = ResourceStatus.PLANNED

    def _on_outputs(self, message: Message) -> None:
        outputs = message.outputs or {}
        self._changed_outputs = sum(output.action != "noop" for output in outputs.values())
        self.outputs = [
            Output(
                name=name,
                sensitive=raw.sensitive,
                value_json=""
                if raw.sensitive or not raw.value
                else self._json(bytes(raw.value).decode()),
            )
            for name, raw in outputs.items()
        ]

    def add_cut_outputs(self) -> None:
        """Add a message with all outputs that was too long to be read."""
        self._changed_outputs = self._changed_outputs or 1
        self._warnings.add(_CUT_OUTPUTS, 0)

    def _json(self, value: str) -> str:
        """Redacted JSON; a JSON string of the text where no reader could parse the result."""
        text = self._redact(value)
        try:
            msgspec.json.decode(text)
        except (ValueError, RecursionError):
            return msgspec.json.encode(text).decode()
        return text
