"""The base of each group of settings."""

from pydantic import BaseModel

__all__ = ["SettingGroup"]


class SettingGroup(BaseModel):
    """Settings with a common prefix; an unknown name is an error."""

    model_config = {"extra": "forbid", "frozen": True}
