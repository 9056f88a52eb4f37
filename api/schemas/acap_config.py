"""The camera configuration in the format that cameras read, with their field names."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from api.schemas.fields import DeploymentId, ProjectId, Region

__all__ = ["AcapConfigBody"]

_Secret = Annotated[str, Field(examples=["AIza…"], json_schema_extra={"format": "password"})]
_Bucket = Annotated[str, Field(examples=["demo-project-1-anava-firebase"])]


class FirebaseConfigBody(BaseModel):
    """Configuration of a Firebase client."""

    webApiKey: _Secret  # noqa: N815 - the cameras' spelling, as everywhere below
    authDomain: Annotated[str, Field(examples=["demo-project-1.firebaseapp.com"])]  # noqa: N815
    projectId: ProjectId  # noqa: N815
    storageBucket: _Bucket  # noqa: N815
    messagingSenderId: Annotated[str, Field(examples=["123456789012"])]  # noqa: N815
    appId: Annotated[str, Field(examples=["1:123456789012:web:0123456789abcdef"])]  # noqa: N815
    databaseURL: Annotated[  # noqa: N815
        str, Field(examples=["https://demo-project-1-default-rtdb.firebaseio.com"])
    ]


class GoogleAiConfigBody(BaseModel):
    """Addresses and keys for the cameras' calls."""

    apiKey: _Secret  # noqa: N815
    apiGatewayUrl: Annotated[  # noqa: N815
        str, Field(examples=["https://anava-0123456.uc.gateway.dev"])
    ]
    apiGatewayKey: _Secret  # noqa: N815
    gcpProjectId: ProjectId  # noqa: N815
    gcpRegion: Region  # noqa: N815
    gcsBucketName: _Bucket  # noqa: N815


class ConfigOriginBody(BaseModel):
    """The deployment that made the configuration, with the outputs that are no secrets."""

    version: Annotated[str, Field(examples=["0.1.0"])]
    timestamp: Annotated[str, Field(examples=["2026-11-24T10:00:04Z"])]
    deploymentId: DeploymentId  # noqa: N815
    outputs: Annotated[
        dict[str, Any],
        Field(examples=[{"api_gateway_url": "https://anava-0123456.uc.gateway.dev"}]),
    ]


class AcapConfigBody(BaseModel):
    """The whole document."""

    firebase: FirebaseConfigBody
    googleAI: GoogleAiConfigBody  # noqa: N815
    deployment: ConfigOriginBody
