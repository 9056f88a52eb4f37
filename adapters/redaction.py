"""Removes known secrets from text, in each encoding that terraform or a provider may print."""

import base64
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

__all__ = ["MARK", "Redactor"]

MARK = "(sensitive)"

# Shorter texts occur in ordinary words; removing those would garble the log and protect nothing.
_MIN_LENGTH = 4
# A line of a multi-line secret (a key) is a secret by itself from this length on.
_MIN_LINE_LENGTH = 8
# The beginning of a template in HCL; a quoted text doubles the sign.
_TEMPLATE_SIGN = re.compile(r"([$%])\{")
# JSON writers escape these characters differently: `é`, `\u00e9` and `\u00E9` are equal.
_ESCAPED = re.compile(r"""[^ !#$%()*+,\-.0-9:;=?@A-Z\[\]^_`a-z{|}~]+""")


class Redactor:
    """Replaces each known secret by a mark; equal input always gives equal output."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = sorted(
            {form for secret in secrets for form in _forms(secret)}, key=len, reverse=True
        )
        pattern = "|".join(re.escape(form) for form in forms)
        self._text = re.compile(pattern) if forms else None
        needles = {_needle(form) for form in forms}
        # A needle that contains another needle is redundant; an empty needle matches everything.
        self._needles = [
            needle for needle in needles if not any(other in needle for other in needles - {needle})
        ]

    def touches(self, data: bytes) -> bool:
        """Whether raw output may contain a secret, a quick check before `clean` of each line.

        False positives are possible; false negatives are not, for any escapes.
        """
        # A plain search per form is three times as fast as a single pattern with all forms.
        return any(needle in data for needle in self._needles)

    def clean(self, text: str) -> str:
        """Return the text with every secret replaced by the mark."""
        return self._text.sub(MARK, text) if self._text is not None else text


def _needle(form: str) -> bytes:
    """The longest part of a form that no writer escapes; may be empty."""
    return max(_ESCAPED.split(form), key=len).encode()


def _forms(secret: str) -> Iterator[str]:
    # Terraform normalises input to NFC: é of two code points becomes one code point (tried).
    for text in {secret, unicodedata.normalize("NFC", secret)}:
        yield from _parts(text)


def _parts(secret: str) -> Iterator[str]:
    lines = [line for line in secret.splitlines() if len(line.strip()) >= _MIN_LINE_LENGTH]
    for part in {secret, secret.strip(), *(line.strip() for line in lines)}:
        if len(part) >= _MIN_LENGTH:
            yield from _encodings(part)


def _encodings(text: str) -> Iterator[str]:
    raw = text.encode()
    yield text
    for ascii_only in (True, False):
        escaped = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        yield escaped
        yield json.dumps(escaped)[1:-1]
    # Go's JSON encoder, which terraform uses, also escapes these three.
    plain = json.dumps(text, ensure_ascii=False)[1:-1]
    yield plain.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")
    yield _hcl(text)
    yield quote(text, safe="")
    yield quote_plus(text)
    yield raw.hex()
    yield raw.hex().upper()
    yield from _base64(raw)


def _hcl(text: str) -> str:
    """As terraform quotes a key in an address, or a text in the plan."""
    return _TEMPLATE_SIGN.sub(r"\1\1{", "".join(map(_hcl_character, text)))


def _hcl_character(character: str) -> str:
    if character in '\n\r\t"\\':
        return json.dumps(character)[1:-1]
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _base64(raw: bytes) -> Iterator[str]:
    """The base64 characters that depend on the secret alone, at each of the three alignments."""
    for offset in range(3):
        encoded = base64.b64encode(bytes(offset) + raw)
        head = (0, 2, 3)[offset]
        spare = (len(raw) + offset) % 3
        core = encoded.rstrip(b"=")[head:]
        core = core[:-1] if spare else core
        if len(core) >= _MIN_LINE_LENGTH:
            yield core.decode()
            yield core.decode().replace("+", "-").replace("/", "_")
