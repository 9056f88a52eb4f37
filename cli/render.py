"""What a person reads: deployments, lines, endings."""

import json
from collections.abc import Iterable, Iterator

from cli.client import Document
from deployments.log_text import visible

__all__ = [
    "artifact_lines",
    "deployment_lines",
    "destruction_lines",
    "health_lines",
    "list_line",
    "log_line",
    "output_lines",
    "parse_variables",
    "verification_lines",
]


def log_line(line: list[str]) -> str:
    """One entry of a `log` event: id, time, level, text."""
    _, time, level, text = line[:4]
    mark = "" if level == "info" else f"{level.upper()}: "
    return visible(f"{time[11:19]} {mark}{text}")


def deployment_lines(found: Document) -> Iterator[str]:
    """A deployment, in a few lines; the values of sensitive outputs are not among them."""
    result: Document = found.get("result") or {}
    yield f"{found.get('id', '')}: {found.get('status', 'accepted')}"
    known = {**result, **{name: one for name, one in found.items() if one}}
    for name in ("phase", "reason", "message", "detail", "next_step"):
        if known.get(name):
            yield f"  {name}: {known[name]}"
    for error in result.get("errors") or []:
        yield from _error(error)
    for name, words in (("not_applied", "not done"), ("unrecorded", "not in the state")):
        if known.get(name):
            yield f"  {words}: {', '.join(known[name])}"
    if found.get("status") == "completed":
        yield f"  {_counts(result.get('counts') or {})}"
    yield from (f"  {text}" for text in output_lines(result))


def destruction_lines(found: Document) -> Iterator[str]:
    """What a destroy leaves, before it is confirmed."""
    yield f"Destroys the stack {found.get('stack')}. What stays:"
    yield from (f"  - {item['what']}: {item['why']}" for item in found.get("retained") or [])
    if held := found.get("soft_deleted"):
        yield "What Google keeps for a while:"
        yield from (
            f"  - {entry['what']}, {entry['days']} days: {entry['meaning']}" for entry in held
        )


def output_lines(found: Document) -> Iterator[str]:
    """Outputs, one a line."""
    for output in found.get("outputs") or []:
        shown = "(sensitive)" if output.get("sensitive") else _plain(output.get("value"))
        yield f"{output.get('name')} = {shown}"


def list_line(found: Document) -> str:
    """A deployment in a list."""
    times = f"{found.get('created_at', '')[:19]:19}"
    return visible(f"{found['id']}  {found.get('status', ''):17} {times}  {found.get('stack', '')}")


def artifact_lines(found: Document) -> Iterator[str]:
    """Files, one a line."""
    for file in found.get("items") or []:
        size, created_at = file["size_bytes"], file["created_at"][:19]
        yield f"{file['name']:24} {size:>12}  {file['sha256']}  {created_at}"


def verification_lines(found: Document) -> Iterator[str]:
    """Every copy of a log against its seals: a line a step and copy."""
    row = "{:12} {:>7} {:>11}  {:64}  {}".format
    yield row("copy", "step", "lines", "sha256", "verdict").rstrip()
    for seal in found["seals"]:
        yield row("seal", seal["step"], seal["lines"], seal["sha256"], seal["end"])
    for item in found["copies"]:
        for part in item["steps"]:
            words = part["verdict"]
            if part["lines"] and not part["sealed"]:
                words += ", without its end record"
            yield row(item["name"], part["step"], part["lines"], part["sha256"], words)
        if item["error"] or not item["steps"]:
            yield row(item["name"], "", "", item["error"], item["verdict"])
    yield "All copies are equal." if found["equal"] else "Not all copies are equal."


def health_lines(found: Document) -> Iterator[str]:
    """The health document, one thing a line."""
    yield str(found.get("status", "unknown"))
    for name, one in found.items():
        if name not in {"status", "sinks"}:
            yield f"  {name.replace('_', ' ')}: {_plain(one)}"
    for sink in found.get("sinks") or []:
        lag = f"{sink['behind_lines']} lines behind for {sink['late_seconds']} s"
        words = lag if sink["behind_lines"] else "has all"
        yield f"  sink {sink['name']}: {words}{': ' if sink['error'] else ''}{sink['error']}"


def parse_variables(pairs: Iterable[str]) -> Document:
    """`key=value` pairs; a value that is JSON is taken as such, any other as text.

    Raises:
        ValueError: a pair without `=` or without a name.
    """
    found: Document = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (equals and name):
            raise ValueError(f"{pair!r} is not key=value")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def _error(error: Document) -> Iterator[str]:
    yield f"  {error['severity']}: {error['message']} {error['fix']}".rstrip()
    if error["resource"] or error["file"]:
        where = f" ({error['file']}:{error['line']})" if error["file"] else ""
        yield f"    {error['resource']}{where}".rstrip()
    if error["detail"]:
        yield f"    {error['detail']}"


def _counts(counts: Document) -> str:
    done = {"created": "add", "updated": "change", "destroyed": "remove", "imported": "imported"}
    said = [f"{counts[name]} resources {what}" for what, name in done.items() if counts.get(name)]
    return ", ".join(said) or "no changes"


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
