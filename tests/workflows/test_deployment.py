"""Recorded histories replay: a change of the workflow's commands needs `patched()`.

A history is never recorded again to make a test pass.
"""

from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from deployments.deployment import CancelRequest
from workflows.deployment import DeploymentWorkflow
from workflows.telling import parse_cancel
from workflows.turn import StackTurnWorkflow

HISTORIES = {
    path.stem: path.read_text()
    for path in sorted((Path(__file__).parent / "histories").glob("*.json"))
}


@pytest.mark.parametrize("name", HISTORIES)
async def test_a_recorded_history_replays(name: str) -> None:
    replayer = Replayer(workflows=[DeploymentWorkflow, StackTurnWorkflow])
    history = WorkflowHistory.from_json("dep-replayed", HISTORIES[name])
    await replayer.replay_workflow(history)


@pytest.mark.parametrize(
    ("text", "request_"),
    [
        ('anava:{"by": "ann", "reason": "late"}', CancelRequest("ann", "late")),
        ("", CancelRequest("", "")),
        ("anava:not json", CancelRequest("", "anava:not json")),
        ("anava:[1]", CancelRequest("", "anava:[1]")),
        ("an operator's words", CancelRequest("", "an operator's words")),
    ],
)
def test_a_cancel_reason_names_who_asked_or_an_operator(text: str, request_: CancelRequest) -> None:
    assert parse_cancel(text) == request_
