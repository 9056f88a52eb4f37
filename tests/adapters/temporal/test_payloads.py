"""The largest legal value of each kind, in characters of 12 bytes, fits into Temporal.

Temporal refuses a payload of 2 MiB (measured): an apply that was done ended as `start_failed`, and
a finalize with a larger input is scheduled for ever. Search attributes have limits of their own.
"""

import inspect
import json
import string
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, get_type_hints

import pytest
from temporalio.api.failure.v1 import Failure
from temporalio.exceptions import ApplicationError

from activities.deployments import (
    DeploymentActivities,
    FinalizeDeploymentInput,
    PrepareDeploymentInput,
    ReportPlanInput,
)
from activities.preflight import CheckProjectInput, FindExistingInput, PreflightActivities
from activities.steps import RunStepInput, StartMode, StepActivities, StopStepInput
from adapters.encryption import AesGcmCipher
from adapters.temporal.executions import memo_of, search_attributes
from adapters.temporal.payloads import DATA_CONVERTER
from deployments.deployment import (
    CancelRequest,
    DeploymentRequest,
    DeploymentResult,
    Operation,
    PreparedHost,
    Status,
)
from deployments.events import EndKind, EndRecord
from deployments.execution import DeploymentSnapshot
from deployments.findings import Finding
from deployments.imports import Import, ImportSurvey
from deployments.payload_size import MAX_PAYLOAD_BYTES, fit
from deployments.phase import Phase
from deployments.reasons import Reason
from deployments.requests import DeploymentFields, _problem_of_text, check
from deployments.results import EndContext
from deployments.retry_budget import LAST_STEP_WITH_RETRY
from deployments.secret_variables import encrypt_variables
from deployments.step import (
    Diagnostic,
    Output,
    Resource,
    ResourceStatus,
    SilentChange,
    StepKey,
    StepOrder,
    StepOutcome,
    StepResult,
    StopCause,
)
from deployments.step_order import DeploymentInput
from deployments.templates import TEMPLATES, Template, Variable, VariableKind
from deployments.timings import StopLadder
from workflows.current_details import current_details, overdue_details, retry_details
from workflows.deployment import _MAX_EARLIER_BYTES

# Temporal's limits, measured with server 1.32.
PAYLOAD = 2 * 1024 * 1024
ATTRIBUTE = 2_048
# SQL visibility stores a Keyword in a column of 255 characters.
KEYWORD = 255

DEPLOYMENT = "dep-" + "a" * 26
LONG = "\N{GRINNING FACE}" * 5_000
KEY = StepKey(DEPLOYMENT, 10**6)
SEAL = EndRecord(10**6, EndKind.INCOMPLETE, 10**10, "0" * 64)
FINDING = Finding(
    Reason.PREFLIGHT_FAILED, LONG, next_step=LONG, fix=LONG, resource=LONG, detail=LONG, file=LONG
)
RESOURCE = Resource(LONG, "create", ResourceStatus.RUNNING, "t", 1.0, LONG, LONG)
STEP = StepResult(
    KEY,
    Phase.APPLY,
    StepOutcome.START_FAILED,
    exit_code=255,
    stop=StopCause.NO_PROGRESS,
    changed=[LONG[:500]] * 1_000,
    not_applied=["terraform_data.a" * 5] * 5_000,
    diagnostics=[Diagnostic("error", LONG, LONG, LONG, LONG, 9)] * 50,
    outputs=[Output("o" * 200, False, LONG)] * 300,  # noqa: FBT003 - Output's own order
    seal=SEAL,
    plan_sha256="0" * 64,
    error=LONG,
    unchanged=[LONG[:500]] * 300,
    silent=[SilentChange("import", LONG[:500])] * 300,
)
IMPORTS = [Import("google_x.y" * 9, LONG[:300])] * 1_000
ORDER = StepOrder(
    KEY, Phase.PLAN, 14_400, 300, 300, StopLadder(), "0" * 64, IMPORTS, project_id="p" * 30
)
CONTEXT = EndContext(
    Phase.FINALIZE,
    CancelRequest.decode(CancelRequest(LONG, LONG).encode()),
    Reason.PREFLIGHT_FAILED,
    LONG,
    findings=fit([FINDING] * 300),
)
# A try has at most three surveys with three plans each, and three applies. The workflow has each
# step as it crossed.
STEPS = [
    *[fit(STEP, _MAX_EARLIER_BYTES)] * (LAST_STEP_WITH_RETRY + 11),
    fit(STEP),
]


def largest_value(rule: Variable) -> object:
    """The longest value of a variable that a request may have."""
    if rule.kind is VariableKind.BOOL:
        return False
    if rule.kind is VariableKind.NUMBER:
        return rule.highest
    candidates = (LONG, string.ascii_lowercase * 200, "https://" + "a" * 300, "nam5", "")
    largest = ""
    for candidate in candidates:
        text = candidate[: rule.max_characters]
        if _problem_of_text(rule, text) is None and len(json.dumps(text)) > len(
            json.dumps(largest)
        ):
            largest = text
    if rule.kind is VariableKind.STRINGS:
        return [largest[:-2] + f"{number:02}" for number in range(rule.max_entries)]
    return largest


def largest_request(template: Template) -> DeploymentRequest:
    """A request that the API accepts, as it travels: with encrypted variables."""
    variables = {name: largest_value(rule) for name, rule in template.variables.items()}
    if template.product is not None:
        # A single number may use up the bound.
        first, *others = template.product.defaults
        variables |= {first: template.product.highest, **dict.fromkeys(others, 1)}
    fields = DeploymentFields(
        "p" * 30,
        template.name,
        region="northamerica-northeast11",
        prefix="p" * 15,
        storage_location="northamerica-northeast11",
        variables=variables,  # type: ignore[arg-type]  # values of the rules' kinds
    )
    return encrypt_variables(check(fields), DEPLOYMENT, AesGcmCipher([b"k" * 32]))


REQUESTS = [largest_request(template) for template in TEMPLATES.values()]
REQUEST = max(REQUESTS, key=lambda request: len(request.encrypted_variables))
VALUES: dict[object, Any] = {
    CheckProjectInput: CheckProjectInput(DEPLOYMENT, REQUEST),
    FindExistingInput: FindExistingInput(DEPLOYMENT, "p" * 30),
    PrepareDeploymentInput: PrepareDeploymentInput(DEPLOYMENT, REQUEST),
    ReportPlanInput: ReportPlanInput(DEPLOYMENT),
    RunStepInput: RunStepInput(ORDER, StartMode.ATTACH),
    StopStepInput: StopStepInput(KEY),
    FinalizeDeploymentInput: FinalizeDeploymentInput(DEPLOYMENT, "local", REQUEST, STEPS, CONTEXT),
    PreparedHost: PreparedHost("h" * 64, "1.11.4", "0" * 12),
    StepResult: STEP,
    ImportSurvey: ImportSurvey(IMPORTS, [FINDING] * 300),
    list[Finding]: [FINDING] * 300,
    # Of the workflow, its signal and the heartbeats.
    DeploymentResult: DeploymentResult(
        Status.FAILED, Reason.APPLY_FAILED, Phase.APPLY, LONG, changed=[LONG] * 300
    ),
    DeploymentInput: DeploymentInput("local", REQUEST),
    list[Resource]: [RESOURCE] * 10,
    str: LONG,
}


def crossings() -> Iterator[object]:
    """The types of all arguments and results of activities."""
    for activities in (DeploymentActivities, StepActivities, PreflightActivities):
        for name, method in inspect.getmembers(activities, inspect.isfunction):
            if hasattr(method, "__temporal_activity_definition"):
                hints = get_type_hints(method)
                assert hints, name
                yield from (hint for hint in hints.values() if hint is not type(None))


def test_each_argument_and_result_of_an_activity_has_a_largest_value_here() -> None:
    assert set(crossings()) <= VALUES.keys()


@pytest.mark.parametrize("kind", list(VALUES), ids=str)
def test_the_largest_value_fits_and_is_read_back(kind: Any) -> None:
    converter = DATA_CONVERTER.payload_converter
    (payload,) = converter.to_payloads([VALUES[kind]])
    # 262 steps have 250 KB of fields that are not shortened.
    limit = PAYLOAD / 4 if kind is FinalizeDeploymentInput else MAX_PAYLOAD_BYTES * 2
    assert payload.ByteSize() <= limit
    (value,) = converter.from_payloads([payload], [kind])
    assert type(value) is type(VALUES[kind])


def test_a_request_crosses_as_it_is() -> None:
    """Half a variable or half a ciphertext would be deployed, or refused by the host."""
    for request in REQUESTS:
        converter = DATA_CONVERTER.payload_converter
        sent = DeploymentInput("local", request)
        assert converter.from_payloads(converter.to_payloads([sent]), [DeploymentInput]) == [sent]


def test_the_whole_history_stays_below_the_limit_of_temporal() -> None:
    """At 50 MB or 51,200 events Temporal ends a workflow."""
    sizes = [
        DATA_CONVERTER.payload_converter.to_payload(VALUES[kind]).ByteSize()
        for kind in (RunStepInput, StepResult, ImportSurvey)
    ]
    assert sum(sizes) * len(STEPS) < 50_000_000


@pytest.mark.parametrize("error", [ApplicationError(LONG, type="T"), ValueError(LONG)], ids=repr)
def test_an_error_of_any_length_keeps_its_type(error: Exception) -> None:
    """The server replaced an error above 2 MiB, and with it the type that a workflow reads."""
    chain: BaseException = error
    for _ in range(50):
        chain.__cause__ = chain = ValueError(LONG)
    failure = Failure()
    DATA_CONVERTER.failure_converter.to_failure(error, DATA_CONVERTER.payload_converter, failure)
    assert failure.ByteSize() <= MAX_PAYLOAD_BYTES
    assert failure.application_failure_info.type in {"T", "ValueError"}
    assert failure.message.endswith(" [cut]")


def test_search_attributes_memo_and_details_fit_at_the_start() -> None:
    request = replace(REQUEST, operation=Operation.DESTROY)
    for status in Status:
        for reason in Reason:
            snapshot = DeploymentSnapshot(
                DEPLOYMENT,
                request.stack.tenant,
                "local",
                request.stack.id,
                request.operation,
                status,
                Phase.PREFLIGHT,
                reason,
                "t",
                request={"variables": json.loads(request.variables_json)},
            )
            for pair in search_attributes(snapshot):
                assert len(str(pair.value).encode()) <= KEYWORD
    memo = DATA_CONVERTER.payload_converter.to_payloads(list(memo_of(snapshot).values()))
    assert sum(payload.ByteSize() for payload in memo) <= MAX_PAYLOAD_BYTES


@pytest.mark.parametrize(
    "headline", [overdue_details([RESOURCE] * 10), retry_details(FINDING, 1, 1)], ids=["a", "b"]
)
def test_the_current_details_fit(headline: str) -> None:
    details = current_details(headline, "s" * 80, "local", Phase.APPLY, [STEP] * 9)
    assert len(json.dumps(details)) <= 20_002


def test_a_cancel_by_an_operator_may_have_any_reason() -> None:
    """Temporal takes a reason of 3 MB (measured), which then is in the input of finalize."""
    cancel = CancelRequest.decode(LONG)
    assert cancel.reason.endswith(" [cut]")
    assert len(json.dumps(cancel.reason)) <= 4_002
