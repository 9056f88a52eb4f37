"""The import blocks that are written, read by the real terraform."""

import json
import subprocess
from pathlib import Path

import pytest

from adapters.settings import base_environment
from deployments.imports import Import, import_file

HCL = """
resource "terraform_data" "one" {
  for_each = toset(["a.b", "c"])
}
"""


def run(work: Path, *arguments: str) -> str:
    environment = {**base_environment(), "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
    return subprocess.run(  # noqa: S603 - the terraform of this machine
        ["terraform", *arguments],  # noqa: S607 - as above
        cwd=work,
        check=True,
        capture_output=True,
        text=True,
        env=environment,
    ).stdout


@pytest.mark.parametrize(
    "id", ["plain", "${1 + 1}", "%{ if true }x%{ endif }", 'quote"\\', "é$${x}", '$$${upper("x")}']
)
def test_terraform_takes_every_id_as_it_is(tmp_path: Path, id: str) -> None:
    (tmp_path / "main.tf").write_text(HCL)
    imports = [Import('terraform_data.one["a.b"]', id)]
    (tmp_path / "imports.tf.json").write_text(import_file(imports))
    run(tmp_path, "init", "-input=false")
    run(tmp_path, "plan", "-input=false", "-out=plan.bin")
    plan = json.loads(run(tmp_path, "show", "-json", "plan.bin"))

    changes = {
        resource_change["address"]: resource_change["change"]
        for resource_change in plan["resource_changes"]
    }
    assert changes['terraform_data.one["a.b"]']["importing"] == {"id": id}
    assert changes['terraform_data.one["c"]']["actions"] == ["create"]
    run(tmp_path, "apply", "-input=false", "plan.bin")

    # What is in the state by now is not imported again.
    again = run(tmp_path, "plan", "-input=false", "-detailed-exitcode")
    assert "No changes" in again
