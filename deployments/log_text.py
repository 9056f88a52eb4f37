"""A log as text for people: every line complete, and inert wherever it is shown."""

from collections.abc import Mapping

__all__ = ["full_text", "text_line", "visible"]

# A reader's terminal obeys these; what a provisioner printed must only be shown.
_VISIBLE = {code: f"\\x{code:02x}" for code in (*range(32), 127, *range(128, 160))}
del _VISIBLE[ord("\t")]
_VISIBLE[ord("\n")] = "\n    "


def visible(text: str) -> str:
    """The text with control characters written out, its further lines indented."""
    # Asked first, since translating takes five times as long as all the rest (measured).
    return text if text.isprintable() else text.translate(_VISIBLE)


def full_text(text: str, diagnostic: Mapping[str, object] | None, truncated_bytes: int) -> str:
    """All that an event says to a person: its text, what was cut, where and why it complains."""
    parts = [f"{text} … [{truncated_bytes} bytes cut]" if truncated_bytes else text]
    if diagnostic:
        where = str(diagnostic.get("address", ""))
        if diagnostic.get("file"):
            where += f" ({diagnostic['file']}:{diagnostic.get('line', 0)})"
        parts += [
            item for item in (where.strip(), str(diagnostic.get("detail", "")).strip()) if item
        ]
    return "\n".join(parts)


def text_line(time: str, level: str, phase: str, text: str) -> str:
    """Time, level, phase and text of an event, with its newline."""
    return f"{time} {level:5} {phase:5} {visible(text)}\n"
