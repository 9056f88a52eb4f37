"""Readings of a text: as it is, without escapes for terminals, and with its escapes decoded.

Each reading knows the place of each byte in the original text. A writer may escape any byte, in
several ways and several times, so the text is decoded; encoding what is searched for would need a
form for each way. The cost is linear in the length of the text.
"""

import html
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator

__all__ = ["Reading", "decode_escapes", "readings", "without_terminal_escapes"]

# JSON in a JSON text in a JSON text.
_LAYERS = 3
# ECMA-48: control sequences (colours), operating system commands (links), two-byte escapes.
_TERMINAL = re.compile(
    rb"(?:\x1b\[|\xc2\x9b)[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\^_]"
)
_ESCAPE = re.compile(
    rb"%[0-9A-Fa-f]{2}"
    rb"|\\u[Dd][89ABab][0-9A-Fa-f]{2}\\u[Dd][C-Fc-f][0-9A-Fa-f]{2}"
    rb"|\\u[0-9A-Fa-f]{4}|\\U00[01][0-9A-Fa-f]{5}|\\x[0-9A-Fa-f]{2}|\\033|\\[nrtbfe\"'/\\]"
    rb"|&(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6});"
    rb"|\$\$(?=\{)|%%(?=\{)"  # HCL
)
_LETTERS = {
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"b": b"\b",
    b"f": b"\f",
    b"e": b"\x1b",
    b"0": b"\x1b",
}


class Reading:
    """A text as a reader sees it after decoding; `origin` maps a part to the original text."""

    def __init__(self, data: bytes, parent: "Reading | None" = None) -> None:
        self.data = data
        self._parent = parent
        # Parallel lists: the start here, and the start and end in the parent. A decoded escape is a
        # part without inner places: its end is set; the end of any other part is -1.
        self._starts: list[int] = []
        self._sources: list[tuple[int, int]] = []

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """The part of the original text that became the bytes from `start` to `end`."""
        if self._parent is None:
            return start, end
        first = bisect_right(self._starts, start) - 1
        last = bisect_right(self._starts, end - 1) - 1
        begin, inner = self._sources[first]
        finish, outer = self._sources[last]
        return self._parent.origin(
            begin if inner >= 0 else begin + start - self._starts[first],
            outer if outer >= 0 else finish + end - self._starts[last],
        )

    def replaced(
        self, pattern: re.Pattern[bytes], replacement: Callable[[re.Match[bytes]], bytes]
    ) -> "Reading":
        """The text with each match of a pattern replaced; this reading if nothing matches."""
        parts: list[bytes] = []
        size, read = 0, 0
        reading = Reading(b"", self)
        for match in pattern.finditer(self.data):
            for part, source in (
                (self.data[read : match.start()], (read, -1)),
                (replacement(match), match.span()),
            ):
                if part:
                    reading._add(size, source)
                    parts.append(part)
                    size += len(part)
            read = match.end()
        if not read:
            return self
        reading._add(size, (read, -1))
        reading.data = b"".join([*parts, self.data[read:]])
        return reading

    def _add(self, start: int, source: tuple[int, int]) -> None:
        self._starts.append(start)
        self._sources.append(source)


def readings(data: bytes) -> Iterator[Reading]:
    """The text decoded up to three times, each time with and without terminal escapes.

    Escapes stay in a reading of their own: the begin of an escape takes the letters behind it.
    """
    layer = _with_and_without_terminal_escapes([Reading(data)])
    for _ in range(_LAYERS):
        yield from layer
        decoded = [(reading, reading.replaced(_ESCAPE, _decoded)) for reading in layer]
        layer = _with_and_without_terminal_escapes(
            [after for before, after in decoded if after is not before]
        )
    yield from layer


def decode_escapes(data: bytes, kinds: bytes) -> bytes:
    r"""Decode once the escapes that begin with a byte of `kinds`: `%`, `\`, `&`, `$`."""
    return _ESCAPE.sub(lambda match: _decoded(match) if match[0][:1] in kinds else match[0], data)


def without_terminal_escapes(data: bytes) -> bytes:
    """The text as a terminal shows it, without colours and links."""
    return _TERMINAL.sub(b"", data)


def _with_and_without_terminal_escapes(layer: list[Reading]) -> list[Reading]:
    both = [*layer, *(reading.replaced(_TERMINAL, _nothing) for reading in layer)]
    return list({reading.data: reading for reading in both}.values())


def _nothing(_match: re.Match[bytes]) -> bytes:
    return b""


def _decoded(match: re.Match[bytes]) -> bytes:
    escape = match[0]
    kind, letter = escape[:1], escape[1:2]
    if kind == b"&":
        return html.unescape(escape.decode()).encode("utf-8", "surrogatepass")
    if escape in (b"$$", b"%%"):
        return kind
    if kind == b"%" or letter == b"x":
        return bytes.fromhex(escape[-2:].decode())
    if letter in (b"u", b"U"):
        return _code_points(escape)
    return _LETTERS.get(letter, letter)


def _code_points(escape: bytes) -> bytes:
    if escape[1:2] == b"U":  # HCL; a number above the last code point is no character
        return chr(min(int(escape[2:], 16), 0x10FFFF)).encode("utf-8", "surrogatepass")
    units = bytes.fromhex(escape.replace(b"\\u", b"").decode())
    return units.decode("utf-16-be", "surrogatepass").encode("utf-8", "surrogatepass")
