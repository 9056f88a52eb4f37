"""Sources of cloud functions as archives: the same bytes for the same content, always.

An archive's hash is in the name of the object that a function is built from, so other bytes would
build and roll out the function anew.
"""

import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path

__all__ = ["pack"]

# The earliest time that the format can write; when a file was copied says nothing about it.
_TIME = (1980, 1, 1, 0, 0, 0)
_MODE = stat.S_IFREG | 0o644
_UNIX = 3


def pack(template: Path) -> None:
    """Write `functions/<name>.zip` for each folder `functions/<name>/`; none is no error."""
    for folder in sorted((template / "functions").glob("*/")):
        _write(folder, folder.with_name(f"{folder.name}.zip"))


def _write(folder: Path, archive: Path) -> None:
    # Stored, not deflated: a few kilobytes, and no two builds of zlib have to agree on the bytes.
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
        for name, content in _files(folder):
            entry = zipfile.ZipInfo(name, _TIME)
            entry.create_system = _UNIX
            entry.external_attr = _MODE << 16
            file.writestr(entry, content)


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Names and contents in an order that no file system decides."""
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    for name, path in sorted(paths.items()):
        if path.is_file() and "__pycache__" not in path.parts:
            yield name, path.read_bytes()
