"""Deploy the Anava stack in a throw-away project, redeploy, destroy, and report what is left.

Exit status 0: everything as required; 1: not; 2: wrong usage, or a program or a file is missing.
"""

import argparse
import asyncio
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from adapters import settings
from adapters.settings import Settings, base_environment
from deployments.errors import AnavaError
from tests.live.inventory import Inventory, Resource, inventory, why_it_stays
from tests.live.report import Report, Step
from tests.live.service import CommandFailed, Service, anava
from tests.support.servers import ROOT

PASSED, FAILED, REFUSED = 0, 1, 2
DEPLOYED, UNCHANGED, GONE = ("applied", "no_changes"), ("no_changes",), ("destroyed",)
_MAX_NAMES = 10  # of resources in a refusal
# Kinds that Google makes by itself in a new project.
_USUAL = ("API that is on", "role of a member", "service account")


class Refusal(Exception):
    """The run does not start; the text names what is missing."""


def arguments(words: Sequence[str]) -> argparse.Namespace:
    """`make` passes its variables in the environment, so that no shell reads them."""
    named = base_environment()
    parser = argparse.ArgumentParser(prog="make test-live", description=__doc__)
    parser.add_argument("--project", default=named.get("PROJECT", ""))
    parser.add_argument("--throw-away", default=named.get("THROW_AWAY", ""))
    parser.add_argument("--prefix", default="live", help="name of the stack")
    parser.add_argument("--region", default="us-central1")
    return parser.parse_args(words)


def check_consent(project: str, throw_away: str) -> None:
    """Refuse unless the project was named twice, or is typed at the prompt."""
    if not project:
        raise Refusal("Name the project: make test-live PROJECT=my-throw-away-project")
    if throw_away == project:
        return
    sentence = f"A live run deletes data in {project!r}, which must be a project to throw away."
    if not sys.stdin.isatty():
        raise Refusal(f"{sentence} To confirm this add THROW_AWAY={project!r}.")
    sys.stderr.write(f"{sentence}\nType its id to confirm: ")
    if sys.stdin.readline().strip() != project:
        raise Refusal("Nothing was done.")


def mirror(loaded: Settings) -> Path:
    """The folder with Google's provider."""
    place = loaded.terraform.mirror or ROOT / "container" / "providers"
    if not (place / "registry.terraform.io" / "hashicorp" / "google-beta").is_dir():
        raise Refusal(
            f"{place} does not hold Google's provider: `make providers` downloads it once, or set "
            "ANAVA_TERRAFORM__MIRROR to a mirror."
        )
    return place.resolve()


class Run:
    """A live run in `folder`, where an interrupted run has left the service's data."""

    def __init__(self, chosen: argparse.Namespace, loaded: Settings) -> None:
        began = datetime.now(UTC)
        self._project, self._region = chosen.project, chosen.region
        self._target = ("--project", chosen.project, "--prefix", chosen.prefix)
        self._google = loaded.google
        self._mirror = mirror(loaded)
        self.folder = loaded.data / "live" / chosen.project
        self._service_data = self.folder / "service"
        self._before = self.folder / "before.json"
        self.reports = self.folder / f"{began:%Y%m%dT%H%M%SZ}"
        endpoint = loaded.google.endpoint
        self.report = Report(
            chosen.project,
            chosen.prefix,
            chosen.region,
            f"a stand-in at {endpoint}" if endpoint else "Google",
            f"{began:%Y-%m-%d %H:%M:%SZ}",
            version("anava-deploy"),
        )

    def run(self) -> bool:
        """Check, deploy, redeploy, destroy, compare; whether all was as required."""
        if not self._is_valid():
            return self._end()
        before = self._resources_before()
        self.reports.mkdir(parents=True)
        try:
            with Service(self._service_data, self.reports, self._mirror) as service:
                self._deploy_redeploy_destroy(service)
        except CommandFailed as error:
            self._note(Step("service", expected=False, outcome="refused", problems=(f"{error}",)))
        except KeyboardInterrupt:
            self._note(Step("service", expected=False, outcome="interrupted"))
            self._end()
            raise
        self._compare(before)
        return self._end()

    def _is_valid(self) -> bool:
        words = ("validate", *self._target, "--region", self._region, "--json")
        try:
            text = anava(*words, environment=base_environment(), codes=(0, 1))
        except CommandFailed as error:
            raise Refusal(str(error)) from None
        validation: dict[str, Any] = json.loads(text)
        blocking = [item for item in validation["findings"] if item["severity"] == "blocking"]
        problems = tuple(f"{item['message']} {item['next_step']}" for item in blocking)
        outcome = f"{len(validation['findings'])} findings, {len(blocking)} blocking"
        self._note(Step("validate", not blocking, outcome, problems=problems))
        return not blocking

    def _resources_before(self) -> list[Resource]:
        """The resources before the first run; a project that holds anything else is refused."""
        if self._before.exists():
            return [Resource(**item) for item in json.loads(self._before.read_text())]
        resources = sorted(self._inventory().resources)
        others = [
            f"{resource.kind} {resource.name}"
            for resource in resources
            if resource.kind not in _USUAL and not why_it_stays(resource)
        ]
        if others:
            names = ", ".join(others[:_MAX_NAMES])
            raise Refusal(
                f"The project {self._project} is in use: {names}. A live run needs a new project."
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        self._before.write_text(json.dumps([asdict(item) for item in resources]))
        return resources

    def _deploy_redeploy_destroy(self, service: Service) -> None:
        words = ["deploy", "--template", "anava", *self._target, "--region", self._region]
        words += ["--var", "destroy_customer_data=true"]
        deployment = service.deployed("deploy", DEPLOYED, *words)
        self._note(deployment)
        if deployment.expected:
            self._note(service.deployed("redeploy", UNCHANGED, *words))
        # Also after a failed deployment: the resources that were created until then are destroyed.
        required = GONE if deployment.expected else (*GONE, "nothing_to_destroy")
        self._note(service.deployed("destroy", required, "destroy", deployment.id, "--yes"))

    def _compare(self, before: Sequence[Resource]) -> None:
        after = self._inventory()
        self.report.left, self.report.unread = after.without(before), after.unread
        self.report.is_compared = True

    def _inventory(self) -> Inventory:
        return asyncio.run(inventory(self._google, self._project, self._region))

    def _note(self, step: Step) -> None:
        self.report.steps.append(step)
        sys.stdout.write(f"{step.name}: {step.outcome}, {step.seconds:.0f} s\n")
        sys.stdout.flush()

    def _end(self) -> bool:
        """Write the report; after success nothing else stays, since a state holds secrets."""
        self.reports.mkdir(parents=True, exist_ok=True)
        sys.stdout.write(f"Report: {self.report.write(self.reports)}\n")
        if self.report.passed:
            shutil.rmtree(self._service_data, ignore_errors=True)
            self._before.unlink()
        return self.report.passed


def main(words: Sequence[str] | None = None) -> int:
    """Run; the exit status."""
    chosen = arguments(sys.argv[1:] if words is None else words)
    try:
        check_consent(chosen.project, chosen.throw_away)
        loaded = settings.load()
        run = Run(chosen, loaded)
        settings.apply_network(loaded.network)
        return PASSED if run.run() else FAILED
    except Refusal as refusal:
        sys.stderr.write(f"{refusal}\n")
    except AnavaError as error:
        sys.stderr.write(f"{error} {error.next_step}\n")
    except KeyboardInterrupt:
        sys.stderr.write(
            f"\nInterrupted: the stack may be in {chosen.project}. Repeat the command: it goes on "
            "from the recorded state, and destroys at the end.\n"
        )
        return FAILED
    return REFUSED


if __name__ == "__main__":
    sys.exit(main())
