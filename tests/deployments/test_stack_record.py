"""A stack is changed where its state lies, and never from an older state."""

import pytest

from deployments.errors import (
    AnavaError,
    StateBeingRecovered,
    StateOnAnotherHost,
    StateReplaced,
)
from deployments.stack_record import StackRecord, StatePosition, check_position

BUCKET, HERE, THERE = "gs://states/stacks/x", "host:here", "host:there"
L, M = "lineage", "another lineage"
NEW = StatePosition()


def position(serial: int, lineage: str = L) -> StatePosition:
    return StatePosition(lineage, serial, resources=12)


@pytest.mark.parametrize(
    ("record", "location", "state"),
    [
        (None, HERE, NEW),
        (None, BUCKET, position(3)),
        (StackRecord(HERE, "here"), HERE, NEW),
        (StackRecord(HERE, "here"), HERE, position(1)),
        (StackRecord(HERE, "here", L, 3), HERE, position(3)),
        (StackRecord(HERE, "here", L, 3), HERE, position(4)),
        # Moved: a copy of the state, or a later version, lies at the new place.
        (StackRecord(THERE, "there", L, 3), HERE, position(3)),
        (StackRecord(THERE, "there", L, 3), BUCKET, position(5)),
        (StackRecord(BUCKET, "there", L, 3), HERE, position(3)),
        # The write had arrived, or an operator has pushed the state.
        (StackRecord(BUCKET, "there", L, 3, saved=False), BUCKET, position(3)),
        (StackRecord(BUCKET, "here", L, 3), BUCKET, None),
    ],
)
def test_the_latest_state_is_changed_wherever_it_lies(
    record: StackRecord | None, location: str, state: StatePosition | None
) -> None:
    check_position(record, location, state, "here")


@pytest.mark.parametrize(
    ("record", "location", "state", "error", "named"),
    [
        (StackRecord(THERE, "there"), HERE, NEW, StateOnAnotherHost, "host there"),
        (StackRecord(THERE, "there", L, 3), HERE, NEW, StateOnAnotherHost, "host there"),
        (StackRecord(THERE, "there", L, 3), HERE, position(2), StateOnAnotherHost, "host there"),
        (StackRecord(THERE, "there", L, 3), BUCKET, NEW, StateOnAnotherHost, "host there"),
        (StackRecord(THERE, "there", L, 3), BUCKET, position(9, M), StateOnAnotherHost, "there"),
        (StackRecord(BUCKET, "there", L, 3), HERE, NEW, StateOnAnotherHost, BUCKET),
        (StackRecord(BUCKET, "there", L, 3), f"{BUCKET}2", NEW, StateOnAnotherHost, BUCKET),
        (StackRecord(BUCKET, "there", L, 3), BUCKET, position(2), StateBeingRecovered, "serial 3"),
        (StackRecord(BUCKET, "there", L, 3), BUCKET, NEW, StateBeingRecovered, "host there"),
        (
            StackRecord(BUCKET, "there", L, 3, saved=False),
            BUCKET,
            position(2),
            StateBeingRecovered,
            "there",
        ),
        (
            StackRecord(BUCKET, "there", L, 3, saved=False),
            BUCKET,
            None,
            StateBeingRecovered,
            "there",
        ),
        (StackRecord(BUCKET, "there", L, 3), BUCKET, position(9, M), StateReplaced, M),
    ],
)
def test_any_other_state_is_refused_and_the_place_is_named(
    record: StackRecord,
    location: str,
    state: StatePosition | None,
    error: type[AnavaError],
    named: str,
) -> None:
    with pytest.raises(error, match=named):
        check_position(record, location, state, "here")
