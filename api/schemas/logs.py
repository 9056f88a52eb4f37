"""Bodies about logs. Events pass as they are stored, so these only describe them."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.schemas.deployments import SealBody
from deployments.log_verification import Verdict

__all__ = ["HoldingBody", "LogFormat", "LogPage", "LogQuery", "VerificationBody"]


class LogFormat(StrEnum):
    """How a log is answered: a page, or all of it as a download."""

    JSON = "json"
    TEXT = "text"
    NDJSON = "ndjson"


class LogQuery(BaseModel):
    """What `GET …/logs` takes in its query.

    `after` goes on behind an event, `before` gives the page that ends in front of one. Without
    `limit` a page has 1000 events and a download has all there are now.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    after: str | None = None
    before: str | None = None
    limit: Annotated[int, Field(ge=1, le=10_000)] | None = None
    format: LogFormat = LogFormat.JSON

    @model_validator(mode="after")
    def _one_direction(self) -> Self:
        if self.before is not None and self.after is not None:
            raise ValueError("give after or before, not both")
        if self.before is not None and self.format is not LogFormat.JSON:
            raise ValueError("before is for pages: format=json")
        return self


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
    """Some events; go on after `next_after`. `end`: nothing will follow.

    `previous_before` is where the page in front of this one ends, empty at the log's start.
    """

    events: list[_Event]
    next_after: str
    previous_before: str
    end: bool


class _StepHolding(BaseModel):
    step: int
    verdict: Verdict
    lines: int
    sha256: str
    sealed: bool


class HoldingBody(BaseModel):
    """One copy of the log; `error`: why it could not be read to its end."""

    name: str
    verdict: Verdict
    steps: list[_StepHolding]
    error: str


class VerificationBody(BaseModel):
    """Every copy of a log against its seals; `equal`: all of them are.

    `lines` and `sha256` of a copy are counted from what it holds, without the end record.
    """

    equal: bool
    seals: list[SealBody]
    copies: list[HoldingBody]
