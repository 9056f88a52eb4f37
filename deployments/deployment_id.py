"""The ids of deployments and stacks, which are the names of workflows, folders and objects."""

import re

__all__ = ["is_deployment_id", "is_stack_id"]

# `dep-` and 130 bits in base32: an id is no path, no pattern and no option of a program.
_DEPLOYMENT = re.compile(r"dep-[a-z2-7]{26}", re.ASCII)
# tenant.template.project.prefix; each part is a name of small letters, digits and hyphens.
_STACK = re.compile(r"[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63}){3}", re.ASCII)


def is_deployment_id(text: str) -> bool:
    """Whether the whole text is an id that the API makes."""
    return _DEPLOYMENT.fullmatch(text) is not None


def is_stack_id(text: str) -> bool:
    """Whether the whole text has the form of `deployments/deployment.py:Stack.id`."""
    return _STACK.fullmatch(text) is not None
