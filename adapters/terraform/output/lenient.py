"""Decodes a JSON object into a struct and drops each field that has another type than expected.

Terraform's messages change between releases: from 1.14 on `hook.action` is a text in some messages
and an object in others. A strict decoder refuses the whole object for a single such field.
"""

import re
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin

import msgspec

__all__ = ["decode_fields", "decode_head"]

_Struct = TypeVar("_Struct", bound=msgspec.Struct)

# The text fields at the start of an object. Terraform's encoder sorts the fields, and `@` sorts
# before every letter: time, level and text of a message are always in its first fields.
_HEAD = re.compile(rb'\{((?:"[^"\\]*":"(?:[^"\\]|\\.)*",)+)')
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
# ValueError includes all errors of msgspec; the parser refuses more than some 300 levels.
_ERRORS = (ValueError, RecursionError)


def decode_fields(
    kind: type[_Struct], data: bytes | msgspec.Raw, **defaults: object
) -> _Struct | None:
    """Decode an object; a field that does not have the struct's type is left at its default.

    Args:
        kind: the struct; fields that are structs, or dictionaries of structs, are decoded alike.
        data: the JSON text.
        defaults: values of fields that the object lacks, where the struct has no default.

    Returns:
        The struct; None where the text is not a JSON object, or nests too deep for the parser.
    """
    try:
        raw = _FIELDS.decode(data)
    except _ERRORS:
        return None
    values = {
        field.name: _decode(field.type, raw[field.encode_name])
        for field in msgspec.structs.fields(kind)
        if field.encode_name in raw
    }
    known = {name: value for name, value in values.items() if value is not msgspec.UNSET}
    return kind(**(defaults | known))


def decode_head(kind: type[_Struct], data: bytes, **defaults: object) -> _Struct | None:
    """Decode the text fields at the start of an object that may be cut; None without them."""
    head = _HEAD.match(data)
    return decode_fields(kind, b"{" + head[1][:-1] + b"}", **defaults) if head else None


def _decode(kind: Any, raw: msgspec.Raw) -> object:  # noqa: ANN401 - a type expression
    """The value of a field; UNSET where the value has another type."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except _ERRORS:
        return _decode_parts(kind, raw)


def _decode_parts(kind: Any, raw: msgspec.Raw) -> object:  # noqa: ANN401 - as above
    if isinstance(kind, UnionType):
        (kind,) = (part for part in get_args(kind) if part is not type(None))
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        value = decode_fields(kind, raw)
        return msgspec.UNSET if value is None else value
    if get_origin(kind) is dict:
        return _decode_entries(get_args(kind)[1], raw)
    return msgspec.UNSET


def _decode_entries(kind: Any, raw: msgspec.Raw) -> object:  # noqa: ANN401 - as above
    try:
        entries = _FIELDS.decode(raw)
    except _ERRORS:
        return msgspec.UNSET
    values = {name: _decode(kind, entry) for name, entry in entries.items()}
    return {name: value for name, value in values.items() if value is not msgspec.UNSET}
