"""Opens the stores that the settings name: log sinks and sources, status mirror, artifacts.

The clients of Redis and Firestore are imported where a setting names the store: they take 0.4 s of
CPU time, which is a third of the start of a worker (measured).
"""

from collections.abc import Callable, Sequence
from typing import IO, TYPE_CHECKING

from adapters.console.log import ConsoleLogSink
from adapters.gcs.artifacts import GcsArtifactStore
from adapters.gcs.log import GcsLogSink, GcsLogSource
from adapters.gcs.objects import Objects, open_objects
from adapters.gcs.retained_objects import RetainedObjects, is_no_record, is_record
from adapters.gcs.signing import LinkSigner
from adapters.guarded_artifacts import GuardedArtifactStore
from adapters.local.artifacts import LocalArtifactStore
from adapters.local.inotify import FileChanges
from adapters.local.log import LocalLogSource
from adapters.logs.fallback import FallbackLogSource
from adapters.logs.guarded import GuardedLogSource
from adapters.settings import Settings
from deployments.artifacts import ArtifactStore, Downloads
from deployments.log_ports import LogSink, LogSource

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from adapters.firestore.retained_documents import RetainedDocuments
    from adapters.firestore.status import FirestoreStatusMirror

__all__ = [
    "open_artifact_store",
    "open_mirror",
    "open_retained_artifacts",
    "open_retained_logs",
    "open_sinks",
    "open_sources",
    "open_state_bucket",
    "preferred",
]


def open_sinks(settings: Settings, console: IO[bytes]) -> list[LogSink]:
    """Open the sinks that logs are shipped to; `local`, the event file itself, needs no sink."""
    makers: dict[str, Callable[[], LogSink]] = {
        "console": lambda: ConsoleLogSink(console, settings.google.project),
        "redis": lambda: _redis_sink(settings),
        "gcs": lambda: GcsLogSink(_objects(settings)),
        "firestore": lambda: _firestore_sink(settings),
    }
    return [makers[name]() for name in settings.log.sinks if name != "local"]


def open_sources(settings: Settings, changes: FileChanges) -> list[LogSource]:
    """Open every store that this process can read logs from: `log.sources`, then the other sinks.

    `local` counts only in `log.sources`: as a sink, `local` may be the disk of another machine.
    The stores of a network are guarded: after a failure they are not read for a while.
    """
    makers: dict[str, Callable[[], LogSource]] = {
        "local": lambda: LocalLogSource(settings.runs, changes),
        "redis": lambda: GuardedLogSource(_redis_source(settings)),
        "gcs": lambda: GuardedLogSource(GcsLogSource(_objects(settings))),
        "firestore": lambda: GuardedLogSource(_firestore_source(settings)),
    }
    others = [name for name in settings.log.sinks if name in makers and name != "local"]
    return [makers[name]() for name in dict.fromkeys((*settings.log.sources, *others))]


def preferred(settings: Settings, sources: Sequence[LogSource]) -> LogSource:
    """The source for readers: the first healthy source of `log.sources`."""
    named = [source for source in sources if source.name in settings.log.sources]
    return named[0] if len(named) == 1 else FallbackLogSource(named)


def open_mirror(settings: Settings) -> "FirestoreStatusMirror | None":
    """Open the status mirror for web clients: Firestore, if the log is shipped there too."""
    if "firestore" not in settings.log.sinks:
        return None
    from adapters.firestore.client import open_firestore
    from adapters.firestore.status import FirestoreStatusMirror

    return FirestoreStatusMirror(open_firestore(settings.google.project))


def open_artifact_store(settings: Settings) -> tuple[ArtifactStore, Downloads | None]:
    """Return the store, and the checker of download links where this service serves them."""
    if settings.artifacts.store == "gcs":
        bucket = GcsArtifactStore(_objects(settings), LinkSigner())
        return GuardedArtifactStore(bucket, "Cloud Storage"), None
    store = LocalArtifactStore(settings.data)
    return store, store


def open_retained_logs(settings: Settings) -> "dict[str, RetainedObjects | RetainedDocuments]":
    """Return the logs whose retention this service ends, by place.

    Those on this host are in the run directories; Redis ends its own (`redis.keep_seconds`).
    """
    makers: dict[str, tuple[str, Callable[[], RetainedObjects | RetainedDocuments]]] = {
        "gcs": ("Cloud Storage", lambda: RetainedObjects(_objects(settings), "logs")),
        "firestore": ("Firestore, with the statuses", lambda: _retained_documents(settings)),
    }
    used = (makers[name] for name in settings.log.sinks if name in makers)
    return {place: make() for place, make in used}


def open_retained_artifacts(settings: Settings) -> tuple[RetainedObjects, RetainedObjects] | None:
    """Return artifacts and records in Cloud Storage; None where the store is this host's disk."""
    if settings.artifacts.store != "gcs":
        return None
    objects = _objects(settings)
    return (
        RetainedObjects(objects, "artifacts", is_no_record),
        RetainedObjects(objects, "artifacts", is_record),
    )


def open_state_bucket(settings: Settings) -> Objects | None:
    """Return the bucket of states; None where states are on this host's disk."""
    if settings.state.bucket is None:
        return None
    return open_objects(settings.state.bucket, settings.gcs.endpoint, settings.google.project)


def _redis_sink(settings: Settings) -> LogSink:
    from adapters.redis.log import RedisLogSink

    return RedisLogSink(_open_redis(settings), settings.redis.keep_seconds)


def _redis_source(settings: Settings) -> LogSource:
    from adapters.redis.log import RedisLogSource

    return RedisLogSource(_open_redis(settings))


def _open_redis(settings: Settings) -> "Redis":
    from adapters.redis.log import open_redis

    url = settings.redis.url.get_secret_value() if settings.redis.url else ""
    return open_redis(url, password=settings.redis.password)


def _firestore_sink(settings: Settings) -> LogSink:
    from adapters.firestore.client import open_firestore
    from adapters.firestore.log import FirestoreLogSink

    return FirestoreLogSink(open_firestore(settings.google.project))


def _firestore_source(settings: Settings) -> LogSource:
    from adapters.firestore.client import open_firestore
    from adapters.firestore.log import FirestoreLogSource

    return FirestoreLogSource(open_firestore(settings.google.project))


def _retained_documents(settings: Settings) -> "RetainedDocuments":
    from adapters.firestore.client import open_firestore
    from adapters.firestore.retained_documents import RetainedDocuments

    return RetainedDocuments(open_firestore(settings.google.project))


def _objects(settings: Settings) -> Objects:
    gcs = settings.gcs
    return open_objects(gcs.bucket or "", gcs.endpoint, settings.google.project)
