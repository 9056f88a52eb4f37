"""The forms in which a secret appears in decoded output, and parts of its encodings."""

import base64
from collections.abc import Iterator

from adapters.decoded_text import decode_escapes, without_terminal_escapes

__all__ = [
    "MAX_END",
    "SHORTEST_END",
    "encoded_parts",
    "ends",
    "forms",
    "texts",
]

# Shorter texts occur in ordinary words; removing those would garble the log and protect nothing.
_MIN_LENGTH = 4
# A line of a multi-line secret (a key) is a secret by itself from this length on.
_MIN_LINE_LENGTH = 8

# A run of encoded bytes with a part of this length of an encoded secret is hidden whole: writers
# wrap the encoded text at 64 or 76 characters, and each line is an event.
_BASE64_PART, _HEX_PART = 8, 12
# Parts for an encoded secret. A secret of 4 kB has 5,461 characters in base64: each line of 13
# characters contains a part. Building the search for all parts would take 100 ms (measured).
_MAX_PARTS = 1024
# The last line of a wrapped text may be too short to contain a part. An end that is shorter than
# this occurs by chance, and a text that is shorter than a line is not wrapped.
_MIN_BASE64_END, _MIN_HEX_END, MAX_END, _MIN_WRAPPED = 4, 6, 32, 20
# Each end contains an end that is not longer.
SHORTEST_END = _MIN_HEX_END


def texts(secret: str) -> Iterator[bytes]:
    """The secret, and each line that is a secret by itself."""
    lines = [line for line in map(str.strip, secret.splitlines()) if len(line) >= _MIN_LINE_LENGTH]
    for text in (secret, secret.strip(), *lines):
        if len(text) >= _MIN_LENGTH:
            yield text.encode("utf-8", "surrogatepass")


def forms(text: bytes) -> Iterator[bytes]:
    """The text as decoded output shows it: decoding also decodes what looks like an escape."""
    yield text
    # Forms write a space as a plus sign.
    yield text.replace(b" ", b"+")
    for kinds in (b"", b"%", b"\\", b"&", b"%\\&$"):
        decoded = decode_escapes(text, kinds)
        for form in (decoded, without_terminal_escapes(decoded)):
            if len(form) >= _MIN_LENGTH:
                yield form


def encoded_parts(secret: bytes) -> Iterator[bytes]:
    """Parts of the secret in base64 at each alignment, and in hexadecimal digits."""
    for offset in range(3):
        yield from _sampled(_base64_core(secret, offset), _BASE64_PART)
    digits = secret.hex().encode()
    for text in (digits, digits.upper()):
        yield from _sampled(text, min(_HEX_PART, len(text)))


def ends(secret: bytes) -> Iterator[bytes]:
    """How the secret's encodings end: the last lines of a wrapped text."""
    for text in (secret, secret + b"\n"):
        for offset in range(3):
            encoded = base64.b64encode(bytes(offset) + text)
            yield from _suffixes(encoded, _MIN_BASE64_END)
        digits = text.hex().encode()
        yield from _suffixes(digits, _MIN_HEX_END)
        yield from _suffixes(digits.upper(), _MIN_HEX_END)


def _base64_core(secret: bytes, offset: int) -> bytes:
    """The base64 characters that depend on the secret alone, after `offset` other bytes."""
    encoded = base64.b64encode(bytes(offset) + secret).rstrip(b"=")
    spare = (len(secret) + offset) % 3
    return encoded[(0, 2, 3)[offset] : len(encoded) - bool(spare)]


def _sampled(text: bytes, length: int) -> Iterator[bytes]:
    """At most `_MAX_PARTS` parts at equal distances, and the last; none of a shorter text."""
    places = len(text) - length + 1
    if places > 0:
        for place in (*range(0, places, -(-places // _MAX_PARTS)), places - 1):
            yield text[place : place + length]


def _suffixes(text: bytes, shortest: int) -> Iterator[bytes]:
    if len(text) >= _MIN_WRAPPED:
        for length in range(shortest, min(MAX_END, len(text) - 1) + 1):
            yield text[-length:]
