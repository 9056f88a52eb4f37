"""Bodies about logs. Events pass as they are stored, so these only describe them."""

from pydantic import BaseModel

__all__ = ["LogPage"]


class _Resource(BaseModel):
    address: str
    action: str = ""
    status: str = ""
    elapsed_seconds: float = 0
    id: str = ""


class _Diagnostic(BaseModel):
    severity: str
    summary: str
    detail: str = ""
    address: str = ""
    file: str = ""
    line: int = 0


class _Event(BaseModel):
    id: str
    time: str
    level: str
    phase: str
    text: str
    resource: _Resource | None = None
    diagnostic: _Diagnostic | None = None
    truncated_bytes: int = 0


class LogPage(BaseModel):
    """Some events; go on after `next_after`. `end`: nothing will follow."""

    events: list[_Event]
    next_after: str
    end: bool
