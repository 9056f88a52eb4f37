"""What terraform forgets to hide in a plan is hidden all the same: shown on real plans."""

import shutil
import subprocess
from pathlib import Path

import pytest

from adapters.redaction import Redactor
from adapters.terraform import command
from adapters.terraform.plan.redacted import redact_plan
from adapters.terraform.plan_secrets import sensitive_values
from deployments.phase import Phase

FIRST, SECOND = "first-planted", 'second "planted" <2>'
TEMPLATE = """
variable "secret" {
  type      = string
  sensitive = true
}
resource "terraform_data" "holder" {
  input = {
    key  = "made-of-${var.secret}"
    pin  = sensitive(424242)
    list = [sensitive("in-a-list")]
  }
}
resource "terraform_data" "copy" {
  input = nonsensitive("copy of ${var.secret}")
}
"""


@pytest.fixture
def shown(tmp_path: Path) -> tuple[bytes, str]:
    """The plan of a second deployment with another secret, as JSON and as text."""
    binary = shutil.which("terraform")
    assert binary, "terraform is on PATH"
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    config = tmp_path / "terraform.tfrc"
    config.write_text(command.cli_config(mirror))
    environment = command.environment(tmp_path, config, "/bin:/usr/bin")
    (tmp_path / "main.tf").write_text(TEMPLATE)

    def run(argv: list[str]) -> bytes:
        return subprocess.run(  # noqa: S603 - terraform itself
            argv, cwd=tmp_path, env=environment, check=True, capture_output=True
        ).stdout

    run([binary, "init", "-input=false"])
    run([binary, "apply", "-auto-approve", "-input=false", f"-var=secret={FIRST}"])
    run([binary, "plan", f"-out={command.PLAN_FILE}", "-input=false", f"-var=secret={SECOND}"])
    text = run(command.show_plan_text_argv(binary)).decode()
    return run(command.show_plan_argv(binary)), text


def test_a_copy_that_terraform_shows_is_hidden(shown: tuple[bytes, str]) -> None:
    plan_json, text = shown
    # The reason for all this: without it, these two show it.
    assert f"made-of-{FIRST}" in text
    assert f"made-of-{FIRST}".encode() in plan_json
    redactor = Redactor(sensitive_values(plan_json))
    hidden = redact_plan(plan_json, redactor).decode() + redactor.clean(text)
    for secret in (f"made-of-{FIRST}", f"made-of-{SECOND}", SECOND, "in-a-list", "424242"):
        assert secret not in hidden
        assert secret.replace('"', '\\"') not in hidden
    assert "terraform_data.holder" in hidden
    assert "(sensitive value)" in hidden


def test_every_marked_value_and_every_sensitive_variable_is_found(
    shown: tuple[bytes, str],
) -> None:
    found = sensitive_values(shown[0])
    assert {SECOND, f"made-of-{FIRST}", f"made-of-{SECOND}", "in-a-list", "424242"} == set(found)


def test_the_phases_of_a_deployment_make_the_plan_file_that_is_shown() -> None:
    planned = command.phase_argv("terraform", Phase.PLAN)
    assert f"-out={command.show_plan_text_argv('terraform')[-1]}" in planned
