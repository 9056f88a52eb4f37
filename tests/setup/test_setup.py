"""scripts/setup on a machine without a terraform that fits."""

import os
import platform
import re
import subprocess
from pathlib import Path

from tests.setup.checkout import Checkout, Releases, packed, program, terraform
from tests.support.servers import ROOT

PINNED = dict(
    re.findall(r'"(amd64|arm64)": "([0-9a-f]{64})"', (ROOT / "scripts" / "download").read_text())
)
MACHINE = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
ARCHIVE = f"/1.11.4/terraform_1.11.4_linux_{MACHINE}.zip"
RELEASE = packed("terraform", "#!/bin/sh\necho 'Terraform v1.11.4'\n")


def serve(checkout: Checkout, releases: Releases) -> None:
    releases.files[ARCHIVE] = RELEASE
    checkout.pin(PINNED[MACHINE], RELEASE)


def setup(
    checkout: Checkout, releases: Releases, **settings: str
) -> "subprocess.CompletedProcess[str]":
    return checkout.run("scripts/setup", SETUP_TERRAFORM_RELEASES=releases.address, **settings)


def version_of(binary: Path) -> str:
    return subprocess.run([binary], capture_output=True, text=True, check=True).stdout  # noqa: S603


def test_the_release_is_downloaded_into_the_virtual_environment_once(
    checkout: Checkout, releases: Releases
) -> None:
    serve(checkout, releases)

    first, second = setup(checkout, releases), setup(checkout, releases)

    assert (first.returncode, first.stderr) == (0, "")
    assert version_of(checkout.root / ".venv" / "bin" / "terraform") == "Terraform v1.11.4\n"
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    assert releases.requests == [ARCHIVE]


def test_a_terraform_that_is_too_old_is_left_alone_and_another_downloaded(
    checkout: Checkout, releases: Releases
) -> None:
    serve(checkout, releases)
    program(checkout.tools / "terraform", *terraform("1.5.7"))

    assert setup(checkout, releases).returncode == 0

    assert version_of(checkout.root / ".venv" / "bin" / "terraform") == "Terraform v1.11.4\n"
    assert version_of(checkout.tools / "terraform") == "Terraform v1.5.7\n"


def test_a_terraform_that_fits_is_used_as_it_is(checkout: Checkout, releases: Releases) -> None:
    program(checkout.tools / "terraform", *terraform("1.9.0"))

    assert setup(checkout, releases).returncode == 0

    assert releases.requests == []
    assert not (checkout.root / ".venv" / "bin" / "terraform").exists()


def test_a_new_virtual_environment_gets_the_downloaded_terraform_again(
    checkout: Checkout, releases: Releases
) -> None:
    serve(checkout, releases)
    setup(checkout, releases)
    (checkout.root / ".venv" / "bin" / "terraform").unlink()

    assert setup(checkout, releases).returncode == 0

    assert os.access(checkout.root / ".venv" / "bin" / "terraform", os.X_OK)
    assert releases.requests == [ARCHIVE]


def test_a_network_without_the_host_gets_a_sentence_that_says_what_to_install(
    checkout: Checkout, releases: Releases
) -> None:
    ended = checkout.run("scripts/setup", SETUP_TERRAFORM_RELEASES="http://127.0.0.1:9")

    assert ended.returncode == 1
    assert "cannot be downloaded from http://127.0.0.1:9/1.11.4/" in ended.stderr
    assert "terraform 1.9 or newer is needed. Found: no 'terraform'." in ended.stderr
    assert "'Install Terraform' on HashiCorp's developer site" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert checkout.programs == []


def test_a_release_with_another_checksum_is_refused(checkout: Checkout, releases: Releases) -> None:
    releases.files[ARCHIVE] = RELEASE

    ended = setup(checkout, releases)

    assert ended.returncode == 1
    assert f", not {PINNED[MACHINE]}." in ended.stderr
    assert checkout.programs == []


def test_a_mirror_without_the_release_is_named(checkout: Checkout, releases: Releases) -> None:
    ended = setup(checkout, releases)

    assert ended.returncode == 1
    assert f"cannot be downloaded from {releases.address}{ARCHIVE}: HTTP Error 404" in ended.stderr


def test_a_named_binary_that_does_not_fit_is_not_replaced(
    checkout: Checkout, releases: Releases
) -> None:
    serve(checkout, releases)
    old = checkout.root / "old"
    program(old, *terraform("1.5.7"))

    ended = setup(checkout, releases, ANAVA_TERRAFORM__BINARY=str(old))

    assert ended.returncode == 1
    assert f"Found: '{old}' is 1.5.7." in ended.stderr
    assert releases.requests == []
