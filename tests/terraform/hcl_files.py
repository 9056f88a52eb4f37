"""The HCL files of one template, parsed; what terraform itself would know about them offline."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hcl2.api import loads

Json = dict[str, Any]

# The parser's marks on every block, and only on blocks.
LINE = "__start_line__"
MARKS = {LINE, "__end_line__"}


@dataclass(frozen=True)
class Body:
    """One block of a file: `label` is its type and name, such as `google_storage_bucket.files`."""

    file: str
    keyword: str
    label: str
    content: Json

    @property
    def type(self) -> str:
        return self.label.partition(".")[0]


class HclError(Exception):
    """A file is no HCL."""


def bodies(folder: Path) -> list[Body]:
    """Every top-level block of every file.

    Raises:
        HclError: the parser cannot read a file.
    """
    return [body for file in sorted(folder.glob("*.tf")) for body in _bodies(file)]


def _bodies(file: Path) -> Iterator[Body]:
    try:
        parsed = loads(file.read_text(encoding="utf-8"), with_meta=True)
    except Exception as error:  # noqa: BLE001 - the parser does not export its errors
        first = str(error).strip().splitlines()[0]
        raise HclError(f"{file.name}: {first}") from None
    for keyword, blocks in parsed.items():
        for block in blocks:
            yield from _labelled(file.name, keyword, "", block)


def _labelled(file: str, keyword: str, label: str, block: Json) -> Iterator[Body]:
    """Labels are keys around the block; the block is the first that bears the parser's marks."""
    if LINE in block:
        yield Body(file, keyword, label, block)
        return
    for name, inner in block.items():
        yield from _labelled(file, keyword, f"{label}.{name}" if label else name, inner)


def texts(value: Any) -> Iterator[str]:
    """All strings and expressions in a value, names of keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, one in value.items():
            yield name
            yield from texts(one)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)


REFERENCE = re.compile(
    r"(?<![\w.\"-])(?:data\.)?(google_[a-z0-9_]+)\.(\w+)((?:\[[^\]]*\])?)(?:\.(\w+))?"
)
NAMED = re.compile(r"(?<![\w.])(var|local)\.(\w+)")


def expressions(text: str) -> Iterator[str]:
    """What stands in `${…}`: only there does a text refer to anything."""
    depth, begun = 0, 0
    for place, character in enumerate(text):
        if depth == 0 and text.startswith("${", place) and not text.startswith("$${", place - 1):
            depth, begun = 1, place + 2
        elif depth and character == "{" and place >= begun:
            depth += 1
        elif depth and character == "}":
            depth -= 1
            if depth == 0:
                yield text[begun:place]
