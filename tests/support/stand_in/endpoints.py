"""Where clients find the stand-in instead of Google."""

from collections.abc import Mapping

from adapters.terraform.command import provider_environment

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
    return {
        **provider_environment(root),
        "GCE_METADATA_HOST": f"127.0.0.1:{port}",
        "STORAGE_EMULATOR_HOST": root,
    }


def services(port: int) -> Mapping[str, str]:
    """The base address of each API by the first word of its host, without a version."""
    return {service: f"http://127.0.0.1:{port}/{service}" for service in SERVICES}
