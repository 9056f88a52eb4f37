"""The log as text for people: every line complete, and no control character for a terminal."""

import re

from deployments.events import EndKind, EndRecord, Event, last_end_record

__all__ = [
    "full_text",
    "hole_line",
    "hole_text",
    "text_line",
    "visible",
    "with_cut_mark",
    "without_host_paths",
]

# A terminal executes control characters, and a provisioner may print any of them.
_VISIBLE = {code: f"\\x{code:02x}" for code in (*range(32), 127, *range(128, 160))}
del _VISIBLE[ord("\t")]
_VISIBLE[ord("\n")] = "\n    "


# Two parts at least, and no part of an address or of Google's resource names.
_HOST_PATH = re.compile(r"(?<![\w.:/~-])/(?:[\w.@+=-]+/)+[\w.@+=-]*")


def without_host_paths(text: str) -> str:
    """The text of a library's or program's error without paths of the host, for an answer."""
    return _HOST_PATH.sub("(a path of the host)", text)


def visible(text: str) -> str:
    """The text with control characters written out and further lines indented."""
    # `translate` takes five times as long as all the rest (measured).
    return text if text.isprintable() else text.translate(_VISIBLE)


def with_cut_mark(text: str, cut_bytes: int) -> str:
    """The text with a mark that gives the number of bytes cut from the end."""
    return f"{text} … [{cut_bytes} bytes cut]" if cut_bytes else text


def full_text(event: Event) -> str:
    """The text of an event with the number of bytes cut, and the diagnostic's place and detail."""
    if "diagnostic" not in event and "truncated_bytes" not in event:
        return event["text"]
    parts = [with_cut_mark(event["text"], event.get("truncated_bytes", 0))]
    if diagnostic := event.get("diagnostic"):
        place = diagnostic.get("address", "")
        if diagnostic.get("file"):
            place += f" ({diagnostic['file']}:{diagnostic.get('line', 0)})"
        parts += [part for part in (place.strip(), diagnostic.get("detail", "").strip()) if part]
    return "\n".join(parts)


def hole_text(record: EndRecord) -> str:
    """A sentence about the lines that the log of a step lacks; empty for a log without a hole."""
    if not record.has_hole:
        return ""
    if record.end is EndKind.LOST:
        return f"The rest of the log of step {record.step} was lost with its host."
    place = f"after line {record.missing_after}" if record.missing_after else "at its start"
    count = f", missing lines: {record.missing_lines}" if record.missing_lines else ""
    cause = f": {record.cause}" if record.cause else ""
    return f"The log of step {record.step} has a hole {place}{count}{cause}."


def hole_line(line: bytes) -> str:
    """The sentence about a hole for the end record on a line of the log, in parentheses."""
    record = last_end_record(line + b"\n")
    text = hole_text(record) if record else ""
    return f"({visible(text)})\n" if text else ""


def text_line(event: Event) -> str:
    """Time, level, phase and full text of an event, with a newline."""
    level, phase = event["level"], event["phase"]
    return f"{event['time']} {level:5} {phase:5} {visible(full_text(event))}\n"
