"""Folders and files whose names are ids: the only place where an id becomes a path."""

import os
import stat
from pathlib import Path

from deployments.deployment_id import is_deployment_id, is_stack_id
from deployments.errors import NotFound

__all__ = [
    "deployment_file",
    "deployment_folder",
    "deployment_folders",
    "is_own_folder",
    "stack_folder",
]


def deployment_folder(root: Path, deployment: str) -> Path:
    """`<root>/<deployment>`, which may be missing; raises NotFound for any other path."""
    return _folder(root, deployment, is_id=is_deployment_id(deployment))


def deployment_folders(root: Path) -> list[Path]:
    """The folders of deployments that this process's user has below `root`, which may be missing.

    The time grows with their number.
    """
    if not root.is_dir():
        return []
    return [path for path in root.iterdir() if is_deployment_id(path.name) and is_own_folder(path)]


def deployment_file(root: Path, deployment: str, suffix: str) -> Path:
    """`<root>/<deployment><suffix>`, which may be missing; raises NotFound for no id."""
    if not is_deployment_id(deployment):
        raise NotFound("The id has a wrong form.")
    return root / f"{deployment}{suffix}"


def stack_folder(root: Path, stack: str) -> Path:
    """`<root>/<stack>`, which may be missing; raises NotFound for any other path."""
    return _folder(root, stack, is_id=is_stack_id(stack))


def is_own_folder(path: Path) -> bool:
    """Whether the path is a folder of this process's user, and no symbolic link."""
    try:
        status = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()


def _folder(root: Path, name: str, *, is_id: bool) -> Path:
    if not is_id:
        raise NotFound("The id has a wrong form.")
    # An id has no separator, so only a link in its own place could lead out of the root: the real
    # path is below the root's without the calls of `realpath`, and a scan makes many paths.
    path = root / name
    if os.path.lexists(path) and not is_own_folder(path):
        raise NotFound("The folder belongs to another user or is a link.")
    return path
