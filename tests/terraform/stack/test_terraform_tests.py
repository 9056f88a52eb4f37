"""`terraform test` of the Anava template with the schema of Google's provider."""

import re
import shutil
from pathlib import Path

import pytest

from tests.support.real_provider import ANAVA, Failed, Template

pytestmark = pytest.mark.heavy


@pytest.fixture
def tested(template: Template) -> Template:
    """With its tests, which the service does not copy into a run directory."""
    shutil.copytree(ANAVA / "tests", template.work / "tests")
    return template


def test_rules_and_names_hold(tested: Template) -> None:
    files = (ANAVA / "tests").glob("*.tftest.hcl")
    cases = sum(len(re.findall(r"^run ", file.read_text(), re.M)) for file in files)

    assert f"Success! {cases} passed, 0 failed." in tested.run("test", "-no-color")


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("identities.tf", "-device-auth-sa", "-device-auth-sa2"),
        ("functions.tf", '-fn"\n  location', '-function-of-the-whole-stack"\n  location'),
        ("storage.tf", "-functions", "-sources-of-functions"),
        ("federation.tf", 'compact(["devices"', 'compact(["devices2"'),
    ],
)
def test_a_longer_name_is_noticed(tested: Template, file: str, old: str, new: str) -> None:
    path: Path = tested.work / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))

    # The provider itself has the limit of service accounts and of pools.
    with pytest.raises(
        Failed, match=r"Test assertion failed|\"(account|workload_identity_pool)_id\""
    ):
        tested.run("test", "-no-color", "-filter=tests/names.tftest.hcl")
