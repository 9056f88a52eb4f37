"""The table of Google's known failures, by name.

Shapes are those that Google documents: google.rpc.ErrorInfo, in Cloud Storage `errors[0].reason`.
Placeholders in braces are replaced from the call (`Filling`) and the rule's `values`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from google_stand_in.answers import STATUSES, Answer, Json, Refused, error_info

TITLES = {
    "apigateway": "API Gateway API",
    "apikeys": "API Keys API",
    "cloudfunctions": "Cloud Functions API",
    "firebase": "Firebase Management API",
    "firebaserules": "Firebase Rules API",
    "firebasestorage": "Cloud Storage for Firebase API",
    "firestore": "Cloud Firestore API",
    "iam": "Identity and Access Management (IAM) API",
    "iamcredentials": "IAM Service Account Credentials API",
    "identitytoolkit": "Identity Toolkit API",
    "run": "Cloud Run Admin API",
    "secretmanager": "Secret Manager API",
    "storage": "Cloud Storage JSON API",
}


@dataclass(frozen=True)
class Failure:
    """A failure; `old`: in Cloud Storage's shape, `operation`: as a failed operation."""

    code: int
    message: str
    status: str = ""
    reason: str = ""
    domain: str = "googleapis.com"
    metadata: Mapping[str, str] = field(default_factory=dict)
    violation: Mapping[str, str] = field(default_factory=dict)
    old: str = ""
    inner: str = ""  # Cloud Storage's second message, if different
    operation: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)


_NOT_USED = (
    "{title} has not been used in project {number} before or it is disabled. Enable it by visiting "
    "https://console.developers.google.com/apis/api/{service}/overview?project={number} then "
    "retry. If you enabled "
    "this API recently, wait a few minutes for the action to propagate to our systems and retry."
)
_OF_SERVICE = {"consumer": "projects/{number}", "service": "{service}"}
_BILLING = "https://console.developers.google.com/billing/enable?project={number}"

FAILURES: Mapping[str, Failure] = {
    "api_disabled": Failure(403, _NOT_USED, reason="SERVICE_DISABLED", metadata=_OF_SERVICE),
    "api_disabled_storage": Failure(403, _NOT_USED, old="accessNotConfigured"),
    "permission_denied": Failure(
        403,
        "Permission '{permission}' denied on resource (or it may not exist).",
        reason="IAM_PERMISSION_DENIED",
        domain="iam.googleapis.com",
        metadata={"permission": "{permission}", "resource": "{resource}"},
    ),
    "permission_denied_storage": Failure(
        403,
        "{principal} does not have {permission} access to the Google Cloud project. "
        "Permission '{permission}' denied on resource (or it may not exist).",
        old="forbidden",
        inner="Permission '{permission}' denied on resource (or it may not exist).",
    ),
    "permission_denied_enable": Failure(
        403,
        "Permission denied to enable service [{services}]\nHelp Token: AbC",
        reason="AUTH_PERMISSION_DENIED",
        domain="serviceusage.googleapis.com",
        violation={"type": "googleapis.com", "subject": "110002"},
    ),
    # https://cloud.google.com/docs/quotas/set-quota-project; google-github-actions/auth#250
    "user_project_denied": Failure(
        403,
        "Caller does not have required permission to use project {project}. Grant the caller the "
        "roles/serviceusage.serviceUsageConsumer role, or a custom role with the "
        "serviceusage.services.use permission, by visiting "
        "https://console.developers.google.com/iam-admin/iam/project?project={project} and then "
        "retry. Propagation of the new permission may take a few minutes.",
        reason="USER_PROJECT_DENIED",
        metadata={"consumer": "projects/{project}", "service": "{service}"},
    ),
    # hashicorp/terraform-provider-google#20571
    "build_denied": Failure(
        13,
        "Build failed with status: FAILURE and message: failed to Fetch: failed to download "
        "archive gs://{bucket}/{object}: Access to bucket {bucket} denied. You must grant Storage "
        "Object Viewer permission to {email}. If you are using VPC Service Controls, you must also "
        "grant it access to your service perimeter.",
        operation=True,
    ),
    "build_account_denied": Failure(
        3,
        "Could not build the function due to a missing permission on the build service account. "
        "If you didn't revoke that permission explicitly, this could be caused by a change in the "
        "organization policies. Please refer to the following documentation for more details and "
        "resolution: https://cloud.google.com/functions/docs/troubleshooting#build-service-account",
        operation=True,
    ),
    # firebase/firebase-tools#5244, GoogleCloudPlatform/terraform-ml-image-annotation-gcf#165
    "gcf_artifacts": Failure(
        7,
        "Unable to retrieve the repository metadata for "
        "projects/{project}/locations/{location}/repositories/gcf-artifacts. Ensure that the Cloud "
        "Functions service account has 'artifactregistry.repositories.list' and "
        "'artifactregistry.repositories.get' permissions. You can add the permissions by granting "
        "the role 'roles/artifactregistry.reader'.",
        operation=True,
    ),
    # https://firebase.google.com/docs/reference/firebase-management/rest/v1beta1/projects/addFirebase
    "firebase_terms": Failure(403, "The caller does not have permission"),
    "billing_identity": Failure(400, "BILLING_NOT_ENABLED : Billing is not enabled."),
    # googlemaps/js-route-optimization-app#198; for Cloud Storage googleapis/java-storage#2444
    "permitted_customer": Failure(
        400,
        "One or more users named in the policy do not belong to a permitted customer,  perhaps due "
        "to an organization policy.",
        status="FAILED_PRECONDITION",
    ),
    "permitted_customer_storage": Failure(
        412,
        "One or more users named in the policy do not belong to a permitted customer.",
        old="conditionNotMet",
    ),
    "service_config_not_found": Failure(
        403,
        "Not found or permission denied for service(s): {services}.",
        reason="SERVICE_CONFIG_NOT_FOUND_OR_PERMISSION_DENIED",
        domain="serviceusage.googleapis.com",
        metadata={"services": "{services}"},
    ),
    "act_as_missing": Failure(
        403,
        "Caller {principal} is missing permission 'iam.serviceaccounts.actAs' on service account "
        "{email}. Grant the "
        "role 'roles/iam.serviceAccountUser' to the caller on the service account.",
    ),
    "service_account_exists": Failure(
        409, "Service account {name} already exists within project projects/{project}."
    ),
    "exists": Failure(409, "Resource '{resource}' already exists."),
    "bucket_taken": Failure(
        409,
        "The requested bucket name is not available. The bucket namespace is shared by all users "
        "of the system. "
        "Please select a different name and try again.",
        old="conflict",
        inner="The requested bucket name is not available.",
    ),
    "bucket_yours": Failure(
        409,
        "Your previous request to create the named bucket succeeded and you already own it.",
        old="conflict",
    ),
    "billing_storage": Failure(
        403,
        "The billing account for the owning project is disabled in state absent",
        old="accountDisabled",
    ),
    "billing_enable": Failure(
        400,
        "Billing account for project '{number}' is not found. Billing must be enabled for "
        "activation of service(s) "
        "'{services}' to proceed.\nHelp Token: AbC",
        status="FAILED_PRECONDITION",
        reason="UREQ_PROJECT_BILLING_NOT_FOUND",
        domain="serviceusage.googleapis.com",
        metadata={"services": "{services}"},
        violation={
            "type": "googleapis.com/billing-enabled",
            "subject": "{number}",
            "description": "Billing account for project '{number}' is not found.",
        },
    ),
    "billing_disabled": Failure(
        403,
        "This API method requires billing to be enabled. Please enable billing on project "
        "#{number} by visiting "
        f"{_BILLING} then retry. If you enabled billing for this project recently, wait a few "
        "minutes for the action "
        "to propagate to our systems and retry.",
        reason="BILLING_DISABLED",
        metadata=_OF_SERVICE,
    ),
    "org_policy_service_account": Failure(
        400,
        "Service account creation is not allowed on this project.",
        status="FAILED_PRECONDITION",
        violation={
            "type": "constraints/iam.disableServiceAccountCreation",
            "subject": "orgpolicy:projects/{project}",
            "description": "Service account creation is not allowed on this project.",
        },
    ),
    "org_policy_storage": Failure(
        412,
        "'{location}' violates constraint 'constraints/gcp.resourceLocations'",
        old="conditionNotMet",
        inner="Constraint 'constraints/gcp.resourceLocations' violated for 'projects/{project}'.",
    ),
    "token_expired": Failure(
        401,
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login "
        "cookie or other valid "
        "authentication credential. See "
        "https://developers.google.com/identity/sign-in/web/devconsole-project.",
        reason="ACCESS_TOKEN_EXPIRED",
        metadata={"service": "{service}", "method": "{method}"},
        headers={
            "WWW-Authenticate": 'Bearer realm="https://accounts.google.com/", error="invalid_token"'
        },
    ),
    "token_expired_storage": Failure(
        401,
        "Invalid Credentials",
        old="authError",
        headers={
            "WWW-Authenticate": 'Bearer realm="https://accounts.google.com/", error="invalid_token"'
        },
    ),
    "member_missing": Failure(400, "Service account {email} does not exist."),
    "build_failed": Failure(
        3,
        "Build failed with status: FAILURE and message: missing main.py and "
        "GOOGLE_FUNCTION_SOURCE not specified. "
        "Either create the function in main.py or specify GOOGLE_FUNCTION_SOURCE to point to the "
        "file that contains "
        "the function.",
        operation=True,
    ),
    # hashicorp/terraform-provider-google#20571
    "build_source_denied": Failure(
        13,
        "Build failed with status: FAILURE and message: failed to Fetch: failed to download "
        "archive gs://gcf-v2-sources-{number}-us-central1/fn/function-source.zip: Access to bucket "
        "gcf-v2-sources-{number}-us-central1 denied. You must grant Storage Object Viewer "
        "permission to {number}-compute@developer.gserviceaccount.com. If you are using VPC "
        "Service Controls, you must also grant it access to your service perimeter.",
        operation=True,
    ),
    # Liscor/terraform_cloud_run_sgtm#3
    "artifacts_denied": Failure(
        7,
        "Unable to retrieve the repository metadata for projects/{project}/locations/us-central1/"
        "repositories/gcf-artifacts. Ensure that the Cloud Functions service account has "
        "'artifactregistry.repositories.list' and 'artifactregistry.repositories.get' permissions. "
        "You can add the permissions by granting the role 'roles/artifactregistry.reader'.",
        operation=True,
    ),
    # terraform-google-modules/terraform-example-foundation#974
    "perimeter": Failure(
        403,
        "Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: "
        "VQQnKfXtZ16NHnOmdJAy0E92tVT",
        reason="SECURITY_POLICY_VIOLATED",
        metadata={**_OF_SERVICE, "uid": "VQQnKfXtZ16NHnOmdJAy0E92tVT"},
        violation={"type": "VPC_SERVICE_CONTROLS", "description": "VQQnKfXtZ16NHnOmdJAy0E92tVT"},
    ),
    # googlemaps/js-route-optimization-app#198
    "member_domain": Failure(
        400,
        "One or more users named in the policy do not belong to a permitted customer,  perhaps due "
        "to an organization policy.",
        status="FAILED_PRECONDITION",
    ),
    "identity_billing": Failure(400, "BILLING_NOT_ENABLED"),
    # Cyclenerd/poweroff-google-cloud-cap-billing#35
    "runtime_retired": Failure(
        400,
        "Failed to create function projects/{project}/locations/us-central1/functions/fn: runtime: "
        'Runtime validation errors: [error_code:   DEPLOYS_NOT_ALLOWED\nmessage: "Runtime '
        "python39 is decommissioned and no longer allowed. Please use the latest Python runtime "
        'for Cloud Functions."\n]',
    ),
    # CouncilDataProject/cdp-backend#239
    "datastore_mode": Failure(
        400, "ANY_API ApiScope is not supported for Datastore Mode databases."
    ),
    "operation_denied": Failure(
        7, "Permission denied while using the Eventarc Service Agent.", operation=True
    ),
    "rate_limited": Failure(
        429,
        "A quota has been reached for project number {number}: {title} requests per minute.",
        reason="RATE_LIMIT_EXCEEDED",
        metadata={**_OF_SERVICE, "quota_limit": "PerMinute", "quota_limit_value": "60"},
    ),
    "quota_exceeded": Failure(
        429,
        "Quota exceeded for quota metric '{title} requests' and limit 'requests per minute' of "
        "service '{service}' "
        "for consumer 'project_number:{number}'.",
        reason="RATE_LIMIT_EXCEEDED",
        metadata={**_OF_SERVICE, "quota_metric": "{service}/requests", "quota_location": "global"},
    ),
    "rate_limited_storage": Failure(
        429,
        "The project exceeded the rate limit for creating and deleting buckets.",
        old="rateLimitExceeded",
    ),
    "unavailable": Failure(503, "The service is currently unavailable."),
    "unavailable_storage": Failure(503, "Backend Error", old="backendError"),
    "internal": Failure(500, "Internal error encountered."),
    "not_found": Failure(404, "Requested entity was not found."),
    "concurrent_policy": Failure(
        409,
        "There were concurrent policy changes. Please retry the whole read-modify-write with "
        "exponential backoff.",
        status="ABORTED",
    ),
}


class Filling(dict[str, str]):
    """Values of the placeholders; a placeholder without a value stays unchanged."""

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


def title(service: str) -> str:
    return TITLES.get(service.partition(".")[0], f"{service} API")


def render(name: str, filling: Mapping[str, str]) -> Answer:
    """Return the response of a failure."""
    failure = FAILURES[name]
    values = Filling(filling)
    message = failure.message.format_map(values)
    if failure.operation:
        error: Json = status(name, values)
        operation = f"projects/{values['project']}/locations/us-central1/operations/failed"
        return Answer(200, {"name": operation, "done": True, "error": error})
    if failure.old:
        inner = failure.inner.format_map(values) or message
        item = {"message": inner, "domain": _old_domain(failure), "reason": failure.old}
        error = {"code": failure.code, "message": message, "errors": [item]}
        return Answer(failure.code, {"error": error}, failure.headers)
    error = {"code": failure.code, "message": message}
    error["status"] = failure.status or STATUSES[failure.code]
    details = _details(failure, values)
    if details:
        error["details"] = details
    return Answer(failure.code, {"error": error}, failure.headers)


def status(name: str, filling: Mapping[str, str]) -> Json:
    """The google.rpc.Status with which an operation fails."""
    failure = FAILURES[name]
    return {"code": failure.code, "message": failure.message.format_map(Filling(filling))}


def failing(name: str, filling: Mapping[str, str], /, **values: str) -> Refused:
    """Return the failure as an exception."""
    return Refused(render(name, {**filling, **values}))


def _old_domain(failure: Failure) -> str:
    return (
        "usageLimits" if failure.old in {"accessNotConfigured", "rateLimitExceeded"} else "global"
    )


def _details(failure: Failure, values: Filling) -> list[Json]:
    details: list[Json] = []
    if failure.violation:
        kind = "type.googleapis.com/google.rpc.PreconditionFailure"
        details.append({"@type": kind, "violations": [_filled(failure.violation, values)]})
    if failure.reason == "SERVICE_DISABLED":
        kind = "type.googleapis.com/google.rpc.Help"
        url = f"https://console.developers.google.com/apis/api/{values['service']}/overview?project={values['number']}"
        links = [{"description": "Google developers console API activation", "url": url}]
        details.append({"@type": kind, "links": links})
    if failure.reason:
        metadata = _filled(failure.metadata, values)
        details.append(error_info(failure.reason, failure.domain, metadata))
    return details


def _filled(texts: Mapping[str, str], values: Filling) -> dict[str, str]:
    return {key: text.format_map(values) for key, text in texts.items()}
