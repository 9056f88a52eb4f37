"""Keys of resources hold any characters, and secrets: the end of a deployment stays true."""

from pathlib import Path

from deployments.deployment import Status
from deployments.reasons import Reason
from tests.scenarios.own_template import OwnTemplate
from tests.support.invariants import check_invariants
from tests.support.secrets import PLANTED
from tests.support.service import House

# A secret is part of a key; terraform refuses a key that is marked as sensitive.
_STACK = r"""
resource "terraform_data" "named" {
  for_each = toset([
    "$${a}", "%%{b}", "c\u00a0d", "\u007f", "\"quoted\"", "\n", "\U0001f600",
    "${join("", [for _ in range(600) : "k"])}", "first-${nonsensitive(var.secret)}",
    "second-${nonsensitive(var.secret)}",
  ])
}
resource "terraform_data" "broken" {
  depends_on = [terraform_data.named]
  provisioner "local-exec" {
    command = "exit 3"
  }
}
"""


async def test_an_ordinary_failure_is_reported_with_resources_of_any_name(
    house: House, tmp_path: Path
) -> None:
    """It was reported as `needs_attention`, with resources that are not in the state."""
    OwnTemplate(house, tmp_path / "templates").write(_STACK)
    house.worker()
    deployment = await house.deploy()

    result = await deployment.result()

    assert (result.status, result.reason) == (Status.FAILED, Reason.APPLY_FAILED)
    assert (result.unrecorded, result.unknown) == ([], [])
    assert len(result.changed) == 10
    assert 'terraform_data.named["$${a}"]' in result.changed
    assert 'terraform_data.named["first-(sensitive)"]' in result.changed
    assert result.errors[0].resource == "terraform_data.broken"
    for path in deployment.folder.rglob("*"):
        assert not (path.is_file() and PLANTED.encode() in path.read_bytes()), path
    await check_invariants(house, deployment)
