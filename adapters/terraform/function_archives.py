"""Reproducible archives of Cloud Functions' sources: equal content gives equal bytes.

The archive's hash is part of the source object's name, so other bytes would rebuild and redeploy
the function.
"""

import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path

__all__ = ["pack"]

# A fixed timestamp, the earliest of the format; a copied file's mtime is arbitrary.
_TIMESTAMP = (1980, 1, 1, 0, 0, 0)
_MODE = stat.S_IFREG | 0o644
_UNIX = 3


def pack(template: Path) -> None:
    """Write `functions/<name>.zip` for each folder `functions/<name>/`, if any."""
    for folder in sorted((template / "functions").glob("*/")):
        _write(folder, folder.with_name(f"{folder.name}.zip"))


def _write(folder: Path, archive: Path) -> None:
    # Stored, not deflated: a few kilobytes, and the bytes do not depend on the build of zlib.
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
        for name, content in _files(folder):
            info = zipfile.ZipInfo(name, _TIMESTAMP)
            info.create_system = _UNIX
            info.external_attr = _MODE << 16
            file.writestr(info, content)


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents, ordered by name."""
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    for name, path in sorted(paths.items()):
        if path.is_file() and "__pycache__" not in path.parts:
            yield name, path.read_bytes()
