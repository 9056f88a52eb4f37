"""Fault rules: matching calls fail, get another body or are delayed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from google_stand_in.answers import Answer, Json
from google_stand_in.failures import FAILURES, render, status

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
    "leaves_failed": bool,
}


@dataclass
class Rule:
    """A fault for matching calls from the `nth` on, `times` of them (0: all)."""

    path: re.Pattern[str]
    method: str = ""
    nth: int = 1
    times: int = 0
    failure: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    status: int = 0
    body: Json = field(default_factory=dict)
    delay_seconds: float = 0
    leaves_failed: bool = False  # the call is answered, and what it made ends as FAILED
    seen: int = 0

    def fires(self, method: str, path: str) -> bool:
        """Count a matching call and return whether the rule applies."""
        if self.method not in {"", method} or not self.path.search(path):
            return False
        self.seen += 1
        ends = self.nth + self.times if self.times else self.seen + 1
        return self.nth <= self.seen < ends

    def answer(self, filling: Mapping[str, str]) -> Answer | None:
        """The response in place of the real response; None when the call is only delayed."""
        if self.failure and not self.leaves_failed:
            return render(self.failure, {**filling, **self.values})
        return Answer(self.status, self.body) if self.status else None

    def error(self, filling: Mapping[str, str]) -> Json | None:
        """The error of the operation that the call starts."""
        return status(self.failure, {**filling, **self.values}) if self.leaves_failed else None


def parse(rules: Any) -> list[Rule]:
    """Parse decoded rules; raises ValueError with the cause."""
    if not isinstance(rules, list):
        raise ValueError("rules are a list")  # noqa: TRY004 - callers handle ValueError
    return [_rule(rule) for rule in rules]


def _rule(rule: Any) -> Rule:
    if not isinstance(rule, dict) or not isinstance(rule.get("path"), str):
        raise ValueError("a rule is an object with a path")  # noqa: TRY004 - callers handle ValueError
    for key, value in rule.items():
        kind = _FIELDS.get(key)
        if (
            kind is None
            or not isinstance(value, kind)
            or (isinstance(value, bool) and kind is not bool)
        ):
            raise ValueError(f"invalid field {key!r} of a rule: {value!r}")
    try:
        path = re.compile(rule["path"])
    except re.error as error:
        raise ValueError(f"{rule['path']!r} is not a regular expression: {error}") from None
    if rule.get("failure", "") not in {"", *FAILURES}:
        raise ValueError(f"unknown failure {rule['failure']!r}")
    if rule.get("leaves_failed") and not _of_operations(rule.get("failure", "")):
        raise ValueError("leaves_failed needs a failure of an operation, such as build_failed")
    if rule.get("status", 200) not in range(200, 600):
        raise ValueError("a status is between 200 and 599")
    return Rule(**{**rule, "path": path})


def _of_operations(failure: str) -> bool:
    return failure in FAILURES and FAILURES[failure].operation
