"""Settings: the only reader of the environment.

Names start with `ANAVA_`, groups are joined by two underscores (`ANAVA_API__PORT`). Temporal's own
variables (`TEMPORAL_ADDRESS`, …) are read by `temporalio.envconfig` in `temporal_client`.
"""

import base64
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    Field,
    SecretStr,
    ValidationError,
    create_model,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from deployments.errors import InvalidSettings
from deployments.timings import RETENTION_SECONDS, RetryLimits, StopLadder, Timings, limits_of

__all__ = [
    "ApiSettings",
    "ArtifactsSettings",
    "LogSettings",
    "PhasesSettings",
    "SecretsSettings",
    "Settings",
    "StateSettings",
    "TerraformSettings",
    "WorkerSettings",
    "base_environment",
    "load",
]

_REPOSITORY = Path(__file__).resolve().parent.parent

# AES-256.
_KEY_BYTES = 32

# Where a log can be kept and read back.
_STORES = ("local", "redis", "gcs", "firestore")


class _Group(BaseModel):
    model_config = {"extra": "forbid", "frozen": True}


class ApiSettings(_Group):
    """Where the API listens. Without sign-in only loopback is allowed."""

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)


class TerraformSettings(_Group):
    """Which terraform runs, and where it finds providers.

    `binary` may be a name on the PATH or a path. `mirror` is an unpacked filesystem mirror; unset
    means that no provider but the builtin one can be had.
    """

    binary: str = "terraform"
    mirror: Path | None = None
    templates: Path = _REPOSITORY / "terraform"


class LogSettings(_Group):
    """Sinks the worker ships to, sources the API reads from (first healthy wins).

    `redact` lists further texts that must never be seen, comma-separated. `give_up_seconds`: how
    long after the end of a step a sink that does not take its log is tried.
    """

    sinks: Annotated[tuple[str, ...], NoDecode] = ("local",)
    sources: Annotated[tuple[str, ...], NoDecode] = ("local",)
    redact: Annotated[tuple[str, ...], NoDecode] = ()
    # A week, so that nobody has to come in on a weekend; the event file itself stays.
    give_up_seconds: int = Field(default=7 * 86_400, ge=1, le=RETENTION_SECONDS)

    @field_validator("sinks", "sources", "redact", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @model_validator(mode="after")
    def _known(self) -> Self:
        unknown = [source for source in self.sources if source not in _STORES]
        if unknown or not self.sources:
            raise ValueError(f"log.sources: {unknown} are none of {', '.join(_STORES)}")
        for name in self.sinks:
            if name not in (*_STORES, "console"):
                raise ValueError(f"log.sinks: {name!r} is none of {', '.join(_STORES)}, console")
        if "local" not in self.sinks:
            raise ValueError("log.sinks must hold local: every other sink reads from it")
        return self


class RedisSettings(_Group):
    """Where Redis is, as `redis://` or `rediss://`, and how long it keeps a sealed log."""

    url: SecretStr | None = None
    # A week: then Cloud Storage has it, and nobody follows it live any more.
    keep_seconds: int = Field(default=7 * 86_400, ge=60, le=RETENTION_SECONDS)


# https://cloud.google.com/storage/docs/buckets#naming; no name of it means anything to terraform's
# own language, in whose files it is written.
_Bucket = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$")]
# A server and nothing else: a user's name or a query may be a secret, and would be in every plan.
_Server = Annotated[
    str, Field(pattern=r"^https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:[0-9]{1,5})?$")
]


# A service account and nothing else: it becomes part of an address.
_Account = Annotated[
    str, Field(pattern=r"^[a-z0-9-]{1,63}@[a-z0-9.-]{1,200}\.gserviceaccount\.com$")
]


class ArtifactsSettings(_Group):
    """Where plans, logs, outputs and records are kept for download: `local` or `gcs`."""

    store: Literal["local", "gcs"] = "local"


class GcsSettings(_Group):
    """The bucket of logs and artifacts, and the server where it is not Google's, like `http://gcs:4443`.

    The server is that of states, too.
    """

    bucket: _Bucket | None = None
    endpoint: _Server | None = None


class StateSettings(_Group):
    """Where Terraform states lie: `local`, on this machine, or `gcs`, in a bucket.

    A state holds every secret of its stack in clear, so its bucket is not that of the logs.
    """

    backend: Literal["local", "gcs"] = "local"
    bucket: _Bucket | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.backend == "gcs" and self.bucket is None:
            raise ValueError("States in gcs need ANAVA_STATE__BUCKET")
        if self.backend == "local" and self.bucket is not None:
            raise ValueError("ANAVA_STATE__BUCKET needs ANAVA_STATE__BACKEND=gcs")
        return self


class GoogleSettings(_Group):
    """The project that Firestore and the bucket belong to; else the credentials say it.

    `endpoint` stands for every API of Google's that preflight and terraform's provider ask, as
    `<endpoint>/<first word of the host>/…`; unset means Google's own hosts. Deployments act as the
    service account `impersonate`, with tokens that live for `token_seconds`; unset means as whoever
    the worker is signed in as.
    """

    project: str | None = None
    endpoint: _Server | None = None
    impersonate: _Account | None = None
    # An hour is the most that Google gives without an organisation's exception.
    token_seconds: int = Field(default=3600, ge=10, le=43_200)


class SecretsSettings(_Group):
    """Keys for what must not be read on its way through Temporal.

    `keys` are 32 bytes each in base64, comma-separated: the first encrypts, each decrypts, so that
    a new one is put in front. Unset means one that lies in the data folder, `secrets.key`; where
    API and workers share no data folder it must be set.
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
            raise ValueError("It holds no key")
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


class WorkerSettings(_Group):
    """How much one host takes on, and how quickly a worker notices things.

    deployments: places of this host; one needs about 100 MB and, with Google's provider, 700.
    scan_seconds, stale_seconds: how often a worker looks for steps without an owner, and how
        long a silent owner is believed.
    """

    deployments: int = Field(default=20, ge=1, le=1000)
    scan_seconds: float = Field(default=2.0, gt=0, le=60)
    stale_seconds: float = Field(default=10.0, gt=1, le=600)
    drain: bool = False


def _limit_fields() -> dict[str, Any]:
    """One setting for each limit of a deployment; those of `RetryLimits` start with `retry_`."""
    prefixes = {Timings: "", StopLadder: "", RetryLimits: "retry_"}
    return {
        prefix + name: (
            int,
            Field(default=limit.default, ge=limit.minimum, le=limit.maximum),
        )
        for group, prefix in prefixes.items()
        for name, limit in limits_of(group).items()
    }


# A type checker cannot read a base class that a call makes.
if TYPE_CHECKING:
    _LimitSettings = _Group
else:
    _LimitSettings = create_model("_LimitSettings", __base__=_Group, **_limit_fields())


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
        if wrong := list(self.timings().contradictions()):
            raise ValueError("; ".join(wrong))
        return self


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix="ANAVA_",
        env_nested_delimiter="__",
        # An empty variable is an unset one: an empty path would be the current folder.
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    data_dir: Path = Path("data")
    run_root: Path | None = None
    api: ApiSettings = ApiSettings()
    terraform: TerraformSettings = TerraformSettings()
    log: LogSettings = LogSettings()
    artifacts: ArtifactsSettings = ArtifactsSettings()
    redis: RedisSettings = RedisSettings()
    gcs: GcsSettings = GcsSettings()
    google: GoogleSettings = GoogleSettings()
    state: StateSettings = StateSettings()
    secrets: SecretsSettings = SecretsSettings()
    worker: WorkerSettings = WorkerSettings()
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
    """Read the environment.

    Raises:
        InvalidSettings: a sentence for each setting that is wrong.
    """
    try:
        return Settings()
    except ValidationError as error:
        wrong = [
            f"ANAVA_{'__'.join(str(part).upper() for part in item['loc'])}: "
            + item["msg"].removeprefix("Value error, ")
            for item in error.errors(include_url=False, include_input=False)
        ]
        raise InvalidSettings("; ".join(wrong)) from None
    except SettingsError as error:
        # Its words name the field, never the value.
        field = re.search(r'field "(\w+)"', str(error))
        name = f"ANAVA_{field[1].upper()}" if field else str(error)
        raise InvalidSettings(f"{name}: a whole group is given as a JSON object") from None


def base_environment() -> dict[str, str]:
    """What a child process of the launcher inherits: everything of ours."""
    return dict(os.environ)
