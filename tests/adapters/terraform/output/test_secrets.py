"""A secret in terraform's output is in no event, however it is written or cut."""

import base64
import json
from collections.abc import Callable
from functools import cache
from urllib.parse import quote, quote_plus

import msgspec
import pytest

from adapters.redaction import MARK, Redactor
from adapters.terraform.output.events import MAX_LINE_BYTES, Translator

SECRET = 'pa"ss<wörd>&17/secret\u2028end'  # noqa: S105 - planted, to be found
KEY = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----\n"


def _go(text: str) -> str:
    """As Go's encoder writes it: only these escaped, letters of other languages left."""
    found = json.dumps(text, ensure_ascii=False)[1:-1]
    for item in "<>&\u2028\u2029":
        found = found.replace(item, f"\\u{ord(item):04x}")
    return found


def _loud(text: str) -> str:
    """As no Python or Go writes it, but a provider may: digits of escapes in capitals."""
    escaped = (
        item if item.isalnum() and item.isascii() else f"\\u{ord(item):04X}" for item in text
    )
    return "".join(escaped)


FORMS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "json": lambda text: json.dumps(text)[1:-1],
    "json, other letters left": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "json as Go writes it": _go,
    "json in json": lambda text: json.dumps(json.dumps(text))[3:-3],
    "url": lambda text: quote(text, safe=""),
    "form": quote_plus,
    "hex": lambda text: text.encode().hex(),
    "HEX": lambda text: text.encode().hex().upper(),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 behind one": lambda text: base64.b64encode(b"x" + text.encode()).decode(),
    "base64 behind two": lambda text: base64.b64encode(b"xy" + text.encode() + b"z").decode(),
    "base64 for the web": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
}


def message(text: str, encode: Callable[[str], str] = _go) -> bytes:
    """One line as terraform prints it."""
    return f'{{"@level":"info","@message":"{encode(text)}","type":"log"}}\n'.encode()


@cache
def redactor_of(secret: str) -> Redactor:
    return Redactor([secret])


def translated(*pieces: bytes, secret: str = SECRET) -> list[str]:
    """Texts of the events made of pieces that arrive one after the other."""
    translator = Translator(3, "apply", "2026-01-01T00:00:00Z", redactor_of(secret))
    events = [item for piece in pieces for item in translator.translate(piece)]
    events += translator.translate(b"", final=True)
    return [json.loads(event)["text"] for event in events]


@pytest.mark.parametrize("form", FORMS)
def test_it_is_hidden_in_each_form_wherever_a_write_is_cut(form: str) -> None:
    written = f"before {FORMS[form](SECRET)} after"
    for whole in (message(written), f"{written}\n".encode()):
        expected = translated(whole)
        assert MARK in "".join(expected)
        assert "secret" not in "".join(expected)
        assert FORMS[form](SECRET) not in "\n".join(expected)

        for cut in range(len(whole)):
            assert translated(whole[:cut], whole[cut:]) == expected, cut


@pytest.mark.parametrize("encode", [_go, FORMS["json"], _loud])
def test_it_is_hidden_however_its_letters_are_escaped(encode: Callable[[str], str]) -> None:
    assert translated(message(f"it is {SECRET}.", encode)) == [f"it is {MARK}."]


def test_each_line_of_a_key_is_hidden_wherever_a_write_is_cut() -> None:
    whole = KEY.encode()
    expected = [MARK] * 4

    assert translated(whole, secret=KEY) == expected
    for cut in range(len(whole)):
        assert translated(whole[:cut], whole[cut:], secret=KEY) == expected, cut


def test_half_a_secret_at_the_cut_of_an_endless_line_is_not_shown() -> None:
    start = MAX_LINE_BYTES - len(SECRET.encode()) // 2
    [text] = translated(b"x" * start + SECRET.encode() + b"y" * 100 + b"\n")

    assert set(text) == {"x"}


def test_a_secret_of_one_letter_of_every_kind_is_looked_for_in_every_line() -> None:
    assert translated(message("ääää"), secret="ääää") == [MARK]  # noqa: S106 - planted


def test_what_holds_no_secret_is_not_touched() -> None:
    redactor = Redactor([SECRET])

    assert not redactor.touches(message("nothing of the kind"))
    assert redactor.clean("nothing of the kind") == "nothing of the kind"
    assert msgspec.json.decode(message("x"))["@message"] == "x"


def test_each_line_of_a_private_key_is_hidden_though_no_variable_has_it() -> None:
    body = ["MIIplanted+planted/planted", "planted", "cA=="]
    lines = ["-----BEGIN RSA PRIVATE KEY-----", "DEK-Info: planted", "", *body]
    printed = [f"terraform_data.a (local-exec): {line}" for line in lines]
    other = "terraform_data.b (local-exec): done"
    end = "terraform_data.a (local-exec): -----END RSA PRIVATE KEY-----"
    after = "terraform_data.a (local-exec): done"
    whole = [message(text) for text in (*printed[:4], other, *printed[4:], end, after)]

    texts = translated(*whole, secret="unknown")  # noqa: S106 - not in the text

    assert "planted" not in "".join(texts)
    assert "cA==" not in "".join(texts)
    assert [text for text in texts if text in (other, after)] == [other, after]


def test_a_line_after_a_key_without_an_end_is_shown() -> None:
    lines = ["-----BEGIN PRIVATE KEY-----", "MIIplanted", "Creation complete after 1s", "done"]
    texts = translated(*map(message, lines), secret="unknown")  # noqa: S106 - as above
    assert texts == [MARK, MARK, "Creation complete after 1s", "done"]
