"""Bodies about artifacts."""

from typing import Annotated

from pydantic import BaseModel, Field

from api.schemas.fields import Sha256, Timestamp

__all__ = ["ArtifactBody", "ArtifactList"]


class ArtifactBody(BaseModel):
    """A file of a deployment; `sha256` covers the bytes of its download.

    `left_out` is `artifact_limit_reached` for a file that is larger than the limit for a file,
    `owner_limit_reached` where the owner's logs and files have reached their limit on the host: the
    download then is a notice. Else it is empty, as is `left_out_message`, the reason as a sentence.
    """

    name: Annotated[str, Field(examples=["outputs.json"])]
    size_bytes: Annotated[int, Field(examples=[312])]
    sha256: Sha256
    content_type: Annotated[str, Field(examples=["application/json"])]
    created_at: Timestamp
    left_out: Annotated[str, Field(examples=["", "artifact_limit_reached"])]
    left_out_message: Annotated[
        str,
        Field(examples=["The file plan.txt is larger than the limit for a file of a deployment."]),
    ]


class ArtifactList(BaseModel):
    """The files that can be downloaded now, by name, on a single page."""

    items: list[ArtifactBody]
    next_cursor: str | None
