"""The size of the values that cross Temporal: long texts are cut, long lists are shortened.

A value says by its base classes what may be shortened. A value without either class crosses whole,
since its texts are identifiers or its size has other limits.
"""

import json
from bisect import bisect_right
from dataclasses import asdict, fields, is_dataclass, replace
from typing import Any, TypeVar

__all__ = [
    "MAX_CUT_BYTES",
    "MAX_PAYLOAD_BYTES",
    "Cuttable",
    "Omissible",
    "cut",
    "encoded_bytes",
    "fit",
]

_Value = TypeVar("_Value")

# Temporal refuses a payload above 2 MiB, and ends a workflow with a history above 50 MB: input and
# result of the most steps (`retry_budget`) take 33 MB. An optional codec adds about 100
# bytes to a payload.
MAX_PAYLOAD_BYTES = 64 * 1024
# A message of a provider with a response body takes 3 KB.
MAX_CUT_BYTES = 4_000

_CUT_MARK = " [cut]"
# Entries per list and bytes per text that is cut, tried in this order.
_SIZES = (
    (2000, MAX_CUT_BYTES),
    (200, MAX_CUT_BYTES),
    (200, 1200),
    (50, 1200),
    (10, 1200),
    (3, 1200),
    (1, 300),
    (0, 100),
)


class Cuttable:
    """A dataclass whose texts are cut, with a mark, and whose lists are shortened.

    A field `omitted` counts the entries that are left out of the lists.
    """


class Omissible:
    """A dataclass that may be left out of a list, as a text may.

    Half an address names another resource, and half a value is useless: an entry that is not
    `Cuttable` and has a text above `MAX_CUT_BYTES` is left out as a whole.
    """


def encoded_bytes(value: object) -> int:
    """The size of a value in a payload: JSON with escapes, 6 to 12 bytes for other than ASCII."""
    return len(json.dumps(value, default=_as_json, separators=(",", ":")))


def cut(text: str, max_bytes: int = MAX_CUT_BYTES) -> str:
    """A text that takes at most `max_bytes` as JSON; a cut text ends with a mark."""
    if _fits(text, max_bytes):
        return text
    lengths = range(max_bytes + 1)
    room = max_bytes - len(_CUT_MARK)
    length = bisect_right(lengths, room, key=lambda length: _text_bytes(text[:length])) - 1
    return text[:length] + _CUT_MARK


def fit(value: _Value, max_bytes: int = MAX_PAYLOAD_BYTES) -> _Value:
    """The value, shortened as little as possible until the value takes at most `max_bytes`."""
    shorter: Any = value
    for size in _SIZES:
        if encoded_bytes(shorter) <= max_bytes:
            break
        shorter = cut(value, max_bytes) if isinstance(value, str) else _shortened(value, *size)
    checked: _Value = shorter
    return checked


def _as_json(value: Any) -> object:  # noqa: ANN401 - any part of a value
    is_value = is_dataclass(value) and not isinstance(value, type)
    return asdict(value) if is_value else str(value)


def _fits(text: str, max_bytes: int) -> bool:
    # No character takes less than a byte.
    return len(text) <= max_bytes and _text_bytes(text) <= max_bytes


def _text_bytes(text: str) -> int:
    return len(json.dumps(text)) - len('""')


def _shortened(value: Any, entries: int, text_bytes: int) -> Any:  # noqa: ANN401 - any part of a payload
    if isinstance(value, list):
        return _shorter_list(value, entries, text_bytes)
    if not is_dataclass(value) or isinstance(value, type):
        return value
    parts = {field.name: getattr(value, field.name) for field in fields(value) if field.init}
    shorter = {name: _shortened(part, entries, text_bytes) for name, part in parts.items()}
    if isinstance(value, Cuttable):
        # Not a StrEnum, whose values are names.
        texts = {name: cut(part, text_bytes) for name, part in parts.items() if type(part) is str}
        shorter |= texts
        if "omitted" in parts:
            shorter["omitted"] += _entries(parts) - _entries(shorter)
    return replace(value, **shorter)


def _shorter_list(values: list[Any], entries: int, text_bytes: int) -> list[Any]:
    if not all(isinstance(value, str | Omissible) for value in values):
        return [_shortened(value, entries, text_bytes) for value in values]
    whole = [value for value in values if isinstance(value, Cuttable) or _is_short(value)]
    return [_shortened(value, entries, text_bytes) for value in whole[:entries]]


def _is_short(value: object) -> bool:
    texts = [value] if isinstance(value, str) else vars(value).values()
    return all(_fits(text, MAX_CUT_BYTES) for text in texts if isinstance(text, str))


def _entries(parts: dict[str, Any]) -> int:
    return sum(len(part) for part in parts.values() if isinstance(part, list))
