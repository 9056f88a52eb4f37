"""Environment that directs terraform's Google provider to another server."""

__all__ = ["provider_environment"]

# Product in the variable's name -> path with the version that the provider expects. API keys and
# rules, generated from Google's declarative library, need a version; Cloud Run v1 has none.
_PATHS = {
    "API_GATEWAY": "apigateway/v1beta/",
    "APIKEYS": "apikeys/v2/",
    "ARTIFACT_REGISTRY": "artifactregistry/v1/",
    "CLOUD_BILLING": "cloudbilling/v1/",
    "CLOUD_BUILD": "cloudbuild/v1/",
    "CLOUD_RUN": "run/",
    "CLOUD_RUN_V2": "run/v2/",
    "CLOUDFUNCTIONS2": "cloudfunctions/v2/",
    "COMPUTE": "compute/beta/",
    "FIREBASE": "firebase/v1beta1/",
    "FIREBASE_STORAGE": "firebasestorage/v1beta/",
    "FIREBASERULES": "firebaserules/v1/",
    "FIRESTORE": "firestore/v1/",
    "IAM2": "iam/v2beta/",
    "IAM_BETA": "iam/v1/",
    "IAM_CREDENTIALS": "iamcredentials/v1/",
    "IDENTITY_PLATFORM": "identitytoolkit/v2/",
    "ORG_POLICY": "orgpolicy/v2/",
    "RESOURCE_MANAGER": "cloudresourcemanager/v1/",
    "RESOURCE_MANAGER_V3": "cloudresourcemanager/v3/",
    "SECRET_MANAGER": "secretmanager/v1/",
    "SERVICE_USAGE": "serviceusage/v1beta1/",
    "STORAGE": "storage/v1/",
    "TAGS": "cloudresourcemanager/v3/",
}


def provider_environment(server: str) -> dict[str, str]:
    """Return a variable per API with `<server>/<first label of the host>/<version>/`.

    Args:
        server: base URL like `http://127.0.0.1:8080`.
    """
    return {f"GOOGLE_{name}_CUSTOM_ENDPOINT": f"{server}/{path}" for name, path in _PATHS.items()}
