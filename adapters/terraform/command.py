"""Terraform's command lines, environment and CLI configuration, as values.

Nothing here starts a process. All facts were tried with terraform 1.11.4.
"""

import json
from pathlib import Path

from deployments.phase import PLAN_FILE, TERRAFORM_PHASES, Phase

__all__ = [
    "PLAN_FILE",
    "cli_config",
    "environment",
    "phase_argv",
    "provider_environment",
    "show_plan_argv",
    "show_plan_text_argv",
    "version_argv",
]

# Product in the variable's name -> path with the version that the provider expects. API keys and
# rules, generated from Google's declarative library, need a version; Cloud Run v1 has none.
_PROVIDER_PATHS = {
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


def phase_argv(terraform: str, phase: Phase, *, destroy: bool = False) -> list[str]:
    """The command of one of `TERRAFORM_PHASES`, to be run in the deployment's `work` folder.

    `destroy` only changes the plan: an apply executes the plan file.
    """
    options = ["-destroy"] if destroy and phase is Phase.PLAN else []
    return [terraform, *TERRAFORM_PHASES[phase].arguments, *options]


def show_plan_argv(terraform: str) -> list[str]:
    """Print the plan file as JSON, with every secret in clear."""
    return [terraform, "show", "-json", PLAN_FILE]


def show_plan_text_argv(terraform: str) -> list[str]:
    """Print the plan file as text; terraform hides sensitive values except for some copies."""
    return [terraform, "show", "-no-color", PLAN_FILE]


def version_argv(terraform: str) -> list[str]:
    """Print the version as JSON; a broken CLI configuration is reported on stderr only."""
    return [terraform, "version", "-json"]


def environment(home: Path, cli_config: Path, path: str) -> dict[str, str]:
    """Terraform's whole environment. local-exec inherits this environment, so no secret is in it.

    Of the worker's environment PATH and LD_LIBRARY_PATH pass: TF_CLI_ARGS, TF_WORKSPACE, TF_VAR_…
    and credentials can silently change a plan.
    """
    return {
        "PATH": path,
        "HOME": str(home),
        "TMPDIR": str(home),
        # Providers listen on Unix sockets, whose path the kernel limits to 108 bytes (unix(7)). A
        # path below TMPDIR exceeds that in a data folder of some 50 characters, and no provider
        # starts (tried). The working directory has the shortest name and ends with the run.
        "PLUGIN_UNIX_SOCKET_DIR": ".",
        "LANG": "C.UTF-8",
        # Of the timestamps in messages; unset, Go takes the zone of /etc/localtime.
        "TZ": "UTC",
        "TF_CLI_CONFIG_FILE": str(cli_config),
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
        "CHECKPOINT_DISABLE": "1",
    }


def provider_environment(server: str) -> dict[str, str]:
    """Direct Google's provider to a server: `<server>/<first label of the host>/<version>/`."""
    paths = _PROVIDER_PATHS.items()
    return {f"GOOGLE_{name}_CUSTOM_ENDPOINT": f"{server}/{path}" for name, path in paths}


def cli_config(mirror: Path) -> str:
    """A CLI configuration with one provider mirror and no registry."""
    return (
        "disable_checkpoint = true\n"
        "provider_installation {\n"
        "  filesystem_mirror {\n"
        # Not ASCII-escaped: HCL's \u has no surrogate pairs (tried).
        f"    path    = {json.dumps(str(mirror), ensure_ascii=False)}\n"
        '    include = ["*/*/*"]\n'
        "  }\n"
        "}\n"
    )
