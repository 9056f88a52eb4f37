"""A sensitive output is secret as a whole; the project's id, a part of it, stays readable."""

from pathlib import Path

from tests.scenarios.own_template import OwnTemplate
from tests.support.artifacts import prefix
from tests.support.front import Front
from tests.support.service import House

SECRET = "key-planted-4711"  # noqa: S105 - planted
OUTPUT = f"""output "config" {{
  sensitive = true
  value     = {{ projectId = var.project_id, apiKey = "{SECRET}" }}
}}"""
REFUSED = f"""resource "terraform_data" "one" {{
  lifecycle {{
    precondition {{
      condition     = var.project_id == ""
      error_message = "${{var.project_id}} is refused with {SECRET}"
    }}
  }}
}}"""


async def test_an_error_names_the_project_after_an_earlier_deployment(
    house: House, front: Front, tmp_path: Path
) -> None:
    """The state's outputs were hidden with each text in them, also the id of the project."""
    template = OwnTemplate(house, tmp_path / "templates")
    template.write(OUTPUT)
    house.worker()
    name = prefix()
    await front.deploy(name)
    template.write(OUTPUT, REFUSED)
    ended = await front.json(await front.deploy(name))
    details = [error["detail"] for error in ended["result"]["errors"]]
    assert any("demo-project-1 is refused with (sensitive)" in detail for detail in details), (
        details
    )
