"""The camera configuration: made of what a deployment's state gave, never of guesses.

Its keys are fixed by the cameras in the field. A value that was not recorded is an error.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from deployments.errors import AcapConfigIncomplete, FieldProblem

__all__ = ["SECRETS", "Origin", "compose"]

# JSON pointers of what must not be shown to everybody.
SECRETS = ("/firebase/webApiKey", "/googleAI/apiKey", "/googleAI/apiGatewayKey")


@dataclass(frozen=True)
class _Field:
    """A key of the document: from which output, and for an object, which entry of it."""

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
    # The stack makes one key for cameras, and it opens the gateway: behind that is all of it.
    _Field("googleAI", "apiKey", "api_key"),
    _Field("googleAI", "apiGatewayUrl", "api_gateway_url"),
    _Field("googleAI", "apiGatewayKey", "api_key"),
    _Field("googleAI", "gcsBucketName", "firebase_storage_bucket"),
)


@dataclass(frozen=True)
class Origin:
    """Which deployment a configuration comes from."""

    deployment: str
    project_id: str
    region: str


def compose(recorded_json: str, origin: Origin) -> dict[str, dict[str, object]]:
    """The document.

    Args:
        recorded_json: `version`, `recorded_at` and `outputs`, each with `sensitive` and `value`.
        origin: where they come from.

    Raises:
        AcapConfigIncomplete: names every key whose output was not recorded.
    """
    recorded: dict[str, object] = json.loads(recorded_json)
    found = recorded.get("outputs")
    outputs = {
        name: output
        for name, output in (found if isinstance(found, dict) else {}).items()
        if isinstance(output, dict)
    }
    if missing := list(_missing(outputs)):
        names = ", ".join(dict.fromkeys(item.source for item in missing))
        raise AcapConfigIncomplete(
            f"These outputs were not recorded: {names}.", *map(_said, missing)
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


def _said(field: _Field) -> FieldProblem:
    return FieldProblem(
        f"/{field.section}/{field.key}",
        "missing",
        f"It comes from the output {field.source}, which was not recorded.",
    )
