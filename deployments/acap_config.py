"""The camera configuration, composed of a deployment's recorded outputs.

Cameras in the field fix the keys. An output that was not recorded is an error, never a guess.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from deployments.errors import AcapConfigIncomplete, FieldProblem

__all__ = ["SECRETS", "Origin", "compose"]

# JSON pointers of secret values.
SECRETS = ("/firebase/webApiKey", "/googleAI/apiKey", "/googleAI/apiGatewayKey")


@dataclass(frozen=True)
class _Field:
    """A key of the document, and its output; `entry` selects a value of an object."""

    section: str
    key: str
    output: str
    entry: str = ""

    @property
    def source(self) -> str:
        return f"{self.output}.{self.entry}" if self.entry else self.output


_FIREBASE = {
    "webApiKey": "apiKey",
    "authDomain": "authDomain",
    "projectId": "projectId",
    "storageBucket": "storageBucket",
    "messagingSenderId": "messagingSenderId",
    "appId": "appId",
    "databaseURL": "databaseURL",
}
_FIELDS = (
    *(_Field("firebase", key, "firebase_config", entry) for key, entry in _FIREBASE.items()),
    # The stack creates a single API key for cameras; the key opens the gateway to all functions.
    _Field("googleAI", "apiKey", "api_key"),
    _Field("googleAI", "apiGatewayUrl", "api_gateway_url"),
    _Field("googleAI", "apiGatewayKey", "api_key"),
    _Field("googleAI", "gcsBucketName", "firebase_storage_bucket"),
)


@dataclass(frozen=True)
class Origin:
    """The deployment of a configuration."""

    deployment: str
    project_id: str
    region: str


def compose(recorded_json: str, origin: Origin) -> dict[str, dict[str, object]]:
    """The document for cameras.

    Args:
        recorded_json: `version`, `recorded_at` and `outputs`, each with `sensitive` and `value`.
        origin: the deployment that recorded the outputs.

    Raises:
        AcapConfigIncomplete: names every key whose output was not recorded.
    """
    recorded: dict[str, object] = json.loads(recorded_json)
    entries = recorded.get("outputs")
    outputs = {
        name: output
        for name, output in (entries if isinstance(entries, dict) else {}).items()
        if isinstance(output, dict)
    }
    if missing := list(_missing(outputs)):
        names = ", ".join(dict.fromkeys(field.source for field in missing))
        raise AcapConfigIncomplete(
            f"These outputs were not recorded: {names}.", *map(_problem, missing)
        )
    document: dict[str, dict[str, object]] = {"firebase": {}, "googleAI": {}}
    for field in _FIELDS:
        document[field.section][field.key] = _value(outputs, field)
    document["googleAI"] |= {"gcpProjectId": origin.project_id, "gcpRegion": origin.region}
    document["deployment"] = {
        "version": recorded.get("version", ""),
        "timestamp": recorded.get("recorded_at", ""),
        "deploymentId": origin.deployment,
        "outputs": {
            name: output.get("value")
            for name, output in sorted(outputs.items())
            if output.get("sensitive") is False
        },
    }
    return document


def _missing(outputs: Mapping[str, Mapping[str, object]]) -> Iterator[_Field]:
    for field in _FIELDS:
        value = _value(outputs, field)
        if not (isinstance(value, str) and value.strip()):
            yield field


def _value(outputs: Mapping[str, Mapping[str, object]], field: _Field) -> object:
    value = outputs.get(field.output, {}).get("value")
    if field.entry:
        return value.get(field.entry) if isinstance(value, dict) else None
    return value


def _problem(field: _Field) -> FieldProblem:
    return FieldProblem(
        f"/{field.section}/{field.key}", "missing", f"The output {field.source} was not recorded."
    )
