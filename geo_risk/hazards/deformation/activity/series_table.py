"""The series of all bodies and tracks as one long table."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

COLUMNS = ("area_id", "track", "date", "displacement_mm", "displacement_std_mm", "n_pixels")

ALL_COLUMNS = (*COLUMNS, "layer")
"""Of the list of the series of all layers."""


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


def layers_table(layers: Mapping[str, Mapping[str, xr.Dataset]]) -> pd.DataFrame:
    """Return the series of the bodies of several layers as one table, one layer after the other.

    Parameters
    ----------
    layers : by name of the layer whose ids the bodies have, and by track: as for `series_table`.

    Returns
    -------
    Columns ALL_COLUMNS: those of `series_table`, where `area_id` is the body's id in `layer`.
    """
    parts = [series_table(series).assign(layer=name) for name, series in layers.items()]
    known = [part for part in parts if len(part)]
    return pd.concat(known, ignore_index=True) if known else pd.DataFrame(columns=list(ALL_COLUMNS))


def with_ids(series: xr.Dataset, ids: Mapping[int, str]) -> xr.Dataset:
    """Return the series of labelled bodies under the ids of the bodies.

    Parameters
    ----------
    series : (time, label) as `activity.series.label_series` returns them; without `label` there is no series at all.
    ids : id by label; bodies without one are left out.

    Returns
    -------
    The same over (time, area), with the coordinate `area_id`, as `series_table` and `judged.series_of` read it.
    """
    labels = series["label"].to_numpy() if "label" in series.coords else np.zeros(0, dtype=np.int64)
    if not np.isin(labels, list(ids)).any():
        empty = (("time", "area"), np.zeros((0, 0)))
        coords = {"time": np.zeros(0, dtype="datetime64[s]"), "area_id": ("area", np.zeros(0, dtype="U64"))}
        return xr.Dataset(dict.fromkeys(COLUMNS[3:], empty), coords=coords)
    kept = series[list(COLUMNS[3:])].isel(label=np.isin(labels, list(ids)))
    names = np.array([ids[int(k)] for k in kept["label"].to_numpy()], dtype="U64")
    return kept.drop_vars("label").rename_dims(label="area").assign_coords(area_id=("area", names))
