"""A field of another release of terraform costs that field, never the message."""

import json
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.redaction import Redactor
from adapters.terraform.output.events import MAX_LINE_BYTES, Translator
from adapters.terraform.output.messages import Message, decode
from adapters.terraform.output.progress import ProgressAccumulator
from deployments.step import Diagnostic, ResourceStatus

CORPUS = Path(__file__).parents[1] / "corpus"
_TEXTS = {"@message": "text", "@timestamp": "time", "@level": "level"}
Place = tuple[str, ...]
# Both are the same for each of 16,000 changes.
_REDACTOR = Redactor([])
_fields = cache(msgspec.structs.fields)


def shape(value: object) -> object:
    """The names and types of a message: one message of each shape is enough."""
    if isinstance(value, dict):
        return tuple(sorted((name, shape(child)) for name, child in value.items()))
    return type(value).__name__


def of_each_shape() -> list[dict[str, Any]]:
    lines = [
        line for path in sorted(CORPUS.rglob("*.jsonl")) for line in path.read_bytes().splitlines()
    ]
    messages = [json.loads(line) for line in lines if decode(line) and b'"state":{' not in line]
    by_shape = {(message.get("type"), shape(message)): message for message in messages}
    return list(by_shape.values())


# No provider of the corpus has actions that an apply invokes (terraform, views/json/hook.go).
ACTION = {
    "@level": "info",
    "@message": "Action complete: action.x.y",
    "@timestamp": "2026-11-27T00:00:00.000000Z",
    "type": "action_complete",
    "hook": {"action": {"addr": "action.x.y", "action": "action.x.y"}},
}
MESSAGES = [*of_each_shape(), ACTION]
VALUES: tuple[object, ...] = (None, True, 7, -1.5, 10**400, "text", [], ["a"], {}, {"addr": {}})


def places(value: object, place: Place = ()) -> Iterator[Place]:
    """The paths to all fields of a message, also to the objects that hold fields."""
    if isinstance(value, dict):
        for name, child in value.items():
            yield (*place, name)
            yield from places(child, (*place, name))


def at(message: dict[str, Any], place: Place) -> dict[str, Any]:
    """The object that holds a field, in a copy of the message that `whole` returns."""
    for name in place[:-1]:
        message = message[name]
    return message


def plain(value: object) -> Any:
    """A message that was read, by the names in JSON; values of outputs as text."""
    if isinstance(value, msgspec.Struct):
        fields = _fields(type(value))
        return {field.encode_name: plain(getattr(value, field.name)) for field in fields}
    if isinstance(value, dict):
        return {name: plain(child) for name, child in value.items()}
    return bytes(value) if isinstance(value, msgspec.Raw) else value


def leaves(message: Message | None) -> dict[Place, object]:
    """The fields of a message that was read."""
    content = plain(message)
    values = {place: at(content, place)[place[-1]] for place in places(content)}
    return {place: value for place, value in values.items() if not isinstance(value, dict)}


def encode(message: dict[str, Any]) -> bytes:
    """A line as terraform's encoder writes it: compact, with sorted names."""
    return json.dumps(message, separators=(",", ":"), sort_keys=True).encode()


def event_of(line: bytes) -> dict[str, Any]:
    translator = Translator(3, "apply", "2026-01-01T00:00:00Z", _REDACTOR)
    (event,) = translator.translate(line, final=True)
    content: dict[str, Any] = json.loads(event)
    return content


def check(message: dict[str, Any], changed: dict[str, Any], place: Place) -> None:
    """All that the message held is still there, except for the changed field."""
    before, after = leaves(decode(encode(message))), leaves(decode(encode(changed)))
    for leaf, value in before.items():
        # The value of an output is a single field, and a place may be inside.
        if leaf[: len(place)] != place[: len(leaf)]:
            assert after[leaf] == value, (place, leaf)
    original, event = event_of(encode(message)), event_of(encode(changed))
    for name, field in _TEXTS.items():
        if place != (name,):
            assert event[field] == original[field], (place, name)


def test_there_is_a_message_of_every_type_that_is_read() -> None:
    assert {message.get("type") for message in MESSAGES} >= set(ProgressAccumulator()._handlers)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.get("type"))
def test_a_field_of_another_type_costs_that_field_alone(message: dict[str, Any]) -> None:
    """The whole line became text without level and time, and the change was not counted."""
    for place in places(message):
        for value in VALUES:
            changed = deepcopy(message)
            at(changed, place)[place[-1]] = value
            check(message, changed, place)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.get("type"))
def test_a_missing_or_unknown_field_costs_nothing_else(message: dict[str, Any]) -> None:
    for place in places(message):
        changed = deepcopy(message)
        del at(changed, place)[place[-1]]
        check(message, changed, place)
        for value in VALUES:
            changed = deepcopy(message)
            at(changed, place)["unknown_field"] = value
            check(message, changed, (*place[:-1], "unknown_field"))


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=8,
)


@given(data=st.data(), message=st.sampled_from(MESSAGES), value=_JSON)
def test_any_value_at_any_place(
    data: st.DataObject, message: dict[str, Any], value: object
) -> None:
    place = data.draw(st.sampled_from(list(places(message))))
    changed = deepcopy(message)
    at(changed, place)[place[-1]] = value
    check(message, changed, place)


@given(
    line=st.binary(max_size=60).map(lambda data: b"{" + data)
    | _JSON.map(lambda value: json.dumps(value).encode())
)
def test_a_line_of_any_content_becomes_events(line: bytes) -> None:
    translator = Translator(3, "apply", "2026-01-01T00:00:00Z", Redactor([]))
    assert len(translator.translate(line + b"\n")) == line.count(b"\n") + 1


def message(kind: str, **content: object) -> dict[str, object]:
    head = {"@level": "warn", "@message": "the text", "@timestamp": "2026-02-03T00:00:00Z"}
    return {**head, "type": kind, **content}


@pytest.mark.parametrize("levels", [200, 2_000, 200_000])
def test_a_value_of_any_depth_costs_that_value(levels: int) -> None:
    """A line that nested too deep ended the translation of the whole log."""
    deep = b"[" * levels + b"]" * levels
    line = encode(message("log", zone="DEEP")).replace(b'"DEEP"', deep)
    event = event_of(line)
    assert (event["level"], event["text"]) == ("warn", "the text")
    assert event["time"] == "2026-02-03T00:00:00Z"


def test_a_message_longer_than_memory_allows_has_its_text_time_and_level() -> None:
    """It was shown as raw JSON: of a printed state, the first 256 KB with every secret."""
    state = {"resources": "hunter2" * (MAX_LINE_BYTES // 6)}
    line = encode(message("log", state=state))
    event = event_of(line)
    assert (event["level"], event["text"]) == ("warn", "the text")
    assert event["truncated_bytes"] == len(line) - MAX_LINE_BYTES


def test_a_printed_state_is_not_shown_also_where_another_field_is_unreadable() -> None:
    (line,) = [
        line
        for line in (CORPUS / "apply_state_dump.jsonl").read_bytes().splitlines()
        if b'"state":{' in line
    ]
    assert b"hunter2-planted" in line
    recorded = json.loads(line)
    for name in set(recorded) - {"state"}:
        for value in VALUES:
            assert "hunter2-planted" not in str(event_of(encode({**recorded, name: value})))


def test_an_output_whose_mark_cannot_be_read_counts_as_sensitive() -> None:
    outputs = {"a": {"sensitive": "no", "value": "s3cret"}, "b": {"sensitive": False, "value": 1}}
    progress = ProgressAccumulator()
    progress.add(decode(encode(message("outputs", outputs=outputs))) or Message(""))
    assert [(output.name, output.value_json) for output in progress.outputs] == [
        ("a", ""),
        ("b", "1"),
    ]


@pytest.mark.parametrize(
    "number", ["0.12345678901234567890123", "123456789012345678901234567890", "1e400"]
)
def test_a_number_is_kept_as_terraform_wrote_it(number: str) -> None:
    """A number of more than 64 bits lost digits; one out of range lost all outputs."""
    outputs = {"a": {"sensitive": False, "value": "NUMBER"}, "b": {"sensitive": False, "value": 1}}
    line = json.dumps(message("outputs", outputs=outputs)).replace('"NUMBER"', number)
    progress = ProgressAccumulator()
    progress.add(decode(line.encode()) or Message(""))
    values = {output.name: output.value_json.strip('"') for output in progress.outputs}
    assert values == {"a": number, "b": "1"}


def test_a_diagnostic_without_a_readable_severity_has_that_of_its_level() -> None:
    progress = ProgressAccumulator()
    for level in ("warn", "error"):
        line = message("diagnostic", diagnostic={"severity": 3, "summary": level})
        progress.add(decode(json.dumps({**line, "@level": level}).encode()) or Message(""))
    assert progress.diagnostics == [Diagnostic("error", "error")]


def test_a_resource_without_a_readable_address_is_no_resource() -> None:
    hook = {"resource": {"addr": 5, "resource_type": "a"}, "action": "create"}
    line = encode(message("apply_start", hook=hook))
    progress = ProgressAccumulator()
    progress.add(decode(line) or Message(""))
    assert progress.resources() == []
    assert "resource" not in event_of(line)


def test_an_action_of_terraform_1_14_is_read_beside_the_resources() -> None:
    """`hook.action` is an object in the messages of actions, a text in all others."""
    action = {"addr": "action.a.b", "module": "", "action": "action.a.b"}
    hook = {"action": action, "lifecycle": {"resource": {"addr": "a.b"}}}
    event = event_of(encode(message("action_start", hook=hook)))
    assert (event["text"], event["level"]) == ("the text", "warn")

    progress = ProgressAccumulator()
    for line in (
        message("action_start", hook=hook),
        message("apply_start", hook={"resource": {"addr": "a.b"}, "action": "create"}),
    ):
        progress.add(decode(json.dumps(line).encode()) or Message(""))
    assert progress.addresses(ResourceStatus.RUNNING) == ["a.b"]
