"""Removes known secrets and tokens of known shapes from text, however a program has encoded them.

The cost is linear in the length of the secrets and of the text: a customer chooses both.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, cached_property

from ahocorasick_rs import BytesAhoCorasick, Implementation, MatchKind

from adapters.decoded_text import Reading, readings
from adapters.secret_forms import MAX_END, SHORTEST_END, encoded_parts, ends, forms, texts

__all__ = ["MARK", "Redactor"]

MARK = "(sensitive)"
_MARK = MARK.encode()

# Shapes of credentials, hidden also where no setting and no variable names the credential.
_SHAPES = re.compile(
    rb"ya29\.[\w.-]{20,}"  # access token of Google
    rb"|AIza[\w-]{35}"  # API key of Google
    rb"|1//0[\w-]{30,}"  # refresh token of Google
    rb"|GOCSPX-[\w-]{20,}"  # OAuth client secret of Google
    rb"|(?<![\w-])eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*"  # JWT
    rb"|-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----[^-]*(?:-----END [A-Z ]{0,20}PRIVATE KEY-----)?"
)
_SHAPE_STARTS = (
    *(b"ya29.", b"AIza", b"GOCSPX-", b".eyJ", b"PRIVATE"),
    *(b"1//0", b"1\\/\\/0", b"1%2F%2F0", b"1%2f%2f0"),
)

# No writer escapes these, except a writer that escapes every byte.
_PLAIN = re.compile(rb"[A-Za-z0-9._~-]+")
# Escapes that only such a writer makes, and escapes for terminals: between the letters of a secret
# they hide the secret from a plain search. Each begins with one of these bytes.
_ESCAPE_BYTES = (b"%", b"\\", b"&", b"\x1b", b"\xc2")
_UNUSUAL_ESCAPES = {
    prefix + digits
    for byte in range(128)
    if chr(byte).isalnum()
    for prefix in (b"%", b"\\u00", b"\\x")
    for digits in (b"%02x" % byte, b"%02X" % byte)
} | {b"\x1b", b"\xc2\x9b", b"\\u001b", b"\\u001B", b"\\x1b", b"\\x1B", b"\\033", b"\\e[", b"&#"}
# Bounds of a needle of the quick search: shorter ones are in every line, longer ones cost memory.
_MIN_NEEDLE, _MAX_NEEDLE = 3, 32

# The two base64 alphabets are searched as one.
_STANDARD_BASE64 = bytes.maketrans(b"-_", b"+/")
_URL_SAFE_BASE64 = bytes.maketrans(b"+/", b"-_")
_RUN = re.compile(rb"[A-Za-z0-9+/]+=*")
_LAST_WORD = re.compile(
    rb"(?<![A-Za-z0-9+/=])[A-Za-z0-9+/]{2,%d}={0,2}(?=\s*(?:[\r\n\"'\\]|$))" % MAX_END
)
_LINE_ESCAPE = re.compile(rb"\\[nrt]")

# Building an automaton takes 0.5 ms for 1 kB of patterns and holds the interpreter's lock, so
# larger sets are divided (measured).
_MAX_PATTERN_BYTES = 32 * 1024
# A DFA searches in 70 % of the time. It takes 0.3 MB for 1 kB of patterns, and for a long pattern
# that repeats itself a time that grows with the square of the length: 0.5 s for 16 kB (measured).
_MAX_DFA_BYTES = 4 * 1024
# Text is searched in windows, to limit memory: decoding a byte takes up to 200 bytes. A window
# overlaps the next by the longest secret with each byte escaped as in JSON.
_WINDOW_BYTES = 256 * 1024
_MAX_ESCAPED_BYTES = 8


class Redactor:
    """Replaces each secret by a mark; equal input always gives equal output.

    The first call builds the searches, in up to 0.1 s: make the call in a thread.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        # Terraform normalises input to NFC: é of two code points becomes one code point (tried).
        self._secrets = {
            text for secret in secrets for text in (secret, unicodedata.normalize("NFC", secret))
        }

    def touches(self, data: bytes) -> bool:
        """Whether raw output may contain a secret, a quick check before `clean` of each line.

        False positives are possible; false negatives are not, for any escapes.
        """
        if self._is_unsearchable:
            return True
        # Most output has no escape: a search for single bytes takes a tenth of the other's time.
        is_escaped = any(byte in data for byte in _ESCAPE_BYTES)
        searches = (self._quick, _escapes()) if is_escaped else (self._quick,)
        return any(
            search.spans(window) for _, window in _windows(data, _MAX_NEEDLE) for search in searches
        )

    def clean(self, text: str) -> str:
        """Return the text with every secret replaced by the mark."""
        data = text.encode("utf-8", "surrogatepass")
        if not self.touches(data):
            return text
        spans = {
            (begin + start, begin + end)
            for begin, window in _windows(data, self._longest_form)
            for reading in readings(window)
            for start, end in self._spans(reading)
        }
        return _marked(data, sorted(spans)).decode("utf-8", "surrogatepass") if spans else text

    def _spans(self, reading: Reading) -> Iterator[tuple[int, int]]:
        data = reading.data
        encoded = _LINE_ESCAPE.sub(b"  ", data.translate(_STANDARD_BASE64))
        for start, end in (
            *self._plain.spans(data),
            *(match.span() for match in _SHAPES.finditer(data)),
            *_runs(encoded, self._parts.spans(encoded)),
            *(match.span() for match in _LAST_WORD.finditer(encoded) if match[0] in self._ends),
        ):
            yield reading.origin(start, end)

    @cached_property
    def _texts(self) -> set[bytes]:
        return {text for secret in self._secrets for text in texts(secret)}

    @cached_property
    def _longest_form(self) -> int:
        return _MAX_ESCAPED_BYTES * max(map(len, self._texts), default=0)

    @cached_property
    def _needles(self) -> list[bytes]:
        """The longest part of each text that writers do not escape; may be empty."""
        return [max(_PLAIN.findall(text), key=len, default=b"") for text in self._texts]

    @cached_property
    def _is_unsearchable(self) -> bool:
        """Whether a secret consists of characters that writers escape: then no line is skipped."""
        return any(len(needle) < _MIN_NEEDLE for needle in self._needles)

    @cached_property
    def _encoded_parts(self) -> set[bytes]:
        return {part for secret in self._stripped for part in encoded_parts(secret)}

    @cached_property
    def _ends(self) -> set[bytes]:
        return {end for secret in self._stripped for end in ends(secret)}

    @cached_property
    def _stripped(self) -> set[bytes]:
        """The secrets alone: the encodings of their lines are parts of their own."""
        return {next(texts(secret.strip()), b"") for secret in self._secrets} - {b""}

    @cached_property
    def _quick(self) -> "_Search":
        needles = {needle[:_MAX_NEEDLE] for needle in self._needles if len(needle) >= _MIN_NEEDLE}
        short = {end for end in self._ends if len(end) <= SHORTEST_END}
        encoded = short | self._encoded_parts
        encoded |= {part.translate(_URL_SAFE_BASE64) for part in encoded}
        return _Search({*needles, *encoded, *_SHAPE_STARTS})

    @cached_property
    def _plain(self) -> "_Search":
        return _Search({form for text in self._texts for form in forms(text)})

    @cached_property
    def _parts(self) -> "_Search":
        return _Search(self._encoded_parts)


class _Search:
    """Finds many patterns at once (Aho and Corasick)."""

    def __init__(self, patterns: Iterable[bytes]) -> None:
        self._automata = [
            BytesAhoCorasick(
                group,
                matchkind=MatchKind.LeftmostLongest,
                implementation=_implementation(group),
            )
            for group in _groups(sorted(patterns))
        ]

    def spans(self, data: bytes) -> list[tuple[int, int]]:
        """The places of patterns; in each automaton the longest of those that begin together."""
        return [
            (start, end)
            for automaton in self._automata
            for _, start, end in automaton.find_matches_as_indexes(data)
        ]


@cache
def _escapes() -> _Search:
    return _Search(_UNUSUAL_ESCAPES)


def _implementation(patterns: Sequence[bytes]) -> Implementation:
    size, longest = sum(map(len, patterns)), max(map(len, patterns))
    is_small = size <= _MAX_DFA_BYTES and longest <= _MAX_NEEDLE
    return Implementation.DFA if is_small else Implementation.ContiguousNFA


def _groups(patterns: Sequence[bytes]) -> Iterator[list[bytes]]:
    group: list[bytes] = []
    size = 0
    for pattern in patterns:
        if group and size + len(pattern) > _MAX_PATTERN_BYTES:
            yield group
            group, size = [], 0
        group.append(pattern)
        size += len(pattern)
    if group:
        yield group


def _windows(data: bytes, overlap: int) -> Iterator[tuple[int, bytes]]:
    """Parts of a text with their places; a text shorter than the overlap is whole in a part."""
    for begin in range(0, len(data), _WINDOW_BYTES):
        yield begin, data[begin : begin + _WINDOW_BYTES + overlap]


def _marked(data: bytes, spans: Iterable[tuple[int, int]]) -> bytes:
    """Replace the spans; those that overlap become a single mark."""
    parts: list[bytes] = []
    read = 0
    for start, end in spans:
        if start >= read:
            parts += (data[read:start], _MARK)
        read = max(read, end)
    return b"".join([*parts, data[read:]])


def _runs(data: bytes, matches: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The runs of encoded characters that contain a match."""
    starts = sorted(start for start, _ in matches)
    place = 0
    for run in _RUN.finditer(data) if starts else ():
        while place < len(starts) and starts[place] < run.start():
            place += 1
        if place == len(starts):
            return
        if starts[place] < run.end():
            yield run.span()
