"""Dockerfile and docker-compose.yml agree with each other and with what the code knows."""

import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from adapters import settings
from cli.local_environment import temporal_options
from cli.main import app
from deployments.timings import StopLadder
from tests.support.repository import ROOMS, ROOT, files, text

COMPOSE: dict[str, Any] = yaml.safe_load(text(Path("docker-compose.yml")))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "anava-deploy"}
DOCKERFILE = text(Path("Dockerfile"))

# `anava` is the image's entry point; these services use the image for another program.
COMMANDS = {
    name: service["command"] for name, service in OURS.items() if "entrypoint" not in service
}
PUBLISHED = {"api": "127.0.0.1:8000:8000", "temporal-ui": "127.0.0.1:8233:8233"}
ROLES = {name for name, command in COMMANDS.items() if command[0] in {"api", "worker"}}


def test_what_is_brought_up_is_the_whole_service() -> None:
    assert set(COMMANDS) == {"register", "api", "temporal-ui", "worker-1", "worker-2"}
    assert set(SERVICES) - set(OURS) == {"redis", "gcs", "firestore"}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_one_of_ours_with_its_options(name: str) -> None:
    command, *options = COMMANDS[name]
    known = get_command(app).commands[command]  # type: ignore[attr-defined] # it is a group
    assert set(options) <= {option for param in known.params for option in param.opts}


@pytest.mark.parametrize("name", sorted(ROLES))
def test_a_role_starts_with_the_settings_it_is_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    for known in settings.base_environment():
        if known.startswith("ANAVA_"):
            monkeypatch.delenv(known)
    for variable, value in OURS[name]["environment"].items():
        monkeypatch.setenv(variable, value)
    password = tmp_path / "redis-password"
    password.write_text("p")
    monkeypatch.setenv("ANAVA_REDIS__PASSWORD_FILE", str(password))
    loaded = settings.load()
    assert loaded.state.backend == "gcs"
    assert set(loaded.log.sinks) == {"local", "redis", "gcs", "firestore", "console"}
    assert set(loaded.log.sources) == {"local", "redis", "gcs", "firestore"}


def test_api_and_workers_mean_the_same_places() -> None:
    assert len(ROLES) == 3
    own = {"ANAVA_WORKER__DRAIN", "ANAVA_API__HOST", "ANAVA_API__PUBLISHED_ON_LOOPBACK"}
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
        assert "stores" in SERVICES[server]["networks"]
        if server in {"gcs", "firestore"}:
            assert port in " ".join(SERVICES[server]["command"])


def test_the_buckets_that_are_made_are_those_of_the_settings() -> None:
    [code] = OURS["buckets"]["command"]
    compile(code, "buckets", "exec")
    environment = OURS["worker-1"]["environment"]
    for name in ("ANAVA_GCS__BUCKET", "ANAVA_STATE__BUCKET"):
        assert f'"{environment[name]}"' in code


def test_api_and_guard_alone_are_published_and_on_loopback() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {name: [port] for name, port in PUBLISHED.items()}
    for name in PUBLISHED:
        environment = OURS[name]["environment"]
        assert environment["ANAVA_API__HOST"] == "0.0.0.0"  # noqa: S104 - inside the container
        assert environment["ANAVA_API__PUBLISHED_ON_LOOPBACK"] == "true"


def test_no_store_is_on_a_network_that_leads_outside() -> None:
    """The machine reaches a container's address wherever it has a route: without it a page reads
    the states from the object store, which answers any origin."""
    stores = COMPOSE["networks"]["stores"]
    assert stores["internal"] is True
    assert stores["driver_opts"] == {"com.docker.network.bridge.inhibit_ipv4": "true"}
    outside = {
        name for name, service in SERVICES.items() if "outside" in service.get("networks", ())
    }
    assert outside == {"api", "temporal-ui", "worker-1", "worker-2"}
    modes = {
        name: service["network_mode"]
        for name, service in SERVICES.items()
        if "network_mode" in service
    }
    assert modes == {"redis-password": "none"}


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_limits_and_no_rights(name: str) -> None:
    service = SERVICES[name]
    assert service["mem_limit"]
    assert 0 < service["pids_limit"] <= 2048
    assert 0 < service["ulimits"]["nofile"] <= 16384
    assert service["read_only"] is True
    assert "/tmp" in service["tmpfs"]  # noqa: S108 - the container's own
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "devices", "pid", "ipc", "extra_hosts"} & set(service)
    assert [volume for volume in service.get("volumes", ()) if volume.startswith(("/", "."))] == []


def test_no_password_is_in_the_file() -> None:
    """Made at the first start, in a volume that only Redis and its clients have."""
    assert not re.search(r"redis://[^\s]*@|requirepass [^{]", text(Path("docker-compose.yml")))
    holders = {
        name for name, service in SERVICES.items() if "secrets" in str(service.get("volumes"))
    }
    assert holders == {"redis-password", "redis", "api", "worker-1", "worker-2"}
    writers = {
        name
        for name, service in SERVICES.items()
        if "secrets:/secrets" in service.get("volumes", ())
    }
    assert writers == {"redis-password"}
    assert SERVICES["redis"]["command"][:2] == ["valkey-server", "/secrets/redis.conf"]


def test_a_log_does_not_exceed_the_memory_of_a_store() -> None:
    """A log of 0.6 GB made the kernel kill Redis, again at each start."""
    command = SERVICES["redis"]["command"]
    redis_mb = int(command[command.index("--maxmemory") + 1].removesuffix("mb"))
    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"
    assert redis_mb < int(SERVICES["redis"]["mem_limit"].removesuffix("m"))
    assert SERVICES["firestore"]["environment"] == {"JAVA_TOOL_OPTIONS": "-Xmx1g"}
    assert SERVICES["firestore"]["mem_limit"] == "1500m"
    for name in ("api", "worker-1", "worker-2"):
        assert int(SERVICES[name]["environment"]["ANAVA_LOG__MAX_MB"]) < redis_mb


def test_the_password_of_redis_is_made_once(tmp_path: Path) -> None:
    [code] = SERVICES["redis-password"]["command"]
    code = code.replace('"/secrets"', repr(str(tmp_path)))
    contents = []
    for _ in range(2):
        subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603 - of the file
        contents.append({path.name: path.read_text() for path in tmp_path.iterdir()})
    assert contents[0] == contents[1]
    assert set(contents[0]) == {"redis.conf", "redis-password"}
    password = contents[0]["redis-password"].strip()
    assert re.fullmatch("[0-9a-f]{64}", password)
    assert contents[0]["redis.conf"] == f"requirepass {password}\n"
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_temporal_has_the_options_of_anava_up() -> None:
    options = [word for word in OURS["temporal"]["command"] if word.startswith("--")]
    names = temporal_options(Path("/data/temporal.db"))
    pairs = [f"{name}={value}" for name, value in zip(names[::2], names[1::2], strict=True)]
    assert set(pairs) <= set(options)
    assert set(options) - set(pairs) == {"--ip=0.0.0.0", "--log-level=warn"}


@pytest.mark.parametrize("name", OURS)
def test_what_is_ours_runs_as_the_user_of_the_image(name: str) -> None:
    assert "user" not in OURS[name], "the image's own is not root"


def test_every_role_has_a_health_check_and_a_worker_time_to_stop() -> None:
    for name in ROLES | {"temporal", "temporal-ui"}:
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
    assert awaited == {"register", "buckets", "redis-password"}
    assert {SERVICES[name]["restart"] for name in awaited} == {"on-failure:10"}


def test_what_is_used_is_declared() -> None:
    for service in SERVICES.values():
        assert set(service.get("depends_on", ())) <= set(SERVICES)
        volumes = {volume.partition(":")[0] for volume in service.get("volumes", ())}
        assert volumes <= set(COMPOSE["volumes"])


def test_every_external_image_has_a_tag_and_a_digest_and_can_be_replaced() -> None:
    """A tag can be moved to another content after it was read here."""
    images = [service["image"] for name, service in SERVICES.items() if name not in OURS]
    images += OURS["temporal"]["build"]["args"].values()
    assert len(images) == 5
    name, version, digest = r"[a-z][a-z./-]+", r"[0-9]+\.[0-9]+\.[0-9]+[a-z-]*", "[0-9a-f]{64}"
    pinned = rf"\$\{{ANAVA_[A-Z]+_IMAGE:-{name}:{version}@sha256:{digest}\}}"
    assert [image for image in images if not re.fullmatch(pinned, image)] == []


def test_the_build_starts_from_external_images_with_a_digest_alone() -> None:
    defaults = dict(re.findall(r"^ARG ([A-Z_]+)=(\S+)$", DOCKERFILE, re.MULTILINE))
    stages = re.findall(r"^FROM .* AS (\S+)$", DOCKERFILE, re.MULTILINE)
    sources = set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) - set(stages)
    sources |= set(re.findall(r"--from=(\S+)", DOCKERFILE)) - set(stages)
    assert sources == {f"${{{name}}}" for name in defaults}
    assert [
        image for image in defaults.values() if not re.search("@sha256:[0-9a-f]{64}$", image)
    ] == []


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
