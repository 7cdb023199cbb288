"""The last act of a run: the stage becomes the output folder, the manifest last, and nothing is lost on the way."""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from geo_risk.flow.manifest import NAME, read_manifest
from geo_risk.publish.atomic import disk_full, is_full, staged
from geo_risk.publish.frames import write_json


def publish(output: Path, files: Mapping[str, Path], manifest: dict[str, Any]) -> list[str]:
    """Give every file its final name, then the manifest; return the names of outputs that are new or changed.

    Parameters
    ----------
    output : the output folder. files : what gets a name in it, by that name; others that the manifest lists stay.
    manifest : of the whole folder.

    All content is on the disk before the first name changes; files are linked, not copied, where the disk can.
    What an earlier run published and this one does not make any more is removed after the manifest is in place.

    Raises
    ------
    DiskFullError : there is no room; what was published before stands as it was.
    """
    output.mkdir(parents=True, exist_ok=True)
    old = read_manifest(output) or {"outputs": []}
    listed = {row["path"]: row["sha256"] for row in manifest["outputs"]}
    before = {row["path"]: row["sha256"] for row in old["outputs"]}
    beside: dict[str, Path] = {}
    final = output / NAME

    def verify(temporary: Path) -> None:
        if temporary.stat().st_size == 0:
            raise disk_full(final)
        for name, path in files.items():
            if not _is_same(path, output / name):
                beside[name] = _link(path, output / name)
        for name, temporary_file in beside.items():
            os.replace(temporary_file, output / name)  # noqa: PTH105 - the atomic call, by name

    try:
        with staged(final, verify=verify) as temporary:
            write_json(manifest, temporary)
    except OSError as error:
        if is_full(output):
            raise disk_full(output) from error
        raise
    finally:
        for leftover in beside.values():
            with contextlib.suppress(OSError):
                leftover.unlink()
    for name in sorted(set(before) - set(listed)):
        _remove(output, name)
    return [name for name, sha in listed.items() if before.get(name) != sha]


def _is_same(path: Path, final: Path) -> bool:
    try:
        return final.samefile(path)
    except OSError:
        return False


def _link(path: Path, final: Path) -> Path:
    """Return a temporary name beside `final` for the content of `path`: a hard link, or a copy on the disk."""
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = final.with_name(f".{final.stem}.{uuid.uuid4().hex[:12]}.part{final.suffix}")
    try:
        os.link(path, temporary)
    except OSError:
        shutil.copyfile(path, temporary)
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
    return temporary


def _remove(output: Path, name: str) -> None:
    """Remove a file that the old manifest lists, if it is inside the output folder, and its folder if that is empty."""
    path = output / name
    if not path.resolve().is_relative_to(output.resolve()):
        return
    with contextlib.suppress(OSError):
        path.unlink()
    with contextlib.suppress(OSError):
        if path.parent != output:
            path.parent.rmdir()


def remove_leftovers(output: Path) -> int:
    """Remove the temporary files that a killed run left; return how many there were."""
    found = [p for p in output.rglob(".*.part*") if p.is_file()]
    for path in found:
        with contextlib.suppress(OSError):
            path.unlink()
    return len(found)
