"""Construction of the artifact store from the settings."""

from adapters.gcs.artifacts import GcsArtifactStore
from adapters.gcs.objects import open_objects
from adapters.gcs.signing import LinkSigner
from adapters.local.artifacts import LocalArtifactStore
from adapters.settings import Settings
from deployments.artifacts import ArtifactStore, Downloads

__all__ = ["open_artifact_store"]


def open_artifact_store(settings: Settings) -> tuple[ArtifactStore, Downloads | None]:
    """Return the store, and the checker of download links where this service serves them."""
    if settings.artifacts.store == "gcs":
        gcs = settings.gcs
        objects = open_objects(gcs.bucket or "", gcs.endpoint, settings.google.project)
        return GcsArtifactStore(objects, LinkSigner()), None
    store = LocalArtifactStore(settings.data)
    return store, store
