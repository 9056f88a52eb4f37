"""Bodies about artifacts."""

from typing import Annotated

from pydantic import BaseModel, Field

from api.schemas.fields import Sha256, Timestamp

__all__ = ["ArtifactBody", "ArtifactList"]


class ArtifactBody(BaseModel):
    """A file of a deployment; `sha256` covers the bytes of its download.

    `left_out` is `artifact_limit_reached` for a file that is larger than the limit: its download
    then is a notice. Else it is empty.
    """

    name: Annotated[str, Field(examples=["outputs.json"])]
    size_bytes: Annotated[int, Field(examples=[312])]
    sha256: Sha256
    content_type: Annotated[str, Field(examples=["application/json"])]
    created_at: Timestamp
    left_out: Annotated[str, Field(examples=["", "artifact_limit_reached"])]


class ArtifactList(BaseModel):
    """The files that can be downloaded now, by name, on a single page."""

    items: list[ArtifactBody]
    next_cursor: str | None
