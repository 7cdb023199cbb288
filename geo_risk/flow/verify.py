"""Check an output folder against its manifest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from geo_risk.core.errors import DataError
from geo_risk.flow.identity import file_sha256, files_in
from geo_risk.flow.manifest import NAME, content_hash, read_manifest

State = Literal["ok", "missing", "changed", "unreadable", "not listed"]


@dataclass(frozen=True)
class VerifiedFile:
    """One file of an output folder and what is wrong with it, if anything."""

    path: str
    state: State
    detail: str = ""


def verify(output: Path) -> list[VerifiedFile]:
    """Hash every output again, open it and compare its content with the manifest; name files it does not list.

    Raises
    ------
    DataError : there is no manifest that can be read.
    """
    manifest = read_manifest(output)
    if manifest is None or not isinstance(manifest.get("outputs"), list):
        what = f"{output} has no manifest that can be read"
        raise DataError(what, where=str(output / NAME), fix="run the configuration again; it writes the manifest last")
    rows = [*manifest["outputs"], *manifest.get("issues", [])]
    listed = {row["path"] for row in rows} | {NAME}
    out = [_verified(output, row) for row in rows]
    extra = [p.relative_to(output).as_posix() for p in files_in(output)]
    return out + [VerifiedFile(name, "not listed") for name in extra if name not in listed]


def _verified(output: Path, row: dict[str, str]) -> VerifiedFile:
    path = output / row["path"]
    if not path.is_file():
        return VerifiedFile(row["path"], "missing")
    if file_sha256(path) != row["sha256"]:
        return VerifiedFile(row["path"], "changed", f"sha256 is not {row['sha256'][:12]}...")
    try:
        content = content_hash(path)
    except Exception as error:
        return VerifiedFile(row["path"], "unreadable", f"{type(error).__name__}: {error}")
    same = content == row["content_sha256"]
    return VerifiedFile(row["path"], "ok" if same else "changed", "" if same else "content differs from the manifest")
