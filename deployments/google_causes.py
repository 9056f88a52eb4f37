"""Causes of Google's refusals: rows by HTTP code, Google's reason and text.

The first row that matches is the cause, so a specific row stands above a general row.
"""

from deployments.cause_rows import Action, CauseRow
from deployments.explanations import Actor
from deployments.reasons import Reason

__all__ = ["DELETED_ROLE", "GOOGLE_CAUSES"]

_GRANT = "https://console.cloud.google.com/iam-admin/iam"
_BILLING = "https://console.cloud.google.com/billing/linkedaccount"
_POLICIES = "https://console.cloud.google.com/iam-admin/orgpolicies"
_FIREBASE = "https://console.firebase.google.com/"

# Public sources of more than one row.
_REASONS = "googleapis/googleapis: google/api/error_reason.proto"
_CODES = "googleapis/googleapis: google/rpc/code.proto"
_STORAGE = "https://cloud.google.com/storage/docs/json_api/v1/status-codes"
_QUOTAS = "https://cloud.google.com/docs/quotas/troubleshoot"
_PROVIDER = "hashicorp/terraform-provider-google"
_DATASTORE = "https://cloud.google.com/datastore/docs/firestore-or-datastore"

_SIGN_IN = (
    CauseRow(
        Reason.SIGN_IN_BLOCKED,
        Action.USER_ACTION,
        _REASONS,
        reasons=("USER_BLOCKED_BY_ADMIN",),
    ),
    CauseRow(Reason.SIGN_IN_EXPIRED, Action.USER_ACTION, _REASONS, (401,)),
    CauseRow(
        Reason.SIGN_IN_EXPIRED,
        Action.USER_ACTION,
        _REASONS,
        (403,),
        ("ACCESS_TOKEN_SCOPE_INSUFFICIENT",),
        message="The sign-in does not include access to Google Cloud.",
    ),
    # Without a quota project Google bills the project of gcloud's client, which has no such API.
    CauseRow(
        Reason.QUOTA_PROJECT_MISSING,
        Action.FAIL,
        "GoogleCloudPlatform/dlp-pdf-redaction#31",
        (403,),
        pattern="requires a quota project",
    ),
)

_PROJECT = (
    CauseRow(
        Reason.BILLING_QUOTA_EXCEEDED,
        Action.USER_ACTION,
        f"{_PROVIDER}#1892; GoogleCloudPlatform/cloud-run-mcp#24",
        pattern="billing quota exceeded|billing_quota_increase"
        "|limit of projects on which you can enable billing",
        fix="https://support.google.com/code/contact/billing_quota_increase",
    ),
    # Enabling the APIs comes first and has reasons of its own. After it the project has a billing
    # account, and a service that sees none has not received the link yet.
    CauseRow(
        Reason.BILLING_DISABLED,
        Action.WAIT,
        f"GoogleCloudPlatform/cloud-run-mcp#151; {_REASONS}; {_STORAGE}",
        reasons=("BILLING_DISABLED", "accountDisabled"),
        message="A service of Google sees no active billing account at the project: no account is "
        "linked, or the link is only minutes old.",
        fix=_BILLING,
    ),
    CauseRow(
        Reason.BILLING_DISABLED,
        Action.USER_ACTION,
        "https://cloud.google.com/service-usage/docs/reference/rest/v1/services/enable",
        reasons=(
            "UREQ_PROJECT_BILLING_NOT_FOUND",
            "UREQ_PROJECT_BILLING_NOT_OPEN",
            "googleapis.com/billing-enabled",
        ),
        fix=_BILLING,
    ),
    CauseRow(
        Reason.BILLING_DISABLED,
        Action.USER_ACTION,
        "https://cloud.google.com/identity-platform/docs/reference/rest/v2/"
        "projects.identityPlatform/initializeAuth",
        (400, 403),
        pattern=r"\bBILLING_NOT_ENABLED\b",
        message="Identity Platform needs an active billing account at the project.",
        fix=_BILLING,
    ),
    CauseRow(
        Reason.PROJECT_INACTIVE,
        Action.USER_ACTION,
        f"{_PROVIDER}#14747",
        (403, 404),
        ("CONSUMER_INVALID", "USER_PROJECT_DENIED", "forbidden"),
        r"project\b.* (has been deleted|pending deletion|is scheduled for deletion)",
    ),
    CauseRow(
        Reason.PROJECT_SUSPENDED,
        Action.USER_ACTION,
        _REASONS,
        reasons=("CONSUMER_SUSPENDED", "GCP_SUSPENDED"),
    ),
)

_APIS = (
    CauseRow(
        Reason.API_DISABLED,
        Action.WAIT,
        f"{_REASONS}; {_STORAGE}",
        (403,),
        ("SERVICE_DISABLED", "accessNotConfigured"),
        named="project",
        message="{service} is disabled in project {project}, or was enabled just now.",
        fix="gcloud services enable {service} --project {project}",
    ),
    CauseRow(
        Reason.API_DISABLED,
        Action.WAIT,
        f"{_REASONS}; {_STORAGE}",
        (403,),
        ("SERVICE_DISABLED", "accessNotConfigured"),
        message="{service} is disabled, or was enabled just now.",
        fix="gcloud services enable {service}",
    ),
    # Google gives the same answer for a service that the project does not see yet (a project made
    # minutes ago, a gateway's own service), for an unknown service and for a missing permission.
    CauseRow(
        Reason.SERVICE_NOT_FOUND,
        Action.WAIT,
        "GoogleCloudPlatform/k8s-config-connector: mockgcp/mockserviceusage/serviceusagev1.go; "
        f"{_REASONS}",
        (403, 404),
        pattern="SERVICE_CONFIG_NOT_FOUND_OR_PERMISSION_DENIED|SERVICE_NOT_VISIBLE"
        r"|Not found or permission denied for service\(s\)",
        message="{services} is not known in the project yet.",
        fix="gcloud services enable {services}",
    ),
    CauseRow(
        Reason.FIREBASE_TERMS,
        Action.USER_ACTION,
        "firebase/firebase-tools#11096",
        (403,),
        pattern="Firebase Tos Not Accepted",
        message="The account has not accepted the terms of Firebase.",
        fix=_FIREBASE,
    ),
    CauseRow(
        Reason.FIREBASE_TERMS,
        Action.USER_ACTION,
        "firebase/firebase-tools#2498",
        (403,),
        pattern="The caller does not have permission",
        type="google_firebase_project",
        unnamed="permission",
        fix=_FIREBASE,
    ),
)

_POLICY = (
    CauseRow(
        Reason.PERIMETER_FORBIDS,
        Action.USER_ACTION,
        "terraform-google-modules/terraform-example-foundation#974; "
        "GoogleCloudPlatform/terraform-google-cloud-functions#109",
        (403,),
        pattern="SECURITY_POLICY_VIOLATED|VPC_SERVICE_CONTROLS|vpcServiceControlsUniqueIdentifier",
        message="VPC Service Controls of the organisation refuse the request: violation {uid}.",
        fix="gcloud logging read protoPayload.metadata.vpcServiceControlsUniqueId={uid}",
    ),
    CauseRow(
        Reason.POLICY_FORBIDS,
        Action.USER_ACTION,
        "https://cloud.google.com/resource-manager/docs/organization-policy/"
        "org-policy-constraints; terraform-google-modules/terraform-example-foundation#1454",
        (400, 403, 412),
        pattern="constraints/",
        message="A policy of the organisation forbids the resource: {constraint}.",
        fix=_POLICIES,
    ),
    CauseRow(
        Reason.POLICY_FORBIDS,
        Action.USER_ACTION,
        "googlemaps/js-route-optimization-app#198; googleapis/java-storage#2444",
        (400, 412),
        pattern="do not belong to a permitted customer",
        message="A policy of the organisation forbids roles for accounts outside of the "
        "organisation: constraints/iam.allowedPolicyMemberDomains.",
        fix=_POLICIES,
    ),
    CauseRow(
        Reason.POLICY_FORBIDS,
        Action.USER_ACTION,
        _REASONS,
        reasons=(
            "CUSTOM_ORG_POLICY_VIOLATION",
            "LOCATION_ORG_POLICY_VIOLATED",
            "LOCATION_POLICY_VIOLATED",
            "ORG_RESTRICTION_VIOLATION",
            "RESOURCE_USAGE_RESTRICTION_VIOLATED",
        ),
        fix=_POLICIES,
    ),
)

_QUOTA = (
    CauseRow(
        Reason.QUOTA_EXCEEDED,
        Action.USER_ACTION,
        _QUOTAS,
        (403, 429),
        ("quotaExceeded", "QUOTA_EXCEEDED", "RESOURCE_QUOTA_EXCEEDED", "dailyLimitExceeded"),
        message="A quota of the project is used up: {quota_metric}.",
        fix="https://console.cloud.google.com/iam-admin/quotas",
    ),
    CauseRow(
        Reason.RATE_LIMITED,
        Action.RETRY,
        _QUOTAS,
        (403,),
        ("rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED"),
    ),
    CauseRow(Reason.RATE_LIMITED, Action.RETRY, _QUOTAS, (429,)),
)

_FUNCTIONS = (
    # Operations with code 3, 7 or 13, and direct answers.
    CauseRow(
        Reason.BUILD_ROLES_MISSING,
        Action.WAIT,
        f"{_PROVIDER}#20571; {_PROVIDER}#18956; "
        "GoogleCloudPlatform/marketing-analytics-jumpstart#153",
        pattern=r"Access to bucket \S+ denied\. You must grant"
        "|missing permission on the build service account",
        message="{account} builds the functions and may not read their source yet.",
        fix=_GRANT,
    ),
    CauseRow(
        Reason.BUILD_ROLES_MISSING,
        Action.WAIT,
        "Liscor/terraform_cloud_run_sgtm#3; GoogleCloudPlatform/rad-lab#198",
        (403,),
        pattern="Unable to retrieve the repository metadata for .*gcf-artifacts",
        message="The service account of Cloud Functions may not read the repository gcf-artifacts "
        "yet.",
        fix=_GRANT,
    ),
    CauseRow(
        Reason.BUILD_ROLES_MISSING,
        Action.WAIT,
        f"{_PROVIDER}#25294; typesense/firestore-typesense-search#134",
        pattern="while using the Eventarc Service Agent",
        message="The service agent of Eventarc does not have its role yet.",
        fix=_GRANT,
    ),
    CauseRow(
        Reason.RUNTIME_RETIRED,
        Action.FAIL,
        "pulumi/examples#2989; Cyclenerd/poweroff-google-cloud-cap-billing#35",
        (400,),
        pattern=r"\bDEPLOYS_NOT_ALLOWED\b|is decommissioned and no longer allowed",
        message="Google no longer builds functions for the runtime {runtime} of the template.",
    ),
)

_PERMISSIONS = (
    CauseRow(Reason.PROJECT_NOT_FOUND, Action.USER_ACTION, _REASONS, (403,), ("CONSUMER_INVALID",)),
    CauseRow(
        Reason.PERMISSION_DENIED,
        Action.USER_ACTION,
        _REASONS,
        (403,),
        ("USER_PROJECT_DENIED",),
        message="The permission serviceusage.services.use is missing.",
        fix=_GRANT,
    ),
    CauseRow(
        Reason.PERMISSION_DENIED,
        Action.USER_ACTION,
        "GoogleCloudPlatform/cloud-foundation-fabric#2985",
        (403,),
        ("AUTH_PERMISSION_DENIED",),
        named="permission",
        message="{service} may not be enabled: the permission {permission} is missing.",
        fix=_GRANT,
    ),
    CauseRow(
        Reason.PERMISSION_DENIED,
        Action.USER_ACTION,
        "GoogleCloudPlatform/cloud-foundation-fabric#2985",
        (403,),
        ("AUTH_PERMISSION_DENIED",),
        message="{service} may not be enabled: the permission "
        "serviceusage.services.enable is missing.",
        fix=_GRANT,
    ),
    CauseRow(
        Reason.PERMISSION_DENIED,
        Action.USER_ACTION,
        _REASONS,
        (403,),
        message="The permission {permission} is missing.",
        fix=_GRANT,
    ),
)

DELETED_ROLE = CauseRow(
    Reason.ALREADY_EXISTS,
    Action.USER_ACTION,
    "terraform-google-modules/terraform-google-bastion-host#14; DataBiosphere/azul#4390",
    (400,),
    pattern=r"create a role_id \(.*\) which has been marked for deletion",
    message="A role of this id was deleted: Google restores a role for 7 days, and reserves "
    "the id for 37 days.",
    next_step="Deploy with another role_suffix: docs/runbooks/already-exists.md.",
)

_RESOURCES = (
    CauseRow(
        Reason.NAME_TAKEN,
        Action.USER_ACTION,
        _STORAGE,
        (409,),
        # Google's reason is `conflict` for own and foreign buckets: only the text differs.
        pattern="bucket name is not available",
        message="Another project uses the bucket's name: names are unique in all of Google Cloud.",
    ),
    CauseRow(
        Reason.DATASTORE_MODE,
        Action.USER_ACTION,
        f"CouncilDataProject/cdp-backend#239; ecronix/react-most-wanted#111; {_DATASTORE}",
        (400,),
        pattern=r"\bDatastore Mode\b|for Cloud Datastore projects",
    ),
    DELETED_ROLE,
    CauseRow(
        Reason.ALREADY_EXISTS,
        Action.IMPORT,
        _CODES,
        (409,),
        pattern="already (exists?|own)",
    ),
    CauseRow(
        Reason.ALREADY_EXISTS,
        Action.IMPORT,
        f"{_PROVIDER}#16520",
        (400,),
        pattern="has already been enabled",
    ),
    CauseRow(
        Reason.CONCURRENT_CHANGE,
        Action.RETRY,
        "https://cloud.google.com/iam/docs/allow-policies",
        (409,),
    ),
    CauseRow(
        Reason.IDENTITY_REPLACED,
        Action.USER_ACTION,
        "GoogleCloudPlatform/k8s-config-connector#279; "
        f"{_PROVIDER}#6308; {_PROVIDER}#16505; {_PROVIDER}#5151",
        (400,),
        pattern="representation of deleted member|of deleted member '"
        "|Policy members must be of the form",
        fix=_GRANT,
    ),
    CauseRow(
        Reason.IDENTITY_PROPAGATING,
        Action.RETRY,
        "https://cloud.google.com/iam/docs/service-accounts-create",
        (400,),
        pattern=r"\b(service account|user) \S+ does not exist",
        message="{account} is not yet known everywhere at Google.",
    ),
    CauseRow(
        Reason.BUILD_FAILED,
        Action.FAIL,
        "https://cloud.google.com/functions/docs/troubleshooting",
        pattern="Build failed(:| with status)",
        by=Actor.SERVICE,
    ),
    CauseRow(Reason.GOOGLE_UNAVAILABLE, Action.RETRY, _CODES, (500, 502, 503, 504)),
)

GOOGLE_CAUSES: tuple[CauseRow, ...] = (
    *_SIGN_IN,
    *_PROJECT,
    *_APIS,
    *_POLICY,
    *_QUOTA,
    *_FUNCTIONS,
    *_PERMISSIONS,
    *_RESOURCES,
)
