"""Terraform's command lines and environment, as values; the configuration on a real terraform."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from adapters.settings import base_environment
from adapters.terraform import command
from adapters.terraform.state.backends import LocalStateBackend, backend_file
from deployments.phase import TERRAFORM_PHASES, Phase
from deployments.timings import Timings

BINARY = "/opt/terraform"
ALL_ARGV = [
    command.phase_argv(BINARY, Phase.INIT),
    command.phase_argv(BINARY, Phase.PLAN),
    command.phase_argv(BINARY, Phase.APPLY),
    command.phase_argv(BINARY, Phase.APPLY, destroy=True),
    command.show_plan_argv(BINARY),
    command.show_plan_text_argv(BINARY),
    command.version_argv(BINARY),
]


def test_init_prints_json_asks_nobody_and_has_no_colour() -> None:
    assert command.phase_argv(BINARY, Phase.INIT) == [
        BINARY,
        "init",
        "-json",
        "-no-color",
        "-input=false",
    ]


def test_plan_reads_only_our_values_and_keeps_the_plan() -> None:
    assert command.phase_argv(BINARY, Phase.PLAN) == [
        BINARY,
        "plan",
        "-json",
        "-input=false",
        "-lock-timeout=60s",
        "-var-file=terraform.tfvars.json",
        "-out=plan.tfplan",
    ]


def test_apply_takes_exactly_the_kept_plan() -> None:
    assert command.phase_argv(BINARY, Phase.APPLY) == [
        BINARY,
        "apply",
        "-json",
        "-input=false",
        "-auto-approve",
        "-lock-timeout=60s",
        "plan.tfplan",
    ]


def test_only_the_plan_of_a_destroy_says_so() -> None:
    for phase in (Phase.INIT, Phase.PLAN, Phase.APPLY):
        more = ["-destroy"] if phase is Phase.PLAN else []
        assert command.phase_argv(BINARY, phase, destroy=True) == [
            *command.phase_argv(BINARY, phase),
            *more,
        ]


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase not in TERRAFORM_PHASES])
def test_no_other_phase_runs_terraform(phase: Phase) -> None:
    with pytest.raises(KeyError):
        command.phase_argv(BINARY, phase)


@pytest.mark.parametrize("argv", ALL_ARGV)
def test_a_command_is_the_binary_with_plain_arguments(argv: list[str]) -> None:
    assert argv[0] == BINARY
    assert not any(set(item) & set(" \n\0$`'\"") for item in argv[1:])
    # A value on a command line is in the process list; it may also change what is planned.
    assert not any(entry.startswith(("-var=", "-backend-config", "-destroy")) for entry in argv)


def test_waiting_for_a_lock_ends_before_it_looks_like_no_progress() -> None:
    (timeout,) = [
        item for item in command.phase_argv(BINARY, Phase.APPLY) if "-lock-timeout" in item
    ]
    seconds = int(timeout.removeprefix("-lock-timeout=").removesuffix("s"))
    assert seconds < Timings().no_progress_seconds


def test_the_environment_is_an_allow_list_without_a_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("TF_CLI_ARGS_plan", "TF_WORKSPACE", "TF_VAR_fail", "AWS_SECRET", "TF_LOG"):
        monkeypatch.setenv(name, "hunter2")
    assert command.environment(Path("/run/home"), Path("/run/terraform.tfrc"), "/usr/bin") == {
        "PATH": "/usr/bin",
        "HOME": "/run/home",
        "TMPDIR": "/run/home",
        "PLUGIN_UNIX_SOCKET_DIR": ".",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "TF_CLI_CONFIG_FILE": "/run/terraform.tfrc",
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
        "CHECKPOINT_DISABLE": "1",
    }


def test_the_cli_configuration_knows_the_mirror_and_no_registry() -> None:
    assert command.cli_config(Path("/mirror")) == (
        "disable_checkpoint = true\n"
        "provider_installation {\n"
        "  filesystem_mirror {\n"
        '    path    = "/mirror"\n'
        '    include = ["*/*/*"]\n'
        "  }\n"
        "}\n"
    )


def run(argv: list[str], work: Path, config: Path) -> "subprocess.CompletedProcess[bytes]":
    environment = command.environment(work, config, base_environment()["PATH"])
    return subprocess.run(  # noqa: S603 - our own command
        argv, cwd=work, env=environment, capture_output=True, timeout=60, check=False
    )


@pytest.fixture
def terraform() -> str:
    found = shutil.which("terraform")
    assert found is not None, "terraform is on the PATH"
    return found


@pytest.mark.parametrize(
    "name",
    ["mirror", "with space", 'a "quote"', "b\\slash", "mïrrör", "😀", "${x}", "%{ if }", "#"],
)
def test_terraform_looks_for_a_provider_in_the_mirror_and_nowhere_else(
    terraform: str, tmp_path: Path, name: str
) -> None:
    """The refusal names it as the only place; an emoji in its path was two broken characters."""
    mirror, config = tmp_path / name, tmp_path / "terraform.tfrc"
    mirror.mkdir()
    config.write_text(command.cli_config(mirror))
    required = {"none": {"source": "example/none", "version": "1.0.0"}}
    (tmp_path / "main.tf.json").write_text(
        json.dumps({"terraform": {"required_providers": required}})
    )
    assert run(command.version_argv(terraform), tmp_path, config).stderr == b""
    ended = run(command.phase_argv(terraform, Phase.INIT), tmp_path, config)
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    (detail,) = [item["diagnostic"]["detail"] for item in lines if item["@level"] == "error"]
    assert "was not found in any of the search locations" in detail
    assert [line for line in detail.splitlines() if "- " in line] == [f"  - {mirror}"]


@pytest.mark.parametrize("name", ["state", 'a "quote" ${x} %{ if }', "stäte 😀"])
def test_the_state_lies_where_the_backend_file_says_letter_by_letter(
    terraform: str, tmp_path: Path, name: str
) -> None:
    config, state = tmp_path / "terraform.tfrc", tmp_path / name / "terraform.tfstate"
    config.write_text(command.cli_config(tmp_path))
    state.parent.mkdir()
    work = tmp_path / "work"
    work.mkdir()
    (work / "backend.tf.json").write_text(backend_file(LocalStateBackend(state)))
    (work / "main.tf").write_text('output "one" {\n  value = 1\n}\n')
    (work / "terraform.tfvars.json").write_text("{}")
    for phase in (Phase.INIT, Phase.PLAN, Phase.APPLY):
        ended = run(command.phase_argv(terraform, phase), work, config)
        assert (ended.returncode, ended.stderr) == (0, b""), ended.stdout
        assert b"\x1b" not in ended.stdout
    assert json.loads(state.read_text())["outputs"]["one"]["value"] == 1
    pulled = run([terraform, "state", "pull"], work, config).stdout
    assert json.loads(pulled) == json.loads(state.read_bytes())
