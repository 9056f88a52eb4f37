"""Settings: the only reader of the environment.

Names start with `ANAVA_`, groups are joined by two underscores (`ANAVA_API__PORT`). Temporal's own
variables (`TEMPORAL_ADDRESS`, …) are read by `adapters/temporal/client.py`.
"""

import base64
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import (
    Field,
    SecretStr,
    ValidationError,
    create_model,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from adapters.network import PROXY_VARIABLES, NetworkSettings, Server, split_commas
from adapters.retention_settings import RetentionSettings
from adapters.setting_group import SettingGroup
from adapters.store_settings import (
    ArtifactsSettings,
    GcsSettings,
    LogSettings,
    RedisSettings,
    StateSettings,
)
from deployments.errors import InvalidSettings
from deployments.subject import SubjectLimits
from deployments.templates import TEMPLATES
from deployments.timings import RetryLimits, StopLadder, Timings, limits_of

__all__ = [
    "ApiSettings",
    "LimitsSettings",
    "PhasesSettings",
    "Settings",
    "TemporalUiSettings",
    "TerraformSettings",
    "apply_network",
    "base_environment",
    "forget_secrets",
    "inherited_environment",
    "load",
]

_REPOSITORY = Path(__file__).resolve().parent.parent

# AES-256.
_KEY_BYTES = 32

# Variables with keys, passwords or texts to redact, each also as the JSON of the whole group; the
# last ones are of Temporal's client.
_SECRET_VARIABLES = frozenset(
    {
        "ANAVA_SECRETS",
        "ANAVA_SECRETS__KEYS",
        "ANAVA_REDIS",
        "ANAVA_REDIS__URL",
        "ANAVA_LOG",
        "ANAVA_LOG__REDACT",
        "TEMPORAL_API_KEY",
        "TEMPORAL_TLS_CLIENT_KEY_DATA",
    }
)


class ApiSettings(SettingGroup):
    """Address of the API. Without sign-in only loopback is allowed.

    `published_on_loopback` allows another address in a container whose ports are published on the
    machine's loopback only; a request must still name a loopback host.

    `connections` may be open in all, `connections_per_address` from the same peer address; further
    ones are refused. Behind a proxy all have the proxy's address: then set both to the same number.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    published_on_loopback: bool = False
    # A connection takes 30 to 100 KB: 1 GB at most.
    connections: int = Field(default=10_000, ge=16, le=1_000_000)
    # A thousand viewers, each with a stream and a further connection.
    connections_per_address: int = Field(default=2_000, ge=16, le=1_000_000)


class TemporalUiSettings(SettingGroup):
    """Port at which `anava temporal-ui` serves Temporal's Web UI to loopback, at the API's address.

    `upstream` is the address of the Web UI itself, which checks no request.
    """

    port: int = Field(default=8233, ge=0, le=65535)
    upstream: Server | None = None


class LimitsSettings(SettingGroup):
    """The limits of a subject, today the owner: open deployments, and creates a minute per API.

    Set `open_deployments` below the places of all hosts, so that no subject takes all of them.
    `owner_mb`: the bytes of logs and artifacts of a subject on each host. A log and an
    artifact may each have an eighth of the bytes that are left, 1 MB at least: the log then ends
    `log_limit_reached`, in place of the artifact stands `owner_limit_reached`. Terraform continues.
    """

    # A customer has a stack or a few; a support team deploys dozens at once. Each create lists the
    # open ones, at most in two pages.
    open_deployments: int = Field(default=SubjectLimits.open_deployments, ge=1, le=1_000)
    # Twice as fast as a person with the command line; a create costs Temporal 10 ms.
    creates_per_minute: int = Field(default=SubjectLimits.creates_per_minute, ge=1, le=100_000)

    # Eight files of a deployment share the bytes that are left: a log of 1 GB needs 8 GB. Or 10,000
    # deployments of 1 MB, more than one an hour for the year that artifacts are stored.
    owner_mb: int = Field(default=10_000, ge=1, le=100_000_000)

    @property
    def of_subject(self) -> SubjectLimits:
        """The limits as a value."""
        return SubjectLimits(self.open_deployments, self.creates_per_minute)


class TerraformSettings(SettingGroup):
    """The terraform binary and the providers.

    `binary` is a name on the PATH or a path. `mirror` is an unpacked filesystem mirror; without a
    mirror only terraform's builtin provider is available. `removed` are templates that a service
    does not offer, comma-separated: a production service removes `sandbox`.
    """

    binary: str = "terraform"
    mirror: Path | None = None
    templates: Path = _REPOSITORY / "terraform"
    removed: Annotated[tuple[str, ...], NoDecode] = ()

    @field_validator("removed", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return split_commas(value)

    @field_validator("removed")
    @classmethod
    def _offers_some(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [name for name in value if name not in TEMPLATES]:
            raise ValueError(f"The templates {unknown} are not among {', '.join(TEMPLATES)}")
        if not TEMPLATES.keys() - {*value}:
            raise ValueError("No template is left")
        return value

    @property
    def offered(self) -> frozenset[str]:
        """The templates that this service deploys."""
        return frozenset(TEMPLATES) - {*self.removed}


# A service account's email only: the email becomes part of a URL.
_Account = Annotated[
    str, Field(pattern=r"^[a-z0-9-]{1,63}@[a-z0-9.-]{1,200}\.gserviceaccount\.com$")
]


class GoogleSettings(SettingGroup):
    """The project of Firestore and the bucket; unset, the credentials name the project.

    `endpoint` replaces Google's hosts for preflight and terraform's provider, as `<endpoint>/<first
    word of the host>/…`. Deployments act as the service account `impersonate`, with tokens that are
    valid for `token_seconds`; unset, they use the worker's own credentials.
    """

    project: str | None = None
    endpoint: Server | None = None
    impersonate: _Account | None = None
    # Google's maximum is an hour, except where an organisation policy allows 12 hours.
    token_seconds: int = Field(default=3600, ge=10, le=43_200)


class SecretsSettings(SettingGroup):
    """Keys that encrypt sensitive variables in Temporal, and sign what the API accepts.

    `keys` are 32 bytes each in base64, comma-separated: the first encrypts and signs, each decrypts
    and verifies, so a new key goes in front. Unset, the key is `secrets.key` in the data folder;
    API and workers without a shared data folder need this setting.
    """

    keys: SecretStr | None = None

    @property
    def ring(self) -> tuple[bytes, ...]:
        """The keys as bytes."""
        return _keys(self.keys.get_secret_value()) if self.keys else ()

    @field_validator("keys")
    @classmethod
    def _whole(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _keys(value.get_secret_value()):
            raise ValueError("The value contains no key")
        return value


def _keys(text: str) -> tuple[bytes, ...]:
    return tuple(_key(part.strip()) for part in text.split(",") if part.strip())


def _key(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise ValueError(f"A key is {_KEY_BYTES} bytes in base64, like `openssl rand -base64 32`")
    return key


class WorkerSettings(SettingGroup):
    """Capacity of a host, and how fast a worker re-attaches to steps.

    `deployments`: places of this host; a deployment needs about 100 MB and, with Google's provider,
    700. `scan_seconds`: interval between scans for steps without an owner. `stale_seconds`: a claim
    without renewal for this long counts as stale. `min_free_mb`: free space on the disks of the run
    root and the data folder below which the host admits no deployment.
    """

    deployments: int = Field(default=20, ge=1, le=1000)
    scan_seconds: float = Field(default=2.0, gt=0, le=60)
    stale_seconds: float = Field(default=10.0, gt=1, le=600)
    drain: bool = False
    # A deployment reserves 25 MB and writes about as much: space for five that begin at once.
    min_free_mb: int = Field(default=256, ge=1, le=1_000_000)


def _limit_fields() -> dict[str, Any]:
    """One setting for each limit of a deployment; those of `RetryLimits` start with `retry_`."""
    prefixes = {Timings: "", StopLadder: "", RetryLimits: "retry_"}
    return {
        prefix + name: (
            int,
            Field(
                default=limit.default, ge=limit.minimum, le=limit.maximum, description=limit.reason
            ),
        )
        for group, prefix in prefixes.items()
        for name, limit in limits_of(group).items()
    }


# A type checker cannot read a base class that a call makes.
if TYPE_CHECKING:
    _LimitSettings = SettingGroup
else:
    _LimitSettings = create_model("_LimitSettings", __base__=SettingGroup, **_limit_fields())


class PhasesSettings(_LimitSettings):
    """The limits of a deployment, as `deployments/timings.py` declares them, in seconds."""

    def timings(self) -> Timings:
        """The limits as the value that travels with a deployment."""
        values = self.model_dump()
        ladder = StopLadder(**{name: values.pop(name) for name in limits_of(StopLadder)})
        retries = {name: values.pop(f"retry_{name}") for name in limits_of(RetryLimits)}
        return Timings(**values, ladder=ladder, retries=RetryLimits(**retries))

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if contradictions := list(self.timings().contradictions()):
            raise ValueError("; ".join(contradictions))
        return self


class Settings(BaseSettings):
    """All settings."""

    model_config = SettingsConfigDict(
        env_prefix="ANAVA_",
        env_nested_delimiter="__",
        # An empty variable counts as unset: an empty path would be the current folder.
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    data_dir: Path = Path("data")
    run_root: Path | None = None
    api: ApiSettings = ApiSettings()
    temporal_ui: TemporalUiSettings = TemporalUiSettings()
    terraform: TerraformSettings = TerraformSettings()
    log: LogSettings = LogSettings()
    artifacts: ArtifactsSettings = ArtifactsSettings()
    redis: RedisSettings = RedisSettings()
    gcs: GcsSettings = GcsSettings()
    google: GoogleSettings = GoogleSettings()
    state: StateSettings = StateSettings()
    network: NetworkSettings = NetworkSettings()
    secrets: SecretsSettings = SecretsSettings()
    worker: WorkerSettings = WorkerSettings()
    limits: LimitsSettings = LimitsSettings()
    retention: RetentionSettings = RetentionSettings()
    phases: PhasesSettings = PhasesSettings()

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        used = {*self.log.sinks, *self.log.sources}
        if "redis" in used and self.redis.url is None:
            raise ValueError("a log in redis needs ANAVA_REDIS__URL")
        if "gcs" in used and not self.gcs.bucket:
            raise ValueError("a log in gcs needs ANAVA_GCS__BUCKET")
        if self.artifacts.store == "gcs" and not self.gcs.bucket:
            raise ValueError("artifacts in gcs need ANAVA_GCS__BUCKET")
        return self

    @property
    def data(self) -> Path:
        """The data folder, absolute."""
        return self.data_dir.resolve()

    @property
    def runs(self) -> Path:
        """The run root, absolute."""
        return (self.run_root or self.data_dir / "runs").resolve()


def load() -> Settings:
    """Read the settings; raises InvalidSettings with a sentence for each wrong setting."""
    try:
        return Settings()
    except ValidationError as error:
        problems = [
            f"ANAVA_{'__'.join(str(part).upper() for part in item['loc'])}: "
            + item["msg"].removeprefix("Value error, ")
            for item in error.errors(include_url=False, include_input=False)
        ]
        raise InvalidSettings("; ".join(problems)) from None
    except SettingsError as error:
        # The message names the field, never the value.
        field = re.search(r'field "(\w+)"', str(error))
        name = f"ANAVA_{field[1].upper()}" if field else str(error)
        raise InvalidSettings(f"{name}: the value of a whole group is a JSON object") from None


def forget_secrets() -> None:
    """Remove secrets from this process's environment, once settings and connections are made."""
    for name in _SECRET_VARIABLES & os.environ.keys():
        del os.environ[name]


def apply_network(network: NetworkSettings) -> None:
    """Make the settings those of every library of this process that sends HTTPS requests.

    Google's libraries (requests, gRPC) take proxy and authorities from the environment alone.
    """
    for name in PROXY_VARIABLES:
        os.environ.pop(name, None)
    os.environ.update(network.environment())


def inherited_environment(settings: Settings, environment: Mapping[str, str]) -> dict[str, str]:
    """The part of the worker's environment that terraform and its runner get, besides PATH."""
    libraries = environment.get("LD_LIBRARY_PATH")
    passed = {"LD_LIBRARY_PATH": libraries} if libraries else {}
    return passed | settings.network.environment()


def base_environment() -> dict[str, str]:
    """The environment that a child process of the launcher inherits: a copy of this process's."""
    return dict(os.environ)
