"""The rules of a request: a rule for each field, from Google's own limits."""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from deployments.deployment import ApprovalPolicy, DeploymentRequest, Operation, Stack
from deployments.destruction import confirmation
from deployments.errors import FieldProblem, InvalidRequest, NotAcceptedByApi, NotAvailable
from deployments.templates import TEMPLATES, Product, Template, Variable, VariableKind
from deployments.timings import PhaseTimeouts, limits_of

__all__ = ["DeploymentFields", "Value", "check", "check_again", "check_target"]

Scalar = str | int | float | bool
Value = Scalar | list[str]

# https://cloud.google.com/resource-manager/docs/creating-managing-projects#before_you_begin
_PROJECT = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]", re.ASCII)
# A service account id has at most 30 characters; the template adds 15 ("-device-auth-fn").
_PREFIX = re.compile(r"[a-z]([a-z0-9-]{0,13}[a-z0-9])?", re.ASCII)
_REGION = re.compile(r"[a-z]+-[a-z]+[0-9]{1,2}", re.ASCII)
# https://cloud.google.com/storage/docs/locations
_LOCATION = re.compile(
    r"US|EU|ASIA|NAM4|EUR[4578]|ASIA1|[a-z]+-[a-z]+[0-9]{1,2}|[A-Z]+-[A-Z]+[0-9]{1,2}", re.ASCII
)
_NAME_RULES = (
    ("project_id", _PROJECT, "6 to 30 lower-case letters, digits or hyphens, from a letter on"),
    ("prefix", _PREFIX, "1 to 15 lower-case letters, digits or hyphens, from a letter on"),
    ("region", _REGION, "a Google Cloud region like us-central1"),
    ("storage_location", _LOCATION, "a Cloud Storage location like US or us-central1"),
)
_TENANT = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?", re.ASCII)
# Above every rule's own maximum; checked first, so that no pattern runs on a long text.
_MAX_NAME_CHARACTERS = 40
# An environment cannot contain NUL, and UTF-8 cannot encode a lone surrogate.
_NOT_TEXT = re.compile("[\0\ud800-\udfff]")
# The values of designed fields that this version supports.
_AVAILABLE: tuple[tuple[str, tuple[object, ...], str], ...] = (
    ("approval", (ApprovalPolicy.AUTO,), "Only auto is available."),
    ("continues", (None,), "A retry deploys the stack again."),
    ("operation", (Operation.DEPLOY, Operation.DESTROY), "Only deploy and destroy are available."),
    ("template_version", (None,), "Each deployment takes the template's newest version."),
    ("revision", (None,), "No revisions are recorded, so none can be deployed again."),
)


@dataclass(frozen=True)
class DeploymentFields:
    """A request's fields with the right types and the documented defaults, not yet checked."""

    project_id: str
    template: str
    region: str = "us-central1"
    prefix: str = "anava"
    storage_location: str = "US"
    variables: Mapping[str, Value] = field(default_factory=dict)
    operation: Operation = Operation.DEPLOY
    approval: ApprovalPolicy = ApprovalPolicy.AUTO
    timeouts: PhaseTimeouts = field(default_factory=PhaseTimeouts)
    continues: str | None = None
    confirm: str | None = None
    template_version: str | None = None
    revision: int | None = None


def check(requested: DeploymentFields, offered: Collection[str] = TEMPLATES) -> DeploymentRequest:
    """Turn the fields into a request that every later part may trust.

    A template that is not `offered` is unknown.

    Raises:
        InvalidRequest: with a problem for each field that breaks a rule or is not built yet.
        NotAvailable: no rule is broken, but some value is designed and not built yet.
    """
    problems = [
        *_names(requested, offered),
        *_variables(requested, offered),
        *_timeouts(requested.timeouts),
    ]
    problems += _confirmation(requested)
    unavailable = list(_not_available(requested))
    if problems:
        raise InvalidRequest("The request breaks a rule.", *problems, *unavailable)
    if unavailable:
        raise NotAvailable("This version cannot do that yet.", *unavailable)
    return DeploymentRequest(
        stack=Stack(requested.template, requested.project_id, requested.prefix),
        region=requested.region,
        storage_location=requested.storage_location,
        variables_json=json.dumps(dict(requested.variables), sort_keys=True, allow_nan=False),
        operation=requested.operation,
        approval=requested.approval,
        timeouts=requested.timeouts,
    )


def check_again(request: DeploymentRequest) -> None:
    """Check the rules of a request, with its sensitive variables in clear, before it runs.

    Raises:
        NotAcceptedByApi: the request breaks a rule, so `check` did not make it.
    """
    stack = request.stack
    destroy = request.operation is Operation.DESTROY
    try:
        variables = json.loads(request.variables_json)
        fields = DeploymentFields(
            project_id=stack.project_id,
            template=stack.template,
            region=request.region,
            prefix=stack.prefix,
            storage_location=request.storage_location,
            variables=variables if isinstance(variables, dict) else {"": ""},
            operation=request.operation,
            approval=request.approval,
            timeouts=request.timeouts,
            confirm=confirmation(stack.project_id, stack.prefix) if destroy else None,
        )
        check(fields)
    except InvalidRequest as error:
        pointers = ", ".join(problem.pointer for problem in error.problems)
        raise NotAcceptedByApi(f"The request breaks a rule: {pointers}") from None
    except ValueError:
        raise NotAcceptedByApi("The variables are no JSON.") from None
    if len(stack.tenant) > _MAX_NAME_CHARACTERS or not _TENANT.fullmatch(stack.tenant):
        raise NotAcceptedByApi("The tenant's name has a wrong form.")


def check_target(
    requested: DeploymentFields, offered: Collection[str] = TEMPLATES
) -> DeploymentRequest:
    """A request with the target alone, to check a project before anything is deployed.

    Raises:
        InvalidRequest: with a problem for each field that breaks a rule.
    """
    if problems := list(_names(requested, offered)):
        raise InvalidRequest("The request breaks a rule.", *problems)
    return DeploymentRequest(
        stack=Stack(requested.template, requested.project_id, requested.prefix),
        region=requested.region,
        storage_location=requested.storage_location,
    )


def _names(requested: DeploymentFields, offered: Collection[str]) -> Iterator[FieldProblem]:
    for name, pattern, description in _NAME_RULES:
        value = getattr(requested, name)
        if len(value) > _MAX_NAME_CHARACTERS or not pattern.fullmatch(value):
            yield FieldProblem(f"/{name}", "pattern", f"{name} must be {description}.")
    if requested.template not in offered:
        names = ", ".join(sorted(offered))
        yield FieldProblem("/template", "unknown", f"template must be one of: {names}.")


def _variables(requested: DeploymentFields, offered: Collection[str]) -> Iterator[FieldProblem]:
    if requested.template not in offered:
        return
    template = TEMPLATES[requested.template]
    for name, value in requested.variables.items():
        rule = template.variables.get(name)
        pointer = "/variables/" + name[:64].replace("~", "~0").replace("/", "~1")
        if rule is None:
            declared = ", ".join(sorted(template.variables)) or "none"
            yield FieldProblem(
                pointer, "undeclared", f"The template declares no such variable, only: {declared}."
            )
        elif problem := _problem(rule, value):
            yield FieldProblem(pointer, "value", problem)
    if template.product is not None:
        yield from _product(template, template.product, requested.variables)


def _product(
    template: Template, product: Product, variables: Mapping[str, Value]
) -> Iterator[FieldProblem]:
    """The problem of numbers that are each in their bounds, and whose product is too large."""
    result = 1.0
    for name, default in product.defaults.items():
        value = variables.get(name, default)
        if _problem_of_number(template.variables[name], value) or not isinstance(
            value, int | float
        ):
            return
        result *= value
    if result > product.highest:
        names = " times ".join(product.defaults)
        yield FieldProblem(
            f"/variables/{next(iter(product.defaults))}",
            "value",
            f"{names} may be {product.highest} at most.",
        )


def _problem(rule: Variable, value: Value) -> str | None:
    if rule.kind is VariableKind.STRING:
        return _problem_of_text(rule, value)
    if rule.kind is VariableKind.STRINGS:
        return _problem_of_list(rule, value)
    if rule.kind is VariableKind.BOOL:
        return None if isinstance(value, bool) else "The value must be true or false."
    return _problem_of_number(rule, value)


def _problem_of_number(rule: Variable, value: Value) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "The value must be a number."
    # The bounds come first: they refuse NaN, infinity and integers too large for a float.
    if not rule.lowest <= value <= rule.highest:
        return f"The value must be between {rule.lowest:.0f} and {rule.highest:.0f}."
    if rule.whole and value != int(value):
        return "The value must be a whole number."
    return None


def _problem_of_list(rule: Variable, value: Value) -> str | None:
    if not isinstance(value, list):
        return "The value must be a list of strings."
    if len(value) > rule.max_entries:
        return f"The list may have {rule.max_entries} entries at most."
    if len(set(map(str, value))) < len(value):
        return "The list contains an entry twice."
    problems = ((number, _problem_of_text(rule, entry)) for number, entry in enumerate(value, 1))
    return next((f"Entry {number}: {problem}" for number, problem in problems if problem), None)


def _problem_of_text(rule: Variable, value: Value) -> str | None:
    if not isinstance(value, str):
        return "The value must be a string."
    if len(value) > rule.max_characters:
        return f"The value may have {rule.max_characters} characters at most."
    if _NOT_TEXT.search(value):
        return "The value must be text without NUL."
    if not re.fullmatch(rule.pattern, value, re.ASCII | re.DOTALL):
        return f"The value must be {rule.description}."
    return None


def _timeouts(timeouts: PhaseTimeouts) -> Iterator[FieldProblem]:
    for name, limit in limits_of(PhaseTimeouts).items():
        seconds = getattr(timeouts, name)
        # Not isinstance: True would count as a second.
        if type(seconds) is not int or not limit.minimum <= seconds <= limit.maximum:
            bounds = f"{limit.minimum} to {limit.maximum}"
            yield FieldProblem(
                f"/timeouts/{name}", "range", f"{name} must be whole, from {bounds}."
            )


def _confirmation(requested: DeploymentFields) -> Iterator[FieldProblem]:
    """A destroy must name the stack that is lost; no other operation takes a confirmation."""
    if requested.operation is not Operation.DESTROY:
        if requested.confirm is not None:
            yield FieldProblem("/confirm", "confirm", "Only a destroy is confirmed.")
    elif requested.confirm != confirmation(requested.project_id, requested.prefix):
        yield FieldProblem(
            "/confirm",
            "confirm",
            "A destroy is confirmed by project_id/prefix of the stack that is to be destroyed. "
            "`anava destroy` lists first what stays and what Google retains for a while.",
        )


def _not_available(requested: DeploymentFields) -> Iterator[FieldProblem]:
    for name, available, sentence in _AVAILABLE:
        if getattr(requested, name) not in available:
            yield FieldProblem(f"/{name}", "not_available", sentence)
