"""Terms of rock and land cover in the logit of Nowicki Jessee et al. (2018), table 3.

The values are those of the coefficient rasters of the US Geological Survey (public domain) wherever these could be
looked at (Loma Prieta); which value belongs to which class is as two public transcriptions of table 3 have it. These
differ in one place: one of them swaps `pi` (-1.61 here) and `vi` (-0.81 here); the order here is that of the table's
numbering, which is alphabetical. Classes without a coefficient, and the reference class of each table, enter with 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import grid_of
from geo_risk.terrain.slope import blocks

GLIM: Mapping[str, float] = {
    "ev": 0.0, "ig": 0.0, "mt": -1.87, "nd": -0.66, "pa": -0.78, "pb": -1.88, "pi": -1.61, "py": -1.05, "sc": -0.95,
    "sm": -1.36, "ss": -1.92, "su": -3.22, "va": -1.54, "vb": -1.50, "vi": -0.81, "wb": 0.0,
}  # fmt: skip
"""By class of the Global Lithological Map (Hartmann & Moosdorf 2012)."""

UNCONSOLIDATED: Mapping[str, float] = {"paper": -3.22, "operational": -1.36}
"""The term of `su`: the US Geological Survey uses that of mixed sediment, as such ground is not actually strong."""

GLOBCOVER: Mapping[int, float] = {
    11: 0.0, 14: 0.91, 20: 0.88, 30: 0.78, 40: 0.68, 50: 0.30, 60: 1.77, 70: 1.71, 90: -1.26, 100: 1.50, 110: 0.68,
    120: 1.13, 130: 0.79, 140: 1.03, 150: 0.54, 160: 2.34, 170: 1.19, 180: 1.19, 190: 0.30, 200: -0.06, 210: 0.0,
    220: -0.18, 230: -1.08,
}  # fmt: skip
"""By class of GlobCover 2009 (Arino et al. 2012)."""


def lithology_terms(
    names: Mapping[int, str], classes: Mapping[str, str], *, unconsolidated: Literal["operational", "paper"]
) -> dict[int, float]:  # fmt: skip
    """Return the term of each code of a lithology layer whose name has a GLiM class.

    Parameters
    ----------
    names : name of each code. classes : GLiM class of each name.
    """
    terms = {**GLIM, "su": UNCONSOLIDATED[unconsolidated]}
    return {code: terms[classes[name]] for code, name in names.items() if name in classes}


def landcover_terms(classes: Mapping[int, int]) -> dict[int, float]:
    """Return the term of each land cover code that has a GlobCover class."""
    return {code: GLOBCOVER[cover] for code, cover in classes.items()}


def term_layer(codes: xr.DataArray, terms: Mapping[int, float], *, name: str) -> xr.DataArray:
    """Return the terms of a layer of codes, (y, x) float32 [1], lazy; NaN where the code is missing or has no term."""
    grid = grid_of(codes)
    known = np.array(sorted(terms), dtype=np.float64)
    values = np.array([terms[int(c)] for c in known], dtype=np.float32)
    data = blocks(codes).map_blocks(_looked_up, known, values, dtype=np.float32, meta=np.empty((0, 0), np.float32))
    return grid.layer(data, units="1", long_name=f"term of {name} in the logit", name=f"{name}_term")


def _looked_up(
    codes: NDArray[np.floating], known: NDArray[np.float64], values: NDArray[np.float32]
) -> NDArray[np.float32]:  # fmt: skip
    if not known.size:
        return np.full(codes.shape, np.nan, np.float32)
    at = np.minimum(np.searchsorted(known, np.nan_to_num(codes, nan=known[0])), known.size - 1)
    return np.where(known[at] == codes, values[at], np.float32(np.nan)).astype(np.float32)
