"""What no product may bring into a run: infinite values become missing, and impossible ones stop it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.sources.marks import LIMIT_M, possible

_LIMITS = {"displacement": (LIMIT_M, "m"), "velocity": (LIMIT_M * 1000, "mm/yr")}


def possible_motion(dataset: xr.Dataset, path: Path) -> xr.Dataset:
    """Return a track whose infinite displacements or velocities are NaN; the audit says so. Lazy arrays stay lazy.

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
        audit.append(f"missing: infinite values; a value beyond {limit:g} {unit} stops the run")
    return out.assign_attrs(audit=audit)


def _checked(array: Any, name: str, limit: float, unit: str, path: Path) -> Any:
    if not isinstance(array, da.Array):
        return possible(np.asarray(array), limit=limit, unit=unit, where=f"{path}, {name}")[0]

    def block(values: NDArray[Any], block_info: Any = None) -> NDArray[Any]:
        (r0, r1), (c0, c1) = block_info[0]["array-location"][-2:]
        where = f"{path}, {name}, rows {r0}-{r1}, columns {c0}-{c1}"
        return possible(values, limit=limit, unit=unit, where=where)[0]

    return da.map_blocks(block, array, dtype=array.dtype, meta=np.empty((0,) * array.ndim, array.dtype))
