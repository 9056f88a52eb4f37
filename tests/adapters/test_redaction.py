"""A known secret is found in every form."""

import base64
import json
from urllib.parse import quote

import pytest

from adapters.redaction import MARK, Redactor

SECRET = 'pa"ss<wörd>&17-secret'  # noqa: S105 - planted, to be found


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        quote(SECRET, safe=""),
        SECRET.encode().hex(),
    ],
)
def test_a_form_of_the_secret_is_replaced(form: str) -> None:
    text = f"before {form} after"
    assert Redactor([SECRET]).touches(text.encode())
    assert Redactor([SECRET]).clean(text) == f"before {MARK} after"


@pytest.mark.parametrize("offset", [0, 1, 2])
def test_base64_is_found_at_each_alignment(offset: int) -> None:
    encoded = base64.b64encode(b"x" * offset + SECRET.encode() + b"tail").decode()
    assert MARK in Redactor([SECRET]).clean(encoded)


def test_each_long_line_of_a_key_counts() -> None:
    redactor = Redactor(["-----BEGIN KEY-----\nMIIabcdefgh\nxyz\n"])
    assert redactor.clean("it printed MIIabcdefgh only") == f"it printed {MARK} only"


def test_short_texts_stay() -> None:
    assert Redactor(["no"]).clean("no and no") == "no and no"
