"""What a request may say: one rule a field, in the words of Google's own limits."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields

from deployments.deployment import ApprovalPolicy, DeploymentRequest, Operation, Stack
from deployments.destruction import confirmation
from deployments.errors import FieldProblem, InvalidRequest, NotAvailable
from deployments.templates import TEMPLATES, Variable, VariableKind
from deployments.timings import PhaseTimeouts

__all__ = ["DeploymentFields", "Scalar", "Value", "check", "check_target"]

Scalar = str | int | float | bool
Value = Scalar | list[str]

# https://cloud.google.com/resource-manager/docs/creating-managing-projects#before_you_begin
_PROJECT = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]", re.ASCII)
# A service account id has at most 30 characters; 15 of them are ours ("-device-auth-fn").
_PREFIX = re.compile(r"[a-z]([a-z0-9-]{0,13}[a-z0-9])?", re.ASCII)
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
class DeploymentFields:
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
    template_version: str | None = None
    revision: int | None = None
    continues: str | None = None
    confirm: str | None = None


def check(requested: DeploymentFields) -> DeploymentRequest:
    """Turn what was asked into a request that every later part may trust.

    Raises:
        InvalidRequest: with one problem for each field that breaks a rule or is not built yet.
        NotAvailable: no rule is broken, but some value is designed and not built yet.
    """
    problems = [*_names(requested), *_variables(requested), *_timeouts(requested.timeouts)]
    problems += _confirmation(requested)
    missing = list(_not_available(requested))
    if problems:
        raise InvalidRequest("The request breaks a rule.", *problems, *missing)
    if missing:
        raise NotAvailable("This version cannot do that yet.", *missing)
    return DeploymentRequest(
        stack=Stack(requested.template, requested.project_id, requested.prefix),
        region=requested.region,
        storage_location=requested.storage_location,
        variables_json=json.dumps(dict(requested.variables), sort_keys=True, allow_nan=False),
        operation=requested.operation,
        approval=requested.approval,
        timeouts=requested.timeouts,
    )


def check_target(requested: DeploymentFields) -> DeploymentRequest:
    """Only where a deployment would go: for a look at the project, before anything is asked for.

    Raises:
        InvalidRequest: with one problem for each field that breaks a rule.
    """
    if problems := list(_names(requested)):
        raise InvalidRequest("The request breaks a rule.", *problems)
    return DeploymentRequest(
        stack=Stack(requested.template, requested.project_id, requested.prefix),
        region=requested.region,
        storage_location=requested.storage_location,
    )


def _names(requested: DeploymentFields) -> Iterator[FieldProblem]:
    rules = (
        ("project_id", _PROJECT, "6 to 30 lower-case letters, digits or hyphens, from a letter on"),
        ("prefix", _PREFIX, "1 to 15 lower-case letters, digits or hyphens, from a letter on"),
        ("region", _REGION, "a Google Cloud region like us-central1"),
        ("storage_location", _LOCATION, "a Cloud Storage location like US or us-central1"),
    )
    for name, rule, words in rules:
        value = getattr(requested, name)
        if len(value) > _LONGEST_NAME or not rule.fullmatch(value):
            yield FieldProblem(f"/{name}", "pattern", f"{name} must be {words}.")
    if requested.template not in TEMPLATES:
        names = ", ".join(sorted(TEMPLATES))
        yield FieldProblem("/template", "unknown", f"template must be one of: {names}.")


def _variables(requested: DeploymentFields) -> Iterator[FieldProblem]:
    template = TEMPLATES.get(requested.template)
    if template is None:
        return
    for name, value in requested.variables.items():
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
    if rule.kind is VariableKind.STRING:
        return _wrong_text(rule, value)
    if rule.kind is VariableKind.STRINGS:
        return _wrong_list(rule, value)
    if rule.kind is VariableKind.BOOL:
        return None if isinstance(value, bool) else "The value must be true or false."
    return _wrong_number(rule, value)


def _wrong_number(rule: Variable, value: Value) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "The value must be a number."
    # The bounds first: NaN, infinity and integers too large for a float all end here.
    if not rule.lowest <= value <= rule.highest:
        return f"The value must lie between {rule.lowest:.0f} and {rule.highest:.0f}."
    if rule.whole and value != int(value):
        return "The value must be a whole number."
    return None


def _wrong_list(rule: Variable, value: Value) -> str | None:
    if not isinstance(value, list):
        return "The value must be a list of strings."
    if len(value) > rule.most:
        return f"The list may have {rule.most} entries at most."
    if len(set(map(str, value))) < len(value):
        return "The list holds an entry twice."
    wrong = ((number, _wrong_text(rule, entry)) for number, entry in enumerate(value, 1))
    return next((f"Entry {number}: {words}" for number, words in wrong if words), None)


def _wrong_text(rule: Variable, value: Value) -> str | None:
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


def _confirmation(requested: DeploymentFields) -> Iterator[FieldProblem]:
    """What is lost must be named; what stays is told by `GET /api/destruction`."""
    if requested.operation is not Operation.DESTROY:
        if requested.confirm is not None:
            yield FieldProblem("/confirm", "confirm", "Only a destroy is confirmed.")
    elif requested.confirm != confirmation(requested.project_id, requested.prefix):
        yield FieldProblem(
            "/confirm",
            "confirm",
            "A destroy is confirmed by project_id/prefix of the stack that is to be destroyed. "
            "GET /api/destruction says what stays and what Google keeps for a while.",
        )


def _not_available(requested: DeploymentFields) -> Iterator[FieldProblem]:
    if requested.approval is not ApprovalPolicy.AUTO:
        yield FieldProblem("/approval", "not_available", "Only auto exists so far.")
    if requested.operation in {Operation.DRIFT, Operation.REPAIR}:
        yield FieldProblem("/operation", "not_available", "Only deploy and destroy exist so far.")
    if requested.template_version is not None:
        yield FieldProblem(
            "/template_version", "not_available", "The installed version is deployed so far."
        )
    if requested.revision is not None:
        yield FieldProblem("/revision", "not_available", "Revisions do not exist so far.")
    if requested.continues is not None:
        yield FieldProblem("/continues", "not_available", "A retry deploys the stack anew so far.")
