"""Tables of points and raster sets, written from the layouts their makers document; independent of the readers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import rasterio
from affine import Affine

from geo_risk.core.crs import crs_change

INCIDENCE, HEADING = 39.0, 349.0
LEFT, BOTTOM = 4_500_000.0, 2_500_000.0


def days(n: int = 24, *, start: str = "2019-01-05") -> list[str]:
    """YYYYMMDD every twelve days."""
    return [str(np.datetime64(start) + 12 * i).replace("-", "") for i in range(n)]


def years(dates: list[str]) -> np.ndarray:
    return np.array([(pd.Timestamp(d) - pd.Timestamp(dates[0])).days / 365.25 for d in dates])


def egms(n: int = 600, *, n_dates: int = 24, seed: int = 5, level: str = "L2") -> pd.DataFrame:
    """A table as EGMS delivers it: mm, mm/yr, EPSG:3035; a sinking stripe of -20 mm/yr in still ground."""
    rng = np.random.default_rng(seed)
    dates = days(n_dates)
    x, y = LEFT + rng.uniform(0, 1000, n), BOTTOM + rng.uniform(0, 800, n)
    velocity = np.where((x > LEFT + 300) & (x < LEFT + 600), -20.0, 0.0) + rng.normal(0, 0.5, n)
    series = velocity[:, None] * years(dates) + rng.normal(0, 1.0, (n, n_dates))
    lon, lat = crs_change("EPSG:3035", "EPSG:4326").transform(x, y)
    inc, heading = np.deg2rad(INCIDENCE), np.deg2rad(HEADING)
    place = {"pid": [f"1{i:05d}" + "aBc" for i in range(n)]}
    if level == "L2":
        place |= {"mp_type": 0, "latitude": lat, "longitude": lon, "easting": x, "northing": y, "height": 120.0,
                  "height_wgs84": 165.0, "line": 1, "pixel": 1, "rmse": 1.0, "temporal_coherence": 0.8,
                  "amplitude_dispersion": 0.2, "incidence_angle": INCIDENCE, "track_angle": HEADING,
                  "los_east": -np.sin(inc) * np.cos(heading), "los_north": np.sin(inc) * np.sin(heading),
                  "los_up": np.cos(inc)}  # fmt: skip
    else:
        place |= {"easting": x, "northing": y, "height": 120.0, "rmse": 1.0}
    rates = {"mean_velocity": velocity.round(2), "mean_velocity_std": 0.3, "acceleration": 0.0, "acceleration_std": 0.1,
             "seasonality": 0.5, "seasonality_std": 0.1}  # fmt: skip
    return pd.concat([pd.DataFrame(place | rates), pd.DataFrame(series.round(2), columns=dates)], axis=1)


def cell_means(table: pd.DataFrame, columns: list[str], posting: float) -> pd.DataFrame:
    """Means over cells, by pandas: (row key, column key) of the lattice through the origin."""
    keys = [np.floor(table["northing"] / posting), np.floor(table["easting"] / posting)]
    return table.groupby(keys)[columns].mean()


def write_tif(
    path: Path,
    values: np.ndarray,
    *,
    cell: float = 80.0,
    corner: tuple[float, float] = (400_000.0, 4_000_000.0),
    crs: str = "EPSG:32649",
    nodata: float | None = 0.0,
    units: str | None = None,
    **tags: str,
) -> Path:
    """Write one float32 band, north-up."""
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {"driver": "GTiff", "height": values.shape[0], "width": values.shape[1], "count": 1, "dtype": "float32",
               "crs": crs, "transform": Affine(cell, 0, corner[0], 0, -cell, corner[1]), "nodata": nodata}  # fmt: skip
    with rasterio.open(path, "w", **profile) as target:
        target.write(values.astype("f4"), 1)
        if units:
            target.units = (units,)
        target.update_tags(1, **tags)
    return path
