"""A planted secret, and every form in which it could get out."""

import base64
import gzip
import json
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

__all__ = ["PLANTED", "assert_hidden", "forms"]

# What `House` gives to every sandbox: a character that each encoding writes differently.
PLANTED = 'planted-by-the-house/"7&+é'


def forms(secret: str) -> Iterator[bytes]:
    """Made here, not by what removes them."""
    raw = secret.encode()
    yield raw
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    yield quote(secret, safe="").encode()
    yield quote_plus(secret).encode()
    for ascii_only in (True, False):
        yield json.dumps(secret, ensure_ascii=ascii_only)[1:-1].encode()
    for offset in range(3):
        # Without the characters that neighbours decide.
        yield base64.b64encode(b"x" * offset + raw)[4:-4]
        yield base64.urlsafe_b64encode(b"x" * offset + raw)[4:-4]


def assert_hidden(content: bytes, where: str, secrets: Iterable[str]) -> None:
    """I9: no form of a secret is in a file, answer, history or argument."""
    plain = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
    for secret in secrets:
        for form in forms(secret):
            assert form not in plain, f"I9: {form!r} in {where}"
