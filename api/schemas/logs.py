"""Bodies about logs. A page passes events as they are stored; the models only document them."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, Field, model_validator

from api.schemas.deployments import SealBody
from api.schemas.fields import ErrorText, EventIdText, PhaseName, QueryModel, Sha256, Timestamp
from deployments.log_verification import Verdict

__all__ = ["HoldingBody", "LogFormat", "LogPage", "LogQuery", "VerificationBody"]


class LogFormat(StrEnum):
    """Format of a log: a JSON page, or a download of the whole log."""

    JSON = "json"
    TEXT = "text"
    NDJSON = "ndjson"


class LogQuery(QueryModel):
    """Query of `GET …/logs`.

    `after` selects the events after an event id, `before` the page that ends before an event id.
    Without `limit` a page has 1000 events, and a download has all events that are stored now.
    """

    after: str | None = None
    before: str | None = None
    limit: Annotated[int, Field(ge=1, le=10_000)] | None = None
    format: LogFormat = LogFormat.JSON

    @model_validator(mode="after")
    def _single_direction(self) -> Self:
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
    id: EventIdText
    time: Timestamp
    level: Annotated[str, Field(examples=["info"])]
    phase: PhaseName
    text: Annotated[str, Field(examples=["terraform_data.services[0]: Creating..."])]
    resource: _Resource | None = None
    diagnostic: _Diagnostic | None = None
    truncated_bytes: int = 0


class _Hole(BaseModel):
    id: EventIdText
    end: Annotated[str, Field(examples=["incomplete"])]
    lines: int
    sha256: Sha256
    missing_lines: int = 0
    missing_after: int = 0
    cause: str = ""


class LogPage(BaseModel):
    """A page of events.

    `next_cursor` is the value of `after` for the next page; `complete`: the log has ended, and no
    page follows. `previous_cursor` is the value of `before` for the page before this page, empty
    at the start of the log. `holes`: steps that end on this page and whose log lacks lines.
    """

    items: list[_Event]
    holes: Annotated[list[_Hole], Field(examples=[[]])]
    next_cursor: EventIdText
    previous_cursor: EventIdText
    complete: bool


class _StepHolding(BaseModel):
    step: Annotated[int, Field(examples=[3])]
    verdict: Verdict
    lines: Annotated[int, Field(examples=[42])]
    sha256: Sha256
    sealed: Annotated[bool, Field(examples=[True])]


class HoldingBody(BaseModel):
    """A copy of the log; `error` is the cause when the copy could not be read completely."""

    name: Annotated[str, Field(examples=["redis"])]
    verdict: Verdict
    steps: list[_StepHolding]
    error: ErrorText


class VerificationBody(BaseModel):
    """Every copy of a log compared with its end records; `equal`: all copies match.

    `lines` and `sha256` of a copy are computed from its content without the end record.
    """

    equal: Annotated[bool, Field(examples=[True])]
    seals: list[SealBody]
    copies: list[HoldingBody]
