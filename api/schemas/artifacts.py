"""Bodies about artifacts."""

from pydantic import BaseModel

__all__ = ["ArtifactBody", "ArtifactList"]


class ArtifactBody(BaseModel):
    """One file. `sha256` is over the bytes that a download gives, `created_at` in UTC."""

    name: str
    size_bytes: int
    sha256: str
    content_type: str
    created_at: str


class ArtifactList(BaseModel):
    """What can be downloaded now, by name."""

    items: list[ArtifactBody]
