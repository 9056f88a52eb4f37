r"""Addresses of resource instances in a form that compares.

Terraform writes a key of `for_each` as a quoted HCL string: a newline is `\n`, `${` is `$${`, and
each character that Go's Unicode tables do not call printable is `\u` with its number. These tables
differ between releases of terraform, so addresses are never compared as text: each key is decoded.
"""

import json
import re
from collections.abc import Mapping

__all__ = ["comparable_address", "instance_address"]

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPE = re.compile(r"\\u([0-9a-f]{4})|\\U([0-9a-f]{8})|\\(.)|([$%])\4\{", re.DOTALL)
_LETTERS = {"n": "\n", "r": "\r", "t": "\t"}


def comparable_address(address: str) -> str:
    """An address of a message or plan, with each key as JSON; equal for equal instances."""
    return _QUOTED.sub(lambda quoted: _key(_ESCAPE.sub(_character, quoted[1])), address)


def instance_address(resource: Mapping[str, object], instance: Mapping[str, object]) -> str:
    """The comparable address of an instance in a state file."""
    module = f"{comparable_address(str(resource['module']))}." if resource.get("module") else ""
    key = instance.get("index_key")
    index = "" if key is None else f"[{_key(key)}]"
    return f"{module}{resource['type']}.{resource['name']}{index}"


def _key(key: object) -> str:
    return json.dumps(key, ensure_ascii=False)


def _character(escape: re.Match[str]) -> str:
    """The text of an escape, as terraform writes escapes (terraform, addrs/instance_key.go)."""
    short, long, letter, template = escape.groups()
    if template:
        return f"{template}{{"
    return chr(int(short or long, 16)) if short or long else _LETTERS.get(letter, letter)
