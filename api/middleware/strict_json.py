"""What a body must be before anybody looks into it."""

import json

__all__ = ["MOST_LEVELS", "complaint"]

# A request of this API has three levels; what nests deeper is no mistake but an attack on readers.
MOST_LEVELS = 32
_TOO_DEEP = f"The body nests deeper than {MOST_LEVELS} levels."


def complaint(body: bytes) -> str | None:
    """Why a body is refused, or None: no JSON, too deep, or a field twice.

    Readers disagree about which of two equal names counts (RFC 8259, section 4), so a check in one
    of them says nothing about another.
    """
    try:
        value = json.loads(body, object_pairs_hook=_unique)
    except RecursionError:
        return _TOO_DEEP
    except _NamedTwice as error:
        return f"The body names the field {str(error)[:100]!r} twice."
    except ValueError:
        # UnicodeDecodeError, and numbers that are too long to be read, among them.
        return "The body is no JSON."
    return _TOO_DEEP if _levels(value) > MOST_LEVELS else None


class _NamedTwice(ValueError):
    """A name stands twice in one object."""


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _NamedTwice(next(item for item in names if names.count(item) > 1))
    return found


def _levels(value: object) -> int:
    levels, now = 0, [value]
    while now := [item for item in now if isinstance(item, list | dict)]:
        levels += 1
        now = [
            child
            for entry in now
            for child in (entry.values() if isinstance(entry, dict) else entry)
        ]
    return levels
