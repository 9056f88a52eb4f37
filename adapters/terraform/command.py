"""Terraform's command lines, environment and configuration, as values.

Source of every fact: terraform 1.11.4, tried. Nothing here starts anything.
"""

import json
from pathlib import Path

from deployments.phase import Phase

__all__ = [
    "PLAN_FILE",
    "cli_config",
    "environment",
    "phase_argv",
    "show_plan_argv",
    "show_plan_text_argv",
    "state_argv",
    "version_argv",
]

PLAN_FILE = "plan.tfplan"

# How long plan and apply wait for a state lock: a terminated deployment's terraform may still be
# writing its state. Below the no-progress limit of 2 minutes, since waiting prints one line only.
_LOCK_TIMEOUT = "60s"


def phase_argv(terraform: str, phase: Phase, *, destroy: bool = False) -> list[str]:
    """The command of a phase; its working directory is the deployment's `work`.

    Only the plan knows that it destroys; an apply does what its plan file says.

    Raises:
        KeyError: the phase runs no terraform.
    """
    return {
        Phase.INIT: [terraform, "init", "-json", "-no-color", "-input=false"],
        Phase.PLAN: [
            terraform,
            "plan",
            "-json",
            "-input=false",
            f"-lock-timeout={_LOCK_TIMEOUT}",
            # Beats terraform.tfvars and *.auto.tfvars; every value in it is literal.
            "-var-file=terraform.tfvars.json",
            f"-out={PLAN_FILE}",
            *(["-destroy"] if destroy else []),
        ],
        Phase.APPLY: [
            terraform,
            "apply",
            "-json",
            "-input=false",
            "-auto-approve",
            f"-lock-timeout={_LOCK_TIMEOUT}",
            PLAN_FILE,
        ],
    }[phase]


def show_plan_argv(terraform: str) -> list[str]:
    """Print the plan file as JSON; it holds every secret in clear."""
    return [terraform, "show", "-json", PLAN_FILE]


def show_plan_text_argv(terraform: str) -> list[str]:
    """Print the plan file as text; what terraform calls sensitive is hidden but for some copies."""
    return [terraform, "show", "-no-color", PLAN_FILE]


def state_argv(terraform: str) -> list[str]:
    """Print the state; takes no lock, prints nothing when there is none."""
    return [terraform, "state", "pull"]


def version_argv(terraform: str) -> list[str]:
    """Print the version as JSON; a bad CLI configuration shows on stderr only."""
    return [terraform, "version", "-json"]


def environment(home: Path, cli_config: Path, path: str) -> dict[str, str]:
    """Terraform's whole environment; local-exec inherits it, so it holds no secret.

    TF_CLI_ARGS, TF_WORKSPACE, TF_VAR_… and credentials of the worker can silently change what is
    planned, so nothing is passed on but the PATH.
    """
    return {
        "PATH": path,
        "HOME": str(home),
        "TMPDIR": str(home),
        # Providers' sockets: of a path below TMPDIR, in a data folder of some 50 characters, the
        # kernel would take no more (108 bytes, unix(7)), and no provider would start (tried).
        # The working directory has the shortest name, and goes with the run.
        "PLUGIN_UNIX_SOCKET_DIR": ".",
        "LANG": "C.UTF-8",
        "TF_CLI_CONFIG_FILE": str(cli_config),
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
        "CHECKPOINT_DISABLE": "1",
    }


def cli_config(mirror: Path) -> str:
    """A CLI configuration that knows one mirror and no registry."""
    return (
        "disable_checkpoint = true\n"
        "provider_installation {\n"
        "  filesystem_mirror {\n"
        # Its \u takes no surrogate pairs, so a character is written as itself (tried).
        f"    path    = {json.dumps(str(mirror), ensure_ascii=False)}\n"
        '    include = ["*/*/*"]\n'
        "  }\n"
        "}\n"
    )
