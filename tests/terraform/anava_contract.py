"""What the Anava template promises: its APIs and outputs."""

CONTRACT_APIS = {
    f"{name}.googleapis.com"
    for name in (
        *("iam", "iamcredentials", "cloudresourcemanager", "firebase", "identitytoolkit"),
        *("storage", "firebasestorage", "sts", "aiplatform", "cloudfunctions", "run"),
        *("apigateway", "secretmanager", "firestore", "compute", "cloudbuild"),
        *("artifactregistry", "serviceusage", "servicemanagement", "endpoints"),
    )
}
SENSITIVE = {"api_key", "firebase_config"}
OUTPUTS = SENSITIVE | {
    "api_gateway_url",
    "device_auth_function_url",
    "firebase_api_key_secret_name",
    "firebase_config_secret_name",
    "firebase_storage_bucket",
    "firebase_web_app_id",
    "template_version",
    "tvm_function_url",
    "vertex_ai_service_account_email",
    "workload_identity_provider",
}
