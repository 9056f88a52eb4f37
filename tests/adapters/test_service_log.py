"""A flood of messages is a line in the log, and each different message still is there."""

import logging

import pytest

from adapters import service_log
from adapters.service_log import FloodFilter


def record(template: str, *values: object, level: int = logging.WARNING) -> logging.LogRecord:
    return logging.LogRecord("anava.test", level, __file__, 1, template, values, None)


def passed(flood: FloodFilter, *records: logging.LogRecord) -> list[str]:
    return [item.getMessage() for item in records if flood.filter(item)]


def test_a_message_is_written_once_and_at_most_five_of_its_kind() -> None:
    flood = FloodFilter()
    assert passed(flood, *[record("no descriptor")] * 10_000) == ["no descriptor"]
    different = [record("log of %s", number) for number in range(10_000)]
    assert passed(flood, *different) == [f"log of {number}" for number in range(5)]
    assert passed(flood, record("something else")) == ["something else"]


def test_the_next_period_begins_with_the_number_that_was_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    flood = FloodFilter()
    assert len(passed(flood, *[record("no descriptor")] * 100)) == 1
    monkeypatch.setattr(service_log, "_PERIOD_SECONDS", 0.0)
    assert passed(flood, record("no descriptor")) == ["no descriptor (99 more like this before)"]


def test_what_is_no_warning_is_never_left_out() -> None:
    records = [record("worker is up", level=logging.INFO)] * 10
    assert len(passed(FloodFilter(), *records)) == 10
