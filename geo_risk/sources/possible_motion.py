"""What no product may bring into a run: what is no motion or height becomes missing, impossible motion stops it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.sources.marks import LIMIT_M, possible
from geo_risk.sources.samples import sampled

CONSTANT_DATES = 4
"""A series of one and the same value on this many dates or more was not measured: it is a mark, whatever its value."""

HEIGHT_M = (-500.0, 9000.0)
"""Heights outside are no ground but marks of missing: the shore of the Dead Sea lies at -430 m, Everest at 8849 m."""

_LIMITS = {"displacement": (LIMIT_M, "m"), "velocity": (LIMIT_M * 1000, "mm/yr")}


def possible_motion(dataset: xr.Dataset, path: Path) -> xr.Dataset:
    """Return a track without what no ground has; the audit says so. Lazy arrays stay lazy.

    Missing are infinite displacements and velocities, a series that is the same on all its dates (`CONSTANT_DATES` or
    more; where one block holds all dates), and heights outside `HEIGHT_M`.

    Raises
    ------
    DataError : a value beyond LIMIT_M either way, when it is read; names the rows and columns.
    """
    out = dataset
    audit = list(dataset.attrs.get("audit", []))
    for name, (limit, unit) in _LIMITS.items():
        if name not in dataset:
            continue
        held = dataset[name]
        out = out.assign({name: held.copy(data=_checked(held.data, name, limit, unit, path))})
        is_whole = _has_all_dates(held.data)
        still = f", and a series of one value on all of {CONSTANT_DATES} dates or more" if is_whole else ""
        audit.append(f"missing: infinite values{still}; a value beyond {limit:g} {unit} stops the run")
    if "height" in dataset:
        out, said = _with_heights(out)
        audit += said
    return out.assign_attrs(audit=audit)


def _with_heights(dataset: xr.Dataset) -> tuple[xr.Dataset, list[str]]:
    """Return the track with heights that no ground has missing, and what a sample says of them."""
    held = dataset["height"]
    low, high = HEIGHT_M
    (sample,) = sampled([held.data])
    known = sample[~np.isnan(sample)]
    odd = int(((known < low) | (known > high)).sum())
    said = f"height: {odd} of {known.size} cells of a sample are outside {low:g} to {high:g} m; all such are missing"
    good = (held.data >= low) & (held.data <= high)
    return dataset.assign(height=held.copy(data=da.where(good, held.data, np.float32(np.nan)))), [said] if odd else []


def without_constant(values: NDArray[Any]) -> NDArray[Any]:
    """Return a series (time, ...) with those of one and the same value on all their dates missing; see above.

    The array itself where there are none. A series with less than `CONSTANT_DATES` dates stays.
    """
    if len(values) < CONSTANT_DATES:
        return values
    same = np.fmin.reduce(values, axis=0) == np.fmax.reduce(values, axis=0)
    if same.any():
        same[same] = np.isfinite(values[:, same]).sum(axis=0) >= CONSTANT_DATES
    return np.where(same, values.dtype.type(np.nan), values) if same.any() else values


def _has_all_dates(array: Any) -> bool:
    return bool(array.ndim == 3 and (not isinstance(array, da.Array) or array.numblocks[0] == 1))


def _checked(array: Any, name: str, limit: float, unit: str, path: Path) -> Any:
    is_whole = _has_all_dates(array)

    def plain(values: NDArray[Any], where: str) -> NDArray[Any]:
        out = possible(values, limit=limit, unit=unit, where=where)[0]
        return without_constant(out) if is_whole else out

    if not isinstance(array, da.Array):
        return plain(np.asarray(array), f"{path}, {name}")

    def block(values: NDArray[Any], block_info: Any = None) -> NDArray[Any]:
        (r0, r1), (c0, c1) = block_info[0]["array-location"][-2:]
        return plain(values, f"{path}, {name}, rows {r0}-{r1}, columns {c0}-{c1}")

    return da.map_blocks(block, array, dtype=array.dtype, meta=np.empty((0,) * array.ndim, array.dtype))
