"""A provider's schema as `terraform providers schema -json` prints it, and which of it we keep."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCHEMA_FILE = Path(__file__).parent.parent / "google_stand_in" / "google-beta-schema.json"
ADDRESS = "registry.terraform.io/hashicorp/google-beta"

Json = dict[str, Any]


@dataclass(frozen=True)
class Attribute:
    """`kind` is "string", "number", "bool", or ["list", …] and so on, as terraform writes it."""

    kind: Any
    required: bool
    settable: bool


@dataclass(frozen=True)
class Block:
    """What may stand between two braces."""

    attributes: dict[str, Attribute]
    blocks: dict[str, "NestedBlock"]


@dataclass(frozen=True)
class NestedBlock:
    """A block with how often it may stand there; `most` is 0 where there is no limit."""

    body: Block
    least: int
    most: int


@dataclass(frozen=True)
class Schema:
    """Of one provider: its own block, resources and data sources by type."""

    provider: Block
    resources: dict[str, Block]
    data: dict[str, Block]


# https://developer.hashicorp.com/terraform/language/resources/terraform-data
_BUILT_IN = {
    "terraform_data": Block(
        {
            name: Attribute(
                "dynamic", required=False, settable=name in {"input", "triggers_replace"}
            )
            for name in ("id", "input", "output", "triggers_replace")
        },
        {},
    )
}


def load(file: Path = SCHEMA_FILE) -> Schema:
    schema = json.loads(file.read_bytes())["provider_schemas"][ADDRESS]
    return Schema(
        _block(schema["provider"]["block"]),
        {
            **{name: _block(one["block"]) for name, one in schema["resource_schemas"].items()},
            **_BUILT_IN,
        },
        {name: _block(one["block"]) for name, one in schema["data_source_schemas"].items()},
    )


def _block(body: Json) -> Block:
    return Block(
        {
            name: Attribute(
                one["type"],
                required=one.get("required", False),
                settable=one.get("required", False) or one.get("optional", False),
            )
            for name, one in body.get("attributes", {}).items()
        },
        {
            name: NestedBlock(
                _block(one["block"]),
                one.get("min_items", 0),
                1 if one["nesting_mode"] == "single" else one.get("max_items", 0),
            )
            for name, one in body.get("block_types", {}).items()
        },
    )


def kept(whole: Json, old: Json) -> Json:
    """The part of a whole schema that the old file holds, in the form of the old file.

    Raises:
        KeyError: a type of the old file is gone.
    """
    provider = whole["provider_schemas"][ADDRESS]
    before = old["provider_schemas"][ADDRESS]
    parts: Json = {"provider": _stripped(provider["provider"])}
    for part in ("resource_schemas", "data_source_schemas"):
        parts[part] = {name: _stripped(provider[part][name]) for name in before[part]}
    return {"format_version": whole["format_version"], "provider_schemas": {ADDRESS: parts}}


# What the check does not look at, nine tenths of the whole.
_WORDS = {"description", "description_kind", "deprecated", "deprecation_message"}


def _stripped(value: Any) -> Any:
    if isinstance(value, dict):
        # An argument may be called `description`: then its value is no text.
        return {
            name: _stripped(one)
            for name, one in value.items()
            if not (name in _WORDS and not isinstance(one, dict))
        }
    return [_stripped(item) for item in value] if isinstance(value, list) else value
