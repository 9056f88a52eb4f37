"""The log hides secrets that become known while terraform runs."""

import json
from pathlib import Path

import pytest

from adapters.redaction import MARK
from adapters.terraform.output.events import Translator
from worker.run_directory import RunDirectory
from worker.run_redactor import RunRedactor


@pytest.fixture
def directory(tmp_path: Path) -> RunDirectory:
    (tmp_path / "secrets.json").write_text(
        '{"format": 1, "secrets": ["known-at-first"], "public": ["demo-proj"]}'
    )
    return RunDirectory(tmp_path)


def _texts(translator: Translator, *lines: str) -> list[str]:
    events = translator.translate("".join(f"{line}\n" for line in lines).encode())
    return [json.loads(event)["text"] for event in events]


def test_a_secret_that_is_added_while_a_step_runs_is_hidden(directory: RunDirectory) -> None:
    translator = Translator(3, "apply", "", RunRedactor(directory))
    assert _texts(translator, "known-at-first made-by-apply") == [f"{MARK} made-by-apply"]

    directory.add_secrets(["made-by-apply"])
    directory.add_secrets(["token-of-the-run"])

    assert _texts(translator, "made-by-apply", "known-at-first", "token-of-the-run") == [MARK] * 3


def test_a_later_worker_hides_what_earlier_workers_added(directory: RunDirectory) -> None:
    directory.add_secrets(["token-of-the-run"])
    directory.add_secrets(["token-of-the-run"])
    translator = Translator(3, "apply", "", RunRedactor(directory))
    assert _texts(translator, "token-of-the-run") == [MARK]


def test_nothing_is_added_to_a_cleared_directory(directory: RunDirectory) -> None:
    redactor = RunRedactor(directory)
    directory.add_secrets(["token-of-the-run"])
    assert redactor.touches(b"token-of-the-run")

    directory.clear()
    directory.add_secrets(["another-token"])

    assert directory.secrets() == []
    assert list(directory.path.iterdir()) == []
    assert redactor.touches(b"token-of-the-run")
    assert redactor.clean("token-of-the-run") == MARK


def test_what_the_request_names_stays_visible(directory: RunDirectory) -> None:
    translator = Translator(3, "apply", "", RunRedactor(directory))
    directory.add_secrets(["demo-proj", "made-by-apply"])
    assert _texts(translator, "made-by-apply in demo-proj") == [f"{MARK} in demo-proj"]
