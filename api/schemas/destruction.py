"""What is said before a stack is destroyed."""

from pydantic import BaseModel

__all__ = ["DestructionBody", "HeldBody", "KeptBody"]


class KeptBody(BaseModel):
    """Something that stays."""

    what: str
    why: str


class HeldBody(BaseModel):
    """Something that Google removes in the end only; `meaning` says what that does meanwhile."""

    what: str
    days: int
    meaning: str


class DestructionBody(BaseModel):
    """What a destroy leaves. `confirm` is what must be sent to have it done."""

    stack: str
    confirm: str
    kept: list[KeptBody]
    held: list[HeldBody]
