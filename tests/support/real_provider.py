"""Google's real provider, from a mirror, in a copy of the Anava template."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from adapters.settings import Settings, base_environment
from adapters.terraform import command, function_archives
from tests.support.servers import ROOT
from tests.support.stand_in.endpoints import endpoints
from worker.run_directory import ignored_of

ANAVA = ROOT / "terraform" / "anava"
PROJECT = "demo-proj"  # the one that the stand-in has from the start
VERSION = "0123456789ab"  # of the template, which the service computes
NOBODY = 9  # a port on which nothing listens

NO_MIRROR = "no mirror of Google's provider: make providers, or ANAVA_TERRAFORM__MIRROR"


def mirror() -> Path | None:
    """The mirror of the settings, else container/providers/; None where google-beta is missing."""
    place = Settings().terraform.mirror or ROOT / "container" / "providers"
    held = (place / "registry.terraform.io" / "hashicorp" / "google-beta").is_dir()
    return place.resolve() if held else None


class Failed(AssertionError):
    """Terraform said no."""


class Template:
    """A copy of the template as a run directory has it, and terraform in it."""

    def __init__(self, folder: Path, port: int = NOBODY, template: Path = ANAVA) -> None:
        """Without a stand-in nobody answers: what asks Google fails."""
        place = mirror()
        assert place is not None
        self.work = folder / "work"
        self.copy(template)
        (folder / "home").mkdir()
        cli_config = folder / "terraform.tfrc"
        cli_config.write_text(command.cli_config(place))
        self._environment = {
            **command.environment(folder / "home", cli_config, base_environment()["PATH"]),
            **endpoints(port),
            **({} if port != NOBODY else {"GOOGLE_OAUTH_ACCESS_TOKEN": "none"}),
        }

    def copy(self, template: Path) -> None:
        """Write the template's files over those of an earlier version; the state stays."""
        for file in self.work.glob("*.tf"):
            file.unlink()
        shutil.copytree(template, self.work, ignore=ignored_of(template), dirs_exist_ok=True)
        self.pack()

    def run(self, *arguments: str, expected: int = 0) -> str:
        """What terraform prints.

        Raises:
            Failed: with all that it said, where it ended otherwise than expected.
        """
        ended = subprocess.run(  # noqa: S603 - our own command
            [Settings().terraform.binary, *arguments],
            cwd=self.work,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        if ended.returncode != expected:
            raise Failed(f"{arguments[0]}: {ended.returncode}\n{ended.stdout}\n{ended.stderr}")
        return ended.stdout

    def set(self, **variables: object) -> None:
        """Write the variables as the service does."""
        values = {
            "project_id": PROJECT,
            "propagation_seconds": 0,
            "template_version": VERSION,
            **variables,
        }
        (self.work / "terraform.tfvars.json").write_text(json.dumps(values))

    def plan(self, *arguments: str) -> dict[str, Any]:
        """A plan as JSON."""
        self.run("plan", "-no-color", "-input=false", "-out=plan.tfplan", *arguments)
        shown: dict[str, Any] = json.loads(self.run("show", "-json", "plan.tfplan"))
        return shown

    def changes(self) -> dict[str, list[str]]:
        """What a plan would do, by address."""
        return {
            resource_change["address"]: resource_change["change"]["actions"]
            for resource_change in self.plan()["resource_changes"]
            if resource_change["change"]["actions"] not in (["no-op"], ["read"])
        }

    def pack(self) -> None:
        function_archives.pack(self.work)


def planned(folder: Path) -> str:
    """The plan of a first deployment as text; nobody is asked anything."""
    template = Template(folder)
    template.run("init", "-backend=false", "-input=false")
    template.set()
    template.run("plan", "-input=false", "-out=plan.tfplan")
    return template.run("show", "-no-color", "plan.tfplan")


# The long scenarios compare it with a demonstration's own.
ACAP_CONFIG = ROOT / "examples" / "acap-config.json"
