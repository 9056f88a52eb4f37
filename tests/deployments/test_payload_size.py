"""Texts and lists are shortened to a size in bytes, and what identifies a thing is never halved."""

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from deployments.events import EndKind, EndRecord
from deployments.imports import Import, ImportSurvey
from deployments.payload_size import cut, encoded_bytes, fit
from deployments.phase import Phase
from deployments.step import Diagnostic, Output, StepKey, StepOutcome, StepResult

# A letter, characters that JSON escapes with 2, 6 and 12 bytes, and a lone surrogate.
CHARACTERS = ["a", '"', "\x00", "é", "\N{GRINNING FACE}", "\ud800"]
TEXTS = st.builds(str.__mul__, st.text(st.sampled_from(CHARACTERS)), st.sampled_from([1, 40, 900]))
STEP = StepResult(StepKey("dep-1", 1), Phase.APPLY, StepOutcome.DONE)


@given(TEXTS, st.integers(20, 500))
def test_a_cut_text_has_at_most_that_many_bytes_as_json(text: str, max_bytes: int) -> None:
    short = cut(text, max_bytes)
    assert len(json.dumps(short)) - 2 <= max_bytes
    if short != text:
        assert text.startswith(short.removesuffix(" [cut]"))
        # A character takes at most 12 bytes: no more than needed is cut.
        assert len(json.dumps(short)) - 2 > max_bytes - 12
        assert len(json.dumps(text)) - 2 > max_bytes


@given(
    st.builds(
        StepResult,
        key=st.just(StepKey("dep-1", 1)),
        phase=st.just(Phase.APPLY),
        outcome=st.sampled_from(StepOutcome),
        changed=st.lists(TEXTS, max_size=9),
        not_applied=st.lists(TEXTS, max_size=9),
        diagnostics=st.lists(st.builds(Diagnostic, st.just("error"), TEXTS, TEXTS), max_size=5),
        outputs=st.lists(st.builds(Output, TEXTS, st.booleans(), TEXTS), max_size=9),
        error=TEXTS,
        seal=st.just(EndRecord(1, EndKind.COMPLETE, 9, "0" * 64)),
    ),
    st.integers(2_000, 8_000),
)
def test_a_value_fits_and_says_how_much_was_left_out(result: StepResult, max_bytes: int) -> None:
    short = fit(result, max_bytes)
    assert encoded_bytes(short) <= max_bytes
    assert (short.key, short.outcome, short.seal) == (result.key, result.outcome, result.seal)
    lists = ("changed", "not_applied", "diagnostics", "outputs")
    missing = sum(len(getattr(result, name)) - len(getattr(short, name)) for name in lists)
    assert short.omitted == missing
    for name in ("changed", "not_applied", "outputs"):
        assert all(entry in getattr(result, name) for entry in getattr(short, name))
    assert fit(short, max_bytes) == short


def test_half_an_import_would_import_another_resource() -> None:
    long, short = Import("a.b", "x" * 70_000), Import("a.c", "y")
    assert fit(ImportSurvey([long, short])) == ImportSurvey([short])


def test_the_steps_of_a_deployment_are_all_kept() -> None:
    """Only their lists are shortened: the outcome of each decides the end."""
    steps = [
        replace(STEP, key=StepKey("dep-1", number), changed=["a" * 90] * 50) for number in range(99)
    ]
    short = fit(steps)
    assert [step.key for step in short] == [step.key for step in steps]
    assert encoded_bytes(short) < encoded_bytes(steps)
