"""Ids of events: one spelling, one order."""

from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.errors import InvalidRequest
from deployments.events import EndKind, EndRecord, EventChunk, EventId, last_end_record

NUMBERS = st.integers(0, 9_999_999_999)
IDS = st.builds(EventId, NUMBERS, NUMBERS)


@given(IDS)
def test_an_id_reads_as_it_is_written(one: EventId) -> None:
    assert EventId.parse(str(one)) == one


@given(IDS, IDS)
def test_ids_are_ordered_as_pairs_of_numbers(one: EventId, other: EventId) -> None:
    assert (one < other) is ((one.step, one.line) < (other.step, other.line))


@given(IDS, IDS)
def test_zero_padded_text_sorts_as_the_ids_do(one: EventId, other: EventId) -> None:
    padded = [f"{each.step:010}-{each.line:010}" for each in (one, other)]
    assert (padded[0] < padded[1]) is (one < other)


def test_ten_comes_after_nine() -> None:
    assert EventId.parse("3-10") > EventId.parse("3-9")
    assert EventId.parse("10-1") > EventId.parse("9-99")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "3",
        "3-",
        "-42",
        "3-42-",
        "3-42-1",
        "3--42",
        "+3-42",
        "3-+42",
        "3-4_2",
        "3.0-42",
        " 3-42",
        "3-42\n",
        "3\0-42",
        "3\u201342",
        "\u0663-\u0664",
        "\u00b2-1",
        "\ud800-1",
        "0x3-1",
        "3-42 OR 1=1",
        "12345678901-1",
        "1-12345678901",
        "9" * 5000 + "-1",
        "$",
        "*",
    ],
)
def test_what_is_no_id_is_refused_by_its_field(text: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        EventId.parse(text)
    assert [problem.pointer for problem in refusal.value.problems] == ["/after"]
    assert str(refusal.value) == "An event id looks like 3-42."


@given(st.text())
def test_any_text_is_an_id_or_refused(text: str) -> None:
    try:
        one = EventId.parse(text)
    except InvalidRequest:
        return
    assert EventId(0, 0) <= one <= EventId(9_999_999_999, 9_999_999_999)


def test_leading_zeros_name_the_same_event() -> None:
    assert EventId.parse("0000000003-0000000042") == EventId(3, 42)


def test_a_chunk_has_the_id_of_its_last_event() -> None:
    assert EventChunk(3, 40, 42, b"{}\n{}\n{}\n").id == EventId(3, 42)


def test_a_seal_is_equal_only_with_the_same_end_length_hash() -> None:
    seal = EndRecord(3, EndKind.COMPLETE, 42, "ab")
    assert seal == EndRecord(3, EndKind("complete"), 42, "ab")
    assert seal not in [
        EndRecord(2, EndKind.COMPLETE, 42, "ab"),
        EndRecord(3, EndKind.LOST, 42, "ab"),
        EndRecord(3, EndKind.COMPLETE, 41, "ab"),
        EndRecord(3, EndKind.COMPLETE, 42, "cd"),
    ]


def test_an_end_record_reads_back_with_and_without_a_hole() -> None:
    whole = EndRecord(3, EndKind.COMPLETE, 42, "ab")
    holed = EndRecord(3, EndKind.INCOMPLETE, 42, "ab", 7, 40, "é" * 500)
    for record in (whole, holed, EndRecord(3, EndKind.NOT_STARTED, 0, "")):
        assert last_end_record(b"{}\n" + record.encode()) == record
        assert EndRecord.from_fields(asdict(record)) == record
    assert whole.encode() == b'{"id":"3-43","end":"complete","lines":42,"sha256":"ab"}\n'


def test_a_refused_id_names_the_field_in_which_it_was_sent() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        EventId.parse("x", "/before")
    assert [problem.pointer for problem in refusal.value.problems] == ["/before"]
