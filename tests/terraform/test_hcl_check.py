"""The offline check: it passes the stack, and finds each kind of mistake in it."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.servers import ROOT
from tests.terraform import hcl_check, provider_schema
from tests.terraform.hcl_files import HclError, bodies, expressions

ANAVA = ROOT / "terraform" / "anava"
SCHEMA = provider_schema.load()


def found(folder: Path, text: str) -> list[str]:
    (folder / "main.tf").write_text(text)
    return [finding.message for finding in hcl_check.findings(folder, SCHEMA)]


BUCKET = """
variable "name" {}
resource "google_storage_bucket" "files" {
  name     = var.name
  location = "US"
  %s
}
"""


def test_the_stack_fits_the_schema() -> None:
    assert [str(finding) for finding in hcl_check.findings(ANAVA, SCHEMA)] == []


def test_the_stack_was_read() -> None:
    read = {(body.keyword, body.type) for body in bodies(ANAVA)}

    assert ("resource", "google_api_gateway_api_config") in read
    assert ("data", "google_firebase_web_app_config") in read
    assert ("provider", "google") in read


@pytest.mark.parametrize(
    "inside",
    [
        "",
        'labels = { a = "b", (var.name) = var.name }',
        "force_destroy = var.name",
        'storage_class = "${var.name}"',
        'storage_class = "A-${var.name}-${upper("}")}"',
        "cors {}",
        'cors {\n    origin = ["a", var.name]\n    max_age_seconds = 60\n  }\n  cors {}',
        'dynamic "cors" {\n    for_each = [1]\n    content {\n      origin = var.name\n    }\n  }',
        "lifecycle {\n    prevent_destroy = true\n  }\n  depends_on = []\n  count = 1",
        'timeouts {\n    create = "5m"\n  }',
        "project = null",
    ],
)
def test_what_terraform_takes_passes(tmp_path: Path, inside: str) -> None:
    assert found(tmp_path, BUCKET % inside) == []


@pytest.mark.parametrize(
    ("inside", "message"),
    [
        ('colour = "red"', "there is no argument colour"),
        ('cors {\n    colour = "red"\n  }', "there is no argument colour"),
        (
            'dynamic "cors" {\n    for_each = [1]\n    content {\n      colour = 1\n    }\n  }',
            "there is no argument colour",
        ),
        ('self_link = "x"', "the attribute self_link is Google's to set"),
        ("logging {}", "the argument log_bucket is required"),
        ("lifecycle_rule {\n    condition {}\n  }", "the block action is required"),
        ("paint {}", "paint is no block here"),
        ('dynamic "paint" {\n    for_each = [1]\n    content {}\n  }', "paint is no block here"),
        ('provisioner "local-exec" {\n    command = "x"\n  }', "provisioner is no block here"),
        ("labels {}", "labels is an argument, not a block"),
        ("cors = []", "cors is a block, not an argument"),
        (
            "versioning {\n    enabled = true\n  }\n  versioning {\n    enabled = true\n  }",
            "the block versioning may stand 1 times at most",
        ),
        ("storage_class = 5", "storage_class must be a string"),
        ("storage_class = true", "storage_class must be a string"),
        ('storage_class = ["A"]', "storage_class must be a string"),
        ('force_destroy = "yes"', "force_destroy must be a bool"),
        ("force_destroy = 1", "force_destroy must be a bool"),
        ('labels = "a"', "labels must be a map"),
        ('labels = ["a"]', "labels must be a map"),
        ("labels = { a = 1 }", "labels.a must be a string"),
        ('cors {\n    origin = "a"\n  }', "origin must be a list"),
        ("cors {\n    origin = [true]\n  }", "origin[0] must be a string"),
        ('cors {\n    max_age_seconds = "60 s"\n  }', "max_age_seconds must be a number"),
        ("storage_class = var.nmae", "var.nmae is declared nowhere"),
        ('storage_class = "a-${local.nmae}"', "local.nmae is declared nowhere"),
        (
            "storage_class = google_storage_bucket.flies.url",
            "google_storage_bucket.flies.url is declared nowhere",
        ),
        (
            "storage_class = google_storage_bucket.files.ulr",
            "google_storage_bucket.files has no attribute ulr",
        ),
    ],
)
def test_each_mistake_is_found(tmp_path: Path, inside: str, message: str) -> None:
    assert found(tmp_path, BUCKET % inside) == [message]


def test_a_type_that_does_not_exist_is_found(tmp_path: Path) -> None:
    text = 'resource "google_storage_bukcet" "a" {}\ndata "google_projekt" "b" {}\n'

    assert found(tmp_path, text) == [
        "no resource is of the type google_storage_bukcet",
        "no data is of the type google_projekt",
    ]


def test_a_missing_argument_is_found_on_the_line_of_its_block(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text('\n\nresource "google_storage_bucket" "a" {\n}\n')

    assert [str(finding) for finding in hcl_check.findings(tmp_path, SCHEMA)] == [
        "main.tf:3: google_storage_bucket.a: the argument location is required",
        "main.tf:3: google_storage_bucket.a: the argument name is required",
    ]


def test_a_provider_is_held_against_its_schema(tmp_path: Path) -> None:
    assert found(tmp_path, 'provider "google" {\n  projekt = "a"\n}\n') == [
        "there is no argument projekt"
    ]


@pytest.mark.parametrize(
    ("part", "old", "new", "message"),
    [
        ("storage.tf", "uniform_bucket_level_access", "uniform_access", "there is no argument"),
        ("gateway.tf", "api_targets {", "targets {", "targets is no block here"),
        ("firestore.tf", "location_id = var.firestore_location", "", "location_id is required"),
        (
            "functions.tf",
            "timeout_seconds                  = 30",
            'timeout_seconds = "x"',
            "number",
        ),
        ("secrets.tf", '"google_secret_manager_secret"', '"google_secret"', "no resource is of"),
    ],
)
def test_a_mistake_in_the_stack_itself_is_found(
    tmp_path: Path, part: str, old: str, new: str, message: str
) -> None:
    for file in ANAVA.glob("*.tf"):
        text = file.read_text()
        if file.name == part:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / file.name).write_text(text)

    assert message in "\n".join(str(finding) for finding in hcl_check.findings(tmp_path, SCHEMA))


@pytest.mark.parametrize("text", ['resource "a" {', "}", "a = ", 'a = "\x00', "\x00", "é"])
def test_what_is_no_hcl_is_an_error_that_names_the_file(tmp_path: Path, text: str) -> None:
    with pytest.raises(HclError, match=r"^main\.tf: "):
        found(tmp_path, text)


def test_only_what_stands_in_braces_is_an_expression() -> None:
    assert list(expressions("a ${b} $${c} ${d({e = 1})} var.f")) == ["b", "d({e = 1})"]


@pytest.mark.parametrize(
    ("folder", "status", "says"),
    [("terraform/anava", 0, "fits the schema"), ("wrong", 1, "wrong/main.tf:1: ")],
)
def test_the_command_says_what_is_wrong_with_its_exit_status(
    tmp_path: Path, folder: str, status: int, says: str
) -> None:
    (tmp_path / "wrong").mkdir()
    (tmp_path / "wrong" / "main.tf").write_text('resource "google_storage_bukcet" "a" {}\n')
    asked = ROOT / folder if status == 0 else tmp_path / folder

    ended = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, ROOT / "scripts" / "check-hcl", asked],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (ended.returncode, says in ended.stdout) == (status, True), ended.stdout + ended.stderr
