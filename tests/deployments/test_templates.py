"""The page of templates against the HCL, which is the truth."""

import json
import re

import pytest

from deployments.deployment import DEFAULT_TENANT, DeploymentRequest, Stack
from deployments.errors import InvalidRequest
from deployments.requests import DeploymentFields, Value, check
from deployments.templates import TEMPLATES
from tests.deployments.workspace import FIELDS, TERRAFORM, Fields, Workspace, refused_here

BLOCK = re.compile(r'^variable "(\w+)" \{\n(.*?)^\}', re.MULTILINE | re.DOTALL)
ARGUMENT = re.compile(r"^  (\w+) += (.+)$", re.MULTILINE)

AVAILABLE = [name for name in TEMPLATES if (TERRAFORM / name / "variables.tf").exists()]


def declared(template: str) -> dict[str, dict[str, str]]:
    """Each variable of the HCL with its arguments as they are written."""
    text = (TERRAFORM / template / "variables.tf").read_text()
    return {name: dict(ARGUMENT.findall(body)) for name, body in BLOCK.findall(text)}


@pytest.mark.parametrize("name", AVAILABLE)
def test_the_page_names_the_variables_of_the_hcl(name: str) -> None:
    set_by_the_service = {"template_version"}
    assert set(declared(name)) == FIELDS | set(TEMPLATES[name].variables) | set_by_the_service


@pytest.mark.parametrize("name", AVAILABLE)
@pytest.mark.parametrize("value", ["0123456789ab", "", "x" * 1000, 1, True, ["a"]])
def test_a_request_cannot_set_the_version_of_the_template(name: str, value: Value) -> None:
    fields = DeploymentFields("customer-1", template=name, variables={"template_version": value})
    with pytest.raises(InvalidRequest) as refused:
        check(fields)
    assert {problem.pointer for problem in refused.value.problems} == {
        "/variables/template_version"
    }


@pytest.mark.parametrize("name", AVAILABLE)
def test_a_variable_has_the_type_and_the_secrecy_of_the_hcl(name: str) -> None:
    hcl = declared(name)
    for variable, rule in TEMPLATES[name].variables.items():
        assert hcl[variable]["type"] == rule.kind, variable
        assert (hcl[variable].get("sensitive") == "true") is rule.sensitive, variable


@pytest.mark.parametrize("name", AVAILABLE)
def test_only_what_a_request_always_has_lacks_a_default(name: str) -> None:
    required = {variable for variable, body in declared(name).items() if "default" not in body}
    assert required == {"project_id"}


@pytest.mark.parametrize("name", AVAILABLE)
def test_no_variable_may_be_null(name: str) -> None:
    assert {body["nullable"] for body in declared(name).values()} == {"false"}


@pytest.mark.parametrize("name", AVAILABLE)
def test_the_defaults_of_a_request_are_those_of_the_hcl(name: str) -> None:
    hcl, asked = declared(name), DeploymentFields(project_id="customer-1", template="sandbox")
    for field in FIELDS - {"project_id"}:
        assert json.loads(hcl[field]["default"]) == getattr(asked, field), field


@pytest.mark.parametrize("name", AVAILABLE)
def test_every_default_of_the_hcl_is_allowed_by_its_rule(name: str) -> None:
    hcl = declared(name)
    defaults = {
        variable: json.loads(hcl[variable]["default"]) for variable in TEMPLATES[name].variables
    }
    check(DeploymentFields(project_id="customer-1", template=name, variables=defaults))


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace(tmp_path_factory.mktemp("sandbox"), "sandbox")


@pytest.fixture(scope="module")
def anava(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace(tmp_path_factory.mktemp("anava"), "anava")


TAKEN: list[Fields] = [
    {},
    {
        "project_id": "abcdef",
        "prefix": "a",
        "region": "a-b1",
        "storage_location": "EUR5",
        "resource_seconds": 0,
        "lines": 0,
        "resources": 1,
        "fail": "",
        "secret": "",
    },
    {
        "project_id": "a" + "-" * 28 + "z",
        "prefix": "a" + "-" * 13 + "z",
        "region": "europe-west12",
        "storage_location": "US-CENTRAL1",
        "resource_seconds": 3600,
        "lines": 1_000,
        "resources": 1000,
        "fail": "edge-1000",
        "secret": "${var.prefix} %{ if true } \"'\\\n\t\u2028\x01é😀",
    },
    {"resource_seconds": 1e-320, "lines": 3.0, "fail": "services-4", "secret": "x" * 4096},
    {"lines": 1_000_000, "resources": 1},
    {"storage_location": "northamerica-northeast2", "lines": -0.0, "fail": "foundation-1"},
]
REFUSED: list[Fields] = [
    {
        "project_id": "abcde",
        "prefix": "a-",
        "region": "us",
        "storage_location": "us",
        "resource_seconds": -0.001,
        "lines": 0.5,
        "resources": 0,
        "fail": "services-0",
    },
    {
        "project_id": "a" * 31,
        "prefix": "a" * 16,
        "region": "us-central123",
        "storage_location": "EUR6",
        "resource_seconds": 3600.001,
        "lines": 1_000_001,
        "resources": 1001,
        "fail": "service-1",
    },
    {
        "project_id": "customer-1\n",
        "prefix": "anava\n",
        "region": "us-central1\n",
        "storage_location": "US\n",
        "resource_seconds": "soon",
        "lines": -1,
        "resources": 1.5,
        "fail": "services-1\n",
    },
]


@pytest.mark.parametrize(
    "fields",
    [
        {"lines": 250_001},
        {"lines": 1_001, "resources": 1000},
        {"lines": 1_000_000, "resources": 1000},
    ],
)
def test_a_log_beyond_a_million_lines_of_a_layer_is_refused_here_and_by_terraform(
    sandbox: Workspace, fields: Fields
) -> None:
    """3,000 resources with a million lines each made 1.9 TB of log."""
    assert refused_here(fields, "sandbox") == ["lines"]
    (message,) = sandbox.refused(fields)
    assert message.startswith("lines times resources is 1000000 at most.")


@pytest.mark.parametrize("fields", TAKEN)
def test_a_value_that_the_service_takes_is_taken_by_terraform(
    sandbox: Workspace, fields: Fields
) -> None:
    assert refused_here(fields, "sandbox") == []
    assert sandbox.refused(fields) == []


@pytest.mark.parametrize("fields", REFUSED)
def test_a_value_that_the_service_refuses_is_refused_by_terraform(
    sandbox: Workspace, fields: Fields
) -> None:
    """Any text went through as `fail`, and the deployment failed in plan."""
    assert refused_here(fields, "sandbox") == sorted(fields)
    for name, value in fields.items():
        assert sandbox.refused({name: value}), f"terraform takes {name}={value!r}"


ANAVA_TAKEN: list[Fields] = [
    {},
    {
        "firestore_database_id": "a1-b",
        "firestore_location": "eur3",
        "firebase_web_app_name": "1 (test) a_b-c.d",
        "allowed_origins": ["https://a", "https://x.example.com:8443", "http://localhost:5173"],
        "destroy_customer_data": True,
        "propagation_seconds": 600,
        "pool_suffix": "p2",
        "key_suffix": "12345678",
        "role_suffix": "r3",
    },
    {"firestore_database_id": "(default)", "firestore_location": "us-east1", "pool_suffix": ""},
    {"allowed_origins": [f"https://{number}.example.com" for number in range(20)]},
]
ANAVA_REFUSED: list[Fields] = [
    {
        "firestore_database_id": "abc",
        "firestore_location": "nam6",
        "firebase_web_app_name": "",
        "allowed_origins": ["*"],
        "pool_suffix": "A",
        "propagation_seconds": 601,
        "key_suffix": "123456789",
        "role_suffix": "a_b",
    },
    {
        "firestore_database_id": "a" * 64,
        "firestore_location": "US",
        "firebase_web_app_name": "x" * 64,
        "allowed_origins": ["https://a.com/"],
        "pool_suffix": "p-2",
        "propagation_seconds": -1,
    },
    {
        "firestore_database_id": "default)",
        "firestore_location": "eur3\n",
        "firebase_web_app_name": "two\nlines",
        "allowed_origins": ["https://a.com", "http://a.com"],
        "key_suffix": "\n",
        "propagation_seconds": 0.5,
    },
    {"allowed_origins": ["https://a.com\n"]},
    {"allowed_origins": ["https://a.com:0"]},
    {"allowed_origins": [f"https://{number}.example.com" for number in range(21)]},
]


@pytest.mark.parametrize("fields", ANAVA_TAKEN)
def test_what_the_service_takes_for_the_real_template_is_taken_by_terraform(
    anava: Workspace, fields: Fields
) -> None:
    assert refused_here(fields, "anava") == []
    assert anava.refused(fields) == []


@pytest.mark.parametrize("fields", ANAVA_REFUSED)
def test_what_the_service_refuses_for_the_real_template_is_refused_by_terraform(
    anava: Workspace, fields: Fields
) -> None:
    assert refused_here(fields, "anava") == sorted(fields)
    for name, value in fields.items():
        assert anava.refused({name: value}), f"terraform takes {name}={value!r}"


def test_a_resource_to_fail_that_is_not_there_is_found_by_terraform_alone(
    sandbox: Workspace,
) -> None:
    fields: Fields = {"resources": 2, "fail": "edge-3"}
    assert refused_here(fields, "sandbox") == []
    (message,) = sandbox.refused(fields)
    assert message.startswith("fail names a resource that exists")


def test_a_stack_id_names_its_four_parts_without_doubt() -> None:
    request: DeploymentRequest = check(DeploymentFields("customer-1", "sandbox", prefix="a-b"))
    tenant, *parts = request.stack.id.split(".")
    assert request.stack == Stack(parts[0], parts[1], parts[2], tenant)
    assert tenant == DEFAULT_TENANT
