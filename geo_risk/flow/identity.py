"""What a task is made of: the content of its files, the values of its parameters, and the code behind it."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import sys
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from types import FunctionType
from typing import Any

from geo_risk import __version__
from geo_risk.core.params import Params

_PACKAGE = "geo_risk"
_LIBRARIES = ("numpy", "scipy", "pandas", "xarray", "dask", "numba", "rasterio", "pyogrio", "geopandas", "shapely",
              "scikit-learn", "exactextract", "h5py", "pyarrow", "folium", "xclim")  # fmt: skip
_BLOCK = 1 << 20

_hashes: dict[tuple[str, int, int, int], str] = {}


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file's bytes; it is read once per process while its size, time and inode stay."""
    stat = path.stat()
    key = (str(path), stat.st_size, stat.st_mtime_ns, stat.st_ino)
    if key not in _hashes:
        digest = hashlib.sha256()
        with path.open("rb") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
        _hashes[key] = digest.hexdigest()
    return _hashes[key]


def path_sha256(path: Path) -> str | None:
    """Return the sha256 of a file, or of the names and files of a folder; None where there is nothing."""
    if path.is_file():
        return file_sha256(path)
    if not path.is_dir():
        return None
    digest = hashlib.sha256()
    for inner in files_in(path):
        digest.update(f"{inner.relative_to(path).as_posix()}\0{file_sha256(inner)}\n".encode())
    return digest.hexdigest()


def files_in(path: Path) -> list[Path]:
    """Return the files of a folder and its folders, sorted by name; a file gives itself. Hidden files are left out."""
    if path.is_file():
        return [path]
    inside = (p for p in path.rglob("*") if p.is_file())
    return sorted(p for p in inside if not any(part.startswith(".") for part in p.relative_to(path).parts))


def leaves(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Give the dotted name and the hash of every plain value of a parameter, models opened field by field."""
    if isinstance(value, Params):
        for field in type(value).model_fields:
            yield from leaves(f"{name}.{field}", getattr(value, field))
        return
    yield name, hashlib.sha256(json.dumps(_plain(value), sort_keys=True, default=str).encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, Params):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, set | frozenset):
        return sorted(str(_plain(v)) for v in value)
    return value


@cache
def versions() -> dict[str, str]:
    """Return the versions that may change a result: Python, this package, and the libraries that compute."""
    found = {"python": ".".join(map(str, sys.version_info[:3])), _PACKAGE: __version__}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def code_sha256(function: FunctionType) -> str:
    """Return the hash of the code behind a step: its module and all of geo_risk that it imports, and the libraries.

    What a module imports for type checking only, and the other modules of `flow`, do not count.
    """
    return _closure_sha256(function.__module__, function.__qualname__)


@cache
def _closure_sha256(module: str, name: str) -> str:
    digest = hashlib.sha256(json.dumps([name, versions()], sort_keys=True).encode())
    for path in sorted(_closure(module)):
        digest.update(file_sha256(path).encode())
    return digest.hexdigest()


def _closure(module: str) -> set[Path]:
    seen: dict[str, Path] = {}
    queue = [module]
    while queue:
        name = queue.pop()
        path = _file(name)
        if name in seen or path is None:
            continue
        seen[name] = path
        queue.extend(n for n in _imports(path) if n not in seen and not _is_machinery(n))
    return set(seen.values())


def _is_machinery(module: str) -> bool:
    """Return whether a module orders the work and does none of it: all of `flow` but its steps."""
    return module.startswith(f"{_PACKAGE}.flow") and not module.startswith(f"{_PACKAGE}.flow.steps")


@cache
def _file(module: str) -> Path | None:
    loaded = sys.modules.get(module)
    if loaded is not None and getattr(loaded, "__file__", None):
        return Path(str(loaded.__file__))
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    return Path(spec.origin) if spec is not None and spec.origin and spec.origin.endswith(".py") else None


@cache
def _imports(path: Path) -> frozenset[str]:
    """Return the modules of this package that a source file imports anywhere but under `if TYPE_CHECKING`."""
    found: set[str] = set()
    queue: list[ast.AST] = [ast.parse(path.read_bytes())]
    while queue:
        node = queue.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            queue.extend(node.orelse)
            continue
        if isinstance(node, ast.Import):
            found.update(a.name for a in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module)
            found.update(f"{node.module}.{a.name}" for a in node.names)
        queue.extend(ast.iter_child_nodes(node))
    return frozenset(n for n in found if n.split(".")[0] == _PACKAGE)
