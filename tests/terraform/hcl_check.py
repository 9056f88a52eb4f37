"""HCL against the provider's schema, where neither provider nor network is at hand.

It finds what is written wrong: types, arguments, blocks, simple values, references. What a value
means is for `terraform validate` with the provider, and for the stand-in.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.terraform.hcl_files import (
    LINE,
    MARKS,
    NAMED,
    REFERENCE,
    Body,
    Json,
    bodies,
    expressions,
    texts,
)
from tests.terraform.provider_schema import Block, Schema

# Terraform's own, in every resource and data source.
_META = {"for_each", "count", "depends_on", "provider"}
_META_BLOCKS = {"lifecycle"}
# A program runs beside the waits of terraform itself, and beside no resource of the provider.
_PROGRAMS = {"terraform_data": {"provisioner"}}
_SIMPLE: dict[str, tuple[type, ...]] = {"string": (str,), "bool": (bool,), "number": (int, float)}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong."""

    file: str
    line: int
    label: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.label}: {self.message}"


def findings(folder: Path, schema: Schema) -> list[Finding]:
    """Everything that is wrong, in the order of files and lines.

    Raises:
        HclError: a file cannot be read.
    """
    template = bodies(folder)
    found = [
        Finding(body.file, line, body.label or body.keyword, message)
        for body in template
        for line, message in (*_structure(body, schema), *_references(body, template, schema))
    ]
    return sorted(found, key=lambda one: (one.file, one.line, one.message))


Found = Iterator[tuple[int, str]]


def _structure(body: Body, schema: Schema) -> Found:
    known = {"resource": schema.resources, "data": schema.data}.get(body.keyword)
    if body.keyword == "provider":
        yield from _block(body.content, schema.provider, {"alias"}, set())
    elif known is not None and body.type not in known:
        yield body.content[LINE], f"no {body.keyword} is of the type {body.type}"
    elif known is not None:
        free = _META_BLOCKS | _PROGRAMS.get(body.type, set())
        yield from _block(body.content, known[body.type], _META, free)


def _block(content: Json, block: Block, free: set[str], free_blocks: set[str]) -> Found:
    line = content[LINE]
    static, dynamic = _nested(content)
    arguments = {name for name in content if name not in MARKS | set(static) | {"dynamic"}}
    for name in sorted(arguments - free):
        yield from ((line, message) for message in _argument(name, content[name], block))
    for name, attribute in block.attributes.items():
        if attribute.required and name not in arguments:
            yield line, f"the argument {name} is required"
    for name, inner in [*static.items(), *dynamic.items()]:
        if name not in free_blocks:
            yield from _blocks(name, inner, line, block)
    for name, nested in block.blocks.items():
        if nested.least > len(static.get(name, [])) and name not in dynamic:
            yield line, f"the block {name} is required"


def _nested(content: Json) -> tuple[dict[str, list[Json]], dict[str, list[Json]]]:
    """Blocks by name: as written, and as made by `dynamic`."""
    static = {
        name: value
        for name, value in content.items()
        if name != "dynamic" and isinstance(value, list) and value and _is_block(value[0])
    }
    dynamic = {
        name: inner["content"]
        for item in content.get("dynamic", [])
        for name, inner in item.items()
        if name not in MARKS
    }
    return static, dynamic


def _is_block(value: Any) -> bool:
    """Marks stand in the block, or below its labels."""
    return isinstance(value, dict) and (LINE in value or any(map(_is_block, value.values())))


def _argument(name: str, value: Any, block: Block) -> Iterator[str]:
    attribute = block.attributes.get(name)
    if name in block.blocks:
        yield f"{name} is a block, not an argument"
    elif attribute is None:
        yield f"there is no argument {name}"
    elif not attribute.settable:
        yield f"the attribute {name} is Google's to set"
    else:
        yield from (f"{name}{message}" for message in _type(value, attribute.kind))


def _blocks(name: str, inner: list[Json], line: int, block: Block) -> Found:
    nested = block.blocks.get(name)
    if nested is None:
        wrong = "is an argument, not a block" if name in block.attributes else "is no block here"
        yield inner[0].get(LINE, line), f"{name} {wrong}"
        return
    if nested.most and len(inner) > nested.most:
        yield line, f"the block {name} may stand {nested.most} times at most"
    for item in inner:
        yield from _block(item, nested.body, set(), set())


def _type(value: Any, kind: Any) -> Iterator[str]:
    """What a literal has wrong; an expression's type only terraform knows."""
    if value is None or _is_expression(value):
        return
    if isinstance(kind, str):
        right = isinstance(value, _SIMPLE[kind]) and (kind == "bool") is isinstance(value, bool)
        if not right:
            yield f" must be a {kind}"
    elif kind[0] in {"list", "set"}:
        yield from _list(value, kind)
    else:
        yield from _map(value, kind)


def _list(value: Any, kind: Any) -> Iterator[str]:
    if not isinstance(value, list):
        yield f" must be a {kind[0]}"
        return
    for place, one in enumerate(value):
        yield from (f"[{place}]{message}" for message in _type(one, kind[1]))


def _map(value: Any, kind: Any) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f" must be a {kind[0]}"
        return
    for name, one in value.items():
        inner = kind[1] if kind[0] == "map" else kind[1].get(name)
        if inner is None:
            yield f" has no field {name}"
        else:
            yield from (f".{name}{message}" for message in _type(one, inner))


def _is_expression(value: Any) -> bool:
    return isinstance(value, str) and list(expressions(value)) == [value[2:-1]]


def _references(body: Body, template: list[Body], schema: Schema) -> Found:
    labels = {(item.keyword, item.label): item for item in template}
    variables = {entry.label for entry in template if entry.keyword == "variable"}
    local = {
        name for element in template if element.keyword == "locals" for name in element.content
    }
    declared = {"var": variables, "local": local}
    for text in texts(body.content):
        for expression in expressions(text):
            for kind, name in NAMED.findall(expression):
                if name not in declared[kind]:
                    yield body.content[LINE], f"{kind}.{name} is declared nowhere"
            for match in REFERENCE.finditer(expression):
                keyword = "data" if match[0].startswith("data.") else "resource"
                known = schema.data if keyword == "data" else schema.resources
                yield from (
                    (body.content[LINE], message)
                    for message in _reference(match[1], match[2], match[4], known)
                )
                if (keyword, f"{match[1]}.{match[2]}") not in labels:
                    yield body.content[LINE], f"{match[0]} is declared nowhere"


def _reference(
    kind: str, name: str, attribute: str | None, known: dict[str, Block]
) -> Iterator[str]:
    block = known.get(kind)
    if block is not None and attribute and attribute not in {*block.attributes, *block.blocks}:
        yield f"{kind}.{name} has no attribute {attribute}"
