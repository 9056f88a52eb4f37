"""A refusal of a new project, by its public text: cause, reaction, who must act, what to do."""

import pytest

from deployments import permissions
from deployments.cause_rows import Action, CauseRow, find_row
from deployments.errors import Audience
from deployments.explanations import Actor, explain
from deployments.findings import Effect, Finding, Severity, finding
from deployments.google_causes import GOOGLE_CAUSES
from deployments.google_errors import GoogleError, parse
from deployments.phase import Phase
from deployments.preflight import disabled_apis
from deployments.reasons import Reason
from deployments.refusal_causes import classify, refusals_of
from deployments.results import EndContext, Reconciliation, conclude
from deployments.retry_budget import RetryBudget
from deployments.step import Diagnostic, StepKey, StepOutcome, StepResult
from deployments.terraform_causes import TERRAFORM_CAUSES
from deployments.timings import RetryLimits
from tests.support import public_refusals as public
from tests.support.refusals import google_error, with_details
from tests.support.seen_refusals import SEEN

PERSON, ADMINISTRATOR, SERVICE, GOOGLE = Actor.known()
FATAL, REPEATED, _ = Effect.known()
IAM = "https://console.cloud.google.com/iam-admin/iam"
LINK = "https://console.cloud.google.com/billing/linkedaccount"
POLICIES = "https://console.cloud.google.com/iam-admin/orgpolicies"
ADDRESS = "module.anava.google_x.this"
FIREBASE = "google_firebase_project.this"


def reason_only(reason: str) -> str:
    """An error of a newer API whose reason alone names the cause."""
    return google_error("", 403, "Refused.", reason)


# Text, reason, reaction, who must act, a part of the sentence, the link or command.
CASES = [
    (
        public.BUILD_SOURCE_DENIED,
        Reason.BUILD_ROLES_MISSING,
        Action.WAIT,
        GOOGLE,
        "gcf-sa@demo-proj.iam.gserviceaccount.com builds the functions and may not read their",
        IAM,
    ),
    (
        public.BUILD_SOURCE_DENIED_OLD,
        Reason.BUILD_ROLES_MISSING,
        Action.WAIT,
        GOOGLE,
        "build@demo-proj.iam.gserviceaccount.com builds",
        IAM,
    ),
    (
        public.BUILD_ACCOUNT,
        Reason.BUILD_ROLES_MISSING,
        Action.WAIT,
        GOOGLE,
        "does not have its roles yet",
        IAM,
    ),
    (
        public.ARTIFACTS_DENIED,
        Reason.BUILD_ROLES_MISSING,
        Action.WAIT,
        GOOGLE,
        "may not read the repository gcf-artifacts yet",
        IAM,
    ),
    (
        public.ARTIFACTS_DENIED_LATE,
        Reason.BUILD_ROLES_MISSING,
        Action.WAIT,
        GOOGLE,
        "may not read the repository gcf-artifacts yet",
        IAM,
    ),
    (
        public.EVENTARC_AGENT,
        Reason.BUILD_ROLES_MISSING,
        Action.WAIT,
        GOOGLE,
        "service agent of Eventarc",
        IAM,
    ),
    (public.RUNTIME, Reason.RUNTIME_RETIRED, Action.FAIL, SERVICE, "the runtime python39 of", ""),
    (
        public.ENABLE_NOT_FOUND,
        Reason.SERVICE_NOT_FOUND,
        Action.WAIT,
        GOOGLE,
        "run.googleapis.com is not known in the project yet.",
        "gcloud services enable run.googleapis.com",
    ),
    (
        public.MANAGED_NOT_FOUND,
        Reason.SERVICE_NOT_FOUND,
        Action.WAIT,
        GOOGLE,
        "api-3ac50ge6prcod.apigateway.demo-proj.cloud.goog is not known in the project yet.",
        "gcloud services enable api-3ac50ge6prcod.apigateway.demo-proj.cloud.goog",
    ),
    (
        public.MANAGED_NOT_FOUND_SHORT,
        Reason.SERVICE_NOT_FOUND,
        Action.WAIT,
        GOOGLE,
        "api-3ac50ge6prcod.apigateway.demo-proj.cloud.goog is not known in the project yet.",
        "gcloud services enable api-3ac50ge6prcod.apigateway.demo-proj.cloud.goog",
    ),
    (
        reason_only("SERVICE_NOT_VISIBLE"),
        Reason.SERVICE_NOT_FOUND,
        Action.WAIT,
        GOOGLE,
        "An API is not known",
        "",
    ),
    (
        public.BIND_DENIED,
        Reason.PERMISSION_DENIED,
        Action.USER_ACTION,
        ADMINISTRATOR,
        "run.googleapis.com may not be enabled: the permission "
        "servicemanagement.services.bind is missing.",
        IAM,
    ),
    (
        public.FIREBASE_TERMS_NAMED,
        Reason.FIREBASE_TERMS,
        Action.USER_ACTION,
        PERSON,
        "The account has not accepted the terms of Firebase.",
        "https://console.firebase.google.com/",
    ),
    (
        public.IDENTITY_BILLING,
        Reason.BILLING_DISABLED,
        Action.USER_ACTION,
        PERSON,
        "Identity Platform needs",
        LINK,
    ),
    *(
        (
            text,
            Reason.POLICY_FORBIDS,
            Action.USER_ACTION,
            ADMINISTRATOR,
            "constraints/iam.allowedPolicyMemberDomains",
            POLICIES,
        )
        for text in (public.MEMBER_DOMAIN, public.MEMBER_DOMAIN_RUN, public.MEMBER_DOMAIN_BUCKET)
    ),
    *(
        (
            reason_only(reason),
            Reason.POLICY_FORBIDS,
            Action.USER_ACTION,
            ADMINISTRATOR,
            "A policy of the organisation forbids",
            POLICIES,
        )
        for reason in (
            "CUSTOM_ORG_POLICY_VIOLATION",
            "LOCATION_ORG_POLICY_VIOLATED",
            "LOCATION_POLICY_VIOLATED",
            "ORG_RESTRICTION_VIOLATION",
            "RESOURCE_USAGE_RESTRICTION_VIOLATED",
        )
    ),
    *(
        (
            text,
            Reason.PERIMETER_FORBIDS,
            Action.USER_ACTION,
            ADMINISTRATOR,
            f"refuse the request: violation {public.VIOLATION}.",
            "gcloud logging read "
            f"protoPayload.metadata.vpcServiceControlsUniqueId={public.VIOLATION}",
        )
        for text in (public.PERIMETER, public.PERIMETER_SHORT)
    ),
    *(
        (
            text,
            Reason.SIGN_IN_EXPIRED,
            Action.USER_ACTION,
            PERSON,
            "session length that the organisation's Google Workspace allows",
            "",
        )
        for text in (public.RAPT_REQUIRED, public.INVALID_RAPT)
    ),
    (
        public.REVOKED_GRANT,
        Reason.SIGN_IN_EXPIRED,
        Action.USER_ACTION,
        PERSON,
        "no longer accepts the sign-in",
        "",
    ),
    (
        reason_only("ACCESS_TOKEN_SCOPE_INSUFFICIENT"),
        Reason.SIGN_IN_EXPIRED,
        Action.USER_ACTION,
        PERSON,
        "does not include access to Google Cloud",
        "",
    ),
    *(
        (
            text,
            Reason.SIGN_IN_BLOCKED,
            Action.USER_ACTION,
            ADMINISTRATOR,
            "does not allow the sign-in",
            "",
        )
        for text in (
            public.ADMIN_POLICY,
            public.ORG_INTERNAL,
            reason_only("USER_BLOCKED_BY_ADMIN"),
        )
    ),
    *(
        (text, Reason.DATASTORE_MODE, Action.USER_ACTION, PERSON, "is in Datastore mode", "")
        for text in (public.DATASTORE_RULES, public.DATASTORE_API)
    ),
    (
        public.BILLING_UNSEEN,
        Reason.BILLING_DISABLED,
        Action.WAIT,
        PERSON,
        "no account is linked, or the link is only minutes old",
        LINK,
    ),
    (
        public.BILLING_QUOTA,
        Reason.BILLING_QUOTA_EXCEEDED,
        Action.USER_ACTION,
        PERSON,
        "reached the number of projects",
        "https://support.google.com/code/contact/billing_quota_increase",
    ),
    (
        public.PROJECT_DELETED,
        Reason.PROJECT_INACTIVE,
        Action.USER_ACTION,
        PERSON,
        "marked for deletion",
        "",
    ),
    *(
        (
            reason_only(reason),
            Reason.PROJECT_SUSPENDED,
            Action.USER_ACTION,
            PERSON,
            "has suspended the project",
            "",
        )
        for reason in ("CONSUMER_SUSPENDED", "GCP_SUSPENDED")
    ),
    (
        reason_only("CONSUMER_INVALID"),
        Reason.PROJECT_NOT_FOUND,
        Action.USER_ACTION,
        PERSON,
        "does not exist, or your account has no access",
        "",
    ),
    (
        reason_only("USER_PROJECT_DENIED"),
        Reason.PERMISSION_DENIED,
        Action.USER_ACTION,
        ADMINISTRATOR,
        "serviceusage.services.use is missing",
        IAM,
    ),
    *(
        (
            text,
            Reason.IDENTITY_REPLACED,
            Action.USER_ACTION,
            PERSON,
            "was deleted and made again",
            IAM,
        )
        for text in (public.IDENTITY_REPLACED, public.IDENTITY_REPLACED_OLD)
    ),
    (
        public.QUOTA_PROJECT,
        Reason.QUOTA_PROJECT_MISSING,
        Action.FAIL,
        SERVICE,
        "names no project for the quota",
        "",
    ),
    (public.PROJECT_RECENT, Reason.API_DISABLED, Action.WAIT, GOOGLE, "was enabled", ""),
]
LIMITS = RetryLimits()


def failed(*diagnostics: Diagnostic) -> StepResult:
    key = StepKey("dep-1", 3)
    return StepResult(
        key, Phase.APPLY, StepOutcome.FAILED, exit_code=1, diagnostics=list(diagnostics)
    )


def error_of(step: StepResult) -> Finding:
    """The only error of a deployment that ended with this step."""
    (error,) = conclude([step], EndContext(Phase.APPLY), Reconciliation()).errors
    return error


@pytest.mark.parametrize(("text", "reason", "action", "actor", "sentence", "fix"), CASES)
def test_a_public_refusal_has_cause_reaction_actor_sentence_and_fix(
    text: str, reason: Reason, action: Action, actor: Actor, sentence: str, fix: str
) -> None:
    step = failed(Diagnostic("error", text, address=ADDRESS))

    (refusal,) = refusals_of(step)
    assert (refusal.reason, refusal.action) == (reason, action)
    error = error_of(step)
    assert (error.cause, error.actor, error.fix) == (reason, actor, fix)
    assert sentence in error.message
    assert error.effect is (REPEATED if action is Action.WAIT else FATAL)
    assert error.next_step == explain(reason).next_step
    assert error.resource == ADDRESS
    assert error.detail == text
    result = conclude([step], EndContext(Phase.APPLY), Reconciliation())
    assert result.reason is reason


@pytest.mark.parametrize(("text", "reason", "action"), [case[:3] for case in CASES])
def test_a_wait_has_a_limit_and_no_other_public_refusal_is_tried_again(
    text: str, reason: Reason, action: Action
) -> None:
    (refusal,) = refusals_of(failed(Diagnostic("error", text, address=ADDRESS)))
    budget, now, pauses = RetryBudget(LIMITS), 0.0, []
    while (pause := budget.pause(refusal.action, now, reason=reason)) is not None:
        pauses.append(pause)
        now += pause

    assert bool(pauses) is (action is Action.WAIT)
    assert now <= LIMITS.propagation_seconds + LIMITS.longest_pause_seconds


def test_the_reserved_id_of_a_deleted_role_needs_another_suffix() -> None:
    """A destroy and a deployment ten days later ended as `apply_failed`, for four weeks."""
    step = failed(
        Diagnostic("error", public.ROLE_ID_RESERVED, address="google_project_iam_custom_role.x")
    )

    (refusal,) = refusals_of(step)
    assert (refusal.reason, refusal.action) == (Reason.ALREADY_EXISTS, Action.USER_ACTION)
    error = error_of(step)
    assert (error.actor, error.effect) == (PERSON, FATAL)
    assert "reserves the id for 37 days" in error.message
    assert "role_suffix" in error.next_step


@pytest.mark.parametrize(
    "message",
    ["The project has been marked for deletion.", "You can't create a role_id which is \nodd."],
)
def test_other_refusals_about_deleted_things_are_not_about_a_role(message: str) -> None:
    step = failed(Diagnostic("error", f"googleapi: Error 400: {message}", address=ADDRESS))
    assert "role_suffix" not in error_of(step).next_step


def test_firebase_without_a_named_permission_is_a_question_of_terms() -> None:
    """It was `permission_denied`, and an owner was sent to an owner."""
    refusal = classify(Diagnostic("error", public.FIREBASE_TERMS, address=f"module.a.{FIREBASE}"))
    assert refusal is not None
    assert (refusal.reason, refusal.action) == (Reason.FIREBASE_TERMS, Action.USER_ACTION)
    assert "usually the account has not accepted" in refusal.finding.message
    assert "firebase.projects.update" in refusal.finding.next_step


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (public.FIREBASE_TERMS, "google_service_account.this"),
        (public.FIREBASE_TERMS, "google_firebase_project_iam.google_firebase_project_2"),
        (
            google_error(
                "Error creating Project: ",
                403,
                "The caller does not have permission",
                "IAM_PERMISSION_DENIED",
                permission="firebase.projects.update",
            ),
            FIREBASE,
        ),
    ],
)
def test_a_missing_permission_is_no_question_of_terms(text: str, address: str) -> None:
    refusal = classify(Diagnostic("error", text, address=address))
    assert refusal is not None
    assert refusal.reason is Reason.PERMISSION_DENIED


def test_a_resource_that_google_does_not_show_yet_is_waited_for() -> None:
    """Two of two new projects ended as `apply_failed`; the next plan imports the database."""
    step = failed(
        Diagnostic("error", public.INCONSISTENT, public.INCONSISTENT_ABSENT, "google_x.y")
    )
    (refusal,) = refusals_of(step)
    assert (refusal.reason, refusal.action) == (Reason.RESOURCE_NOT_VISIBLE, Action.WAIT)
    assert (error_of(step).actor, error_of(step).effect) == (GOOGLE, REPEATED)


@pytest.mark.parametrize(
    ("summary", "detail"),
    [
        (public.INCONSISTENT, public.INCONSISTENT_VALUE),
        (public.INCONSISTENT, ""),
        ("local-exec provisioner error", public.INCONSISTENT_ABSENT),
    ],
)
def test_another_inconsistency_is_a_fault_that_no_wait_removes(summary: str, detail: str) -> None:
    assert classify(Diagnostic("error", summary, detail)) is None


@pytest.mark.parametrize(
    "uid", ["`rm -rf`", "a b", "$(id)", "[x](https://evil.example)", "x" * 5000, "é", ""]
)
def test_an_identifier_with_markup_is_neither_in_a_sentence_nor_in_a_command(uid: str) -> None:
    text = google_error("", 403, "no", "SECURITY_POLICY_VIOLATED", uid=uid)
    refusal = classify(Diagnostic("error", text))
    assert refusal is not None
    assert refusal.finding.message == explain(Reason.PERIMETER_FORBIDS).message
    assert refusal.finding.fix == ""


@pytest.mark.parametrize(
    "details",
    [
        [{"violations": [{"subject": 7, "description": 7}], "detail": ["x"]}],
        [{"violations": [{"subject": "?permission=`id`"}]}],
        [{"violations": "x"}],
        [["permission=a.b.c"]],
    ],
)
def test_details_of_another_shape_add_no_value(details: object) -> None:
    error = parse(with_details("", 403, "no", details))
    assert (dict(error.values), error.descriptions) == ({}, ())


ROWS = (*GOOGLE_CAUSES, *TERRAFORM_CAUSES)
TEXTS = [
    *(Diagnostic("error", case[0], address=ADDRESS) for case in CASES),
    *(Diagnostic("error", text) for text, *_ in SEEN),
    Diagnostic("error", public.FIREBASE_TERMS, address=FIREBASE),
    Diagnostic("error", public.INCONSISTENT, public.INCONSISTENT_ABSENT),
    Diagnostic("error", public.ROLE_ID_RESERVED),
    Diagnostic("error", "googleapi: Error 403: slow down, rateLimitExceeded"),
    Diagnostic("error", "googleapi: Error 400: Identity Platform has already been enabled"),
    Diagnostic("error", "Error acquiring the state lock", "Lock Info:"),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.reason}-{row.pattern}")
def test_each_row_has_a_public_source_and_a_text_that_finds_it(row: CauseRow) -> None:
    """A row behind a wider row would never be found."""
    assert row.source
    rows = GOOGLE_CAUSES if row in GOOGLE_CAUSES else TERRAFORM_CAUSES
    errors = [
        (
            parsed if (parsed := parse(text.summary)).http else GoogleError(message=text.summary),
            text,
        )
        for text in TEXTS
    ]
    assert any(
        find_row(rows, error, text.address) is row
        for error, text in errors
        if bool(error.http) is (rows is GOOGLE_CAUSES)
    )


@pytest.mark.parametrize("reason", Reason)
def test_the_service_acts_exactly_where_operators_are_addressed(reason: Reason) -> None:
    known = explain(reason)
    assert (known.actor is SERVICE) is (known.audience is Audience.OPERATOR)


def test_findings_of_preflight_name_actor_and_effect() -> None:
    (missing,) = permissions.missing_permissions(
        "p", permissions.Requirements(("a.b.c",)), permissions.TestedPermissions()
    )
    (off,) = disabled_apis("p", ["a.googleapis.com"], set())
    warning = finding(Reason.LOCATION_MISMATCH, severity=Severity.WARNING)

    assert (missing.actor, missing.effect) == (ADMINISTRATOR, Effect.FATAL)
    assert (off.actor, off.effect) == (GOOGLE, Effect.HARMLESS)
    assert warning.effect is Effect.HARMLESS
