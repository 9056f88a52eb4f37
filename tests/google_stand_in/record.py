"""python -m tests.google_stand_in.record --mirror DIR [--slow]: renew the provider corpus.

Without --slow it takes two minutes; with it, only what is retried for minutes runs: 27 of them.
"""

import argparse
import json
import re
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from google_stand_in.answers import Json
from tests.google_stand_in.provoked import CASES, EVERY_API, POOL, SECRET, Case
from tests.support.stand_in.provider import (
    Terraform,
    errors,
    interrupt,
    parsed,
    served,
)
from tests.support.stand_in.serving import ServedStandIn

CORPUS = Path(__file__).parent / "corpus"
_SECRETS, _SECRET = "secretmanager.googleapis.com", "projects/demo-proj/secrets/key"
_IMPORT = 'import {\n  to = %s.import\n  id = "%s"\n}\n'


def project_of(name: str) -> str:
    return f"case-{name}"


def _placed(text: str, name: str) -> str:
    return text.replace("PROJECT", project_of(name)).replace("NAME", name.replace("-", "_"))


def prepare(server: ServedStandIn, cases: Mapping[str, Case]) -> str:
    """A project for each case, with what is there and what goes wrong; the stack that fails."""
    rules: list[Json] = []
    for index, (name, case) in enumerate(cases.items()):
        project: Json = {"project_id": project_of(name), "number": str(200000000000 + index)}
        project["enabled"] = [f"{api}.googleapis.com" for api in EVERY_API]
        project["enabled"] += ["cloudresourcemanager.googleapis.com"]
        server.control("POST", "project", project)
        calls = []
        for call, body in case.calls:
            method, _, path = _placed(call, name).partition(" ")
            body = json.loads(_placed(json.dumps(body), name))
            calls.append({"method": method, "path": path, "body": body})
        server.control("POST", "preload", {"calls": calls})
        project["enabled"] = [f"{api}.googleapis.com" for api in case.apis]
        project["billing"], project["org_policies"] = case.billing, dict(case.org_policies)
        server.control("POST", "project", project)
        if case.rule:
            rules.append(json.loads(_placed(json.dumps(dict(case.rule)), name)))
    server.control("PUT", "rules", {"rules": rules})
    return "".join(_placed(case.resource, name) for name, case in cases.items())


def provoke(
    terraform: Terraform, configuration: str, cases: Mapping[str, Case]
) -> dict[str, list[Json]]:
    """Apply once; the errors of each case."""
    terraform.write(configuration)
    _, lines = terraform.run("apply", "-json", "-auto-approve", f"-parallelism={len(cases) + 2}")
    found: dict[str, list[Json]] = {name: [] for name in cases}
    for line in errors(lines):
        resource = str(line["diagnostic"].get("address", "")).partition(".")[2]
        name = resource.removesuffix("_run").replace("_", "-")
        found.setdefault(name or "none", []).append(line)
    return found


def import_missing(server: ServedStandIn, terraform: Terraform) -> list[Json]:
    """A plan that imports what is not there."""
    server.control("POST", "project", {"project_id": "demo-proj", "enabled": [_SECRETS]})
    return _imported(terraform, SECRET, f"google_secret_manager_secret {_SECRET}")


def import_api_disabled(server: ServedStandIn, terraform: Terraform) -> list[Json]:
    """A plan that imports from an API that is not enabled."""
    return _imported(terraform, SECRET, f"google_secret_manager_secret {_SECRET}")


def import_deleted_pool(server: ServedStandIn, terraform: Terraform) -> list[Json]:
    """A plan that imports a pool which was deleted within 30 days."""
    prepare(server, {"deleted-pool": CASES["deleted-pool"]})
    pool = f"projects/{project_of('deleted-pool')}/locations/global/workloadIdentityPools/pool"
    return _imported(terraform, POOL, f"google_iam_workload_identity_pool {pool}")


def _imported(terraform: Terraform, resource: str, target: str) -> list[Json]:
    """The errors of a plan with one import block; `target` is a type and an id."""
    kind, _, name = target.partition(" ")
    placed = resource.replace("PROJECT", name.split("/")[1]).replace("NAME", "import")
    terraform.write(placed + _IMPORT % (kind, name))
    return errors(terraform.run("plan", "-json")[1])


def _elsewhere(terraform: Terraform, endpoint: str) -> list[Json]:
    provider = f'provider "google" {{\n  secret_manager_custom_endpoint = "{endpoint}"\n}}\n'
    resource = SECRET.replace("PROJECT", "demo-proj").replace("NAME", "elsewhere")
    terraform.write(provider + resource)
    return errors(terraform.run("apply", "-json", "-auto-approve")[1])


def refused(server: ServedStandIn, terraform: Terraform) -> list[Json]:
    """Nobody listens."""
    return _elsewhere(terraform, "http://127.0.0.1:1/v1/")


def unknown_host(server: ServedStandIn, terraform: Terraform) -> list[Json]:
    """No such name."""
    return _elsewhere(terraform, "http://secretmanager.invalid/v1/")


def interrupted_twice(server: ServedStandIn, terraform: Terraform) -> list[Json]:
    """Interrupted while it is retried, and again."""
    cases = {"unavailable-secret": CASES["unavailable-secret"]}
    terraform.write(prepare(server, cases))
    process = terraform.start("apply", "-json", "-auto-approve")
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if b'"apply_start"' in line:
            interrupt(process)
        if b"Interrupt received" in line:
            interrupt(process)
    process.wait()
    return errors(parsed(b"".join(lines)))


def read_unavailable(server: ServedStandIn, terraform: Terraform) -> list[Json]:
    """A plan whose read fails for good; it takes more than five minutes."""
    resource = SECRET.replace("PROJECT", "demo-proj").replace("NAME", "read")
    server.control(
        "POST", "project", {"project_id": "demo-proj", "enabled": ["secretmanager.googleapis.com"]}
    )
    terraform.write(resource)
    assert terraform.run("apply", "-json", "-auto-approve")[0] == 0
    rule = {"method": "GET", "path": "/secrets/key", "failure": "unavailable"}
    server.control("PUT", "rules", {"rules": [rule]})
    return errors(terraform.run("plan", "-json")[1])


SINGLE: Mapping[str, Callable[[ServedStandIn, Terraform], list[Json]]] = {
    "import-api-disabled": import_api_disabled,
    "import-missing": import_missing,
    "import-deleted-pool": import_deleted_pool,
    "refused": refused,
    "unknown-host": unknown_host,
    "interrupted-twice": interrupted_twice,
}
SLOW: Mapping[str, Callable[[ServedStandIn, Terraform], list[Json]]] = {
    "read-unavailable": read_unavailable
}


def write(name: str, lines: list[Json]) -> None:
    """One file for a case; the address of this machine's resolver is nobody's business."""
    assert lines, f"{name} said nothing"
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    text = re.sub(r"on [\d.:\[\]a-f]+:53: ", "on 192.0.2.53:53: ", text)
    CORPUS.mkdir(exist_ok=True)
    (CORPUS / f"{name}.jsonl").write_text(text, encoding="utf-8")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="record", description=__doc__)
    parser.add_argument("--mirror", type=Path, required=True)
    parser.add_argument("--slow", action="store_true")
    given = parser.parse_args(arguments)
    singles = SLOW if given.slow else SINGLE
    cases = {name: case for name, case in CASES.items() if case.slow == given.slow}
    with tempfile.TemporaryDirectory() as folder:
        for name, single in singles.items():
            place = Path(folder) / name
            with served(Path(folder)) as server:
                write(name, single(server, Terraform(place, server.port, given.mirror)))
        with served(Path(folder)) as server:
            terraform = Terraform(Path(folder) / "cases", server.port, given.mirror)
            for name, lines in provoke(terraform, prepare(server, cases), cases).items():
                write(name, lines)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
