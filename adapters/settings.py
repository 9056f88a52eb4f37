"""Settings: the only reader of the environment.

Names start with `ANAVA_`, groups are joined by two underscores (`ANAVA_API__PORT`). Temporal's own
variables (`TEMPORAL_ADDRESS`, …) are read by `temporalio.envconfig` in `temporal_client`.
"""

import os
import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from deployments.errors import InvalidSettings
from deployments.timings import Ladder, Timings

__all__ = [
    "ApiSettings",
    "ArtifactsSettings",
    "LogSettings",
    "PhasesSettings",
    "Settings",
    "TerraformSettings",
    "WorkerSettings",
    "base_environment",
    "load",
]

_REPOSITORY = Path(__file__).resolve().parent.parent

# 90 days, the retention of the namespace: nothing remembers a deployment for longer.
_LONGEST_SECONDS = 90 * 86_400


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
    long after the end of a segment a sink that does not take its log is tried.
    """

    sinks: Annotated[tuple[str, ...], NoDecode] = ("local",)
    sources: Annotated[tuple[str, ...], NoDecode] = ("local",)
    redact: Annotated[tuple[str, ...], NoDecode] = ()
    # A week, so that nobody has to come in on a weekend; the event file itself stays.
    give_up_seconds: int = Field(default=7 * 86_400, ge=1, le=_LONGEST_SECONDS)

    @field_validator("sinks", "sources", "redact", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @model_validator(mode="after")
    def _known(self) -> Self:
        unknown = [one for one in self.sources if one not in _STORES]
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
    keep_seconds: int = Field(default=7 * 86_400, ge=60, le=_LONGEST_SECONDS)


class ArtifactsSettings(_Group):
    """Where plans, logs, outputs and records are kept for download: `local` or `gcs`."""

    store: Literal["local", "gcs"] = "local"


class GcsSettings(_Group):
    """The bucket of logs and artifacts, and the server's base URL where it is not Google's."""

    bucket: str | None = None
    endpoint: str | None = None


class GoogleSettings(_Group):
    """The project that Firestore and the bucket belong to; else the credentials say it."""

    project: str | None = None


class WorkerSettings(_Group):
    """How much one host takes on, and how quickly a worker notices things.

    deployments: places of this host; one needs about 100 MB and, with Google's provider, 700.
    scan_seconds, stale_seconds: how often a worker looks for segments without an owner, and how
        long a silent owner is believed.
    """

    deployments: int = Field(default=20, ge=1, le=1000)
    scan_seconds: float = Field(default=2.0, gt=0, le=60)
    stale_seconds: float = Field(default=10.0, gt=1, le=600)
    drain: bool = False


class PhasesSettings(_Group):
    """Every limit of `deployments.timings`, in seconds."""

    heartbeat_timeout_seconds: int = Field(default=90, ge=2, le=_LONGEST_SECONDS)
    lease_seconds: int = Field(default=300, ge=3, le=_LONGEST_SECONDS)
    takeover_wait_seconds: int = Field(default=180, ge=1, le=_LONGEST_SECONDS)
    host_silence_seconds: int = Field(default=30, ge=1, le=_LONGEST_SECONDS)
    host_absence_seconds: int = Field(default=86_400, ge=2, le=_LONGEST_SECONDS)
    no_progress_seconds: int = Field(default=120, ge=1, le=_LONGEST_SECONDS)
    plan_no_progress_seconds: int = Field(default=300, ge=1, le=_LONGEST_SECONDS)
    second_interrupt_seconds: int = Field(default=10, ge=1, le=_LONGEST_SECONDS)
    grace_seconds: int = Field(default=180, ge=1, le=_LONGEST_SECONDS)
    saving_limit_seconds: int = Field(default=3600, ge=1, le=_LONGEST_SECONDS)
    kill_seconds: int = Field(default=30, ge=1, le=_LONGEST_SECONDS)
    lost_lease_second_seconds: int = Field(default=120, ge=1, le=_LONGEST_SECONDS)
    lost_lease_kill_seconds: int = Field(default=150, ge=2, le=_LONGEST_SECONDS)

    def timings(self) -> Timings:
        """As the value that travels with a deployment."""
        values = self.model_dump()
        ladder = Ladder(**{name: values.pop(name) for name in Ladder.__dataclass_fields__})
        return Timings(**values, ladder=ladder)

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
            f"ANAVA_{'__'.join(str(part).upper() for part in one['loc'])}: "
            + one["msg"].removeprefix("Value error, ")
            for one in error.errors(include_url=False, include_input=False)
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
