"""docs/stream.md names every event, request and close code that there is."""

import re
from pathlib import Path
from typing import get_args

from api.schemas.messages import Message
from api.streaming.websocket import CloseCode
from tests.support.repository import python_files, text

DOCUMENT = text(Path("docs/stream.md"))


def test_every_event_is_told() -> None:
    made = {
        name for path in python_files("api") for name in re.findall(r'\bframe\("(\w+)"', text(path))
    }
    assert made == {"status", "resource", "log", "source", "ping", "bye", "end"}
    assert {name for name in made if f"\n| `{name}` |" not in DOCUMENT} == set()


def test_every_reason_of_a_bye_is_told() -> None:
    made = {
        reason
        for path in python_files("api")
        for reason in re.findall(r'frame\("bye", \{"reason": "(\w+)"', text(path))
    }
    assert made
    assert {reason for reason in made if f"`{reason}`" not in DOCUMENT} == set()


def test_every_request_is_told() -> None:
    types = {
        name
        for model in get_args(Message)
        for name in get_args(model.model_fields["type"].annotation)
    }
    told = {name for name in types if f'"type":"{name}"' in DOCUMENT or f"`{name}`" in DOCUMENT}
    assert told == types


def test_every_close_code_is_told() -> None:
    assert {code for code in CloseCode if f"\n| {code:d} |" not in DOCUMENT} == set()
