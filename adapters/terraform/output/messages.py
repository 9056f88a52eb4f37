"""Types of terraform's machine-readable output.

Source: `terraform … -json`, ui "1.2" (terraform 1.9 to 1.15, OpenTofu 1.12, recorded). Messages are
distinguished by `type`, never by text, since a provisioner may print anything. A field of an
unexpected type is left out; the rest of the message counts.
"""

import msgspec

from adapters.terraform.output.lenient import decode_fields, decode_head
from deployments.step import Diagnostic

__all__ = ["ChangeSummary", "HookResource", "Message", "as_diagnostic", "decode"]


class HookResource(msgspec.Struct):
    """The resource of an operation."""

    addr: str = ""
    resource_type: str = ""


class _Hook(msgspec.Struct):
    resource: HookResource | None = None
    action: str = ""
    id_value: str | None = None
    elapsed_seconds: float = 0


class _Importing(msgspec.Struct):
    """Marks an import; the id in it is not used."""


class _Change(msgspec.Struct):
    resource: HookResource | None = None
    action: str = ""
    reason: str = ""
    importing: _Importing | None = None


class ChangeSummary(msgspec.Struct):
    """The counts of a plan or an apply."""

    add: int = 0
    change: int = 0
    remove: int = 0
    imported: int = msgspec.field(name="import", default=0)
    # Since terraform 1.14.
    actions: int = msgspec.field(name="action_invocation", default=0)
    operation: str = ""


class _Position(msgspec.Struct):
    line: int = 0


class _Range(msgspec.Struct):
    filename: str = ""
    start: _Position | None = None


class _RawDiagnostic(msgspec.Struct):
    severity: str = ""
    summary: str = ""
    detail: str = ""
    address: str = ""
    range: _Range | None = None


class _RawOutput(msgspec.Struct):
    """An output; a sensitive output has no `value`. A plan has the `action`, an apply the value."""

    # Where the mark cannot be read, the value is not shown.
    sensitive: bool = True
    value: msgspec.Raw = msgspec.Raw()
    action: str = "noop"


class Message(msgspec.Struct):
    """A line of the machine-readable output, with the fields that are used."""

    text: str = msgspec.field(name="@message")
    type: str = ""
    level: str = msgspec.field(name="@level", default="info")
    time: str = msgspec.field(name="@timestamp", default="")
    hook: _Hook | None = None
    change: _Change | None = None
    changes: ChangeSummary | None = None
    diagnostic: _RawDiagnostic | None = None
    outputs: dict[str, _RawOutput] | None = None
    # The complete state, printed when saving failed; never part of an event.
    state: msgspec.Raw = msgspec.Raw()


_DECODER = msgspec.json.Decoder(Message)


def decode(line: bytes) -> Message | None:
    """Return the message in a line; None for a line that is not a JSON object.

    An object without a readable `@message` has the whole line as its text. Of an object that cannot
    be parsed whole, since the line was cut or nests too deep, the fields before the first that is
    not a text remain.
    """
    # Skip the parser for plain text: init prints three plain lines with a backend block.
    if line[:1] != b"{":
        return None
    try:
        return _DECODER.decode(line)
    except (ValueError, RecursionError):
        text = line.decode("utf-8", "replace")
        return decode_fields(Message, line, text=text) or decode_head(Message, line, text=text)


def as_diagnostic(raw: _RawDiagnostic, level: str) -> Diagnostic:
    """Convert to the value that other rooms use; `level` is the message's."""
    range = raw.range
    return Diagnostic(
        # Terraform prints warnings at level "warn" and every other diagnostic at "error".
        severity=raw.severity or ("warning" if level == "warn" else "error"),
        summary=raw.summary,
        detail=raw.detail,
        address=raw.address,
        file=range.filename if range else "",
        line=range.start.line if range and range.start else 0,
    )
