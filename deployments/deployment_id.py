"""The id of a deployment: the id of the workflow, and the name of each folder of the deployment."""

import re

__all__ = ["is_deployment_id"]

# `dep-` and 130 bits in base32: an id is no path, no pattern and no option of a program.
_PATTERN = re.compile(r"dep-[a-z2-7]{26}", re.ASCII)


def is_deployment_id(text: str) -> bool:
    """Whether the whole text is an id that the API makes."""
    return _PATTERN.fullmatch(text) is not None
