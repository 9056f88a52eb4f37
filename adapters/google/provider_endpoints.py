"""Where Google's provider finds another server in place of Google's APIs."""

__all__ = ["provider_environment"]

# Word of the provider's variable -> path. Versions as the provider wants them: the two generated
# from Google's declarative library (API keys, rules) need theirs, Cloud Run's first API has none,
# three products are beta.
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
    """The variables of the provider: `<server>/<first word of the host>/<version>/` for each API.

    Args:
        server: like `http://127.0.0.1:8080`.
    """
    return {f"GOOGLE_{word}_CUSTOM_ENDPOINT": f"{server}/{path}" for word, path in _PATHS.items()}
