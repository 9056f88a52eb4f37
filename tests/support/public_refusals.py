"""Refusals on new projects, in the words of public reports; names and numbers are replaced.

Each text has its source beside it.
"""

import json

from tests.support.refusals import ERROR_INFO, PRECONDITION, with_details

_FUNCTION = "Error waiting to create function: Error waiting for Creating function: "
_PROJECT = "demo-proj"

# hashicorp/terraform-provider-google#20571
BUILD_SOURCE_DENIED = (
    f"{_FUNCTION}Error code 13, message: Build failed with status: FAILURE and message: failed to "
    "Fetch: failed to download archive gs://gcf-v2-sources-123456789012-us-central1/fn/"
    "function-source.zip: Access to bucket gcf-v2-sources-123456789012-us-central1 denied. You "
    "must grant Storage Object Viewer permission to gcf-sa@demo-proj.iam.gserviceaccount.com. If "
    "you are using VPC Service Controls, you must also grant it access to your service perimeter.\n"
    ". For more details see the logs at https://console.cloud.google.com/cloud-build/builds;"
    "region=us-central1/d176aa5d?project=123456789012"
)
# hashicorp/terraform-provider-google#18956
BUILD_SOURCE_DENIED_OLD = (
    "Error waiting for Creating CloudFunctions Function: Error code 3, message: Build failed: "
    "failed to Fetch: failed to download archive gs://gcf-sources-123456789012-us-central1/fn/"
    "version-1/function-source.zip: Access to bucket gcf-sources-123456789012-us-central1 denied. "
    "You must grant Storage Object Viewer permission to "
    "build@demo-proj.iam.gserviceaccount.com. If you are using VPC Service Controls, you must also "
    "grant it access to your service perimeter."
)
# GoogleCloudPlatform/terraform-google-cloud-functions#129 describes the cause.
BUILD_ACCOUNT = (
    f"{_FUNCTION}Error code 3, message: Build failed with status: FAILURE. Could not build the "
    "function due to a missing permission on the build service account."
)
# Liscor/terraform_cloud_run_sgtm#3
_GCF_ARTIFACTS = (
    "Unable to retrieve the repository metadata for projects/demo-proj/locations/us-central1/"
    "repositories/gcf-artifacts. Ensure that the Cloud Functions service account has "
    "'artifactregistry.repositories.list' and 'artifactregistry.repositories.get' permissions. You "
    "can add the permissions by granting the role 'roles/artifactregistry.reader'."
)
ARTIFACTS_DENIED = f"googleapi: Error 403: {_GCF_ARTIFACTS}, forbidden"
ARTIFACTS_DENIED_LATE = f"{_FUNCTION}Error code 7, message: {_GCF_ARTIFACTS}"
# typesense/firestore-typesense-search#134
EVENTARC_AGENT = (
    "Error creating function: googleapi: Error 400: Validation failed for trigger projects/"
    'demo-proj/locations/nam5/triggers/fn-421340: Invalid resource state for "": Permission denied '
    "while using the Eventarc Service Agent. If you recently started to use Eventarc, it may take "
    "a few minutes before all necessary permissions are propagated to the Service Agent. "
    "Otherwise, verify that it has Eventarc Service Agent role."
)
# Cyclenerd/poweroff-google-cloud-cap-billing#35
RUNTIME = (
    "googleapi: Error 400: Failed to create 1st Gen function projects/demo-proj/locations/"
    "us-central1/functions/fn: runtime: Runtime validation errors: [error_code:   "
    'DEPLOYS_NOT_ALLOWED\nmessage: "Runtime python39 is decommissioned and no longer allowed. '
    'Please use the latest Python runtime for Cloud Functions."\n], badRequest'
)

_MANAGED = "api-3ac50ge6prcod.apigateway.demo-proj.cloud.goog"


def not_found(service: str) -> str:
    """Enabling a service; the details as GoogleCloudPlatform/cluster-toolkit reads them."""
    return with_details(
        f'Request `Enable Project Service "{service}" for project "{_PROJECT}"` returned error: '
        "failed to send enable services request: ",
        403,
        f"Not found or permission denied for service(s): {service}.",
        {
            "@type": ERROR_INFO,
            "domain": "serviceusage.googleapis.com",
            "metadata": {"services": service},
            "reason": "SERVICE_CONFIG_NOT_FOUND_OR_PERMISSION_DENIED",
        },
        reason="forbidden",
    )


ENABLE_NOT_FOUND = not_found("run.googleapis.com")
MANAGED_NOT_FOUND = not_found(_MANAGED)
# A report of the gateway's service in a public README has no details.
MANAGED_NOT_FOUND_SHORT = MANAGED_NOT_FOUND.partition("\nDetails:")[0] + " "

# GoogleCloudPlatform/cloud-foundation-fabric#2985
BIND_DENIED = with_details(
    'Request `Enable Project Service "run.googleapis.com" for project "demo-proj"` returned error: '
    "failed to enable services: failed on request preconditions: ",
    403,
    "Permission denied to enable service [run.googleapis.com]\nHelp Token: AbC",
    {
        "@type": PRECONDITION,
        "violations": [
            {
                "subject": "?error_code=110002&service=servicemanagement.googleapis.com"
                "&permission=servicemanagement.services.bind&resource=run.googleapis.com",
                "type": "googleapis.com",
            }
        ],
    },
    {
        "@type": ERROR_INFO,
        "domain": "serviceusage.googleapis.com",
        "reason": "AUTH_PERMISSION_DENIED",
    },
    reason="forbidden",
)
# firebase/firebase-tools#2498
FIREBASE_TERMS = (
    "Error creating Project: googleapi: Error 403: The caller does not have permission, forbidden"
)
# firebase/firebase-tools#11096
FIREBASE_TERMS_NAMED = with_details(
    "Error creating Project: ",
    403,
    "The caller does not have permission",
    {
        "@type": "type.googleapis.com/google.rpc.DebugInfo",
        "detail": "[ORIGINAL ERROR] generic::permission_denied: Firebase Tos Not Accepted",
    },
)
IDENTITY_BILLING = "Error creating Config: googleapi: Error 400: BILLING_NOT_ENABLED"
# terraform-google-modules/terraform-example-foundation#1454
MEMBER_DOMAIN = with_details(
    "Request `Create IAM Members roles/logging.logWriter` returned error: Error applying IAM "
    'policy for project "demo-proj": Error setting IAM policy for project "demo-proj": ',
    400,
    "One or more users named in the policy do not belong to a permitted customer.",
    {
        "@type": PRECONDITION,
        "violations": [
            {
                "description": "User a@b.example is not in permitted organization.",
                "subject": "orgpolicy:projects/demo-proj?configvalue=a@b.example",
                "type": "constraints/iam.allowedPolicyMemberDomains",
            }
        ],
    },
    reason="failedPrecondition",
)
# googlemaps/js-route-optimization-app#198
MEMBER_DOMAIN_RUN = (
    'Error applying IAM policy for cloudrun service "v1/projects/demo-proj/locations/us-central1/'
    'services/fn": Error setting IAM policy for cloudrun service "v1/projects/demo-proj/locations/'
    'us-central1/services/fn": googleapi: Error 400: One or more users named in the policy do not '
    "belong to a permitted customer,  perhaps due to an organization policy."
)
# googleapis/java-storage#2444, with the code of Cloud Storage
MEMBER_DOMAIN_BUCKET = (
    'Error applying IAM policy for storage bucket "b/demo-proj-src": Error setting IAM policy for '
    'storage bucket "b/demo-proj-src": googleapi: Error 412: One or more users named in the policy '
    "do not belong to a permitted customer., conditionNotMet"
)
# terraform-google-modules/terraform-example-foundation#974
VIOLATION = "VQQnKfXtZ16NHnOmdJAy0E92tVT_8fZZRGvnndBWXZLKFx_KItn1EA"
_PERIMETER = (
    'Error when reading or editing Service Account "projects/demo-proj/serviceAccounts/a": ',
    403,
    "Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: "
    + VIOLATION,
)
PERIMETER = with_details(
    *_PERIMETER,
    {
        "@type": PRECONDITION,
        "violations": [{"description": VIOLATION, "type": "VPC_SERVICE_CONTROLS"}],
    },
    {
        "@type": ERROR_INFO,
        "domain": "googleapis.com",
        "metadata": {
            "consumer": "projects/123456789012",
            "service": "iam.googleapis.com",
            "uid": VIOLATION,
        },
        "reason": "SECURITY_POLICY_VIOLATED",
    },
    reason="forbidden",
)
PERIMETER_SHORT = f"{_PERIMETER[0]}googleapi: Error 403: {_PERIMETER[2]}, forbidden"
# pulumi/pulumi-gcp#479
RAPT_REQUIRED = (
    'Error creating Secret: Post "https://secretmanager.googleapis.com/v1/projects/demo-proj/'
    'secrets?secretId=a": oauth2: cannot fetch token: 400 Bad Request\nResponse: '
    + json.dumps(
        {
            "error": "invalid_grant",
            "error_description": "reauth related error (rapt_required)",
            "error_subtype": "rapt_required",
        },
        indent=2,
    )
)
# googleapis/google-auth-library-nodejs#1961, in the form of Go's oauth2
INVALID_RAPT = (
    'Error creating Secret: Post "https://secretmanager.googleapis.com/v1/projects/demo-proj/'
    'secrets?secretId=a": oauth2: "invalid_grant" "reauth related error (invalid_rapt)" '
    '"https://support.google.com/a/answer/9368756"'
)
REVOKED_GRANT = 'oauth2: "invalid_grant" "Token has been expired or revoked."'
ADMIN_POLICY = 'oauth2: "admin_policy_enforced" "Error 400: admin_policy_enforced"'
ORG_INTERNAL = 'oauth2: "org_internal" "Error 403: org_internal"'
# CouncilDataProject/cdp-backend#239
DATASTORE_RULES = (
    "Error creating Index: googleapi: Error 400: ANY_API ApiScope is not supported for Datastore "
    "Mode databases."
)
# dbcodeio/public#673
DATASTORE_API = (
    "Error creating Document: googleapi: Error 400: The Cloud Firestore API is not available for "
    "Firestore in Datastore Mode database projects/demo-proj/databases/(default)., "
    "failedPrecondition"
)
# GoogleCloudPlatform/cloud-run-mcp#151
BILLING_UNSEEN = (
    "googleapi: Error 403: The billing account for the owning project is disabled in state absent, "
    "accountDisabled"
)
# hashicorp/terraform-provider-google#1892
BILLING_QUOTA = with_details(
    'Error setting billing account "X" for project "projects/demo-proj": ',
    400,
    "Precondition check failed.",
    {
        "@type": "type.googleapis.com/google.rpc.QuotaFailure",
        "violations": [
            {
                "description": "Cloud billing quota exceeded: "
                "https://support.google.com/code/contact/billing_quota_increase",
                "subject": "billingAccounts/X",
            }
        ],
    },
    reason="failedPrecondition",
)
# A comment in a public program of Google's Sheets API, with the code and reason of the answer.
PROJECT_DELETED = (
    "Error creating Api: googleapi: Error 403: Project demo-proj (#123456789012) has been "
    "deleted., forbidden"
)
# GoogleCloudPlatform/k8s-config-connector#279
IDENTITY_REPLACED = (
    "Request `Create IAM Members roles/monitoring.metricWriter serviceAccount:a@demo-proj.iam."
    'gserviceaccount.com for "project \\"demo-proj\\""` returned error: Error applying IAM policy '
    'for project "demo-proj": Error setting IAM policy for project "demo-proj": googleapi: Error '
    "400: Inconsistent representation of deleted member: 'deleted:serviceAccount:a@demo-proj.iam."
    "gserviceaccount.com?uid=104998493554765980505' and 'serviceAccount:a@demo-proj.iam."
    "gserviceaccount.com'., badRequest"
)
# hashicorp/terraform-provider-google#5151
IDENTITY_REPLACED_OLD = (
    "Error applying IAM policy for project: googleapi: Error 400: Policy members must be of the "
    'form "<type>:<value>"., badRequest'
)
# GoogleCloudPlatform/dlp-pdf-redaction#31
QUOTA_PROJECT = with_details(
    "Error creating Config: ",
    403,
    "Your application is authenticating by using local Application Default Credentials. The "
    "identitytoolkit.googleapis.com API requires a quota project, which is not set by default. To "
    "learn how to set your quota project, see "
    "https://cloud.google.com/docs/authentication/adc-troubleshooting/user-creds .",
    {
        "@type": ERROR_INFO,
        "domain": "googleapis.com",
        "metadata": {
            "consumer": "projects/618104708054",
            "service": "identitytoolkit.googleapis.com",
        },
        "reason": "SERVICE_DISABLED",
    },
)
# terraform-google-modules/terraform-google-bastion-host#14; DataBiosphere/azul#4390
ROLE_ID_RESERVED = (
    "Error creating the custom project role projects/demo-proj/roles/anava_device: googleapi: "
    "Error 400: You can't create a role_id (anava_device) which has been marked for deletion., "
    "failedPrecondition"
)
# midl-dev/tezos-on-gke#7
PROJECT_RECENT = (
    "Error creating Secret: googleapi: Error 403: Project 123456789012 is not found and cannot be "
    "used for API calls. If it is recently created, enable Secret Manager API by visiting "
    "https://console.developers.google.com/apis/api/secretmanager.googleapis.com/overview?"
    "project=123456789012 then retry. If you enabled this API recently, wait a few minutes for the "
    "action to propagate to our systems and retry., accessNotConfigured"
)
# hashicorp/terraform-provider-google#22533; the detail as hashicorp/terraform writes it
INCONSISTENT = "Provider produced inconsistent result after apply"
INCONSISTENT_ABSENT = (
    "When applying changes to google_firestore_database.primary_database, provider "
    '"provider[\\"registry.terraform.io/hashicorp/google\\"]" produced an unexpected new value: '
    "Root object was present, but now absent.\n\nThis is a bug in the provider, which should be "
    "reported in the provider's own issue tracker."
)
INCONSISTENT_VALUE = INCONSISTENT_ABSENT.replace(
    "Root object was present, but now absent", '.name: was cty.StringVal("a"), but now null'
)
