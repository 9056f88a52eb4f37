"""Every cause is explained, to those who can do something about it."""

import re
from pathlib import Path

import pytest

from deployments.errors import Audience
from deployments.explanations import explain
from deployments.reasons import Reason

ROOT = Path(__file__).resolve().parent.parent.parent
LINK = re.compile(r"docs/[\w/.-]+\.md")

# Words of our own machinery, which neither a customer nor the console knows.
INTERNAL = re.compile(
    r"\b(runner|supervisor|lease|ladder|seal|spool|step|queue|workflow|activity|heartbeat)\b"
    r"|\b(GET|POST) |/api/"
)
# Where all is well there is nothing to do next.
WELL = {Reason.NONE, Reason.APPLIED, Reason.NO_CHANGES, Reason.NOTHING_TO_DESTROY}


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_has_a_sentence(reason: Reason) -> None:
    assert re.fullmatch(r"(?:[A-Z]|terraform ).{10,}\.", explain(reason).message)


@pytest.mark.parametrize("reason", sorted(set(Reason) - WELL))
def test_what_is_not_well_says_what_to_do_next(reason: Reason) -> None:
    assert re.fullmatch(r"[A-Z].{10,}\.", explain(reason).next_step)


@pytest.mark.parametrize("reason", sorted(WELL))
def test_what_is_well_asks_for_nothing(reason: Reason) -> None:
    assert explain(reason).next_step == ""


@pytest.mark.parametrize("reason", Reason)
def test_a_runbook_that_an_advice_names_is_there(reason: Reason) -> None:
    for link in LINK.findall(explain(reason).next_step):
        assert (ROOT / link.rstrip(".")).is_file(), link


def test_an_end_that_needs_attention_leads_to_its_runbook() -> None:
    inconclusive = [
        Reason.RUNNER_LOST,
        Reason.HOST_LOST,
        Reason.OUTCOME_UNKNOWN,
        Reason.UNRECORDED_RESOURCES,
        Reason.TERMINATED_BY_OPERATOR,
    ]
    for reason in inconclusive:
        assert "docs/runbooks/needs-attention.md" in explain(reason).next_step


def test_no_two_reasons_read_the_same() -> None:
    sentences = [explain(reason).message for reason in Reason]
    assert len(set(sentences)) == len(sentences)


@pytest.mark.parametrize("reason", Reason)
def test_what_was_to_be_destroyed_is_never_deployed_again_by_our_advice(reason: Reason) -> None:
    next_step = explain(reason, destroy=True).next_step
    assert not re.search(r"[Dd]eploy (the stack )?again", next_step)
    assert len(next_step.split()) == len(explain(reason).next_step.split())
    assert explain(reason, destroy=True).message == explain(reason).message


@pytest.mark.parametrize("reason", Reason)
def test_a_text_for_people_holds_no_word_of_our_machinery(reason: Reason) -> None:
    known = explain(reason)
    assert not INTERNAL.search(f"{known.message} {known.next_step}")


@pytest.mark.parametrize("reason", Reason)
def test_where_an_operator_must_act_the_audience_is_operators(reason: Reason) -> None:
    known = explain(reason)
    if "operator must" in known.next_step or "needs-attention" in known.next_step:
        assert known.audience is Audience.OPERATOR
    assert explain(reason, destroy=True).audience is known.audience
