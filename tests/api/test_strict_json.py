import json

import pytest

from api.middleware.strict_json import MOST_LEVELS, complaint


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"null",
        b'{"a": {"b": [1, "]]]]"]}}',
        b'{"a": {"x": 1}, "b": {"x": 1}}',
        b"[" * MOST_LEVELS + b"]" * MOST_LEVELS,
        json.dumps("[" * 1000).encode(),
    ],
)
def test_what_every_reader_reads_alike_passes(body: bytes) -> None:
    assert complaint(body) is None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"[" * (MOST_LEVELS + 1) + b"]" * (MOST_LEVELS + 1), "deeper"),
        (b"[" * 100_000, "deeper"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "deeper"),
        (b'{"a": 1, "a": 2}', "'a' twice"),
        (b'{"b": [{"a": 1, "\\u0061": 2}]}', "'a' twice"),
        (b"{", "no JSON"),
        (b"\xff", "no JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "no JSON"),
        (b"", "no JSON"),
    ],
)
def test_what_readers_disagree_about_is_refused(body: bytes, words: str) -> None:
    assert words in (complaint(body) or "")
