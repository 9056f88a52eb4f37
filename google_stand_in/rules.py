"""Faults by rule: which call, which time, what instead of the real answer."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from google_stand_in.answers import Answer, Json
from google_stand_in.failures import FAILURES, render

_FIELDS: Mapping[str, type | tuple[type, ...]] = {
    "method": str,
    "path": str,
    "nth": int,
    "times": int,
    "failure": str,
    "values": dict,
    "status": int,
    "body": dict,
    "delay_seconds": (int, float),
}


@dataclass
class Rule:
    """Matching calls from the `nth` on, `times` of them (0: all), fail, get a body or come late."""

    path: re.Pattern[str]
    method: str = ""
    nth: int = 1
    times: int = 0
    failure: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    status: int = 0
    body: Json = field(default_factory=dict)
    delay_seconds: float = 0
    seen: int = 0

    def fires(self, method: str, path: str) -> bool:
        """Whether this call is one of those; counts it."""
        if self.method not in {"", method} or not self.path.search(path):
            return False
        self.seen += 1
        ends = self.nth + self.times if self.times else self.seen + 1
        return self.nth <= self.seen < ends

    def answer(self, filling: Mapping[str, str]) -> Answer | None:
        """None where the call is only delayed."""
        if self.failure:
            return render(self.failure, {**filling, **self.values})
        return Answer(self.status, self.body) if self.status else None


def parse(rules: Any) -> list[Rule]:
    """Rules as they come in a file or a call; ValueError says what is wrong with them."""
    if not isinstance(rules, list):
        raise ValueError("rules are a list")  # noqa: TRY004 - callers know one error
    return [_rule(rule) for rule in rules]


def _rule(given: Any) -> Rule:
    if not isinstance(given, dict) or not isinstance(given.get("path"), str):
        raise ValueError("a rule is an object with a path")  # noqa: TRY004 - callers know one error
    for key, value in given.items():
        kind = _FIELDS.get(key)
        if kind is None or not isinstance(value, kind) or isinstance(value, bool):
            raise ValueError(f"a rule has no such {key!r}: {value!r}")
    try:
        path = re.compile(given["path"])
    except re.error as error:
        raise ValueError(f"{given['path']!r} is no regular expression: {error}") from None
    if given.get("failure", "") not in {"", *FAILURES}:
        raise ValueError(f"no failure is called {given['failure']!r}")
    if given.get("status", 200) not in range(200, 600):
        raise ValueError("a status is between 200 and 599")
    return Rule(**{**given, "path": path})
