"""A template's variables judged twice: by terraform and by the request's rules."""

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

from adapters.settings import base_environment
from adapters.terraform import command
from deployments.errors import InvalidRequest, NotAvailable
from deployments.phase import Phase
from deployments.requests import DeploymentFields, Value, check

TERRAFORM = Path(__file__).resolve().parent.parent.parent / "terraform"
# Fields of a request of their own, for every template.
FIELDS = {"project_id", "region", "prefix", "storage_location"}

Fields = dict[str, Value]


class Workspace:
    """The variables of a template alone: a plan costs nothing and needs no provider."""

    def __init__(self, folder: Path, template: str) -> None:
        binary = shutil.which("terraform")
        assert binary is not None, "terraform is on the PATH"
        self._binary = binary
        self._work = folder / "work"
        self._work.mkdir()
        shutil.copy(TERRAFORM / template / "variables.tf", self._work)
        (folder / "mirror").mkdir()
        cli_config = folder / "terraform.tfrc"
        cli_config.write_text(command.cli_config(folder / "mirror"))
        self._environment = command.environment(folder, cli_config, base_environment()["PATH"])
        assert self._run(Phase.INIT) == []

    def refused(self, fields: Fields) -> list[str]:
        """What terraform's own validation says against them."""
        values = {"project_id": "customer-1", **fields}
        (self._work / "terraform.tfvars.json").write_text(json.dumps(values))
        return self._run(Phase.PLAN)

    def _run(self, phase: Phase) -> list[str]:
        ended = subprocess.run(  # noqa: S603 - our own command
            command.phase_argv(self._binary, phase),
            cwd=self._work,
            env=self._environment,
            capture_output=True,
            timeout=60,
            check=False,
        )
        lines = [json.loads(line) for line in ended.stdout.splitlines()]
        found = [line["diagnostic"]["detail"] for line in lines if line["@level"] == "error"]
        assert bool(found) == bool(ended.returncode), ended.stderr
        return found


def refused_here(fields: Fields, template: str) -> list[str]:
    """The variables that the request's rules refuse."""
    own: dict[str, Any] = {name: value for name, value in fields.items() if name in FIELDS}
    variables = {name: value for name, value in fields.items() if name not in FIELDS}
    try:
        check(
            replace(DeploymentFields("customer-1", template=template, variables=variables), **own)
        )
    except InvalidRequest as refusal:
        known = [item for item in refusal.problems if item.code != "not_available"]
        return sorted(problem.pointer.rpartition("/")[2] for problem in known)
    except NotAvailable:
        return []
    return []
