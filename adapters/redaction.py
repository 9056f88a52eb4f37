"""Removes known secrets from text, in every form terraform or a provider may print them."""

import base64
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

__all__ = ["MARK", "Redactor"]

MARK = "(sensitive)"

# Shorter texts are in ordinary words; removing them would hide the log and protect nothing.
_SHORTEST = 4
# A line of a multi-line secret (a key) counts by itself from this length on.
_SHORTEST_LINE = 8
# JSON writers escape these as they like, each in its own way: `é`, `\u00e9` and `\u00E9` are one.
_ESCAPED = re.compile(r"""[^ !#$%()*+,\-.0-9:;=?@A-Z\[\]^_`a-z{|}~]+""")


class Redactor:
    """Replaces each known secret by a mark; pure, so the same text always gives the same text."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = sorted(
            {form for secret in secrets for form in _forms(secret)}, key=len, reverse=True
        )
        pattern = "|".join(re.escape(form) for form in forms)
        self._text = re.compile(pattern) if forms else None
        needles = {_needle(form) for form in forms}
        # One that contains another is found with it; an empty one is found everywhere.
        self._needles = [
            needle for needle in needles if not any(two in needle for two in needles - {needle})
        ]

    def touches(self, data: bytes) -> bool:
        """Whether there may be a secret in raw output: one search instead of one a line.

        It may say yes for nothing, never no for a secret, however the output escapes it.
        """
        # Plain searches, one a form: three times as fast as one pattern with all of them.
        return any(needle in data for needle in self._needles)

    def clean(self, text: str) -> str:
        """The text with every secret replaced by the mark."""
        return self._text.sub(MARK, text) if self._text is not None else text


def _needle(form: str) -> bytes:
    """The longest piece of a form that every writer leaves as it is; empty where none is."""
    return max(_ESCAPED.split(form), key=len).encode()


def _forms(secret: str) -> Iterator[str]:
    # Terraform composes what it is given: é from two code points comes out as one (tried).
    for text in {secret, unicodedata.normalize("NFC", secret)}:
        yield from _parts(text)


def _parts(secret: str) -> Iterator[str]:
    lines = [line for line in secret.splitlines() if len(line.strip()) >= _SHORTEST_LINE]
    for part in {secret, secret.strip(), *(line.strip() for line in lines)}:
        if len(part) >= _SHORTEST:
            yield from _encodings(part)


def _encodings(text: str) -> Iterator[str]:
    raw = text.encode()
    yield text
    for ascii_only in (True, False):
        escaped = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        yield escaped
        yield json.dumps(escaped)[1:-1]
    # Terraform's own JSON also escapes these three (Go's encoder).
    go = json.dumps(text, ensure_ascii=False)[1:-1]
    yield go.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")
    yield quote(text, safe="")
    yield quote_plus(text)
    yield raw.hex()
    yield raw.hex().upper()
    yield from _base64(raw)


def _base64(raw: bytes) -> Iterator[str]:
    """The part of a base64 text that only the secret decides, at each of its three offsets."""
    for offset in range(3):
        encoded = base64.b64encode(bytes(offset) + raw)
        head = (0, 2, 3)[offset]
        spare = (len(raw) + offset) % 3
        core = encoded.rstrip(b"=")[head:]
        core = core[:-1] if spare else core
        if len(core) >= _SHORTEST_LINE:
            yield core.decode()
            yield core.decode().replace("+", "-").replace("/", "_")
