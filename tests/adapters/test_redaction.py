"""A known secret is found in every form, and a token by its shape; the cost is linear."""

import base64
import binascii
import html
import json
import re
import textwrap
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.redaction import MARK, Redactor
from tests.support.cost import growth, thread_seconds
from tests.support.dear_inputs import dear_secrets, short_lines

SECRET = 'pa"ss<wörd>&17-secret'  # noqa: S105 - planted, to be found
KEY = "-----BEGIN KEY-----\n" + "\n".join(f"line-{number}-of-the-key+/é" for number in range(9))
# A variable may have so many characters.
CHARACTERS = 4096


def _json(text: str) -> str:
    return json.dumps(text)[1:-1]


def _small_url(text: str) -> str:
    return re.sub("%[0-9A-F]{2}", lambda escape: escape[0].lower(), quote(text, safe=""))


def _every_letter(text: str) -> str:
    return "".join(f"\\u{ord(letter):04x}" for letter in text)


def _coloured(text: str) -> str:
    return "\x1b[31m".join([text[:3], text[3:6], f"{text[6:]}\x1b[0m"])


def _linked(text: str) -> str:
    return f"{text[:4]}\x1b]8;;http://a.example\x1b\\{text[4:]}\x1b]8;;\x07"


ENCODERS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "JSON": _json,
    "JSON with other letters": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "JSON in JSON": lambda text: _json(_json(text)),
    "JSON in JSON in JSON": lambda text: _json(_json(_json(text))),
    "JSON with each letter escaped": _every_letter,
    "JSON with each letter escaped in capitals": lambda text: (
        _every_letter(text).upper().replace("U", "u")
    ),
    "URL": lambda text: quote(text, safe=""),
    "URL in small letters": _small_url,
    "path of a URL": lambda text: quote(text, safe="$&+,/:;=@!'()*"),
    "URL with each byte escaped": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "URL in a URL": lambda text: quote(quote(text, safe=""), safe=""),
    "form": quote_plus,
    "HTML": html.escape,
    "HTML with each letter escaped": lambda text: "".join(f"&#{ord(letter)};" for letter in text),
    "HTML in JSON": lambda text: _json(html.escape(text)),
    "with colours": _coloured,
    "with colours in JSON": lambda text: _json(_coloured(text)),
    "with colours by an escaped escape": lambda text: _coloured(text).replace("\x1b", "\\u001b"),
    "with a link": _linked,
    "hexadecimal": lambda text: text.encode().hex(),
    "HEXADECIMAL": lambda text: text.encode().hex().upper(),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 after a byte": lambda text: base64.b64encode(b"x" + text.encode()).decode(),
    "base64 after two bytes": lambda text: base64.b64encode(b"xy" + text.encode()).decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "base64 in a URL": lambda text: quote(base64.b64encode(text.encode()).decode(), safe=""),
    "base64 in JSON": lambda text: _json(base64.encodebytes(text.encode()).decode()),
}


@pytest.mark.parametrize("encoder", ENCODERS)
def test_an_encoded_secret_is_replaced(encoder: str) -> None:
    form = ENCODERS[encoder](SECRET)
    text = f"before {form} after"

    cleaned = Redactor([SECRET]).clean(text)

    assert Redactor([SECRET]).touches(text.encode())
    assert cleaned.startswith(f"before {MARK}")
    assert cleaned.endswith(" after")
    assert form[2:-4] not in cleaned
    assert "secret" not in cleaned


@pytest.mark.parametrize("encoder", ["plain", "JSON", "JSON in JSON", "URL", "HTML"])
@pytest.mark.parametrize(
    "secret", ["100%41 sure", r"C:\new\table", "a&amp;b=c", '$${x}"\\u0041%2F']
)
def test_a_secret_that_looks_encoded_is_replaced(secret: str, encoder: str) -> None:
    text = f"before {ENCODERS[encoder](secret)} after"
    assert Redactor([secret]).clean(text) == f"before {MARK} after"


@given(
    secret=st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=9, max_size=60),
    encoders=st.lists(st.sampled_from(["JSON", "URL", "HTML", "URL in small letters"]), max_size=2),
    behind=st.text(max_size=20),
)
@settings(max_examples=100, deadline=None)
def test_no_secret_survives_any_encoding(secret: str, encoders: list[str], behind: str) -> None:
    secret = f"Secret{secret}"
    form = secret
    for encoder in encoders:
        form = ENCODERS[encoder](form)

    assert MARK in Redactor([secret]).clean(f"{behind} {form} {behind}")


@pytest.mark.parametrize(
    "beginning",
    ["\x1b[", "\x9b", "\x1b[31", "\x1b]8;;http://a.example/", "\\u001b[", "\\u009b", "\\u001b]"],
)
@pytest.mark.parametrize(
    "encoder", ["plain", "JSON", "JSON in JSON", "JSON with each letter escaped"]
)
@pytest.mark.parametrize("secret", [SECRET, "Secret00000000\x1b"])
def test_a_secret_behind_the_beginning_of_a_terminal_escape_is_replaced(
    secret: str, encoder: str, beginning: str
) -> None:
    form = ENCODERS[encoder](secret)
    cleaned = Redactor([secret]).clean(f"{beginning} {form} \x1b\\ \x07")
    assert MARK in cleaned
    assert form[4:-4] not in cleaned


@pytest.mark.parametrize("secret", [SECRET * 3, KEY, short_lines(CHARACTERS)])
@pytest.mark.parametrize("width", [16, 60, 76])
@pytest.mark.parametrize(("before", "after"), [("", "\n"), ("user:", ""), ("{", "")])
def test_each_line_of_a_wrapped_encoding_is_replaced(
    secret: str, width: int, before: str, after: str
) -> None:
    redactor = Redactor([secret])
    raw = f"{before}{secret}{after}".encode()
    for encoded in (base64.b64encode(raw).decode(), binascii.hexlify(raw).decode()):
        lines = textwrap.wrap(encoded, width)[1 if before else 0 :]
        for line in lines:
            # The end of a text that is shorter than four characters holds two bytes at most.
            if len(line) >= 6:
                text = f"terraform_data.a (local-exec): {line}"
                assert redactor.touches(text.encode()), line
                assert redactor.clean(text) == f"terraform_data.a (local-exec): {MARK}"
        for separator in ("\n", "\r\n", "\\n", "\n    "):
            text = redactor.clean(separator.join(lines))
            assert not [line for line in lines if len(line) >= 6 and line in text]


def test_a_raw_line_with_a_wrapped_secret_is_found_behind_escapes() -> None:
    redactor = Redactor([SECRET])
    line = json.dumps({"@message": _coloured(SECRET)}).encode()
    assert redactor.touches(line)


@pytest.mark.parametrize("offset", [0, 1, 2])
def test_base64_is_found_at_each_alignment(offset: int) -> None:
    encoded = base64.b64encode(b"x" * offset + SECRET.encode() + b"tail").decode()
    assert Redactor([SECRET]).clean(encoded) == MARK


def test_each_long_line_of_a_key_counts() -> None:
    redactor = Redactor(["-----BEGIN KEY-----\nMIIabcdefgh\nxyz\n"])
    assert redactor.clean("it printed MIIabcdefgh only") == f"it printed {MARK} only"


def test_short_texts_stay() -> None:
    assert Redactor(["no"]).clean("no and no") == "no and no"


@pytest.mark.parametrize(
    "token",
    [
        "ya29.a0AfH6SMBx-planted_planted.planted",
        "ya29.c.b0Aaekm1K-planted-planted-planted",
        "AIzaSyD-planted_planted_planted_planted",
        "1//0gplanted-planted_planted-planted-planted",
        "GOCSPX-planted-planted-planted-1",
        "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJwbGFudGVkIn0.planted-signature",
        "eyJhbGciOiJub25lIn0.eyJpc3MiOiJplantedfQ.",
        "-----BEGIN PRIVATE KEY-----\nMIIplanted\nplanted==\n-----END PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIplanted\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bplanted\n-----END OPENSSH PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nMIIplanted",
    ],
)
@pytest.mark.parametrize("encoder", ["plain", "JSON", "JSON in JSON", "URL", "with colours"])
def test_a_token_is_known_by_its_shape(token: str, encoder: str) -> None:
    form = ENCODERS[encoder](token)
    redactor = Redactor([])

    assert redactor.touches(form.encode())
    cleaned = redactor.clean(f"token={form}\x1b[0m end")
    assert cleaned.startswith(f"token={MARK}")
    assert "lanted" not in cleaned


@pytest.mark.parametrize(
    "text",
    [
        "terraform_data.services[0]: Creation complete after 1s [id=ya29]",
        "eyJ and AIza are beginnings; 1//0 too",
        "-----BEGIN CERTIFICATE-----\nMIIxyz\n-----END CERTIFICATE-----",
        "-----BEGIN PUBLIC KEY-----",
        "50% of 100%41 &amp; more \\n \\u0041 \x1b[31mred\x1b[0m",
        "YW5vdGhlciB0ZXh0IG9mIGFub3RoZXIgY3VzdG9tZXI=",
        "\ud800 alone",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    assert Redactor([SECRET]).clean(text) == text


@pytest.mark.parametrize("kind", dear_secrets(CHARACTERS))
def test_the_dearest_secret_is_prepared_within_100_ms(kind: str) -> None:
    secret = dear_secrets(CHARACTERS)[kind]

    def prepare() -> None:
        redactor = Redactor([secret])
        redactor.touches(b"text")
        assert MARK in redactor.clean(f"text {secret} text")

    assert thread_seconds(prepare) < 0.1


@pytest.mark.parametrize("kind", dear_secrets(CHARACTERS))
def test_a_secret_of_four_times_the_length_takes_no_more_than_eight_times_as_long(
    kind: str,
) -> None:
    def prepare(characters: int) -> Callable[[], object]:
        secret = dear_secrets(characters)[kind]
        return lambda: Redactor([secret]).clean(f"text {secret} text")

    assert growth(prepare, CHARACTERS // 4) <= 8


@pytest.mark.parametrize(
    "part",
    [
        "a line without a secret ",
        SECRET,
        "eyJ",
        "ya29.",
        "-----BEGIN PRIVATE KEY-----",
        "\x1b]",
        "\x1b[0",
        "%41%25",
        "\\u0041\\\\",
        "&#65;",
        "cGF   ",
        base64.b64encode(SECRET.encode()).decode(),
    ],
)
def test_a_text_of_four_times_the_length_takes_no_more_than_eight_times_as_long(part: str) -> None:
    redactor = Redactor([SECRET, short_lines(CHARACTERS)])

    def clean(characters: int) -> Callable[[], object]:
        text = part * (characters // len(part))
        return lambda: redactor.clean(text)

    assert growth(clean, 15_000) <= 8


def test_four_times_the_secrets_take_no_more_than_eight_times_as_long() -> None:
    def clean(number: int) -> Callable[[], object]:
        secrets = [f"secret-{index}-of-a-plan" for index in range(number)]
        return lambda: Redactor(secrets).clean("secret-7-of-a-plan " * number)

    assert growth(clean, 100) <= 8
