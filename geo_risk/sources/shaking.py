"""Peak ground velocity of an earthquake on the run grid, from a ShakeMap grid or a raster."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import xarray as xr

from geo_risk.core.grid import Grid
from geo_risk.sources.files import checked_file
from geo_risk.sources.options import LIMITS, NO_OPTIONS, ReadLimits, ReadOptions
from geo_risk.sources.raster import load_raster
from geo_risk.sources.shakemap import PGV_BOUNDS_CM_S, on_grid, plain_event, read_shakemap


@dataclass(frozen=True)
class Shaking:
    """Shaking on the run grid.

    Attributes
    ----------
    pgv : (y, x) [cm/s], lazy; NaN beyond the data.
    event : the earthquake in a few words. n_masked : impossible values.
    notes : what was seen of the file, in English and Chinese.
    """

    pgv: xr.DataArray
    event: str
    n_masked: int
    notes: tuple[tuple[str, str], ...]


def open_shaking(
    path: Path, grid: Grid, *, where: str, options: ReadOptions = NO_OPTIONS, limits: ReadLimits = LIMITS
) -> Shaking:  # fmt: skip
    """Open a ShakeMap grid.xml, or a GeoTIFF of peak ground velocity.

    Raises
    ------
    DataError and its kinds : as `read_shakemap`, `on_grid` and `load_raster` say.
    """
    if checked_file(path, where=where, kinds=("XML", "GTiff")) == "XML":
        found = read_shakemap(path, where=where, options=options, limits=limits)
        return Shaking(on_grid(found, grid), plain_event(found.event), found.n_masked, (found.evidence,))
    pgv = load_raster(path, grid, units="cm/s", where=where, resampling="bilinear", valid=PGV_BOUNDS_CM_S,
                      options=options, limits=limits)  # fmt: skip
    said = ("PGV is a raster; its unit is the one stated for it.", "PGV 为栅格，单位按其所注。")
    named = pgv.rename("pgv").assign_attrs(long_name="peak ground velocity")
    return Shaking(named, path.name, int(pgv.attrs["n_masked"]), (said,))
