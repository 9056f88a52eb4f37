"""Values of the Anava stack: what the service takes terraform takes, and what it refuses too."""

import json
from dataclasses import replace
from typing import Any

import pytest

from deployments.requests import Asked, Value, check
from deployments.templates import TEMPLATES
from tests.deployments.workspace import Fields, Workspace, refused_here

TAKEN: list[Fields] = [
    {},
    {
        "prefix": "a" + "-" * 13 + "z",
        "firestore_database_id": "(default)",
        "firestore_location": "eur3",
        "firebase_web_app_name": "A",
        "allowed_origins": [],
        "destroy_customer_data": True,
    },
    {
        "prefix": "goo-gle",
        "firestore_database_id": "a" + "-" * 61 + "z",
        "firestore_location": "europe-west12",
        "firebase_web_app_name": "9" + " ._()-" * 10 + "xy",
        "allowed_origins": [
            "https://a",
            "https://console.example.com:8443",
            "http://localhost",
            "http://localhost:3000",
            "https://" + "a" * 245,
        ],
        "destroy_customer_data": False,
    },
    {"firestore_database_id": "abcd", "allowed_origins": ["https://a"] * 20},
]
REFUSED: list[Fields] = [
    {
        "prefix": "my-google",
        "firestore_database_id": "abc",
        "firestore_location": "us",
        "firebase_web_app_name": "",
        "allowed_origins": ["*"],
        "destroy_customer_data": "yes",
    },
    {
        "prefix": "google",
        "firestore_database_id": "Default",
        "firestore_location": "NAM5",
        "firebase_web_app_name": " a",
        "allowed_origins": ["https://*.example.com"],
        "destroy_customer_data": 1,
    },
    {
        "firestore_database_id": "a" * 64,
        "firestore_location": "nam5\n",
        "firebase_web_app_name": "x" * 64,
        "allowed_origins": ["http://example.com"],
    },
    {
        "firestore_database_id": "(default)\n",
        "firestore_location": "${var.region}",
        "firebase_web_app_name": 'a"; drop',
        "allowed_origins": ["https://a.example/path"],
    },
    {
        "firestore_database_id": "-abc",
        "firebase_web_app_name": "Caf\u00e9",
        "allowed_origins": ["https://a"] * 21,
    },
    {"firebase_web_app_name": "a\n", "allowed_origins": ["https://" + "a" * 246]},
    {"firebase_web_app_name": "%{ if true }", "allowed_origins": ["https://a:0"]},
    {"allowed_origins": ["https://a\n"]},
    {"allowed_origins": ["https://a", ""]},
    {"allowed_origins": ["https://user@a"]},
    {"allowed_origins": "https://a"},
    {"allowed_origins": True},
]
# The service alone is strict about kinds: terraform reads "true" as true and 20 as "20".
# A body may hold what no type of ours says.
KINDS: list[tuple[str, Any]] = [
    ("destroy_customer_data", "true"),
    ("firestore_location", 5),
    ("firebase_web_app_name", 20),
    ("allowed_origins", [1]),
    ("allowed_origins", [None]),
]


@pytest.fixture(scope="module")
def anava(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace(tmp_path_factory.mktemp("anava"), "anava")


@pytest.mark.parametrize("fields", TAKEN)
def test_a_value_that_the_service_takes_is_taken_by_terraform(
    anava: Workspace, fields: Fields
) -> None:
    assert refused_here(fields, "anava") == []
    assert anava.refused(fields) == []


@pytest.mark.parametrize("fields", REFUSED)
def test_a_value_that_the_service_refuses_is_refused_by_terraform(
    anava: Workspace, fields: Fields
) -> None:
    assert refused_here(fields, "anava") == sorted(fields)
    for name, value in fields.items():
        assert anava.refused({name: value}), f"terraform takes {name}={value!r}"


@pytest.mark.parametrize(("name", "value"), KINDS)
def test_a_value_of_another_kind_is_refused_by_the_service(name: str, value: Value) -> None:
    assert refused_here({name: value}, "anava") == [name]


@pytest.mark.parametrize("name", ["pool_suffix", "key_suffix"])
def test_what_only_the_service_sets_nobody_may_ask_for(anava: Workspace, name: str) -> None:
    assert refused_here({name: "2"}, "anava") == [name]
    assert anava.refused({name: "2"}) == []
    for value in ("-", "A", "a" * 9, "2\n", "${1}"):
        assert anava.refused({name: value}), value


def test_a_prefix_with_google_in_it_could_name_no_bucket() -> None:
    assert refused_here({"prefix": "a-google-b"}, "sandbox") == ["prefix"]


def test_a_list_travels_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TEMPLATES, "anava", replace(TEMPLATES["anava"], available=True))
    asked = Asked(
        "customer-1",
        template="anava",
        variables={"allowed_origins": ["https://a"], "destroy_customer_data": True},
    )

    assert json.loads(check(asked).variables_json) == asked.variables
