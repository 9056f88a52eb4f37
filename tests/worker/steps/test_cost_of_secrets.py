"""A customer's secret does not hold the event loop, which serves the other customers' cancels."""

from pathlib import Path

import pytest

from adapters.redaction import MARK, Redactor
from adapters.terraform.output.events import Translator
from deployments.phase import Phase
from deployments.step import StepKey
from tests.support.cost import event_loop_seconds
from tests.support.dear_inputs import dear_secrets
from worker.steps.event_log import SPOOL_FILE, EventLog

_SECRETS = dear_secrets(4096)


@pytest.mark.parametrize("kind", _SECRETS)
async def test_the_dearest_secret_takes_less_than_100_ms_of_the_event_loop(
    tmp_path: Path, kind: str
) -> None:
    secret = _SECRETS[kind]
    (tmp_path / SPOOL_FILE).write_text(f"{secret.splitlines()[0]} in a line\n" * 100)
    events = tmp_path / "events.jsonl"

    async def follow() -> None:
        translator = Translator(3, Phase.APPLY, "", Redactor([secret]))
        log = EventLog(tmp_path, StepKey("dep-test", 3), translator, lambda: None)
        await log.pump()
        log.release()

    assert await event_loop_seconds(follow) < 0.1
    assert events.read_text().count(MARK) == 100
