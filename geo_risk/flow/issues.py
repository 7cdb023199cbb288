"""States of issued warnings in the output folder: added by issue time, never rewritten once another stands on them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from geo_risk.core.errors import DataError
from geo_risk.flow.identity import file_sha256
from geo_risk.publish.hashing import content_sha256
from geo_risk.sources.issues import FOLDER, issue_name, issue_time, issues, read_issue, states
from geo_risk.sources.layers import read_json


@dataclass(frozen=True)
class Recorded:
    """What an issue adds to the output folder: files by name, and the rows of all issues for the manifest."""

    files: dict[str, Path]
    rows: list[dict[str, Any]]


def recorded(output: Path, state: Path, *, is_run: bool = False) -> Recorded:
    """Return what is to be published of an issue's state, beside the issues that are there.

    Parameters
    ----------
    output : the output folder. state : as `warnings.places` writes it.
    is_run : a whole run begins anew: its state takes the place of one of the same time whatever stands on that, which
        is kept beside it; else better inputs could not be run once a warning has followed.

    A state without one issue time (a hindcast, each of whose stages has its own) adds nothing. Another state of the
    same time takes its place where no later issue stands on it, and is kept beside it under the hash of its content.

    Raises
    ------
    DataError : it differs from the state of the same time, on which a later issue stands. CorruptFileError : a state in
        the folder cannot be read.
    """
    for path in states(output):
        read_issue(path)
    kept = issues(output)
    files: dict[str, Path] = {}
    issued = read_json(state).get("issued")
    if issued is not None:
        name = issue_name(datetime.fromisoformat(issued))
        files[f"{FOLDER}/{name}"] = state
        there = output / FOLDER / name
        if there.is_file() and content_sha256(there) != content_sha256(state):
            later = [p for p in kept if issue_time(p) > issue_time(there)]
            if later and not is_run:
                what = f"issue {there.stem} was made with other levels, and issue {later[0].stem} stands on it"
                raise DataError(what, where=str(there), fix="give the corrected warning a later --issued")
            aside = f"{there.stem}.replaced-{content_sha256(there)[:8]}.json"
            files[f"{FOLDER}/{aside}"] = there
    on_disk = {f"{FOLDER}/{p.name}": p for p in states(output)}
    rows = [
        {"path": name, "bytes": path.stat().st_size, "sha256": file_sha256(path),
         "content_sha256": content_sha256(path), "task": "warnings.places"}
        for name, path in sorted({**on_disk, **files}.items())
    ]  # fmt: skip
    return Recorded(files, rows)
