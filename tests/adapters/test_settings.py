"""Every setting is refused by name and with a sentence, or means what it says."""

from pathlib import Path

import pytest

from adapters import settings
from adapters.network import NetworkSettings
from adapters.settings import PhasesSettings
from deployments.errors import InvalidSettings
from deployments.timings import StopLadder, Timings


@pytest.fixture(autouse=True)
def _no_other_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in settings.base_environment():
        if name.startswith("ANAVA_"):
            monkeypatch.delenv(name)


def refusal(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InvalidSettings) as refused:
        settings.load()
    return str(refused.value)


def test_without_any_setting_all_is_as_documented() -> None:
    loaded = settings.load()
    assert (loaded.api.host, loaded.api.port) == ("127.0.0.1", 8000)
    assert loaded.data == Path("data").resolve()
    assert loaded.runs == Path("data/runs").resolve()
    assert loaded.phases.timings() == Timings()
    assert (loaded.log.sinks, loaded.log.sources) == (("local",), ("local",))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ANAVA_API__PORT", "65536"),
        ("ANAVA_API__CONNECTIONS", "0"),
        ("ANAVA_API__CONNECTIONS", "many"),
        ("ANAVA_API__CONNECTIONS_PER_ADDRESS", "15"),
        ("ANAVA_API__CONNECTIONS_PER_ADDRESS", "1000001"),
        ("ANAVA_LIMITS__OPEN_DEPLOYMENTS", "0"),
        ("ANAVA_LIMITS__OPEN_DEPLOYMENTS", "-1"),
        ("ANAVA_LIMITS__OPEN_DEPLOYMENTS", "1001"),
        ("ANAVA_LIMITS__CREATES_PER_MINUTE", "0"),
        ("ANAVA_LIMITS__CREATES_PER_MINUTE", "inf"),
        ("ANAVA_LOG__MAX_MB", "0"),
        ("ANAVA_LOG__MAX_MB", "1.5"),
        ("ANAVA_TERRAFORM__REMOVED", "nowhere"),
        ("ANAVA_TERRAFORM__REMOVED", "sandbox,anava"),
        ("ANAVA_TERRAFORM__REMOVED", "../sandbox"),
        ("ANAVA_API__PORT", "-1"),
        ("ANAVA_API__PORT", "http"),
        ("ANAVA_API__PORT", "8000; reboot"),
        ("ANAVA_API__PROT", "8000"),
        ("ANAVA_TERRAFORM__BINNARY", "terraform"),
        ("ANAVA_WORKER__DEPLOYMENTS", "0"),
        ("ANAVA_WORKER__DEPLOYMENTS", "1001"),
        ("ANAVA_WORKER__DEPLOYMENTS", "1.5"),
        ("ANAVA_WORKER__SCAN_SECONDS", "0"),
        ("ANAVA_WORKER__SCAN_SECONDS", "nan"),
        ("ANAVA_WORKER__SCAN_SECONDS", "inf"),
        ("ANAVA_WORKER__STALE_SECONDS", "1"),
        ("ANAVA_WORKER__DRAIN", "perhaps"),
        ("ANAVA_LOG__GIVE_UP_SECONDS", "0"),
        ("ANAVA_LOG__GIVE_UP_SECONDS", "a week"),
        ("ANAVA_LOG__GIVE_UP_SECONDS", "7776001"),
        ("ANAVA_ARTIFACTS__STORE", "s3"),
        ("ANAVA_ARTIFACTS__STORE", "gcs,local"),
        ("ANAVA_ARTIFACTS__STORE", "GCS "),
        ("ANAVA_PHASES__LEASE_SECONDS", "5 minutes"),
        ("ANAVA_PHASES__LEASE_SECONDS", "-300"),
        ("ANAVA_PHASES__KILL_SECONDS", "0"),
        ("ANAVA_PHASES__APPLY_MINUTES", "40"),
        ("ANAVA_SECRETS__KEYS", ","),
        ("ANAVA_SECRETS__KEYS", "c2hvcnQ="),
        ("ANAVA_SECRETS__KEYS", "not base64, at all"),
        ("ANAVA_SECRETS__KEYS", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=,zzz"),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    told, _, message = refusal(monkeypatch, **{name: value}).partition(": ")
    assert told == name
    assert message[0].isupper()


BUCKETS = [
    "B",
    "ab",
    "-ab",
    "ab-",
    "gs://states",
    "states/x",
    "../states",
    "states\n",
    "sta tes",
    "${path.root}",
    "%{ if true }",
    'states"',
    "st\u00e4tes",
    "s" * 300,
]


@pytest.mark.parametrize("group", ["GCS", "STATE"])
@pytest.mark.parametrize("value", BUCKETS)
def test_a_bucket_that_cannot_be_one_is_refused(
    monkeypatch: pytest.MonkeyPatch, group: str, value: str
) -> None:
    """It stands in a file of terraform's own language, where `${...}` means something."""
    told = refusal(monkeypatch, **{"ANAVA_STATE__BACKEND": "gcs", f"ANAVA_{group}__BUCKET": value})
    assert f"ANAVA_{group}__BUCKET: " in told


@pytest.mark.parametrize(
    "value",
    [
        "gcs",
        "gcs:4443",
        "//gcs",
        "ftp://gcs",
        "file:///etc/passwd",
        "http://",
        "http://user:hunter2@gcs:4443",
        "http://gcs:4443/?key=hunter2",
        "http://gcs:4443/hunter2",
        "http://gcs:4443#hunter2",
        "http://gcs:4443\nhunter2",
        "http://${hunter2}",
        "http://gcs:444343",
        "http://g cs",
    ],
)
def test_an_endpoint_is_a_server_and_nothing_that_could_be_a_secret(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """It becomes part of the backend's configuration, and so of every plan."""
    told = refusal(monkeypatch, ANAVA_GCS__ENDPOINT=value)
    assert told.startswith("ANAVA_GCS__ENDPOINT: ")
    assert "hunter2" not in told


@pytest.mark.parametrize("value", ["http://gcs:4443", "https://[::1]:4443", "http://127.0.0.1"])
def test_an_endpoint_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("ANAVA_GCS__ENDPOINT", value)
    assert settings.load().gcs.endpoint == value


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"BACKEND": "s3"}, "ANAVA_STATE__BACKEND: "),
        ({"BACKEND": "GCS"}, "ANAVA_STATE__BACKEND: "),
        ({"BACKEND": "gcs"}, "ANAVA_STATE: States in gcs need ANAVA_STATE__BUCKET"),
        ({"BUCKET": "states"}, "ANAVA_STATE: ANAVA_STATE__BUCKET needs ANAVA_STATE__BACKEND=gcs"),
    ],
)
def test_a_half_set_backend_is_refused(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], told: str
) -> None:
    """A bucket without its backend would keep every state on one machine, silently."""
    named = {f"ANAVA_STATE__{name}": value for name, value in variables.items()}
    assert refusal(monkeypatch, **named).startswith(told)


@pytest.mark.parametrize("name", PhasesSettings.model_fields)
@pytest.mark.parametrize("value", ["7776001", "9" * 400])
def test_no_limit_is_longer_than_anything_is_remembered(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """A limit of 10^20 seconds was taken, which no timedelta of the workflow can hold."""
    assert f"ANAVA_PHASES__{name.upper()}: " in refusal(
        monkeypatch, **{f"ANAVA_PHASES__{name.upper()}": value}
    )


@pytest.mark.parametrize("group", ["API", "TERRAFORM", "LOG", "WORKER", "PHASES", "STATE", "GCS"])
@pytest.mark.parametrize("value", ["{hunter2", '"hunter2', "hunter2", "[1]", "7", '"hunter2"'])
def test_a_group_that_is_no_json_object_is_refused_by_its_name(
    monkeypatch: pytest.MonkeyPatch, group: str, value: str
) -> None:
    """Broken JSON was a traceback of pydantic's SettingsError."""
    told = refusal(monkeypatch, **{f"ANAVA_{group}": value})
    assert told.startswith(f"ANAVA_{group}: ")
    assert "hunter2" not in told


@pytest.mark.parametrize(
    "variables",
    [
        {"ANAVA_LOG__REDACT__X": "hunter2"},
        {"ANAVA_LOG": '{"redact": [{"password": "hunter2"}]}'},
        {"ANAVA_LOG__REDACT": "hunter2", "ANAVA_API__PORT": "x"},
        {"ANAVA_LOG__REDACT": "hunter2", "ANAVA_LOG__SINKS": "nowhere"},
        {"ANAVA_API__PORT": "hunter2"},
        {"ANAVA_WORKER__DRAIN": "hunter2"},
    ],
)
def test_a_refusal_never_repeats_a_secret(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    told = refusal(monkeypatch, **variables)
    assert told.startswith("ANAVA_")
    assert "hunter2" not in told


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (
            {"LEASE_SECONDS": "90"},
            "heartbeat_timeout_seconds must be below lease_seconds",
        ),
        (
            {"FAILOVER_WAIT_SECONDS": "150"},
            "ladder.lost_lease_kill_seconds must be below failover_wait_seconds",
        ),
        (
            {"LOST_LEASE_SECOND_SECONDS": "150"},
            "ladder.lost_lease_second_seconds must be below ladder.lost_lease_kill_seconds",
        ),
        (
            {"HOST_ABSENCE_SECONDS": "30"},
            "host_silence_seconds must be below host_absence_seconds",
        ),
        (
            {"SECOND_INTERRUPT_SECONDS": "181"},
            "ladder.second_interrupt_seconds must not be above ladder.grace_seconds",
        ),
        (
            {"GRACE_SECONDS": "3601"},
            "ladder.grace_seconds must not be above ladder.saving_limit_seconds",
        ),
    ],
)
def test_limits_that_contradict_each_other_are_refused_with_the_inequality(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], message: str
) -> None:
    named = {f"ANAVA_PHASES__{name}": value for name, value in variables.items()}
    assert refusal(monkeypatch, **named) == f"ANAVA_PHASES: {message}"


def test_every_wrong_setting_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    told = refusal(monkeypatch, ANAVA_API__PORT="x", ANAVA_WORKER__DEPLOYMENTS="0")
    assert [part.partition(":")[0] for part in told.split("; ")] == [
        "ANAVA_API__PORT",
        "ANAVA_WORKER__DEPLOYMENTS",
    ]


def test_an_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty ANAVA_RUN_ROOT, as the example shows it, made the current folder the run root."""
    for name in ("ANAVA_RUN_ROOT", "ANAVA_DATA_DIR", "ANAVA_TERRAFORM__MIRROR", "ANAVA_API__PORT"):
        monkeypatch.setenv(name, "")
    assert settings.load() == settings.Settings.model_construct()


def test_paths_are_absolute_however_they_are_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANAVA_DATA_DIR", "here/../there")
    assert settings.load().runs == tmp_path / "there" / "runs"
    monkeypatch.setenv("ANAVA_RUN_ROOT", "runs")
    assert settings.load().runs == tmp_path / "runs"


def test_lists_are_comma_separated_with_or_without_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANAVA_LOG__SINKS", "local, console,")
    monkeypatch.setenv("ANAVA_LOG__REDACT", "one, two words ,${x}")
    loaded = settings.load().log
    assert loaded.sinks == ("local", "console")
    assert loaded.redact == ("one", "two words", "${x}")


@pytest.mark.parametrize("value", ["nowhere", "Local", "local;console"])
def test_an_unknown_sink_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    told = refusal(monkeypatch, ANAVA_LOG__SINKS=f"local,{value}")
    assert told.startswith("ANAVA_LOG: ")
    assert "sinks" in told


def test_each_limit_reaches_the_timings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No name may be lost between the flat settings and the nested value."""
    numbers = {name: field.default + 1 for name, field in PhasesSettings.model_fields.items()}
    for name, number in numbers.items():
        monkeypatch.setenv(f"ANAVA_PHASES__{name.upper()}", str(number))
    timings = settings.load().phases.timings()
    for name, number in numbers.items():
        owner: object = timings.ladder if name in StopLadder.__dataclass_fields__ else timings
        if name.startswith("retry_"):
            owner, name = timings.retries, name.removeprefix("retry_")
        assert getattr(owner, name) == number, name


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("HTTPS_PROXY", "http://user:password@proxy.example:3128", "pattern"),
        ("HTTPS_PROXY", "proxy.example:3128", "pattern"),
        ("CA_FILE", "/nonexistent.pem", "has no certificate in PEM: No such file"),
        ("CA_FILE", "/dev/null", "has no certificate in PEM"),
    ],
)
def test_a_proxy_with_a_password_and_a_file_without_a_certificate_are_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, problem: str
) -> None:
    text = refusal(monkeypatch, **{f"ANAVA_NETWORK__{name}": value})

    assert text.startswith(f"ANAVA_NETWORK__{name}: ")
    assert problem in text
    assert "password" not in text


def test_loopback_bypasses_the_proxy_and_the_proxy_of_the_environment_is_ignored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("HTTPS_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    network = NetworkSettings(https_proxy="http://proxy.example:3128", no_proxy=("a.example",))

    settings.apply_network(network)

    environment = settings.base_environment()
    assert environment["HTTPS_PROXY"] == environment["https_proxy"] == "http://proxy.example:3128"
    assert environment["no_proxy"] == "localhost,127.0.0.1,::1,a.example"
    assert not {"http_proxy", "ALL_PROXY"} & set(environment)
    settings.apply_network(NetworkSettings())
    assert "HTTPS_PROXY" not in settings.base_environment()


def test_the_password_of_redis_comes_from_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "password"
    first_line = "correct horse"
    path.write_text(f"{first_line}\nanother line\n")
    monkeypatch.setenv("ANAVA_REDIS__PASSWORD_FILE", str(path))
    assert settings.load().redis.password == first_line


@pytest.mark.parametrize("content", [None, b"", b"\n", b"  \nx", b"\xff\xfe"])
def test_a_file_without_a_password_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "password"
    if content is not None:
        path.write_bytes(content)
    text = refusal(monkeypatch, ANAVA_REDIS__PASSWORD_FILE=str(path))
    assert text.startswith("ANAVA_REDIS__PASSWORD_FILE: ")
    assert str(path) in text


def test_a_folder_is_no_password(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert "cannot be read" in refusal(monkeypatch, ANAVA_REDIS__PASSWORD_FILE=str(tmp_path))


def test_two_passwords_of_redis_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "password"
    path.write_text("in the file")
    url = "redis://:in-the-url@127.0.0.1:6379"
    text = refusal(monkeypatch, ANAVA_REDIS__URL=url, ANAVA_REDIS__PASSWORD_FILE=str(path))
    assert "not in both" in text
    assert "in-the-url" not in text


@pytest.mark.parametrize(
    "value",
    ["127.0.0.1:8233", "http://user:secret@127.0.0.1", "http://h/path", "file:///etc", "x y"],
)
def test_the_address_of_the_web_ui_is_scheme_host_and_port(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    text = refusal(monkeypatch, ANAVA_TEMPORAL_UI__UPSTREAM=value)
    assert text.startswith("ANAVA_TEMPORAL_UI__UPSTREAM: ")
    assert "secret" not in text
