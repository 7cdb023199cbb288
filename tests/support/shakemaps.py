"""ShakeMap grids as files, right and wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np

FIELDS = (("LON", "dd"), ("LAT", "dd"), ("PGA", "pctg"), ("PGV", "cms"), ("MMI", "intensity"))


def intensity(pgv_cm_s):
    """Return the intensity that goes with a velocity, Wald et al. (1999)."""
    return 3.47 * np.log10(np.maximum(pgv_cm_s, 0.01)) + 2.35


def shakemap_text(lon, lat, pgv, *, unit="cms", mmi=None, fields=FIELDS, head="", spec=None, rows=None) -> str:
    """Return grid.xml of rows from north to south; `rows` in place of the numbers."""
    columns, lines = np.meshgrid(lon, lat[::-1])
    values = np.asarray(pgv)[::-1]
    felt = intensity(values) if mmi is None else np.asarray(mmi)[::-1]
    if rows is None:
        table = np.stack([columns, lines, values, values, felt], axis=-1).reshape(-1, 5)[:, : len(fields)]
        rows = "\n".join(" ".join(f"{v:.6g}" for v in row) for row in table)
    names = "".join(
        f'<grid_field index="{i}" name="{name}" units="{unit if name == "PGV" else u}" />'
        for i, (name, u) in enumerate(fields, 1)
    )
    shape = spec or f'nlon="{len(lon)}" nlat="{len(lat)}"'
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{head}<shakemap_grid xmlns="http://usgs.gov/x" event_id="e1">'
        '<event event_id="e1" magnitude="7.1" event_timestamp="2024-01-01T00:00:00" event_description="Test, Shanxi" />'
        f"<grid_specification {shape} />{names}<grid_data>\n{rows}\n</grid_data></shakemap_grid>"
    )


def write_shakemap(path: Path, *args, **kwargs) -> Path:
    """Write grid.xml; parameters as `shakemap_text`."""
    path.write_text(shakemap_text(*args, **kwargs), encoding="utf-8")
    return path
