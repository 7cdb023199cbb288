"""The manifest of a run: inputs and outputs with their hashes, parameters, versions, timings, warnings."""

from __future__ import annotations

import hashlib
import json
import os
import resource
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from geo_risk.flow.config import Config
from geo_risk.flow.identity import file_sha256, files_in, path_sha256, versions
from geo_risk.flow.plan import Plan, Step
from geo_risk.publish.hashing import array_sha256, content_sha256
from geo_risk.sources.checksums import verify_file
from geo_risk.sources.files import sniff
from geo_risk.sources.layers import read_json

NAME = "manifest.json"
"""File in the output folder, written last."""

_CONTENT = {".tif", ".tiff", ".gpkg", ".json", ".xlsx", ".csv", ".html", ".docx", ".xml"}


def read_manifest(output: Path) -> dict[str, Any] | None:
    """Return the manifest of an output folder, None where there is none or it cannot be read."""
    try:
        found = read_json(output / NAME)
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def products(steps: Sequence[Step], stage: Path) -> dict[str, Path]:
    """Return the files that steps publish: name in the output folder to file in the stage."""
    out: dict[str, Path] = {}
    for step in steps:
        for path in step.writes.values():
            if path.is_relative_to(stage):
                out.update({p.relative_to(stage).as_posix(): p for p in files_in(path)})
    return dict(sorted(out.items()))


def build_manifest(plan: Plan, *, config: Path, seconds: dict[str, float], cluster: str) -> dict[str, Any]:
    """Return the manifest of a finished run.

    Parameters
    ----------
    plan : whose products stand in the stage.
    config : the configuration file; input paths are given relative to its folder.
    seconds : by task, of the last time each ran. cluster : where Dask worked.
    """
    old = read_manifest(plan.cfg.output) or {}
    known = {row["sha256"]: row.get("content_sha256") for row in [*old.get("outputs", []), *old.get("inputs", [])]}
    return {
        "format": 1,
        "name": plan.cfg.name,
        "pipeline": plan.cfg.pipeline,
        "config": config.name,
        "inputs": input_rows(plan.cfg, config=config, known=known),
        "outputs": output_rows(products(plan.steps, plan.out), plan.steps, known=known),
        "omitted": [{"step": o.step, "products": list(o.products), "needs": list(o.needs)} for o in plan.omissions],
        "parameters": parameters(plan.cfg),
        "warnings": warnings(plan.steps),
        "versions": versions(),
        "timings": {"tasks_s": seconds, "cluster": cluster, "peak_memory_mb": _peak_memory_mb()},
        "written_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def output_rows(files: Mapping[str, Path], steps: Sequence[Step], *, known: dict[str, Any]) -> list[dict[str, Any]]:
    """Return name, size, hashes and task of every file; `known` gives content hashes by file hash."""
    makers = {p: step.name for step in steps for p in step.writes.values()}
    rows = []
    for name, path in files.items():
        sha = file_sha256(path)
        task = next((makers[p] for p in (path, *path.parents) if p in makers), None)
        content = known.get(sha) or content_hash(path)
        rows.append(
            {"path": name, "bytes": path.stat().st_size, "sha256": sha, "content_sha256": content, "task": task}
        )
    return rows


def parameters(cfg: Config) -> dict[str, Any]:
    """Return the whole configuration but its paths and the addresses of people, as plain values."""
    values: dict[str, Any] = json.loads(cfg.model_dump_json(by_alias=True, exclude={"inputs", "output"}))
    values.get("area", {}).pop("boundary", None)
    values.get("warning", {}).get("cap", {}).pop("addresses", None)
    values.get("register", {}).pop("url", None)
    return values


def input_rows(
    cfg: Config, *, config: Path, known: dict[str, Any], only: tuple[str, ...] = ("",)
) -> list[dict[str, Any]]:
    """Return key, path, size, hashes and checksum status of every input file whose key starts as one of `only`.

    Raises
    ------
    CorruptFileError : a file does not match the checksum list beside it.
    """
    folder = config.resolve().parent
    rows = []
    for key, path in cfg.files().items():
        if not key.startswith(only):
            continue
        for inner in files_in(path):
            sha = file_sha256(inner)
            rows.append({
                "key": key, "path": Path(os.path.relpath(inner, folder)).as_posix(), "bytes": inner.stat().st_size,
                "sha256": sha, "content_sha256": known.get(sha) or content_hash(inner),
                "checksum": verify_file(inner, where=key, sha256=file_sha256),
            })  # fmt: skip
    return rows


def content_hash(path: Path) -> str | None:
    """Return the hash of what a file says, without times; None for types it is not defined for (GRIB, text)."""
    if path.suffix.lower() in _CONTENT:
        return content_sha256(path.resolve())
    return _hdf5_sha256(path) if sniff(path) == "HDF5" else None


def _hdf5_sha256(path: Path) -> str:
    """Return the hash of every dataset's name and values, a slab of its first axis at a time."""
    import h5py

    digest = hashlib.sha256()

    def visit(name: str, item: Any) -> None:
        if not isinstance(item, h5py.Dataset) or item.dtype.kind not in "iufbS":
            return
        digest.update(f"{name}{item.shape}".encode())
        if item.ndim == 0 or not item.size:
            digest.update(array_sha256(np.asarray(item[()])).encode())
            return
        step = max(1, (1 << 24) // max(1, item.size // item.shape[0]))
        for start in range(0, item.shape[0], step):
            digest.update(array_sha256(np.asarray(item[start : start + step])).encode())

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    return digest.hexdigest()


def warnings(steps: Sequence[Step]) -> list[dict[str, str]]:
    """Return the warnings that the tasks noted in their facts, with the file that holds them."""
    out: list[dict[str, str]] = []
    for step in steps:
        for path in step.writes.values():
            if path.suffix != ".json" or not path.is_file():
                continue
            facts = read_json(path)
            notes = facts.get("notes", []) if isinstance(facts, dict) else []
            out.extend({"task": step.name, **note} for note in notes if note.get("level") == "warning")
    return out


def is_current(manifest: dict[str, Any] | None, plan: Plan) -> bool:
    """Return whether the output folder holds just what the stage holds, and the manifest says so."""
    if manifest is None or manifest.get("parameters") != parameters(plan.cfg):
        return False
    listed = {row["path"]: row["sha256"] for row in manifest.get("outputs", [])}
    staged = products(plan.steps, plan.out)
    if set(listed) != set(staged):
        return False
    return all(
        listed[name] == file_sha256(path) == path_sha256(plan.cfg.output / name) for name, path in staged.items()
    )


def _peak_memory_mb() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
