"""Zips that are the same bytes for the same files: sorted, without times. So equal content has one name."""

from __future__ import annotations

import hashlib
import io
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

EPOCH = (1980, 1, 1, 0, 0, 0)
UNWANTED = frozenset({"__pycache__", ".DS_Store"})


def read(archive: Path) -> dict[str, bytes]:
    """Name to content of each file in the zip."""
    with zipfile.ZipFile(archive) as opened:
        return {entry.filename: opened.read(entry) for entry in opened.infolist() if not entry.is_dir()}


def tree(root: Path, prefix: str = "", without: tuple[Path, ...] = ()) -> dict[str, bytes]:
    """Name to content of each file below `root`, caches and the directories `without` left out."""
    found = {}
    for file in sorted(root.rglob("*")):
        inside = file.relative_to(root)
        unwanted = UNWANTED.intersection(inside.parts) or any(file.is_relative_to(path) for path in without)
        if file.is_file() and not unwanted:
            found[prefix + inside.as_posix()] = file.read_bytes()
    return found


#: What runs on people's machines: no function imports it, and its httpx, click and rich are in no zip.
CLIENT_SIDE = ("client", "cli", "client_errors.py", "outside.py", "pytest_plugin.py")


def library(root: Path, prefix: str) -> dict[str, bytes]:
    """The library as functions get it: `root`, its package's directory, without the client side."""
    return tree(root, prefix, without=tuple(root / name for name in CLIENT_SIDE))


def write(archive: Path, files: Mapping[str, bytes]) -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as opened:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.external_attr = 0o100644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            opened.writestr(entry, files[name])
    write_whole(archive, held.getvalue())


def write_whole(file: Path, data: bytes) -> None:
    """The file is there whole, or as it was: nobody reads half of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=file.parent.parent, delete=False) as new:
        new.write(data)
    Path(new.name).chmod(0o644)
    Path(new.name).replace(file)


def digest(files: Mapping[str, bytes]) -> str:
    """20 hexadecimal digits that stand for these names and contents."""
    whole = hashlib.sha256()
    for name in sorted(files):
        whole.update(f"{name}\0{len(files[name])}\0".encode() + files[name])
    return whole.hexdigest()[:20]
