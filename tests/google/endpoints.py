"""Where clients find the stand-in instead of Google."""

from collections.abc import Mapping

# Word of the provider's variable -> path. Versions as the provider wants them: the two generated
# from Google's declarative library (API keys, rules) need theirs, Cloud Run's first API has none,
# three products are beta.
_PROVIDER = {
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

# Services that a client names by host; each is `http://127.0.0.1:PORT/<service>/` here.
SERVICES = (
    "apigateway",
    "apikeys",
    "artifactregistry",
    "cloudbilling",
    "cloudbuild",
    "cloudfunctions",
    "cloudresourcemanager",
    "firebase",
    "firebaserules",
    "firebasestorage",
    "firestore",
    "iam",
    "iamcredentials",
    "identitytoolkit",
    "oauth2",
    "orgpolicy",
    "run",
    "secretmanager",
    "serviceusage",
    "storage",
    "sts",
)


def endpoints(port: int) -> dict[str, str]:
    """Environment of terraform and of Google's client libraries: everything goes to the stand-in.

    STORAGE_EMULATOR_HOST and GCE_METADATA_HOST are what Google's libraries read themselves.
    """
    root = f"http://127.0.0.1:{port}"
    provider = {
        f"GOOGLE_{word}_CUSTOM_ENDPOINT": f"{root}/{path}" for word, path in _PROVIDER.items()
    }
    return {
        **provider,
        "GCE_METADATA_HOST": f"127.0.0.1:{port}",
        "STORAGE_EMULATOR_HOST": root,
    }


def services(port: int) -> Mapping[str, str]:
    """The base address of each API by the first word of its host, without a version."""
    return {service: f"http://127.0.0.1:{port}/{service}" for service in SERVICES}
