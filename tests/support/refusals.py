"""What terraform printed when it was refused: summaries of provider 7.45.0 in their whole shape."""

import json

__all__ = ["google_error", "old_error", "with_details"]

ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"
PRECONDITION = "type.googleapis.com/google.rpc.PreconditionFailure"


def with_details(before: str, code: int, message: str, *details: object, reason: str = "") -> str:
    """As Go's googleapi.Error writes an answer of a newer API."""
    printed = json.dumps(details, indent=2)
    last = f"\n, {reason}" if reason else ""
    return f"{before}googleapi: Error {code}: {message}\nDetails:\n{printed}{last}"


def google_error(before: str, code: int, message: str, reason: str, **metadata: str) -> str:
    """With an ErrorInfo, which is what nearly all of them carry."""
    info = {
        "@type": ERROR_INFO,
        "domain": "googleapis.com",
        "metadata": metadata,
        "reason": reason,
    }
    return with_details(before, code, message, info)


def old_error(code: int, message: str, reason: str, *, more: bool = False) -> str:
    """As it writes one of Cloud Storage: the reason behind a comma, or on lines of its own."""
    if more:
        more_details = f"\nMore details:\nReason: {reason}, Message: {message}\n"
        return f"googleapi: Error {code}: {message}{more_details}"
    return f"googleapi: Error {code}: {message}, {reason}"


DISABLED_ACCOUNT = google_error(
    "Error creating service account: ",
    403,
    "Identity and Access Management (IAM) API has not been used in project 123456789012 before or "
    "it is disabled. Enable it by visiting https://console.developers.google.com/apis/api/"
    "iam.googleapis.com/overview?project=123456789012 then retry. If you enabled this API "
    "recently, wait a few minutes for the action to propagate to our systems and retry.",
    "SERVICE_DISABLED",
    consumer="projects/123456789012",
    service="iam.googleapis.com",
    serviceTitle="Identity and Access Management (IAM) API",
)
DISABLED_SECRET = google_error(
    "Error creating Secret: ",
    403,
    "Secret Manager API has not been used in project 123456789012 before or it is disabled.",
    "SERVICE_DISABLED",
    consumer="projects/123456789012",
    service="secretmanager.googleapis.com",
)
DISABLED_BUCKET = old_error(
    403,
    "Cloud Storage JSON API has not been used in project 123456789012 before or it is disabled.",
    "accessNotConfigured",
)
PERMISSION_ACCOUNT = google_error(
    "Error creating service account: ",
    403,
    "Permission 'iam.serviceAccounts.create' denied on resource (or it may not exist).",
    "IAM_PERMISSION_DENIED",
    permission="iam.serviceAccounts.create",
    resource="projects/demo-proj",
)
PERMISSION_BUCKET = old_error(
    403,
    "ann@example.com does not have storage.buckets.create access to the Google Cloud project. "
    "Permission 'storage.buckets.create' denied on resource (or it may not exist).",
    "forbidden",
    more=True,
)
PERMISSION_ENABLE = with_details(
    'Request `Enable Project Service "secretmanager.googleapis.com" for project "demo-proj"` '
    "returned error: failed to enable services: failed on request preconditions: ",
    403,
    "Permission denied to enable service [secretmanager.googleapis.com]\nHelp Token: AbC",
    {"@type": PRECONDITION, "violations": [{"subject": "110002", "type": "googleapis.com"}]},
    {
        "@type": ERROR_INFO,
        "domain": "serviceusage.googleapis.com",
        "reason": "AUTH_PERMISSION_DENIED",
    },
    reason="forbidden",
)
PERMISSION_ACT_AS = (
    "Error creating function: googleapi: Error 403: Caller ann@example.com is missing permission "
    "iam.serviceaccounts.actAs on service account anava-tvm-sa@demo-proj.iam.gserviceaccount.com."
)
EXISTS_ACCOUNT = (
    "Error creating service account: googleapi: Error 409: Service account anava-tvm-sa already "
    "exists within project projects/demo-proj."
)
EXISTS_POOL = (
    "Error creating WorkloadIdentityPool: googleapi: Error 409: Requested entity already exists."
)
EXISTS_BUCKET = old_error(
    409,
    "Your previous request to create the named bucket succeeded and you already own it.",
    "conflict",
    more=True,
)
EXISTS_RELEASE = (
    "Error creating Release: Resource already exists - apply blocked by lifecycle params: "
    "&firebaserules.Release{Name:(*string)(0xc000a1b2c3), RulesetName:(*string)(0xc000a1b2d4)}"
)
TAKEN_BUCKET = old_error(
    409,
    "The requested bucket name is not available. The bucket namespace is shared by all users of "
    "the system. Please select a different name and try again.",
    "conflict",
    more=True,
)
BILLING_BUCKET = old_error(
    403, "The billing account for the owning project is disabled in state absent", "accountDisabled"
)
BILLING_ENABLE = with_details(
    'Request `Enable Project Service "run.googleapis.com" for project "demo-proj"` returned error: '
    "failed to enable services: failed on request preconditions: ",
    400,
    "Billing account for project '123456789012' is not found. Billing must be enabled for "
    "activation of service(s) 'run.googleapis.com' to proceed.\nHelp Token: AbC",
    {
        "@type": PRECONDITION,
        "violations": [
            {
                "subject": "?error_code=390001&project=123456789012",
                "type": "googleapis.com/billing-enabled",
            }
        ],
    },
    {
        "@type": ERROR_INFO,
        "domain": "serviceusage.googleapis.com/billing-enabled",
        "reason": "UREQ_PROJECT_BILLING_NOT_FOUND",
    },
    reason="failedPrecondition",
)
BILLING_SECRET = google_error(
    "Error creating Secret: ",
    403,
    "This API method requires billing to be enabled. Please enable billing on project "
    "#123456789012.",
    "BILLING_DISABLED",
    consumer="projects/123456789012",
)
POLICY_ACCOUNT = with_details(
    "Error creating service account: ",
    400,
    "Service account creation is not allowed on this project.",
    {
        "@type": PRECONDITION,
        "violations": [
            {
                "description": "Service account creation is not allowed on this project.",
                "subject": "projects/demo-proj",
                "type": "constraints/iam.disableServiceAccountCreation",
            }
        ],
    },
    reason="failedPrecondition",
)
POLICY_BUCKET = old_error(
    412,
    "'us' violates constraint 'constraints/gcp.resourceLocations'",
    "conditionNotMet",
    more=True,
)
EXPIRED_SECRET = google_error(
    "Error creating Secret: ",
    401,
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie "
    "or other valid authentication credential.",
    "ACCESS_TOKEN_EXPIRED",
    service="secretmanager.googleapis.com",
)
EXPIRED_BUCKET = old_error(401, "Invalid Credentials", "authError")
MEMBER_UNKNOWN = (
    "Request `Create IAM Members roles/logging.logWriter "
    'serviceAccount:a@demo-proj.iam.gserviceaccount.com for project "demo-proj"` returned error: '
    'Error applying IAM policy for project "demo-proj": Error setting IAM policy for project '
    '"demo-proj": googleapi: Error 400: Service account a@demo-proj.iam.gserviceaccount.com does '
    "not exist."
)
BUILD_FAILED = (
    "Error waiting to create function: Error waiting for Creating function: Error code 3, message: "
    "Build failed with status: FAILURE and message: missing main.py and GOOGLE_FUNCTION_SOURCE not "
    "specified."
)
RATE_ACCOUNT = google_error(
    "Error creating service account: ",
    429,
    "A quota has been reached for project number 123456789012: Service accounts created per minute "
    "per project.",
    "RATE_LIMIT_EXCEEDED",
    quota_metric="iam.googleapis.com/quota/service-account-creates",
)
RATE_BUCKET = old_error(
    429,
    "The project exceeded the rate limit for creating and deleting buckets.",
    "rateLimitExceeded",
)
QUOTA_BUILD = old_error(403, "Quota exceeded for the project.", "quotaExceeded")
DOWN_ACCOUNT = "Error creating service account: googleapi: Error 503: The service is unavailable."
DOWN_BUCKET = old_error(503, "Backend Error", "backendError")
DOWN_READ = (
    'Error when reading or editing SecretManagerSecret "projects/demo-proj/secrets/rdsec": '
    "googleapi: Error 503: down"
)
GAVE_UP_ENABLE = "Request `project/demo-proj/services:batchEnable timed out after 20m0s`"
GAVE_UP_CREATE = (
    "Error creating Secret: timeout while waiting for state to become 'success' (timeout: 20s)"
)
NO_NAME = (
    'Error creating Secret: Post "http://nx.invalid/v1/projects/demo-proj/secrets?secretId=a": '
    "dial tcp: lookup nx.invalid on 10.0.0.2:53: no such host"
)
REFUSED = (
    'Error creating Secret: Post "http://127.0.0.1:23998/v1/projects/demo-proj/secrets?secretId=a":'
    " dial tcp 127.0.0.1:23998: connect: connection refused"
)
CONCURRENT = (
    'Error applying IAM policy for project "demo-proj": Error setting IAM policy for project '
    '"demo-proj": googleapi: Error 409: There were concurrent policy changes. Please retry the '
    "whole read-modify-write with exponential backoff., aborted"
)

LOCKED = "Error acquiring the state lock"
LOCKED_DETAIL = (
    "Error message: resource temporarily unavailable\nLock Info:\n  ID:        6d3f\n"
    "  Path:      terraform.tfstate\n  Operation: OperationTypeApply\n  Who:       root@vm\n\n\n"
    "Terraform acquires a state lock to protect the state from being written."
)
UNREACHABLE_DETAIL = (
    "Error message: Failed to lock: LOCK http://127.0.0.1:9/state giving up after 3 attempt(s): "
    "dial tcp 127.0.0.1:9: connect: connection refused"
)
# The state's bucket behind a proxy that loses a request (terraform 1.11.4, recorded).
_UPLOAD = (
    'Post "http://127.0.0.1:9/upload/storage/v1/b/states/o?alt=json&name=x%2Fdefault.tfstate'
    '&prettyPrint=false&projection=full&uploadType=multipart": '
)
NO_ANSWER_OF_THE_STATE = (
    "Failed to get existing workspaces: querying Cloud Storage failed: Get "
    '"http://127.0.0.1:9/storage/v1/b/states/o?alt=json&delimiter=%2F": EOF',
    "Error refreshing state: Failed to open state file at gs://states/x/default.tfstate: Get "
    '"http://127.0.0.1:9/states/x/default.tfstate": EOF',
    "error loading state: Failed to open state file at gs://states/x/default.tfstate: Get "
    '"http://127.0.0.1:9/states/x/default.tfstate": EOF',
    'Error loading state: writing "gs://states/x/default.tflock" failed: '
    f"{_UPLOAD}EOF\nstorage: object doesn't exist",
    f"Error loading state: Failed to upload state to gs://states/x/default.tfstate: {_UPLOAD}"
    "read tcp 127.0.0.1:49512->127.0.0.1:9: read: connection reset by peer",
    "error loading state: Failed to upload state to gs://states/x/default.tfstate: googleapi: got "
    "HTTP response code 503 with body: refused",
    "Error loading state: Failed to open state file at gs://states/x/default.tfstate: Get "
    '"https://127.0.0.1:9/states/x/default.tfstate": tls: failed to verify certificate: x509: '
    "certificate signed by unknown authority",
    "Error loading state: <nil>\n\t\t\t\tAdditionally, unlocking the state file on Google Cloud "
    'Storage failed:\n\n\t\t\t\tError message: "storage: object doesn\'t exist"',
    "Error releasing the state lock",
)
REFUSED_STATE = (
    "Failed to get existing workspaces: querying Cloud Storage failed: googleapi: Error 403: "
    "worker@x.iam.gserviceaccount.com does not have storage.objects.list access, forbidden",
    "Failed to get existing workspaces: querying Cloud Storage failed: googleapi: Error 404: The "
    "specified bucket does not exist., notFound",
)
LOCKED_AT_INIT = (
    'Error loading state: writing "gs://states/x/default.tflock" failed: googleapi: Error 412: '
    "Precondition failed, Precondition Failed\nLock Info:\n  ID:        1795743934031046\n"
    "  Path:      gs://x\n  Operation: OperationTypeApply\n  Who:       me@laptop\n"
    "  Version:   1.11.4\n  Created:   2026-11-27 01:38:47.335652185 +0000 UTC\n  Info:      \n"
)
STALE = "Saved plan is stale"
OTHER_LINEAGE = "Saved plan does not match the given state"
NOT_SAVED = ("Failed to save state", "Failed to persist state to backend")
NO_PROVIDER = (
    "Failed to query available provider packages",
    "Failed to install provider",
    "Required plugins are not installed",
    "Inconsistent dependency lock file",
    "Provider dependency changes detected",
    "Failed to read plan from plan file",
)
NOT_THERE = "Cannot import non-existent remote object"
