"""Hides a private key that a program prints line by line: each line is an event of its own."""

import re

from adapters.redaction import MARK

__all__ = ["PrivateKeyLines"]

_BEGIN = re.compile(r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----")
_END = re.compile(r"-----END [A-Z ]{0,20}PRIVATE KEY-----")
# Base64, a header of an encrypted key, or the empty line behind the headers.
_BODY = re.compile(r"[A-Za-z0-9+/=]*|(?:Proc-Type|DEK-Info): .*")
# Between the address and the output of a provisioner: terraform prints `<address> (local-exec): …`.
_PREFIX_END = "): "
# A key of 16,384 bits has 200 lines.
_MAX_LINES = 256


class PrivateKeyLines:
    """Follows the lines of a log; provisioners print at the same time, each with its prefix."""

    def __init__(self) -> None:
        self._lines_left: dict[str, int] = {}

    @property
    def is_inside(self) -> bool:
        """Whether the next line may belong to a key."""
        return bool(self._lines_left)

    def hide(self, text: str) -> str:
        """Return the next line, with a mark in place of a part of a key."""
        head, separator, line = text.rpartition(_PREFIX_END)
        prefix = head + separator
        if begin := _BEGIN.search(line):
            if not _END.search(line, begin.end()):
                self._lines_left[prefix] = _MAX_LINES
            return text
        if prefix not in self._lines_left:
            return text
        self._lines_left[prefix] -= 1
        is_body = _BODY.fullmatch(line.strip()) is not None
        if not is_body or not self._lines_left[prefix]:
            del self._lines_left[prefix]
        return f"{prefix}{MARK}" if is_body and line.strip() else text
