"""The plan as people may see it, held to hostile documents and to a real plan of the sandbox."""

import base64
import json
import shutil
import subprocess
import unicodedata
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.redaction import MARK, Redactor
from adapters.settings import base_environment
from adapters.terraform import command
from adapters.terraform.plan.redacted import redact_plan
from deployments.phase import Phase

SECRET = "hunter2-hunter2"  # noqa: S105 - planted, to be found
NOTHING_KNOWN = Redactor([])
SANDBOX = Path(__file__).resolve().parents[4] / "terraform" / "sandbox"


def redacted(plan: dict[str, Any], *known: str) -> Any:
    return json.loads(redact_plan(json.dumps(plan).encode(), Redactor(known)))


def change_of(change: dict[str, Any]) -> Any:
    """A resource's change, redacted with no secret known beforehand."""
    plan = {"resource_changes": [{"address": "a.b", "change": {"actions": ["update"], **change}}]}
    return redacted(plan)["resource_changes"][0]["change"]


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({"after": {"k": SECRET}, "after_sensitive": {"k": True}}, {"after": {"k": MARK}}),
        ({"before": {"k": SECRET}, "before_sensitive": True}, {"before": MARK}),
        # Sensitive only before or only after: the other side is the same secret in clear.
        (
            {"before": {"k": SECRET}, "after": {"k": "new"}, "before_sensitive": {"k": True}},
            {"before": {"k": MARK}, "after": {"k": MARK}},
        ),
        (
            {"before": {"k": "old"}, "after": {"k": SECRET}, "after_sensitive": {"k": True}},
            {"before": {"k": MARK}, "after": {"k": MARK}},
        ),
        # Lists in lists, and marks that are shorter than the list they mark.
        (
            {"after": [["a", SECRET], ["b"], "c"], "after_sensitive": [[False, True]]},
            {"after": [["a", MARK], ["b"], "c"]},
        ),
        ({"after": {"k": [1, {"n": 7}]}, "after_sensitive": {"k": True}}, {"after": {"k": MARK}}),
        # Marks of another shape than the value: hidden as a whole.
        ({"after": [SECRET], "after_sensitive": {"0": True}}, {"after": MARK}),
        ({"after": {"0": SECRET}, "after_sensitive": [True]}, {"after": MARK}),
        ({"after": SECRET, "after_sensitive": {"k": [True]}}, {"after": MARK}),
        # No mark anywhere hides nothing.
        ({"after": ["x"], "after_sensitive": {"0": False}}, {"after": ["x"]}),
        ({"before": None, "after": {"k": 1}, "before_sensitive": True}, {"before": None}),
    ],
)
def test_a_marked_value_is_hidden_on_both_sides(
    change: dict[str, Any], shown: dict[str, Any]
) -> None:
    """Marks of another shape than their value hid nothing."""
    found = change_of(change)
    assert {name: found[name] for name in shown} == shown
    assert SECRET not in json.dumps(found)
    assert not {"before_sensitive", "after_sensitive"} & set(found)


def test_a_copy_of_a_marked_value_is_hidden_wherever_it_stands() -> None:
    """terraform_data marks `input` and shows the same text in `output`."""
    after = {"input": SECRET, "output": SECRET, "url": f"https://x/?key={quote(SECRET)}", SECRET: 1}
    found = change_of({"before": after, "after": after, "after_sensitive": {"input": True}})
    assert SECRET not in json.dumps(found)
    assert found["before"]["url"] == f"https://x/?key={MARK}"


def test_drift_hides_what_changes_hide() -> None:
    drift = {"address": "a.b", "change": {"before": SECRET, "after": "x", "before_sensitive": True}}
    assert SECRET not in json.dumps(redacted({"resource_drift": [drift]}))


def test_a_sensitive_output_is_hidden() -> None:
    plan = {
        "output_changes": {
            "key": {"actions": ["create"], "after": SECRET, "after_sensitive": True},
            "url": {"actions": ["create"], "after": "https://x", "after_sensitive": False},
        }
    }
    assert redacted(plan)["output_changes"] == {
        "key": {"actions": ["create"], "after": MARK},
        "url": {"actions": ["create"], "after": "https://x"},
    }


@pytest.mark.parametrize(
    "name",
    ["variables", "prior_state", "planned_values", "configuration", "deferred_changes", "unheard"],
)
def test_what_has_no_marks_is_dropped_even_if_a_later_terraform_adds_it(name: str) -> None:
    """Only four names were dropped; `deferred_changes` went out in clear."""
    assert redacted({"format_version": "1.2", name: {"x": SECRET}}) == {"format_version": "1.2"}


@pytest.mark.parametrize(
    "entry",
    [
        {"address": f'a.b["{SECRET}"]'},
        {"index": SECRET},
        {"action_reason": SECRET},
        {"change": {"after": {SECRET: 1}}},
        {"change": {"after": {"json": json.dumps({"inner": SECRET})}}},
        {"change": {"replace_paths": [["k", SECRET]]}},
        {"change": {"importing": {"id": SECRET}}},
        {"change": {"generated_config": f'k = "{SECRET}"\n'}},
    ],
)
def test_a_known_secret_is_removed_from_odd_places(entry: dict[str, Any]) -> None:
    assert SECRET not in json.dumps(redacted({"resource_changes": [entry]}, SECRET))


@pytest.mark.parametrize("word", ["change", "actions", "resource_changes", "after", "address"])
def test_a_secret_that_is_an_ordinary_word_does_not_break_the_document(word: str) -> None:
    """It renamed the document's own fields, so that nobody could read it."""
    plan = {"resource_changes": [{"address": "a.b", "change": {"actions": ["no-op"], "after": {}}}]}
    found = redacted(plan, word)
    assert found == plan


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.just(SECRET) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("xy", max_size=2), inner),
    max_leaves=12,
)
MARKS = st.recursive(
    st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("xy", max_size=2), inner),
    max_leaves=12,
)


@given(JSON, JSON, MARKS)
def test_whatever_the_marks_a_value_marked_as_a_whole_shows_nothing(
    before: Any, after: Any, marks: Any
) -> None:
    found = change_of(
        {"before": before, "after": after, "before_sensitive": marks, "after_sensitive": True}
    )
    assert SECRET not in json.dumps(found)
    assert found["after"] in (MARK, None)


@given(JSON)
def test_without_a_mark_a_value_is_shown_as_it_is(value: Any) -> None:
    assert change_of({"after": value, "after_sensitive": {}})["after"] == value


def sandbox_plan(folder: Path, secret: str) -> bytes:
    """A real plan of the sandbox after a first apply, as terraform shows it."""
    binary = shutil.which("terraform")
    assert binary is not None, "terraform is on the PATH"
    work, config = folder / "work", folder / "terraform.tfrc"
    shutil.copytree(SANDBOX, work)
    config.write_text(command.cli_config(folder))
    environment = command.environment(folder, config, base_environment()["PATH"])
    values: dict[str, object] = {"project_id": "customer-1", "secret": secret}
    values |= {"resources": 1, "lines": 0, "resource_seconds": 0}
    answer = b""
    for argv in (
        command.phase_argv(binary, Phase.INIT),
        command.phase_argv(binary, Phase.PLAN),
        command.phase_argv(binary, Phase.APPLY),
        # Another prefix, so that the second plan replaces what holds the secret.
        command.phase_argv(binary, Phase.PLAN),
        command.show_plan_argv(binary),
    ):
        (work / "terraform.tfvars.json").write_text(json.dumps(values))
        answer = subprocess.run(  # noqa: S603 - our own commands
            argv, cwd=work, env=environment, capture_output=True, timeout=60, check=True
        ).stdout
        if argv[1] == "apply":
            values["prefix"] = "second"
    return answer


def forms(secret: str) -> set[str]:
    """How a leak of it could be spelt."""
    spelt = {secret, json.dumps(secret)[1:-1], quote(secret, safe=""), secret.encode().hex()}
    # Whole triples only: what stands next to the secret changes nothing in them.
    return spelt | {base64.b64encode(secret.encode()[: len(secret.encode()) // 3 * 3]).decode()}


@pytest.mark.parametrize(
    "planted",
    [
        "hunter2-hunter2",
        'hun"ter2 <&> \\ ${x} %{ if } \u2028',
        "passwo\u0308rd-te\u0301st",
        "-----BEGIN-----\nMIIabcdefgh\n-----END-----\n",
        "ab",
    ],
)
@pytest.mark.parametrize("is_known", [True, False])
def test_nothing_of_a_planted_secret_is_in_the_report_of_a_real_plan(
    tmp_path: Path, planted: str, is_known: bool
) -> None:
    """A secret of composed characters was shown, since terraform spells it in another way."""
    shown = sandbox_plan(tmp_path, planted)
    composed = unicodedata.normalize("NFC", planted)
    keys = [f"{prefix}-{composed}" for prefix in ("anava", "second")]
    assert all(key in _texts_of(json.loads(shown)) for key in keys), "it is planted"
    report = redact_plan(shown, Redactor([planted] if is_known else []))
    texts = _texts_of(json.loads(report))
    for key in (*keys, *((planted, composed) if len(planted) > 2 else ())):
        for form in forms(key):
            assert not any(form in text for text in (*texts, report.decode()))
    assert {'terraform_data.edge["edge-1"]', MARK} <= set(texts)


def _texts_of(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [*value, *(text for entry in value.values() for text in _texts_of(entry))]
    return [text for item in value for text in _texts_of(item)] if isinstance(value, list) else []
