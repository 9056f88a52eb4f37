"""What a person reads: deployments, lines, endings."""

import json
from collections.abc import Iterable, Iterator
from enum import IntEnum

from cli.client import Document

__all__ = ["ENDED", "Exit", "deployment_lines", "exit_of", "log_line", "parse_variables"]

ENDED = {"completed", "failed", "cancelled", "discarded", "needs_attention"}


class Exit(IntEnum):
    """Exit codes of every command."""

    OK = 0
    FAILED = 1
    REFUSED = 2
    CANCELLED = 3
    UNREACHABLE = 4
    INTERRUPTED = 130


def exit_of(status: str) -> Exit:
    """The exit code that a deployment's end stands for."""
    if status in {"cancelled", "discarded"}:
        return Exit.CANCELLED
    return Exit.FAILED if status in {"failed", "needs_attention"} else Exit.OK


def log_line(line: list[str]) -> str:
    """One entry of a `log` event: id, time, level, text."""
    _, time, level, text = line[:4]
    mark = "" if level == "info" else f"{level.upper()}: "
    return f"{time[11:19]} {mark}{text}"


def deployment_lines(found: Document) -> Iterator[str]:
    """A deployment, in a few lines; the values of sensitive outputs are not among them."""
    result: Document = found.get("result") or {}
    merged = {**result, **{key: one for key, one in found.items() if one not in (None, "", [])}}
    yield f"{merged.get('id', '')}: {merged.get('status', 'accepted')}"
    for name in ("phase", "reason", "sentence", "detail", "advice"):
        if merged.get(name):
            yield f"  {name}: {merged[name]}"
    if merged.get("status") == "completed":
        yield f"  {_counts(merged.get('counts') or {})}"
    yield from _outputs(merged.get("outputs") or [])


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


def _counts(counts: Document) -> str:
    done = {
        "created": counts.get("created", counts.get("add", 0)),
        "updated": counts.get("updated", counts.get("change", 0)),
        "destroyed": counts.get("destroyed", counts.get("remove", 0)),
    }
    said = ", ".join(f"{number} resources {what}" for what, number in done.items() if number)
    return said or "no changes"


def _outputs(outputs: object) -> Iterator[str]:
    if isinstance(outputs, dict):
        named = [
            {"name": name, **(one if isinstance(one, dict) else {"value": one})}
            for name, one in outputs.items()
        ]
    else:
        named = list(outputs) if isinstance(outputs, list) else []
    for one in named:
        value = one.get("value", one.get("value_json"))
        shown = "(sensitive)" if one.get("sensitive") else _plain(value)
        yield f"  {one.get('name')} = {shown}"


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
