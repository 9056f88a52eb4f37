"""The camera configuration: every key of the contract from an output, or a name for what lacks."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.acap_config import SECRETS, Origin, compose
from deployments.errors import AcapConfigIncomplete

ORIGIN = Origin("dep-1", "customer-1", "us-central1")
WEB_KEY, GATEWAY_KEY = "web-key-planted", "gateway-key-planted"
OUTPUTS: dict[str, Any] = {
    "api_gateway_url": {"sensitive": False, "value": "https://gateway.example"},
    "api_key": {"sensitive": True, "value": GATEWAY_KEY},
    "firebase_storage_bucket": {"sensitive": False, "value": "bucket-1"},
    "firebase_config": {
        "sensitive": True,
        "value": {
            "projectId": "customer-1",
            "apiKey": WEB_KEY,
            "authDomain": "customer-1.firebaseapp.com",
            "storageBucket": "bucket-1",
            "appId": "1:2:web:3",
            "messagingSenderId": "2",
            "databaseURL": "https://customer-1-default-rtdb.firebaseio.com",
        },
    },
    "services": {"sensitive": False, "value": ["a", "b"]},
}


def recorded(outputs: Any) -> str:
    content = {"format": 1, "version": "1.2.3", "recorded_at": "2026-01-02T03:04:05Z"}
    return json.dumps({**content, "outputs": outputs})


def test_every_key_that_cameras_read_is_filled() -> None:
    assert compose(recorded(OUTPUTS), ORIGIN) == {
        "firebase": {
            "webApiKey": WEB_KEY,
            "authDomain": "customer-1.firebaseapp.com",
            "projectId": "customer-1",
            "storageBucket": "bucket-1",
            "messagingSenderId": "2",
            "appId": "1:2:web:3",
            "databaseURL": "https://customer-1-default-rtdb.firebaseio.com",
        },
        "googleAI": {
            "apiKey": GATEWAY_KEY,
            "apiGatewayUrl": "https://gateway.example",
            "apiGatewayKey": GATEWAY_KEY,
            "gcsBucketName": "bucket-1",
            "gcpProjectId": "customer-1",
            "gcpRegion": "us-central1",
        },
        "deployment": {
            "version": "1.2.3",
            "timestamp": "2026-01-02T03:04:05Z",
            "deploymentId": "dep-1",
            "outputs": {
                "api_gateway_url": "https://gateway.example",
                "firebase_storage_bucket": "bucket-1",
                "services": ["a", "b"],
            },
        },
    }


def test_its_outputs_hold_no_secret_again_and_the_secrets_are_marked() -> None:
    document: Any = compose(recorded(OUTPUTS), ORIGIN)
    assert "planted" not in json.dumps(document["deployment"])
    marked = [document[secret.split("/")[1]][secret.split("/")[2]] for secret in SECRETS]
    assert marked == [WEB_KEY, GATEWAY_KEY, GATEWAY_KEY]


def lacking(outputs: Any) -> list[str]:
    with pytest.raises(AcapConfigIncomplete) as refused:
        compose(recorded(outputs), ORIGIN)
    assert "planted" not in f"{refused.value} {refused.value.problems}"
    assert {item.code for item in refused.value.problems} == {"missing"}
    return [problem.pointer for problem in refused.value.problems]


@pytest.mark.parametrize("missing", [None, "", "  ", 0, 7, False, [], {}, ["x"], {"x": 1}])
@pytest.mark.parametrize(
    ("output", "keys"),
    [
        ("api_gateway_url", ["/googleAI/apiGatewayUrl"]),
        ("api_key", ["/googleAI/apiKey", "/googleAI/apiGatewayKey"]),
        ("firebase_storage_bucket", ["/googleAI/gcsBucketName"]),
    ],
)
def test_a_value_that_is_none_is_named_and_never_guessed(
    output: str, keys: list[str], missing: object
) -> None:
    assert lacking({**OUTPUTS, output: {"sensitive": False, "value": missing}}) == keys
    assert lacking({**OUTPUTS, output: {}}) == keys
    assert lacking({name: one for name, one in OUTPUTS.items() if name != output}) == keys


@pytest.mark.parametrize("entry", list(OUTPUTS["firebase_config"]["value"]))
@pytest.mark.parametrize("missing", [None, "", 3])
def test_a_part_of_the_firebase_configuration_that_lacks_is_named(
    entry: str, missing: object
) -> None:
    outputs = copy.deepcopy(OUTPUTS)
    outputs["firebase_config"]["value"][entry] = missing
    key = {"apiKey": "webApiKey"}.get(entry, entry)
    assert lacking(outputs) == [f"/firebase/{key}"]


@pytest.mark.parametrize("outputs", [{}, None, [], "x", {"api_key": "x"}, {"firebase_config": []}])
def test_without_outputs_all_that_lacks_is_named(outputs: Any) -> None:
    assert len(lacking(outputs)) == 11


@given(
    st.dictionaries(
        st.sampled_from(list(OUTPUTS)),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner),
            max_leaves=5,
        ),
    )
)
def test_whatever_else_was_recorded_what_lacks_is_named(outputs: Any) -> None:
    wanted = set(OUTPUTS) - {"services"}
    if wanted <= set(outputs) and all(isinstance(output, dict) for output in outputs.values()):
        return
    assert lacking(outputs)
