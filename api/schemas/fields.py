"""Base classes of requests, and field types with examples for the OpenAPI document."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

from deployments.deployment import Status
from deployments.log_text import without_host_paths

__all__ = [
    "Address",
    "DeploymentId",
    "ErrorText",
    "EventIdText",
    "KnownStatus",
    "Location",
    "PhaseName",
    "Prefix",
    "ProjectId",
    "QueryModel",
    "Region",
    "RequestModel",
    "RequestText",
    "Sha256",
    "StackId",
    "TemplateName",
    "TerraformVersion",
    "Timestamp",
]

# `requests.check` has the rule of each field; this bound only limits the work of that check.
RequestText = Annotated[str, Field(max_length=256)]

DeploymentId = Annotated[str, Field(examples=["dep-m7s3qk2xv5ahd4jzcy6rnw2ptu"])]
StackId = Annotated[str, Field(examples=["local.sandbox.demo-project-1.anava"])]
TemplateName = Annotated[str, Field(examples=["sandbox"])]
ProjectId = Annotated[str, Field(examples=["demo-project-1"])]
Prefix = Annotated[str, Field(examples=["anava"])]
Region = Annotated[str, Field(examples=["us-central1"])]
Location = Annotated[str, Field(examples=["US"])]
PhaseName = Annotated[str, Field(examples=["apply"])]
Address = Annotated[str, Field(examples=["terraform_data.services[0]"])]
EventIdText = Annotated[str, Field(examples=["3-42"])]
Timestamp = Annotated[str, Field(examples=["2026-11-24T10:00:02.000Z"])]
Sha256 = Annotated[
    str, Field(examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"])
]
TerraformVersion = Annotated[str, Field(examples=["1.11.4"])]


# The text of a library's or program's error may name files of the host.
ErrorText = Annotated[str, AfterValidator(without_host_paths), Field(examples=[""])]


class QueryModel(BaseModel):
    """A query; texts are converted to the fields' types, and an unknown field is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class RequestModel(QueryModel):
    """A body, whose values must have the fields' types."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)


def _known(status: str) -> str:
    """Refuse what is no status of this release, also the value for those of another release."""
    if status not in Status.known():
        expected = ", ".join(f"'{known}'" for known in Status.known())
        raise ValueError(f"a status is one of {expected}")
    return status


# A text, since FastAPI would describe the whole enum.
KnownStatus = Annotated[
    str,
    AfterValidator(_known),
    WithJsonSchema({"type": "string", "enum": [str(status) for status in Status.known()]}),
]
