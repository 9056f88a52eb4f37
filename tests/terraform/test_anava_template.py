"""The Anava template as text: what it may use, what it asks for, what it hands out."""

import re
from collections import Counter

import pytest

from tests.support.real_provider import ANAVA
from tests.terraform.anava_contract import CONTRACT_APIS, OUTPUTS, SENSITIVE
from tests.terraform.hcl_files import bodies, texts

TEMPLATE = bodies(ANAVA)


def of(keyword: str) -> list[tuple[str, dict[str, object]]]:
    return [(body.label, body.content) for body in TEMPLATE if body.keyword == keyword]


def test_everything_comes_from_one_provider() -> None:
    kinds = {
        label.partition("_")[0] for keyword in ("resource", "data") for label, _ in of(keyword)
    }

    # Terraform's own waits.
    assert kinds == {"google", "terraform"}
    # Twice: with the customer's project as quota project, and without for the first two APIs.
    assert [label for label, _ in of("provider")] == ["google", "google"]
    (terraform,) = (body.content for body in TEMPLATE if body.keyword == "terraform")
    (providers,) = terraform["required_providers"]
    assert providers["google"] == {"source": "hashicorp/google-beta", "version": "7.45.0"}
    assert {name for name in providers if not name.startswith("__")} == {"google"}


def test_the_template_is_blocks_of_these_kinds_only() -> None:
    """No module is fetched while a customer waits, and the backend is the service's to write."""
    kinds = {body.keyword for body in TEMPLATE}

    assert kinds == {
        *("terraform", "provider", "variable", "locals", "resource", "data", "output"),
        "moved",
    }


def test_nothing_runs_a_program_but_three_waits() -> None:
    written = "\n".join(file.read_text() for file in ANAVA.glob("*.tf"))
    programs = {
        text
        for _, content in of("resource")
        for text in texts(content.get("provisioner", []))
        if "local." in text
    }

    assert re.findall(r"null_resource|time_sleep|gcloud", written) == []
    assert written.count("provisioner") == 3
    assert programs == {
        f"${{local.wait_commands.{name}}}" for name in ("apis", "gateway_api", "roles")
    }


def test_no_path_leads_out_of_the_module() -> None:
    written = "\n".join(text for body in TEMPLATE for text in texts(body.content))
    opened = re.findall(r"\b(?:file\w*|templatefile|fileset)\(([^)]*)\)", written)

    assert opened != []
    assert [item for item in opened if not item.startswith(('"${path.module}/', "archive"))] == []
    (archives,) = (
        dict(content)["archives"] for _, content in of("locals") if "archives" in content
    )
    assert {value[:15] for value in texts(archives) if ".zip" in value} == {"${path.module}/"}
    assert re.findall(r"path\.(?!module\b)\w+|\.\./", written) == []


def test_the_outputs_are_the_contracts_and_two_of_them_are_secret() -> None:
    assert {label for label, _ in of("output")} == OUTPUTS
    assert {label for label, body in of("output") if body.get("sensitive")} == SENSITIVE


def test_each_output_says_what_it_is() -> None:
    assert [label for label, body in of("output") if not body.get("description")] == []


def test_the_apis_of_the_contract_are_enabled_and_never_disabled() -> None:
    text = (ANAVA / "services.tf").read_text()
    named = {f"{name}.googleapis.com" for name in re.findall(r'^    "(\w+)",', text, re.MULTILINE)}
    (first,) = re.findall(r"first_services = toset\(\[(.*)\]\)", text)
    named |= set(re.findall(r'"([\w.]+)"', first))

    assert named - CONTRACT_APIS == {
        "apikeys.googleapis.com",
        "firebaserules.googleapis.com",
        "servicecontrol.googleapis.com",
    }
    assert CONTRACT_APIS - named == set()
    services = [
        body for label, body in of("resource") if label.startswith("google_project_service.")
    ]
    assert [body["disable_on_destroy"] for body in services] == [False, False, False]


def test_no_role_is_owner_editor_or_admin_and_only_the_build_reaches_data() -> None:
    text = (ANAVA / "identities.tf").read_text() + (ANAVA / "federation.tf").read_text()

    assert Counter(re.findall(r'"(roles/[\w.]+)"', text)) == Counter(
        {
            "roles/logging.logWriter": 4,
            "roles/artifactregistry.writer": 1,
            "roles/storage.objectViewer": 1,
            "roles/iam.serviceAccountTokenCreator": 1,
            "roles/iam.workloadIdentityUser": 1,
            "roles/run.invoker": 1,
        }
    )


@pytest.mark.parametrize("rules", ["firestore", "storage"])
def test_each_permission_of_the_rules_is_a_devices_own(rules: str) -> None:
    text = (ANAVA / "rules" / f"{rules}.rules").read_text()
    allowed = re.findall(r"allow [\w, ]+:(.*?);", text, re.DOTALL)
    own = (
        "if request.auth != null && request.auth.uid == deviceId"
        " && request.auth.token.anava_device == true"
    )

    assert allowed != []
    assert [item for item in allowed if not " ".join(item.split()).startswith(own)] == []
    assert len(re.findall(r"\{deviceId\}", text)) == 1
    assert text.index("/devices/{deviceId}") < text.index("allow")


def test_every_ruleset_has_its_release() -> None:
    labels = [label for label, _ in of("resource")]

    assert {item.replace("_ruleset.", "_release.") for item in labels if "_ruleset." in item} == {
        entry for entry in labels if "_release." in entry
    }


def test_the_token_of_a_device_predicts_and_nothing_else() -> None:
    """It could start jobs, and read every device's documents and files."""
    resources = dict(of("resource"))

    assert resources["google_project_iam_custom_role.device"]["permissions"] == [
        "aiplatform.endpoints.predict"
    ]
    given = [
        label
        for label, body in resources.items()
        if 'google_service_account.this["vertex-ai"].member' in str(body.get("member"))
    ]
    assert given == ["google_project_iam_member.device"]


def test_the_pool_admits_only_what_device_auth_signed_for() -> None:
    condition = str(dict(of("resource"))["google_iam_workload_identity_pool_provider.firebase"])
    claims = (ANAVA / "functions" / "device-auth" / "main.py").read_text()

    assert "has(assertion.anava_device)" in condition
    assert "assertion.anava_device == true" in condition
    assert '"claims": {"anava_device": True}' in claims


def test_an_instance_has_a_thread_for_each_of_its_calls() -> None:
    service = str(dict(of("resource"))["google_cloudfunctions2_function.this"]["service_config"])

    assert "'max_instance_request_concurrency': '${local.concurrent_calls}'" in service
    assert "THREADS" in service
    assert "tostring(local.concurrent_calls)" in service


# Name with the longest prefix, project id and suffix; Google's limit.
LIMITS = [
    ("a service account", "{prefix}-api-gateway-sa", 30),
    ("a bucket", "{project}-{prefix}-functions", 63),
    ("a pool", "devices-{prefix}-{suffix}", 32),
    ("a key", "{prefix}-gateway-key-{suffix}", 63),
    ("a custom role", "{prefix}_device_{suffix}", 64),
    ("a function's Cloud Run service", "{prefix}-device-auth-fn", 49),
    ("a gateway", "{prefix}-gateway", 63),
]


@pytest.mark.parametrize(("what", "name", "limit"), LIMITS)
def test_the_longest_prefix_gives_names_that_google_takes(what: str, name: str, limit: int) -> None:
    longest = name.format(prefix="p" * 15, project="j" * 30, suffix="s" * 8)
    assert len(longest) <= limit, what
