"""Dockerfile and docker-compose.yml agree with each other and with what the code knows."""

import re
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from adapters import settings
from cli.main import app
from deployments.timings import StopLadder
from tests.support.repository import ROOMS, ROOT, files, text

COMPOSE: dict[str, Any] = yaml.safe_load(text(Path("docker-compose.yml")))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: one for name, one in SERVICES.items() if one["image"] == "anava-deploy"}
DOCKERFILE = text(Path("Dockerfile"))

# `anava` is the image's entry point; these services use the image for another program.
COMMANDS = {name: one["command"] for name, one in OURS.items() if "entrypoint" not in one}
ROLES = {name for name, command in COMMANDS.items() if command[0] in {"api", "worker"}}


def test_what_is_brought_up_is_the_whole_service() -> None:
    assert set(COMMANDS) == {"register", "api", "worker-1", "worker-2"}
    assert set(SERVICES) - set(OURS) == {"redis", "gcs", "firestore"}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_one_of_ours_with_its_options(name: str) -> None:
    command, *options = COMMANDS[name]
    known = get_command(app).commands[command]  # type: ignore[attr-defined] # it is a group
    assert set(options) <= {option for param in known.params for option in param.opts}


@pytest.mark.parametrize("name", sorted(ROLES))
def test_a_role_starts_with_the_settings_it_is_given(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for known in settings.base_environment():
        if known.startswith("ANAVA_"):
            monkeypatch.delenv(known)
    for variable, value in OURS[name]["environment"].items():
        monkeypatch.setenv(variable, value)
    loaded = settings.load()
    assert loaded.state.backend == "gcs"
    assert set(loaded.log.sinks) == {"local", "redis", "gcs", "firestore", "console"}
    assert set(loaded.log.sources) == {"local", "redis", "gcs", "firestore"}


def test_api_and_workers_mean_the_same_places() -> None:
    assert len(ROLES) == 3
    own = {"ANAVA_WORKER__DRAIN"}
    same = [
        {
            variable: value
            for variable, value in OURS[name]["environment"].items()
            if variable not in own
        }
        for name in ROLES
    ]
    assert same[0] == same[1] == same[2]


def test_every_server_that_a_setting_names_is_a_service_that_listens_there() -> None:
    environment = OURS["worker-1"]["environment"]
    named = {
        (found[1], found[2])
        for value in environment.values()
        if (found := re.search(r"([a-z]+):([0-9]+)$", value))
    }
    assert {server for server, _ in named} == {"temporal", "redis", "gcs", "firestore"}
    for server, port in named:
        assert f"127.0.0.1:{port}:{port}" in SERVICES[server]["ports"], "the API reaches it there"
        assert f"{server}:127.0.0.1" in OURS["api"]["extra_hosts"]


def test_the_buckets_that_are_made_are_those_of_the_settings() -> None:
    [code] = OURS["buckets"]["command"]
    compile(code, "buckets", "exec")
    environment = OURS["worker-1"]["environment"]
    for name in ("ANAVA_GCS__BUCKET", "ANAVA_STATE__BUCKET"):
        assert f'"{environment[name]}"' in code


def test_everything_is_published_on_loopback_only() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert [port for port in published if not port.startswith("127.0.0.1:")] == []
    assert {name for name, one in SERVICES.items() if "network_mode" in one} == {"api"}


@pytest.mark.parametrize("name", OURS)
def test_what_is_ours_can_write_nowhere_but_in_its_volume(name: str) -> None:
    one = OURS[name]
    assert one["read_only"] is True
    assert one["cap_drop"] == ["ALL"]
    assert one["security_opt"] == ["no-new-privileges:true"]
    assert "user" not in one, "the image's own is not root"


def test_every_role_has_a_health_check_and_a_worker_time_to_stop() -> None:
    for name in ROLES | {"temporal"}:
        assert OURS[name]["healthcheck"]["test"][0] == "CMD"
    assert OURS["worker-1"]["stop_grace_period"] == "5m"
    assert StopLadder().seconds_without_saving <= 5 * 60
    assert OURS["worker-1"] == OURS["worker-2"]
    assert (ROOT / "cli" / "worker_healthcheck.py").is_file()
    assert OURS["worker-1"]["healthcheck"]["test"] == [
        "CMD",
        "python3",
        "-m",
        "cli.worker_healthcheck",
        "/data/runs",
    ]


def test_a_service_that_others_wait_for_is_tried_again_after_a_failure() -> None:
    awaited = {
        name
        for service in SERVICES.values()
        for name, condition in service.get("depends_on", {}).items()
        if condition["condition"] == "service_completed_successfully"
    }
    assert awaited == {"register", "buckets"}
    assert {SERVICES[name]["restart"] for name in awaited} == {"on-failure:10"}


def test_what_is_used_is_declared() -> None:
    for service in SERVICES.values():
        assert set(service.get("depends_on", ())) <= set(SERVICES)
        volumes = {volume.partition(":")[0] for volume in service.get("volumes", ())}
        assert volumes <= set(COMPOSE["volumes"])


def test_every_image_from_elsewhere_is_pinned_and_can_be_replaced() -> None:
    images = [one["image"] for name, one in SERVICES.items() if name not in OURS]
    images += OURS["temporal"]["build"]["args"].values()
    pinned = r"\$\{ANAVA_[A-Z]+_IMAGE:-[a-z/-]+:[0-9]+\.[0-9]+\.[0-9]+[a-z-]*\}"
    assert [image for image in images if not re.fullmatch(pinned, image)] == []


def test_the_build_defaults_to_the_same_images_with_and_without_compose() -> None:
    defaults = dict(re.findall(r"^ARG ([A-Z_]+)=(\S+)$", DOCKERFILE, re.MULTILINE))
    args = OURS["temporal"]["build"]["args"]
    assert {name: value.partition(":-")[2].rstrip("}") for name, value in args.items()} == defaults


def test_the_image_is_no_root_and_its_first_process_supervises() -> None:
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.findall(r"^USER (\S+)$", last, re.MULTILINE) == ["anava"]
    assert 'ENTRYPOINT ["anava"]\nCMD ["worker", "--restart"]' in last


def test_the_build_sees_every_room_and_nothing_that_is_not_committed() -> None:
    let_in = re.findall(r"^!(.+)$", text(Path(".dockerignore")), re.MULTILINE)
    tops = {path.parts[0] for path in files()}
    assert set(let_in) <= tops
    assert {*ROOMS, "terraform", "worker_main.py"} <= set(let_in)
    assert not any(fnmatch(name, item) for name in (".env", "data", ".git") for item in let_in)
