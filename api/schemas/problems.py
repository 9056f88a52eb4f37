"""The body of every error (RFC 9457)."""

from pydantic import BaseModel

__all__ = ["ProblemBody"]


class FieldProblemBody(BaseModel):
    """A field that breaks a rule: its JSON pointer, a code and a sentence."""

    pointer: str
    code: str
    message: str


class ProblemBody(BaseModel):
    """An error. `type` is the path of a page that explains the `code`."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: list[FieldProblemBody]
    next_step: str
