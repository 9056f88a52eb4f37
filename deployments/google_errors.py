"""Parser of Google's errors in the texts of the terraform provider.

The text is `[…: ]googleapi: Error <HTTP code>: <message>[, <reason>]`, for newer APIs followed by
`Details:` and the details as JSON, for older APIs by `More details:` and lines
`Reason: …, Message: …`. A failed long-running operation has the text
`Error code <google.rpc code>, message: …` (Go's googleapi.Error and the errors of provider 7.45.0,
tried).
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

__all__ = ["GoogleError", "parse", "read_descriptions", "read_details", "with_consumer"]

_HTTP = re.compile(r"googleapi: (?:Error|got HTTP response code) (\d{3})\b")
_OPERATION = re.compile(r"\bError code (\d{1,2}), message: ")
_TRAILING_REASON = re.compile(r", (\w+)$")
_OLD_REASON = re.compile(r"^Reason: (\w+), Message: ", re.MULTILINE)
_DETAILS = "\nDetails:\n"
_OLD_DETAILS = "\nMore details:\n"

# HTTP status by gRPC code:
# https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto
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

# Values that are safe in our messages; others could contain markup or a page of text.
_SAFE = re.compile(r"[\w./:@-]{1,200}", re.ASCII)
_IN_MESSAGE = (
    re.compile(r"[Pp]ermission '?(?P<permission>[a-z]\w*\.\w+\.\w+)\b"),
    re.compile(r"does not have (?P<permission>[a-z]\w*\.\w+\.\w+) access"),
    re.compile(r"enable service \[(?P<service>[\w.-]+)\]"),
    re.compile(r"(?P<constraint>constraints/[\w.]+)"),
    re.compile(r"(?:S|s)ervice account (?P<account>[\w.-]+@[\w.-]+) does not exist"),
    re.compile(r"You must grant [\w ]+ permission to (?P<account>[\w.-]+@[\w-]+(?:\.[\w-]+)+)"),
    re.compile(r"denied for service\(s\): (?P<services>[\w-]+(?:\.[\w-]+)+)"),
    re.compile(r"vpcServiceControlsUniqueIdentifier: (?P<uid>[\w-]+)"),
    re.compile(r"\b[Rr]untime:? (?P<runtime>[a-z]+[0-9]+) is decommissioned"),
)
_CONSUMER_IN_MESSAGE = re.compile(r"\bin project ([\w.:-]{1,100}) before or it is disabled")
# The subject of a violation at enabling: `?error_code=…&service=…&permission=…`.
_PERMISSION_OF_SUBJECT = re.compile(r"[?&]permission=([\w.]+)")


@dataclass(frozen=True)
class GoogleError:
    """An error of a Google API.

    `http` is 0 for an error without an HTTP status; `reasons` are Google's names of the cause,
    `values` the subjects by name (permission, service, constraint, …), `descriptions` the sentences
    of violations and of the original error in the details.
    """

    http: int = 0
    reasons: frozenset[str] = frozenset()
    values: Mapping[str, str] = field(default_factory=dict)
    message: str = ""
    descriptions: tuple[str, ...] = ()


def parse(text: str) -> GoogleError:
    """The Google error in a diagnostic's summary; `http` is 0 where the summary contains none."""
    message, _, details = text.partition(_DETAILS)
    message, _, old_details = message.partition(_OLD_DETAILS)
    parsed, rest = _json(details)
    reasons = {*_OLD_REASON.findall(old_details + details)}
    reasons |= {match[1] for part in (message, rest) if (match := _TRAILING_REASON.search(part))}
    detail_reasons, detail_values = read_details(parsed)
    values = {
        name: value
        for pattern in _IN_MESSAGE
        if (match := pattern.search(message))
        for name, value in match.groupdict().items()
    }
    return GoogleError(
        _code(text),
        frozenset(reasons | detail_reasons),
        with_consumer({**values, **detail_values}, message),
        message,
        tuple(read_descriptions(parsed)),
    )


def read_details(details: object) -> tuple[set[str], dict[str, str]]:
    """Google's reasons and values in the `details` of an error."""
    reasons: set[str] = set()
    values: dict[str, str] = {}
    for detail in _objects(details):
        _add(reasons, detail.get("reason"))
        for violation in _objects(detail.get("violations")):
            _add(reasons, violation.get("type"))
            if str(violation.get("type")).startswith("constraints/"):
                values["constraint"] = str(violation["type"])
            if match := _PERMISSION_OF_SUBJECT.search(str(violation.get("subject"))):
                values["permission"] = match[1]
        metadata = detail.get("metadata")
        if isinstance(metadata, dict):
            values |= {str(name): str(value) for name, value in metadata.items()}
    return reasons, {name: value for name, value in values.items() if _SAFE.fullmatch(value)}


def with_consumer(values: Mapping[str, str], message: str) -> dict[str, str]:
    """The values with `project`: id or number of the project that the call counts against.

    Google names it in the details, Cloud Storage in the message about a disabled API:
    https://cloud.google.com/apis/design/errors.
    """
    in_message = _CONSUMER_IN_MESSAGE.search(message)
    consumer = values.get("consumer") or (in_message[1] if in_message else "")
    project = consumer.removeprefix("projects/")
    return {**values, "project": project} if project else dict(values)


def read_descriptions(details: object) -> Iterator[str]:
    """Descriptions of violations, and the original error where Google adds this error."""
    for detail in _objects(details):
        for text in (
            detail.get("detail"),
            *(violation.get("description") for violation in _objects(detail.get("violations"))),
        ):
            if isinstance(text, str):
                yield text


def _code(text: str) -> int:
    if match := _HTTP.search(text):
        return int(match[1])
    operation = _OPERATION.search(text)
    return _HTTP_OF_RPC.get(int(operation[1]), 0) if operation else 0


def _json(text: str) -> tuple[object, str]:
    """The JSON value at the start of a text, and the rest of the text."""
    try:
        value, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        # Truncated or absent: the message alone is parsed.
        return None, ""
    return value, text[end:].strip()


def _objects(value: object) -> Iterator[dict[str, object]]:
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))


def _add(reasons: set[str], reason: object) -> None:
    if isinstance(reason, str) and _SAFE.fullmatch(reason):
        reasons.add(reason)
