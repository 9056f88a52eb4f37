"""What the real provider said to each failure; their causes are in `test_causes_of_corpus`."""

import json

from deployments.step import Diagnostic
from tests.google_stand_in.causes import PROVOKED
from tests.google_stand_in.provoked import CASES
from tests.google_stand_in.record import CORPUS, SINGLE, SLOW


def _diagnostics(name: str) -> list[Diagnostic]:
    lines = (CORPUS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    found = [json.loads(line)["diagnostic"] for line in lines]
    return [
        Diagnostic(item["severity"], item["summary"], item["detail"], item.get("address", ""))
        for item in found
    ]


def test_every_case_is_in_the_corpus_and_nothing_else_is() -> None:
    recorded = {path.stem for path in CORPUS.glob("*.jsonl")}

    assert recorded == {*CASES, *SINGLE, *SLOW}
    assert recorded == set(PROVOKED)


def test_a_provider_error_has_all_its_words_in_the_summary() -> None:
    """Only terraform's own errors have a detail: what an import misses."""
    with_detail = {
        name
        for name in PROVOKED
        for diagnostic in _diagnostics(name)
        if diagnostic.detail and diagnostic.address
    }

    assert with_detail == set()
