"""How long a resource usually takes, and from when on it takes too long."""

__all__ = ["is_overdue", "usual_seconds"]

# Against a server that answers at once: the provider's own pauses (10 s behind a service account,
# 3 s a batch of IAM members, 9 s of services). On top what Google's documentation and the first
# service's logs say: seconds for entries in a database, minutes for a build and for a gateway.
_USUAL_SECONDS = {
    "google_project_service": 15,
    "google_service_account": 12,
    "google_project_iam_member": 10,
    "google_service_account_iam_member": 10,
    "google_storage_bucket_iam_member": 10,
    "google_secret_manager_secret_iam_member": 10,
    "google_cloud_run_service_iam_member": 10,
    "google_cloud_run_v2_service_iam_member": 10,
    "google_cloudfunctions2_function_iam_member": 10,
    "google_storage_bucket": 5,
    "google_storage_bucket_object": 5,
    "google_secret_manager_secret": 5,
    "google_secret_manager_secret_version": 5,
    "google_iam_workload_identity_pool": 15,
    "google_iam_workload_identity_pool_provider": 15,
    "google_apikeys_key": 15,
    "google_firestore_database": 30,
    "google_firebaserules_ruleset": 5,
    "google_firebaserules_release": 5,
    "google_identity_platform_config": 10,
    "google_firebase_project": 30,
    "google_firebase_web_app": 15,
    "google_firebase_storage_bucket": 15,
    "google_cloudfunctions2_function": 150,
    "google_api_gateway_api": 60,
    "google_api_gateway_api_config": 120,
    "google_api_gateway_gateway": 240,
}

# The user shall read of a refusal within 2 minutes; terraform reports progress every 10 s.
_NEVER_BEFORE_SECONDS = 60
_TIMES_THE_USUAL = 2


def usual_seconds(resource_type: str) -> int:
    """How long one of these usually takes; 0 where we do not know."""
    return _USUAL_SECONDS.get(resource_type, 0)


def is_overdue(resource_type: str, elapsed_seconds: float) -> bool:
    """Whether it takes so long that something is probably wrong; never where we do not know."""
    usual = usual_seconds(resource_type)
    limit = max(_NEVER_BEFORE_SECONDS, _TIMES_THE_USUAL * usual)
    return usual > 0 and elapsed_seconds >= limit
