import json

import pytest

from api.middleware.strict_json import MAX_LEVELS, json_error


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"null",
        b'{"a": {"b": [1, "]]]]"]}}',
        b'{"a": {"x": 1}, "b": {"x": 1}}',
        b"[" * MAX_LEVELS + b"]" * MAX_LEVELS,
        json.dumps("[" * 1000).encode(),
    ],
)
def test_what_every_reader_reads_alike_passes(body: bytes) -> None:
    assert json_error(body) is None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"[" * (MAX_LEVELS + 1) + b"]" * (MAX_LEVELS + 1), "deeper"),
        (b"[" * 100_000, "deeper"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "deeper"),
        (b'{"a": 1, "a": 2}', "'a' twice"),
        (b'{"b": [{"a": 1, "\\u0061": 2}]}', "'a' twice"),
        (b"{", "not valid JSON"),
        (b"\xff", "not valid JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not valid JSON"),
        (b"", "not valid JSON"),
    ],
)
def test_what_readers_disagree_about_is_refused(body: bytes, words: str) -> None:
    assert words in (json_error(body) or "")
