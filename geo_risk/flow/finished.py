"""The mark of a finished run: it stands while its layers fit one another, and says of which inputs they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from geo_risk.core.errors import DataError
from geo_risk.flow.config import Config
from geo_risk.flow.identity import file_sha256, files_in
from geo_risk.publish.frames import write_json
from geo_risk.sources.layers import read_json

_NAME = "finished.json"


def mark(work: Path, cfg: Config) -> None:
    """Write that the layers in a work folder are those of a finished run of these inputs."""
    write_json({"inputs": [_row(key, path) for key, path in _inputs(cfg)]}, work / _NAME)


def unmark(work: Path) -> None:
    """Take the mark away, before the first layer is made again."""
    (work / _NAME).unlink(missing_ok=True)


def check_mark(work: Path, cfg: Config, *, free: tuple[str, ...] = ()) -> None:
    """Make sure that the layers in a work folder are those of a finished run, and its inputs are still the same.

    Parameters
    ----------
    free : inputs whose key starts so may have changed.

    A file of the same size and time is not read; any other is, and its hash decides.

    Raises
    ------
    DataError : a run was broken off or was one of some tasks only, or an input changed since.
    """
    try:
        rows = read_json(work / _NAME)["inputs"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        what = "a run was broken off after the last that finished, or only some of its tasks were run"
        fix = "run `geo-risk run` with this configuration: it makes what is left"
        raise DataError(what, where=str(work.parent), fix=fix) from error
    before = [r for r in rows if not r["key"].startswith(free)]
    now = [(key, path) for key, path in _inputs(cfg) if not key.startswith(free)]
    changed = {key for key, _ in now} ^ {r["key"] for r in before}
    for key in {key for key, _ in now} - changed:
        ours, theirs = [p for k, p in now if k == key], [r for r in before if r["key"] == key]
        if len(ours) != len(theirs) or not all(map(_is_same, ours, theirs)):
            changed.add(key)
    if changed:
        what = f"inputs changed since the run in {work.parent}: {', '.join(sorted(changed))}"
        fix = "run `geo-risk run` first: it makes again what depends on them"
        raise DataError(what, where=sorted(changed)[0], fix=fix)


def _inputs(cfg: Config) -> list[tuple[str, Path]]:
    return [(key, inner) for key, path in cfg.files().items() if path.exists() for inner in files_in(path)]


def _row(key: str, path: Path) -> dict[str, Any]:
    stat = path.stat()
    return {"key": key, "bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns, "sha256": file_sha256(path)}


def _is_same(path: Path, row: dict[str, Any]) -> bool:
    stat = path.stat()
    if stat.st_size != row["bytes"]:
        return False
    return bool(stat.st_mtime_ns == row["mtime_ns"] or file_sha256(path) == row["sha256"])
