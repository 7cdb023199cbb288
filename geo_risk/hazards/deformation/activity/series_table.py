"""The series of all bodies and tracks as one long table."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

COLUMNS = ("area_id", "track", "date", "displacement_mm", "displacement_std_mm", "n_pixels")


def series_table(series: Mapping[str, xr.Dataset]) -> pd.DataFrame:
    """Return one row for each area, track and date that is known, in that order.

    Parameters
    ----------
    series : by track: displacement_mm, displacement_std_mm, n_pixels (time, area) with the coordinate `area_id`.

    Returns
    -------
    Columns COLUMNS; date is an ISO day, displacement the LOS displacement [mm] since the area's first date, positive
    toward the satellite, with its standard error [mm] (NaN where that is not known).
    """
    parts = []
    for track, dataset in series.items():
        times = dataset["time"].to_numpy().astype("datetime64[D]").astype(str)
        ids = dataset["area_id"].to_numpy().astype(str)
        columns = {n: dataset[n].to_numpy().T.ravel() for n in COLUMNS[3:]}
        keys = {"area_id": np.repeat(ids, len(times)), "track": track, "date": np.tile(times, len(ids))}
        part = pd.DataFrame(keys | columns)
        parts.append(part[part["displacement_mm"].notna()])
    table = pd.concat(parts) if parts else pd.DataFrame(columns=list(COLUMNS))
    rounded = table.assign(**{n: table[n].astype(float).round(2) for n in COLUMNS[3:5]})
    return rounded.sort_values(["area_id", "track", "date"], kind="stable").reset_index(drop=True)[list(COLUMNS)]
