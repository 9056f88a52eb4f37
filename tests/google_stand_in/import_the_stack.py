"""The whole stack with the real provider: its state is lost, and it is imported, not made again.

Three minutes, and a mirror with Google's provider: so it is `make test-google`, not `make test`.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.google.api import GoogleApi
from adapters.google.imports import GoogleImportFinder
from adapters.settings import Settings
from deployments.imports import Import, import_file, planned_creations, replaced_addresses
from google_stand_in.answers import Json
from tests.support.servers import ROOT
from tests.support.stand_in.provider import Terraform, served
from tests.support.stand_in.serving import ServedStandIn, Token

PLAN = "plan.tfplan"
# What is made anew and what Google counts by itself: everything else must be there once.
MADE_ANEW = {"versions", "services", "builds", "objects"}


def summary(lines: list[Json]) -> Json:
    (found,) = [line["changes"] for line in lines if line["type"] == "change_summary"]
    changes: Json = found
    return changes


class Stack:
    """The template anava, applied with a state of its own."""

    def __init__(self, folder: Path, google: ServedStandIn, mirror: Path) -> None:
        self.google = google
        self.work = folder / "work"
        shutil.copytree(ROOT / "terraform" / "anava", self.work)
        (self.work / "terraform.tfvars.json").write_text(json.dumps({"project_id": "demo-proj"}))
        for name in ("device-auth", "token-vending"):
            archive = self.work / "functions" / f"{name}.zip"
            archive.parent.mkdir(exist_ok=True)
            archive.write_bytes(b"PK\x05\x06" + bytes(18))
        self.terraform = Terraform(self.work, google.port, mirror)
        self.run("init", "-json")

    def run(self, *arguments: str) -> list[Json]:
        code, lines = self.terraform.run(*arguments)
        assert code == 0, [line["@message"] for line in lines if line.get("@level") == "error"]
        return lines

    def plan(self, imports: list[Import]) -> Json:
        file = self.work / "imports.tf.json"
        file.unlink(missing_ok=True)
        if imports:
            file.write_text(import_file(imports))
        return summary(self.run("plan", "-json", f"-out={PLAN}"))

    def apply(self) -> Json:
        return summary(self.run("apply", "-json", PLAN))

    def planned(self) -> bytes:
        output, _ = self.terraform.start("show", "-json", PLAN).communicate()
        return output

    def lose_state(self) -> None:
        for file in self.work.glob("terraform.tfstate*"):
            file.unlink()

    async def look(self) -> list[Import]:
        assert replaced_addresses(self.planned()) == []
        api = GoogleApi(Token(self.google.token()), self.google.endpoint)
        found = await GoogleImportFinder(api).find_existing(
            "demo-proj", planned_creations(self.planned())
        )
        await api.close()
        assert found.findings == []
        return found.imports

    def there(self) -> dict[str, int]:
        counts: dict[str, int] = self.google.control("GET", "state")["counts"]
        return {kind: number for kind, number in counts.items() if kind not in MADE_ANEW}


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    mirror = Settings().terraform.mirror
    assert mirror is not None, "ANAVA_TERRAFORM__MIRROR names a mirror with google-beta"
    with served(tmp_path) as google:
        yield Stack(tmp_path, google, mirror)


@pytest.mark.timeout(900)
async def test_a_stack_whose_state_is_lost_is_imported_whole(stack: Stack) -> None:
    assert stack.plan([])["add"] > 60
    assert await stack.look() == []
    stack.apply()
    there = stack.there()

    stack.lose_state()
    stack.plan([])
    imports = await stack.look()
    stack.plan(imports)
    # The API's config is known once the functions are: it is found by the second look.
    more = await stack.look()
    assert [item.address for item in more] == ["google_api_gateway_api_config.this"]
    planned = stack.plan([*imports, *more])
    assert await stack.look() == []
    assert (planned["import"], planned["remove"]) == (len(imports) + 1, 0)

    done = stack.apply()
    assert (done["import"], done["remove"]) == (planned["import"], 0)
    assert stack.there() == there
    again = stack.plan([])
    assert (again["add"], again["change"], again["remove"]) == (0, 0, 0)
