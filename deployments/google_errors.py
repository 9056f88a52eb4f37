"""What Google answered, read out of the sentence that its provider makes of it.

`[…: ]googleapi: Error <HTTP code>: <message>[, <reason>]`, for newer APIs followed by `Details:`
and the details as JSON, for older ones by `More details:` and lines `Reason: …, Message: …`; a
long operation that failed says `Error code <google.rpc code>, message: …` (Go's googleapi.Error
and the provider's errors, tried against provider 7.45.0).
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

__all__ = ["GoogleError", "parse", "read_details"]

_HTTP = re.compile(r"googleapi: (?:Error|got HTTP response code) (\d{3})\b")
_OPERATION = re.compile(r"\bError code (\d{1,2}), message: ")
_LAST_WORD = re.compile(r", (\w+)$")
_OLD_REASON = re.compile(r"^Reason: (\w+), Message: ", re.MULTILINE)
_DETAILS = "\nDetails:\n"
_OLD_DETAILS = "\nMore details:\n"

# https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto says which is which.
_HTTP_OF_RPC = {
    3: 400,
    4: 504,
    5: 404,
    6: 409,
    7: 403,
    8: 429,
    9: 400,
    10: 409,
    13: 500,
    14: 503,
    16: 401,
}

# What may stand in our own sentences; everything else could be markup, or a screenful.
_HARMLESS = re.compile(r"[\w./:@-]{1,200}", re.ASCII)
_IN_WORDS = (
    re.compile(r"[Pp]ermission '?(?P<permission>[a-z]\w*\.\w+\.\w+)\b"),
    re.compile(r"does not have (?P<permission>[a-z]\w*\.\w+\.\w+) access"),
    re.compile(r"enable service \[(?P<service>[\w.-]+)\]"),
    re.compile(r"(?P<constraint>constraints/[\w.]+)"),
    re.compile(r"(?:S|s)ervice account (?P<account>[\w.-]+@[\w.-]+) does not exist"),
)


@dataclass(frozen=True)
class GoogleError:
    """An answer of Google's.

    `http` is 0 where it gave none; `reasons` are Google's own names for it, `values` what it says
    about it by name (permission, service, constraint, …), `words` its message.
    """

    http: int = 0
    reasons: frozenset[str] = frozenset()
    values: Mapping[str, str] = field(default_factory=dict)
    message: str = ""


def parse(text: str) -> GoogleError:
    """The answer in a diagnostic's summary; `http` is 0 when there is none in it."""
    words, _, details = text.partition(_DETAILS)
    words, _, old = words.partition(_OLD_DETAILS)
    found, tail = _json(details)
    reasons = {*_OLD_REASON.findall(old + details)}
    reasons |= {item[1] for item in (_LAST_WORD.search(words), _LAST_WORD.search(tail)) if item}
    named, values = read_details(found)
    said = {
        name: value
        for rule in _IN_WORDS
        if (match := rule.search(words))
        for name, value in match.groupdict().items()
    }
    return GoogleError(_code(text), frozenset(reasons | named), {**said, **values}, words)


def read_details(details: object) -> tuple[set[str], dict[str, str]]:
    """Google's reasons and values in the `details` of an error."""
    reasons: set[str] = set()
    values: dict[str, str] = {}
    for item in _objects(details):
        _add(reasons, item.get("reason"))
        for violation in _objects(item.get("violations")):
            _add(reasons, violation.get("type"))
            if str(violation.get("type")).startswith("constraints/"):
                values["constraint"] = str(violation["type"])
        metadata = item.get("metadata")
        if isinstance(metadata, dict):
            values |= {str(name): str(value) for name, value in metadata.items()}
    return reasons, {name: value for name, value in values.items() if _HARMLESS.fullmatch(value)}


def _code(text: str) -> int:
    if found := _HTTP.search(text):
        return int(found[1])
    failed = _OPERATION.search(text)
    return _HTTP_OF_RPC.get(int(failed[1]), 0) if failed else 0


def _json(text: str) -> tuple[object, str]:
    """The JSON that a text begins with, and what follows it."""
    try:
        value, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        # Cut, or none: then the words must do.
        return None, ""
    return value, text[end:].strip()


def _objects(value: object) -> Iterator[dict[str, object]]:
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))


def _add(reasons: set[str], reason: object) -> None:
    if isinstance(reason, str) and _HARMLESS.fullmatch(reason):
        reasons.add(reason)
