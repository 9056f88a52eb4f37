"""A template of a test's own under the name `sandbox`, which the test may change between runs."""

import shutil
from pathlib import Path

from tests.support.servers import ROOT
from tests.support.service import House


class OwnTemplate:
    """The folder of a template with the variables of the sandbox; each worker copies it."""

    def __init__(self, house: House, folder: Path) -> None:
        self._sandbox = folder / "sandbox"
        self._sandbox.mkdir(parents=True)
        for name in ("variables.tf", "versions.tf"):
            shutil.copy(ROOT / "terraform" / "sandbox" / name, self._sandbox)
        house.settings = {**house.settings, "ANAVA_TERRAFORM__TEMPLATES": str(folder)}

    def write(self, *blocks: str) -> None:
        """Replace all resources and outputs."""
        (self._sandbox / "main.tf").write_text("\n".join(blocks))
