"""The example of settings tells the truth."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from adapters.settings import Settings
from tests.support.repository import text

EXAMPLE = re.findall(r"^# ANAVA_([A-Z_]+)=(.*)$", text(Path(".env.example")), re.MULTILINE)


def _default(name: str) -> object:
    """The default of a setting, found as pydantic-settings finds its field."""
    value: object = Settings.model_construct()
    for part in name.lower().split("__"):
        assert isinstance(value, BaseModel)
        value = getattr(value, part)
    return value


def _written(value: object) -> str:
    if value is None:
        return ""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


@pytest.mark.parametrize(("name", "example"), EXAMPLE)
def test_the_example_shows_a_setting_with_its_default(name: str, example: str) -> None:
    assert _written(_default(name)) == example
