"""Issues of warnings that were made before: their states by issue time in the output folder, read with distrust."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

from geo_risk.core.errors import CorruptFileError
from geo_risk.products.ladder import Rung

FOLDER = "warnings/issues"
"""Folder of the states below the output folder."""

_NAME = re.compile(r"\d{8}T\d{6}Z\.json$")
_STATE = re.compile(r"\d{8}T\d{6}Z(\.replaced-[0-9a-f]+)?\.json$")
_STAMP = "%Y%m%dT%H%M%SZ"


def issue_name(issued: datetime) -> str:
    """Return the file name of an issue: its UTC time.

    Raises
    ------
    ValueError : the time has no zone.
    """
    if issued.tzinfo is None:
        what = f"the issue time {issued} has no zone"
        raise ValueError(what)
    return issued.astimezone(UTC).strftime(_STAMP) + ".json"


def issue_time(path: Path) -> datetime:
    """Return the issue time that a file name of `issue_name` holds, or that of a state that was replaced.

    Raises
    ------
    CorruptFileError : the name holds no time.
    """
    try:
        return datetime.strptime(path.name.split(".")[0], _STAMP).replace(tzinfo=UTC)
    except ValueError as error:
        what = f"{path.name} is named like the state of an issue, but its name is no time"
        raise CorruptFileError(what, where=str(path), fix="move it out of the folder") from error


def issues(output: Path) -> list[Path]:
    """Return the states in an output folder in order of their issue; replaced ones are not among them."""
    return [p for p in states(output) if _NAME.match(p.name)]


def states(output: Path) -> list[Path]:
    """Return the states in an output folder and those that they replaced, by name; other files are none."""
    folder = output / FOLDER
    return sorted(p for p in folder.iterdir() if _STATE.match(p.name)) if folder.is_dir() else []


def last_before(output: Path, issued: datetime) -> Path | None:
    """Return the state of the last issue before a time, None where there is none."""
    earlier = [p for p in issues(output) if issue_time(p) < issued]
    return earlier[-1] if earlier else None


def later_than(output: Path, issued: datetime) -> list[Path]:
    """Return the states of the issues after a time, in their order."""
    return [p for p in issues(output) if issue_time(p) > issued]


def of_time(output: Path, issued: datetime) -> list[Path]:
    """Return all states of one issue time: the one that stands, and those that it replaced, by name."""
    stem = issue_name(issued).removesuffix(".json")
    return [p for p in states(output) if p.name.split(".")[0] == stem]


def read_issue(path: Path) -> dict[str, Rung]:
    """Return the rungs of an issue by place and stage.

    Raises
    ------
    CorruptFileError : the file cannot be read, does not hold what an issue holds, or is that of another time. It is
        never taken for "nothing was warned of": that would lower warnings unseen.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        if value["format"] != 1:
            what = f"format {value['format']!r}"
            raise ValueError(what)
        if datetime.fromisoformat(value["issued"]) != issue_time(path):
            what = f"it was issued at {value['issued']}"
            raise ValueError(what)
        return {str(key): Rung.from_dict(rung) for key, rung in value["places"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        what = f"the state of the earlier issue {path.stem} cannot be read: {type(error).__name__}: {error}"
        fix = "restore the file from a copy, or move it out of the folder to begin the ladder after the issue before it"
        raise CorruptFileError(what, where=str(path), fix=fix) from error
