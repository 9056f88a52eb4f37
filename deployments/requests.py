"""What a request may say: one rule a field, in the words of Google's own limits."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields

from deployments.deployment import ApprovalPolicy, DeploymentRequest, Operation, Stack
from deployments.errors import FieldProblem, InvalidRequest, NotAvailable
from deployments.templates import TEMPLATES, Kind, Variable
from deployments.timings import PhaseTimeouts

__all__ = ["Asked", "Scalar", "Value", "check"]

Scalar = str | int | float | bool
Value = Scalar | Sequence[str]

# https://cloud.google.com/resource-manager/docs/creating-managing-projects#before_you_begin
_PROJECT = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]", re.ASCII)
# A service account id has at most 30 characters; 15 of them are ours ("-device-auth-fn").
# No bucket's name may contain "google": https://cloud.google.com/storage/docs/buckets#naming
_PREFIX = re.compile(r"(?!.*google)[a-z]([a-z0-9-]{0,13}[a-z0-9])?", re.ASCII)
_REGION = re.compile(r"[a-z]+-[a-z]+[0-9]{1,2}", re.ASCII)
# https://cloud.google.com/storage/docs/locations
_LOCATION = re.compile(
    r"US|EU|ASIA|NAM4|EUR[4578]|ASIA1|[a-z]+-[a-z]+[0-9]{1,2}|[A-Z]+-[A-Z]+[0-9]{1,2}", re.ASCII
)
# Nothing in a name is longer, whatever its own rule allows.
_LONGEST_NAME = 40

# A deployment may be given less than the default, down to a second, and at most this much:
# twice what the slowest customer stack was seen to take, rounded up.
_LONGEST_SECONDS = {"init_seconds": 1800, "plan_seconds": 3600, "apply_seconds": 14_400}


@dataclass(frozen=True)
class Asked:
    """A request's fields with the right types and the documented defaults, not yet checked."""

    project_id: str
    region: str = "us-central1"
    prefix: str = "anava"
    storage_location: str = "US"
    template: str = "sandbox"
    variables: Mapping[str, Value] = field(default_factory=dict)
    operation: Operation = Operation.DEPLOY
    approval: ApprovalPolicy = ApprovalPolicy.AUTO
    timeouts: PhaseTimeouts = field(default_factory=PhaseTimeouts)
    continues: str | None = None


def check(asked: Asked) -> DeploymentRequest:
    """Turn what was asked into a request that every later part may trust.

    Raises:
        InvalidRequest: with one problem for each field that breaks a rule or is not built yet.
        NotAvailable: no rule is broken, but some value is designed and not built yet.
    """
    problems = [*_names(asked), *_variables(asked), *_timeouts(asked.timeouts)]
    missing = list(_not_available(asked))
    if problems:
        raise InvalidRequest("The request breaks a rule.", *problems, *missing)
    if missing:
        raise NotAvailable("This version cannot do that yet.", *missing)
    return DeploymentRequest(
        stack=Stack(asked.template, asked.project_id, asked.prefix),
        region=asked.region,
        storage_location=asked.storage_location,
        variables_json=json.dumps(dict(asked.variables), sort_keys=True, allow_nan=False),
        operation=asked.operation,
        approval=asked.approval,
        timeouts=asked.timeouts,
    )


def _names(asked: Asked) -> Iterator[FieldProblem]:
    rules = (
        ("project_id", _PROJECT, "6 to 30 lower-case letters, digits or hyphens, from a letter on"),
        (
            "prefix",
            _PREFIX,
            "1 to 15 lower-case letters, digits or hyphens, from a letter on, without google",
        ),
        ("region", _REGION, "a Google Cloud region like us-central1"),
        ("storage_location", _LOCATION, "a Cloud Storage location like US or us-central1"),
    )
    for name, rule, words in rules:
        value = getattr(asked, name)
        if len(value) > _LONGEST_NAME or not rule.fullmatch(value):
            yield FieldProblem(f"/{name}", "pattern", f"{name} must be {words}.")
    if asked.template not in TEMPLATES:
        names = ", ".join(sorted(TEMPLATES))
        yield FieldProblem("/template", "unknown", f"template must be one of: {names}.")


def _variables(asked: Asked) -> Iterator[FieldProblem]:
    template = TEMPLATES.get(asked.template)
    if template is None:
        return
    for name, value in asked.variables.items():
        rule = template.variables.get(name)
        pointer = "/variables/" + name[:64].replace("~", "~0").replace("/", "~1")
        if rule is None:
            declared = ", ".join(sorted(template.variables)) or "none"
            yield FieldProblem(
                pointer, "undeclared", f"The template declares no such variable, only: {declared}."
            )
        elif wrong := _wrong(rule, value):
            yield FieldProblem(pointer, "value", wrong)


def _wrong(rule: Variable, value: Value) -> str | None:
    match rule.kind:
        case Kind.STRING:
            return _wrong_text(rule, value)
        case Kind.NUMBER:
            return _wrong_number(rule, value)
        case Kind.FLAG:
            return None if isinstance(value, bool) else "The value must be true or false."
        case Kind.TEXTS:
            return _wrong_texts(rule, value)


def _wrong_number(rule: Variable, value: Value) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "The value must be a number."
    # The bounds first: NaN, infinity and integers too large for a float all end here.
    if not rule.lowest <= value <= rule.highest:
        return f"The value must lie between {rule.lowest:.0f} and {rule.highest:.0f}."
    if rule.whole and value != int(value):
        return "The value must be a whole number."
    return None


def _wrong_texts(rule: Variable, value: Value) -> str | None:
    if not isinstance(value, list | tuple):
        return "The value must be a list."
    if len(value) > rule.most:
        return f"The list may have {rule.most} entries at most."
    return next((wrong for one in value if (wrong := _wrong_text(rule, one))), None)


def _wrong_text(rule: Variable, value: object) -> str | None:
    if not isinstance(value, str):
        return "The value must be a string."
    if len(value) > rule.longest:
        return f"The value may have {rule.longest} characters at most."
    # NUL cannot stand in an environment; a lone surrogate cannot be written as UTF-8.
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        return "The value must be text without NUL."
    if not re.fullmatch(rule.pattern, value, re.ASCII | re.DOTALL):
        return f"The value must be {rule.words}."
    return None


def _timeouts(timeouts: PhaseTimeouts) -> Iterator[FieldProblem]:
    for name in (entry.name for entry in fields(timeouts)):
        longest, seconds = _LONGEST_SECONDS[name], getattr(timeouts, name)
        # They travel as integers; True would be a second, NaN would end as none.
        if type(seconds) is not int or not 1 <= seconds <= longest:
            yield FieldProblem(
                f"/timeouts/{name}", "range", f"{name} must be whole, from 1 to {longest}."
            )


def _not_available(asked: Asked) -> Iterator[FieldProblem]:
    template = TEMPLATES.get(asked.template)
    if template is not None and not template.available:
        yield FieldProblem("/template", "not_available", "Only the template sandbox exists so far.")
    if asked.operation is not Operation.DEPLOY:
        yield FieldProblem("/operation", "not_available", "Only deploy exists so far.")
    if asked.approval is not ApprovalPolicy.AUTO:
        yield FieldProblem("/approval", "not_available", "Only auto exists so far.")
    if asked.continues is not None:
        yield FieldProblem("/continues", "not_available", "A retry deploys the stack anew so far.")
