"""The encoding of the command line's output."""

import codecs
import io
import json
import sys

__all__ = ["encode_for_terminal"]

_ESCAPE = "anava.json_escape"


def encode_for_terminal() -> None:
    r"""Escape characters that the encoding of stdout or stderr lacks; replace those of stdin.

    The escape is that of JSON (`\u2713`), so that the output of `--json` stays JSON.
    """
    codecs.register_error(_ESCAPE, _escaped)
    for stream, errors in ((sys.stdout, _ESCAPE), (sys.stderr, _ESCAPE), (sys.stdin, "replace")):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=errors)


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end
