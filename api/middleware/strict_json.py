"""Strict JSON: limited nesting, no field twice."""

import json

__all__ = ["MAX_LEVELS", "json_error"]

# Requests of this API have three levels; deeper nesting is an attack on parsers.
MAX_LEVELS = 32
_TOO_DEEP = f"The body nests deeper than {MAX_LEVELS} levels."


def json_error(body: bytes) -> str | None:
    """The error of a body that is not JSON, nests too deep or names a field twice; else None.

    Parsers disagree about which of two equal names counts (RFC 8259, section 4), so a check by
    another parser would not protect this API.
    """
    try:
        value = json.loads(body, object_pairs_hook=_unique)
    except RecursionError:
        return _TOO_DEEP
    except _NamedTwice as error:
        return f"The body names the field {str(error)[:100]!r} twice."
    except ValueError:
        # This includes UnicodeDecodeError and numbers with more than 4,300 digits.
        return "The body is not valid JSON."
    return _TOO_DEEP if _levels(value) > MAX_LEVELS else None


class _NamedTwice(ValueError):
    """An object has a name twice."""


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        raise _NamedTwice(next(name for name in names if names.count(name) > 1))
    return fields


def _levels(value: object) -> int:
    levels, values = 0, [value]
    while parents := [value for value in values if isinstance(value, list | dict)]:
        levels += 1
        values = [
            child
            for parent in parents
            for child in (parent.values() if isinstance(parent, dict) else parent)
        ]
    return levels
