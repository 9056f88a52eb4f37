"""The camera configuration as cameras read it; its names are theirs."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

__all__ = ["AcapConfigBody"]

_Secret = Annotated[str, Field(json_schema_extra={"format": "password"})]


class FirebaseConfigBody(BaseModel):
    """What a Firebase client needs."""

    webApiKey: _Secret  # noqa: N815 - the cameras' spelling, as everywhere below
    authDomain: str  # noqa: N815
    projectId: str  # noqa: N815
    storageBucket: str  # noqa: N815
    messagingSenderId: str  # noqa: N815
    appId: str  # noqa: N815
    databaseURL: str  # noqa: N815


class GoogleAiConfigBody(BaseModel):
    """Where cameras call, and with what."""

    apiKey: _Secret  # noqa: N815
    apiGatewayUrl: str  # noqa: N815
    apiGatewayKey: _Secret  # noqa: N815
    gcpProjectId: str  # noqa: N815
    gcpRegion: str  # noqa: N815
    gcsBucketName: str  # noqa: N815


class ConfigOriginBody(BaseModel):
    """Which deployment it comes from, with its outputs that are no secrets."""

    version: str
    timestamp: str
    deploymentId: str  # noqa: N815
    outputs: dict[str, Any]


class AcapConfigBody(BaseModel):
    """The whole document."""

    firebase: FirebaseConfigBody
    googleAI: GoogleAiConfigBody  # noqa: N815
    deployment: ConfigOriginBody
