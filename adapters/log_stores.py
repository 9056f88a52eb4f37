"""The sinks and sources of the log that the settings name."""

from collections.abc import Callable
from typing import IO

from google.cloud.storage import Bucket
from redis.asyncio import Redis

from adapters.console_log import ConsoleLogSink
from adapters.fallback_log import FallbackLogSource
from adapters.file_changes import FileChanges
from adapters.firestore_log import FirestoreLogSink, FirestoreLogSource, open_firestore
from adapters.gcs_log import GcsLogSink, GcsLogSource, open_bucket
from adapters.local_log import LocalLogSource
from adapters.redis_log import RedisLogSink, RedisLogSource, open_redis
from adapters.settings import Settings
from deployments.log_ports import LogSink, LogSource

__all__ = ["open_sinks", "open_source"]


def open_sinks(settings: Settings, console: IO[bytes]) -> list[LogSink]:
    """The sinks that logs are shipped to; `local` is the event file itself, so it is none."""
    makers: dict[str, Callable[[], LogSink]] = {
        "console": lambda: ConsoleLogSink(console),
        "redis": lambda: RedisLogSink(_redis(settings), settings.redis.keep_seconds),
        "gcs": lambda: GcsLogSink(_bucket(settings)),
        "firestore": lambda: FirestoreLogSink(open_firestore(settings.google.project)),
    }
    return [makers[name]() for name in settings.log.sinks if name != "local"]


def open_source(settings: Settings, changes: FileChanges) -> LogSource:
    """Where logs are read from: the first healthy source of the settings' list."""
    makers: dict[str, Callable[[], LogSource]] = {
        "local": lambda: LocalLogSource(settings.runs, changes),
        "redis": lambda: RedisLogSource(_redis(settings)),
        "gcs": lambda: GcsLogSource(_bucket(settings)),
        "firestore": lambda: FirestoreLogSource(open_firestore(settings.google.project)),
    }
    sources = [makers[name]() for name in settings.log.sources]
    return sources[0] if len(sources) == 1 else FallbackLogSource(sources)


def _redis(settings: Settings) -> Redis:
    return open_redis(settings.redis.url.get_secret_value() if settings.redis.url else "")


def _bucket(settings: Settings) -> Bucket:
    gcs = settings.gcs
    return open_bucket(gcs.bucket or "", gcs.endpoint, settings.google.project)
