"""The dearest inputs that the service accepts, or refuses only after reading them."""

import json
import random

__all__ = ["BODY_BYTES", "dear_bodies", "dear_secrets", "short_lines"]

# Just below the limit of a body.
BODY_BYTES = 1024 * 1024 - 1024
_TARGET = '"template":"sandbox","project_id":"customer-1"'


def short_lines(characters: int) -> str:
    """A secret of many lines that are as short as a secret may be."""
    letters = random.Random(17)  # noqa: S311 - not for secrets
    lines = ("".join(letters.choices("abcdefghij", k=8)) for _ in range(characters // 9))
    return "\n".join(lines)


def dear_secrets(characters: int) -> dict[str, str]:
    """Values of a sensitive variable, by what makes them dear."""
    return {
        "short lines": short_lines(characters),
        "nested lines": "\n".join("a" * length for length in range(8, int(characters**0.5))),
        "a letter": "x" * characters,
        "four bytes a character": "\U0001f600" * characters,
        "nothing but escapes": "&<" * (characters // 2),
        "percent signs": "%41" * (characters // 3),
        "combining characters": "e" + "\u0301\u0316" * (characters // 2 - 1),
    }


def dear_bodies(size: int) -> dict[str, bytes]:
    """Bodies of a request for a deployment, by what makes them dear."""
    names = ",".join(f'"{number:x}":1' for number in range(size // 10))
    return {
        "unknown fields": f"{{{_TARGET},{names}}}".encode(),
        "unknown variables": _with_variables(names),
        "a field twice": _with_variables(f'{names},"last":1,"last":1'),
        "numbers": _with_variables(f'"a":[{_repeated("1", size)}]'),
        "lists": _with_variables(f'"a":[{_repeated("[]", size)}]'),
        "objects": _with_variables(f'"a":[{_repeated("{}", size)}]'),
        "deep": b'{"a":' * (size // 6) + b"1" + b"}" * (size // 6),
        "escaped text": _with_variables(json.dumps({"secret": '"\\' * (size // 5)})[1:-1]),
        "text": _with_variables(json.dumps({"secret": "x" * (size - 200)})[1:-1]),
        "as many lists as are read": _with_variables(
            ",".join(f'"v{number}":[{_repeated("1", 200)}]' for number in range(100))
        ),
        "as many fields as are read": _with_variables(
            ",".join(f'"v{number}":"{"x" * (size // 2100)}"' for number in range(1900))
        ),
    }


def _with_variables(variables: str) -> bytes:
    return f'{{{_TARGET},"variables":{{{variables}}}}}'.encode()


def _repeated(value: str, size: int) -> str:
    return ",".join([value] * (size // (len(value) + 1)))
