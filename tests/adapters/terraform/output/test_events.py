"""From the spool to events: complete, inert, and the same whatever the cuts."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.redaction import Redactor
from adapters.terraform.output.events import MAX_LINE_BYTES, Translator
from deployments.events import MAX_TEXT_BYTES

CORPUS = sorted((Path(__file__).parents[1] / "corpus").glob("*.jsonl"))
AT = "2026-11-23T00:00:00Z"


def translator(*secrets: str) -> Translator:
    return Translator(3, "apply", AT, Redactor(secrets))


def whole(data: bytes) -> list[bytes]:
    return translator().translate(data, final=True)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_every_line_of_a_real_run_is_one_event(path: Path) -> None:
    lines = path.read_bytes().splitlines()
    events = [json.loads(item) for item in whole(path.read_bytes())]
    assert [event["id"] for event in events] == [f"3-{n}" for n in range(1, len(lines) + 1)]
    assert all(entry["time"] for entry in events)


def fold_of(name: str) -> Translator:
    made = translator()
    made.translate((CORPUS[0].parent / f"{name}.jsonl").read_bytes(), final=True)
    return made


def test_a_successful_apply_is_folded_to_its_resources() -> None:
    accumulator = fold_of("apply_success").accumulator
    assert accumulator.applied
    assert accumulator.tally() == {
        "planned": 0,
        "running": 0,
        "done": accumulator.counts.add,
        "failed": 0,
        "unchanged": 0,
    }


def test_an_interrupted_or_lied_about_apply_is_not_complete() -> None:
    assert not fold_of("apply_interrupted").accumulator.applied
    assert not fold_of("apply_failure").accumulator.applied


@given(cuts=st.lists(st.integers(0, 3000), max_size=8))
def test_cuts_anywhere_give_the_same_bytes(cuts: list[int]) -> None:
    data = (CORPUS[0].parent / "apply_success.jsonl").read_bytes()[:3000]
    made, events, at = translator(), [], 0
    for cut in [*sorted(cuts), len(data)]:
        events += made.translate(data[at:cut], final=cut == len(data))
        at = max(at, cut)
    assert events == whole(data)


def test_hostile_bytes_arrive_inert_and_complete() -> None:
    data = b"\x00\xff\x1b[31m<script>\n" + b'{"@message": 5}\n' + b"last without newline"
    texts = [json.loads(item)["text"] for item in whole(data)]
    assert texts == ["\x00\ufffd\x1b[31m<script>", '{"@message": 5}', "last without newline"]


def test_a_long_line_is_cut_with_a_mark() -> None:
    event = json.loads(whole(b"x" * (5 * 1024 * 1024) + b"\n")[0])
    assert len(event["text"]) == MAX_TEXT_BYTES
    assert event["truncated_bytes"] == 5 * 1024 * 1024 - MAX_TEXT_BYTES


def test_a_line_longer_than_memory_allows_still_counts_every_byte() -> None:
    event = json.loads(whole(b"x" * (MAX_LINE_BYTES + 7) + b"\n")[0])
    assert event["truncated_bytes"] == MAX_LINE_BYTES + 7 - MAX_TEXT_BYTES


def test_outputs_that_are_too_long_to_be_read_are_a_warning_and_a_change() -> None:
    value = {"sensitive": False, "type": "string", "action": "create", "value": "x" * 1_048_576}
    message = {
        "@level": "info",
        "@message": "Outputs: 17",
        "@module": "terraform.ui",
        "@timestamp": AT,
        "outputs": {f"output_{number}": value for number in range(17)},
        "type": "outputs",
    }
    made = translator()
    made.translate(json.dumps(message, separators=(",", ":")).encode() + b"\n", final=True)
    assert made.accumulator.outputs == []
    assert made.accumulator.counts.outputs == 1
    assert [warning.summary for warning in made.accumulator.diagnostics] == ["Outputs are missing"]


def test_a_secret_in_a_message_is_replaced_and_the_message_still_understood() -> None:
    line = b'{"@level":"info","@message":"the hunter2-secret is out","type":"log"}\n'
    event = json.loads(translator("hunter2-secret").translate(line)[0])
    assert event["text"] == "the (sensitive) is out"


def test_an_event_about_a_resource_with_an_endless_name_fits_every_store() -> None:
    """The text was cut, and the address beside it was not."""
    address = f'a.b["{"k" * 3 * MAX_TEXT_BYTES}"]'
    hook = {"resource": {"addr": address}, "action": "create", "id_value": address}
    line = {"@message": f"{address}: Creating...", "type": "apply_start", "hook": hook}
    (event,) = translator().translate(json.dumps(line).encode() + b"\n")
    assert len(event) < 4 * MAX_TEXT_BYTES
