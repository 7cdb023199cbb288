"""Farmland among the classes of a land cover raster, by the words of its legend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr


def farmland_codes(legend: Mapping[int, str], words: Sequence[str]) -> list[int]:
    """Return the codes of the classes whose name holds one of the words, case aside; none where no name does."""
    return [code for code, name in sorted(legend.items()) if any(w.lower() in name.lower() for w in words)]


def farmland_layer(classes: xr.DataArray, codes: Sequence[int]) -> xr.DataArray:
    """Return 1 on farmland, 0 on other classes, NaN where the class is missing; (y, x) float32, lazy stays lazy."""
    out = classes.isin(list(codes)).where(classes.notnull()).astype(np.float32)
    return out.rename("farmland").assign_attrs(units="1", long_name="farmland")
