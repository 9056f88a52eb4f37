"""What the commands print and how they exit."""

from pathlib import Path

import httpx
import pytest
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from cli.client import failure
from cli.exit_codes import ExitCode, exit_code
from cli.local_environment import CannotStart, LocalEnvironment, free_port, lock
from cli.main import app
from cli.render import (
    deployment_lines,
    destruction_lines,
    health_lines,
    log_line,
    parse_variables,
    verification_lines,
)
from deployments.timings import PhaseTimeouts, limits_of


def test_a_variable_is_json_where_it_can_be_and_text_otherwise() -> None:
    assert parse_variables(["lines=3", "fail=edge-1", "empty=", "url=a=b"]) == {
        "lines": 3,
        "fail": "edge-1",
        "empty": "",
        "url": "a=b",
    }


def test_each_deadline_of_a_phase_is_an_option_that_names_default_and_maximum() -> None:
    command = get_command(app)
    assert isinstance(command, TyperGroup)
    helps = {
        parameter.name: str(getattr(parameter, "help", ""))
        for parameter in command.commands["deploy"].params
    }

    for name, limit in limits_of(PhaseTimeouts).items():
        assert f"default {limit.default}, at most {limit.maximum}" in helps[name]


def test_a_worker_with_a_wrong_setting_is_not_restarted_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ANAVA_PHASES__GRACE_SECONDS", "0")

    ended = CliRunner().invoke(app, ["worker", "--restart"])

    assert ended.exit_code == ExitCode.REFUSED
    assert "ANAVA_PHASES__GRACE_SECONDS" in ended.output


def test_a_variable_without_a_value_is_refused_as_wrong_usage() -> None:
    with pytest.raises(ValueError, match="key=value"):
        parse_variables(["lines"])

    ended = CliRunner().invoke(app, ["deploy", "--project", "a-project", "--var", "lines"])

    assert ended.exit_code == ExitCode.REFUSED


@pytest.mark.parametrize(
    ("status", "code"),
    [("completed", 0), ("failed", 1), ("needs_attention", 1), ("cancelled", 3), ("running", 0)],
)
def test_a_command_exits_as_the_deployment_ended(status: str, code: int) -> None:
    assert exit_code(status) == code


def test_a_line_of_the_log_shows_its_time_and_a_level_above_info() -> None:
    assert log_line(["3-1", "2026-01-02T03:04:05Z", "info", "made"]) == "03:04:05 made"
    assert log_line(["3-2", "2026-01-02T03:04:05Z", "error", "no"]) == "03:04:05 ERROR: no"
    assert log_line(["3-3", "", "warn", "no time"]) == "WARN: no time"
    assert log_line(["3-4", "", "info", "  indented"]) == "  indented"


def test_health_shows_the_disk_as_a_sentence() -> None:
    """The disk was shown as JSON."""
    health = {
        "status": "degraded",
        "temporal": True,
        "sinks": [],
        "disk": {"free_bytes": 100_400_000, "needed_bytes": 256_000_000, "admits": False},
    }
    assert list(health_lines(health)) == [
        "degraded",
        "  temporal: true",
        "  disk: 100 MB free, almost full: a deployment needs 256 MB",
    ]
    health["disk"] = {"free_bytes": 256_000_000, "needed_bytes": 256_000_000, "admits": True}
    assert list(health_lines(health))[-1] == "  disk: 256 MB free"
    assert list(health_lines({**health, "disk": None}))[-1] == "  temporal: true"


def test_a_sensitive_output_is_never_shown() -> None:
    found = {
        "id": "dep-1",
        "status": "completed",
        "result": {"outputs": [{"name": "api_key", "sensitive": True, "value": "hidden"}]},
    }

    lines = list(deployment_lines(found))

    assert lines == ["dep-1: completed", "  no changes", "  api_key = (sensitive)"]


@pytest.mark.parametrize(
    ("status", "counts", "planned", "lines"),
    [
        ("completed", {"add": 2, "outputs": 1}, None, ["2 resources created, 1 outputs changed"]),
        ("completed", {}, {}, ["no changes"]),
        (
            "completed",
            {"add": 1},
            {"add": 1, "change": 2},
            ["made: 1 resources created", "planned: 1 resources created, 2 resources updated"],
        ),
        ("failed", {}, {"add": 3}, ["made: no changes", "planned: 3 resources created"]),
        (
            "cancelled",
            {"moved": 1},
            {"moved": 1},
            ["made: 1 resources moved", "planned: 1 resources moved"],
        ),
        # Ended before a plan.
        ("failed", {}, {}, []),
    ],
)
def test_the_changes_that_were_made_stand_beside_those_that_were_planned(
    status: str, counts: dict[str, int], planned: dict[str, int] | None, lines: list[str]
) -> None:
    """A failed deployment had no counts, though 7 of 12 resources were there."""
    result = {"counts": counts, "planned": counts if planned is None else planned}
    deployment = {"id": "dep-1", "status": status, "result": result}
    assert list(deployment_lines(deployment)) == [
        f"dep-1: {status}",
        *(f"  {line}" for line in lines),
    ]


def test_the_names_of_omitted_outputs_are_followed_by_the_command_that_shows_all() -> None:
    result = {"omitted_outputs": [f"o{number}" for number in range(12)], "omitted": 7}
    deployment = {"id": "dep-1", "status": "failed", "result": result}
    names = "o0, o1, o2, o3, o4, o5, o6, o7, o8, o9 and 2 more"
    assert list(deployment_lines(deployment))[1:] == [
        f"  too long to show: {names} (anava outputs dep-1)",
        "  left out: 7 entries (anava artifacts dep-1 record.json)",
    ]


def test_a_comparison_of_copies_is_a_table_that_ends_with_its_verdict() -> None:
    part = {"step": 1, "verdict": "differs", "lines": 3, "sha256": "a" * 64, "sealed": False}
    found = {
        "equal": False,
        "seals": [{"step": 1, "end": "complete", "lines": 4, "sha256": "b" * 64}],
        "copies": [
            {"name": "redis", "verdict": "differs", "steps": [part], "error": ""},
            {"name": "gcs", "verdict": "unavailable", "steps": [], "error": "no answer"},
        ],
    }

    assert [line.split() for line in verification_lines(found)] == [
        ["copy", "step", "lines", "sha256", "verdict"],
        ["seal", "1", "4", "b" * 64, "complete"],
        ["redis", "1", "3", "a" * 64, "differs,", "without", "its", "end", "record"],
        ["gcs", "no", "answer", "unavailable"],
        ["Not", "all", "copies", "are", "equal."],
    ]


def test_a_log_is_followed_or_compared_but_not_both() -> None:
    for words in (["-f"], ["--after", "1-1"]):
        ended = CliRunner().invoke(app, ["logs", "dep-1", "--verify", *words])

        assert ended.exit_code == ExitCode.REFUSED


def test_a_problem_reads_as_sentences_with_fields_and_the_request_id() -> None:
    problem = {
        "detail": "The request is wrong.",
        "code": "invalid_request",
        "request_id": "r-1",
        "errors": [{"pointer": "/region", "message": "no such region"}],
    }

    refused = failure(httpx.Response(422, json=problem))

    assert str(refused).splitlines() == [
        "The request is wrong. (invalid_request)",
        "  /region: no such region",
        "Request r-1",
    ]


def test_an_api_that_does_not_answer_exits_with_four() -> None:
    address = f"http://127.0.0.1:{free_port()}"

    ended = CliRunner().invoke(app, ["status", "dep-1", "--api", address])

    assert ended.exit_code == ExitCode.UNREACHABLE
    assert f"No API at {address}" in ended.output


def test_a_second_up_of_the_same_folder_is_told_who_holds_it(tmp_path: Path) -> None:
    with lock(tmp_path), pytest.raises(CannotStart, match="Another `anava up`"), lock(tmp_path):
        pass


def test_an_error_shows_its_resource_place_and_fix_and_repeats_no_text() -> None:
    next_step = "Correct the cause, then deploy again."
    error = {
        "cause": "apply_failed",
        "severity": "blocking",
        "message": "local-exec provisioner error",
        "next_step": next_step,
        "fix": "",
        "audience": "user",
        "resource": "terraform_data.edge[1]",
        "detail": "exit status 1",
        "file": "main.tf",
        "line": 12,
    }
    denied = {
        **error,
        "actor": "administrator",
        "message": "The permission a.b.get is missing.",
        "resource": "a.b.get",
        "severity": "warning",
        "detail": "",
        "next_step": "Ask an owner.",
        "fix": "https://console.example",
        "file": "",
        "line": 0,
    }
    deployment = {
        "id": "dep-1",
        "status": "failed",
        "next_step": next_step,
        "result": {"errors": [error, denied]},
    }

    assert list(deployment_lines(deployment)) == [
        "dep-1: failed",
        f"  next_step: {next_step}",
        "  error: terraform_data.edge[1]: local-exec provisioner error (main.tf:12)",
        "    exit status 1",
        "  warning: The permission a.b.get is missing.",
        "    who must act: an owner of the project, or an administrator of its organisation",
        "    Ask an owner.",
        "    https://console.example",
    ]


def test_resources_that_need_attention_are_named_with_what_is_known_of_them() -> None:
    """Resources of an unknown outcome were named in JSON only."""
    result = {"not_applied": ["a.b"], "unrecorded": ["c.d", "e.f"], "unknown": ["g.h"]}

    lines = list(deployment_lines({"id": "dep-1", "status": "needs_attention", "result": result}))

    assert lines[1:] == [
        "  not applied: a.b",
        "  not in the state: c.d, e.f",
        "  outcome unknown: g.h",
    ]


def test_a_destroy_lists_what_stays_and_what_google_deletes_later() -> None:
    destruction = {
        "stack": "anava.demo.anava",
        "confirm": "demo/anava",
        "retained": [{"what": "logs", "why": "they are the record"}],
        "soft_deleted": [{"what": "API key", "days": 30, "meaning": "it is refused"}],
    }

    assert list(destruction_lines(destruction))[1:] == [
        "  - logs: they are the record",
        "Google deletes these later:",
        "  - API key, after 30 days: it is refused",
    ]


def test_a_verification_without_any_step_says_that_there_is_no_log() -> None:
    copy = {"name": "local", "verdict": "equal", "steps": [], "error": ""}

    *_, last = verification_lines({"equal": True, "seals": [], "copies": [copy]})

    assert last == "There is no log: the deployment ended before its first step."


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),  # noqa: S104 - inside a container
        ("::", "http://[::1]:8000"),
        ("::1", "http://[::1]:8000"),
    ],
)
def test_the_command_line_reaches_the_api_of_its_container_by_loopback(host: str, url: str) -> None:
    """The API answers no other name, and 0.0.0.0 is none of loopback."""
    assert LocalEnvironment(Path("data"), host, 8000).api == url
