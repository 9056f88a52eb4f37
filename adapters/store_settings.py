"""Settings of the stores: logs, artifacts, states, and the servers that hold them."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from adapters.network import Server, split_commas
from adapters.setting_group import SettingGroup
from deployments.timings import RETENTION_SECONDS

__all__ = ["ArtifactsSettings", "GcsSettings", "LogSettings", "RedisSettings", "StateSettings"]

# Stores that a log can be written to and read from.
_STORES = ("local", "redis", "gcs", "firestore")

# https://cloud.google.com/storage/docs/buckets#naming. The name is written into HCL files, in which
# none of these characters has a meaning.
_Bucket = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$")]


class LogSettings(SettingGroup):
    """Sinks that the worker writes to, sources that the API reads from (first healthy wins).

    `redact` lists further secret texts, comma-separated. `give_up_seconds`: how long after the end
    of a step the worker retries a sink that refuses the step's log. `max_mb`: the limit for
    the log of a deployment; terraform continues beyond it, and the log ends `log_limit_reached`.
    """

    sinks: Annotated[tuple[str, ...], NoDecode] = ("local",)
    sources: Annotated[tuple[str, ...], NoDecode] = ("local",)
    redact: Annotated[tuple[str, ...], NoDecode] = ()
    # The sandbox's largest log of 3 million lines has 0.6 GB.
    max_mb: int = Field(default=1_000, ge=1, le=1_000_000)
    # A week, so that a sink can be repaired after a weekend; the event file stays longer.
    give_up_seconds: int = Field(default=7 * 86_400, ge=1, le=RETENTION_SECONDS)

    @field_validator("sinks", "sources", "redact", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return split_commas(value)

    @model_validator(mode="after")
    def _known(self) -> Self:
        unknown = [source for source in self.sources if source not in _STORES]
        if unknown or not self.sources:
            raise ValueError(f"log.sources: {unknown} are not among {', '.join(_STORES)}")
        for name in self.sinks:
            if name not in (*_STORES, "console"):
                raise ValueError(f"log.sinks: {name!r} is not among {', '.join(_STORES)}, console")
        if "local" not in self.sinks:
            raise ValueError(
                "log.sinks must contain local: every other sink reads from the local log"
            )
        return self


class RedisSettings(SettingGroup):
    """URL of Redis, `redis://` or `rediss://`, and how long Redis retains a complete log.

    `password_file` has the password, where the URL has none: a file is in no process's environment.
    """

    url: SecretStr | None = None
    password_file: Path | None = None
    # A week: Cloud Storage has the log by then, and no viewer follows a log that old.
    keep_seconds: int = Field(default=7 * 86_400, ge=60, le=RETENTION_SECONDS)

    @property
    def password(self) -> str | None:
        """The content of the password file; None without a file."""
        return _first_line(self.password_file) if self.password_file else None

    @model_validator(mode="after")
    def _unambiguous(self) -> Self:
        if self.password_file and self.url and "@" in self.url.get_secret_value():
            raise ValueError("The password is in ANAVA_REDIS__URL or in the file, not in both")
        return self

    @field_validator("password_file")
    @classmethod
    def _readable(cls, value: Path | None) -> Path | None:
        if value is not None and not _first_line(value):
            raise ValueError(f"The first line of {value} is empty, and should be the password")
        return value


def _first_line(path: Path) -> str:
    try:
        return path.read_text().partition("\n")[0].strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text"
        raise ValueError(f"{path} cannot be read: {reason}") from None


class ArtifactsSettings(SettingGroup):
    """The store of plans, logs, outputs and records for download: `local` or `gcs`.

    `max_mb`: the limit for each of plan.json, plan.txt, outputs.json and the encrypted outputs.
    In place of a larger file stands `artifact_limit_reached`, and terraform continues.
    """

    store: Literal["local", "gcs"] = "local"
    # A plan of 90,000 resources (1,000 have 0.7 MB, measured); a line of outputs ends at 16 MiB.
    max_mb: int = Field(default=64, ge=1, le=100_000)


class GcsSettings(SettingGroup):
    """The bucket of logs and artifacts; `endpoint` replaces Google's server, also for states."""

    bucket: _Bucket | None = None
    endpoint: Server | None = None


class StateSettings(SettingGroup):
    """The store of Terraform states: `local`, on this machine, or `gcs`, in a bucket.

    A state holds every secret of its stack in clear, so logs must have another bucket.
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
