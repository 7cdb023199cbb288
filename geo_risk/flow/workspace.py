"""A working folder for an analyst: copies of what the package ships."""

from __future__ import annotations

from pathlib import Path

from geo_risk.flow.identity import files_in
from geo_risk.flow.pipelines import shipped
from geo_risk.publish.atomic import write_bytes

KINDS = ("pipelines", "configs", "notebooks", "data/sample")
"""Folders that are copied; the configurations' relative paths keep working."""


def fill(folder: Path) -> tuple[int, int]:
    """Copy what is shipped into a folder; return how many files were written, and how many were there and kept."""
    written = kept = 0
    for kind in KINDS:
        source = shipped(kind)
        for path in files_in(source) if source.is_dir() else []:
            relative = path.relative_to(source)
            if "__pycache__" in relative.parts or relative.suffix == ".pyc":
                continue
            target = folder / kind / relative
            if target.exists():
                kept += 1
                continue
            write_bytes(target, path.read_bytes())
            written += 1
    return written, kept
