"""What a request may set of the real template."""

import json
from dataclasses import replace
from typing import Any

import pytest

from deployments.requests import DeploymentFields, Value, check
from tests.deployments.requested import GOOD, HOSTILE_NAMES, named, problems, with_variable


def with_anava(name: str, value: Value) -> DeploymentFields:
    return replace(GOOD, template="anava", variables={name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("firestore_database_id", "anava"),
        ("firestore_database_id", "(default)"),
        ("firestore_location", "nam5"),
        ("firestore_location", "europe-west12"),
        ("firebase_web_app_name", "Anava Device Manager"),
        ("firebase_web_app_name", "1 (test) a_b-c.d"),
        ("pool_suffix", ""),
        ("key_suffix", "k3"),
        ("role_suffix", "r4"),
        ("allowed_origins", []),
        ("allowed_origins", ["https://a", "https://cameras.example.com:8443", "http://localhost"]),
        ("destroy_customer_data", True),
        ("propagation_seconds", 0),
        ("propagation_seconds", 600),
    ],
)
def test_a_variable_of_the_real_template_travels_as_it_was_written(name: str, value: Value) -> None:
    assert json.loads(check(with_anava(name, value)).variables_json) == {name: value}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("firestore_database_id", item) for item in [*HOSTILE_NAMES, "abc", 1]),
        *(
            ("firestore_location", entry)
            for entry in [*HOSTILE_NAMES, "nam6", "nam7", "US", "nam5 "]
        ),
        ("firebase_web_app_name", ""),
        ("firebase_web_app_name", "two\nlines"),
        ("firebase_web_app_name", "\x1b[31m"),
        ("firebase_web_app_name", "x" * 64),
        ("firebase_web_app_name", "Kameras für ${x} <b>"),
        *(("pool_suffix", element) for element in [*HOSTILE_NAMES[1:], "x" * 9, "A"]),
        *(("role_suffix", each) for each in [*HOSTILE_NAMES[1:], "x" * 9, 1, "a_b", "A"]),
        *(("key_suffix", each) for each in [*HOSTILE_NAMES[1:], "x" * 9, 1]),
        ("destroy_customer_data", "true"),
        ("destroy_customer_data", 1),
        *(("propagation_seconds", each) for each in (-1, 601, 0.5, "60", True, "1; true")),
    ],
)
def test_any_other_value_of_the_real_template_is_refused(name: str, value: Value) -> None:
    assert named(with_anava(name, value)) == [(f"/variables/{name}", "value")]


HOSTILE_ORIGINS: list[object] = [
    *HOSTILE_NAMES,
    "*",
    "https://*",
    "http://example.com",
    "https://example.com/",
    "https://example.com/path",
    "https://user@example.com",
    "https://example.com:port",
    "https://example.com:0",
    "https://example.com:123456",
    "http://localhost.example.com",
    "http://127.0.0.1",
    "https://EXAMPLE.com",
    "https://example.com\n",
    "https://example.com\0",
    "https://exa mple.com",
    "https://\ud800",
    'https://example.com","*',
    "https://${var.project_id}",
    "https://" + "a" * 300,
    7,
    True,
    None,
    ["https://example.com"],
]


@pytest.mark.parametrize("origin", HOSTILE_ORIGINS)
def test_what_is_no_https_origin_is_refused_by_its_number_and_never_repeated(
    origin: object,
) -> None:
    origins: Any = ["https://example.com", origin]
    (problem,) = problems(with_anava("allowed_origins", origins))
    assert (problem.pointer, problem.code) == ("/variables/allowed_origins", "value")
    assert problem.message.startswith("Entry 2: The value ")
    assert len(problem.message) < 150


@pytest.mark.parametrize(
    "value",
    [
        "https://example.com",
        1,
        True,
        ["https://example.com"] * 2,
        [f"https://{number}.example.com" for number in range(21)],
        {"https://example.com": 1},
        None,
    ],
)
def test_what_is_no_short_list_of_different_origins_is_refused(value: Any) -> None:
    assert named(with_anava("allowed_origins", value)) == [("/variables/allowed_origins", "value")]


def test_a_list_is_no_text_and_no_number() -> None:
    for name in ("secret", "lines", "fail"):
        assert named(with_variable(name, ["1"])) == [(f"/variables/{name}", "value")]
