import json

import pytest

from api.middleware.strict_json import MAX_FIELDS, MAX_LEVELS, MAX_VALUES, json_error

OTHER_ENCODINGS = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be")


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"null",
        b'{"a": {"b": [1, "]]]]"]}}',
        b'{"a": {"x": 1}, "b": {"x": 1}}',
        b'\xef\xbb\xbf{"a": 1}',
        b"[" * MAX_LEVELS + b"]" * MAX_LEVELS,
        json.dumps("[" * 1000).encode(),
        json.dumps([',"[{:\\' * 100_000]).encode(),
        json.dumps({"variables": {f"v{name}": ["x"] * 100 for name in range(100)}}).encode(),
    ],
)
def test_what_every_reader_reads_alike_passes(body: bytes) -> None:
    assert json_error(body) is None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"[" * (MAX_LEVELS + 1) + b"]" * (MAX_LEVELS + 1), "deeper"),
        (b"[" * 10_000, "deeper"),
        (b'{"a":' * 1_500 + b"1" + b"}" * 1_500, "deeper"),
        (b"[" * 100_000, "more than"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "more than"),
        (b"[" + b"1," * MAX_VALUES + b"1]", "more than"),
        (b"[" + b"{}," * MAX_VALUES + b"1]", "more than"),
        (b"[" + b'"a\\",' * (2 * MAX_VALUES) + b"1]", "more than"),
        (b'{"' + b'":1,"'.join(b"%x" % name for name in range(MAX_FIELDS + 1)) + b'":1}', "more"),
        (b'{"a": 1, "a": 2}', "'a' twice"),
        (b'{"b": [{"a": 1, "\\u0061": 2}]}', "'a' twice"),
        (b"{", "not valid JSON"),
        (b"\xff", "not valid JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not valid JSON"),
        (b"", "not valid JSON"),
        *(('{"a": 1}'.encode(encoding), "not valid JSON") for encoding in OTHER_ENCODINGS),
        # U+2200 has the byte of a quote: a count of the bytes took all values for a string.
        (('["\u2200",' + "1," * MAX_VALUES + "1]").encode("utf-16-le"), "not valid JSON"),
    ],
)
def test_what_readers_disagree_about_is_refused(body: bytes, words: str) -> None:
    assert words in (json_error(body) or "")
