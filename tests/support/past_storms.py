"""A small county with past storms and their slides, whose K is known."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox

from geo_risk.core.grid import Grid
from geo_risk.publish.cube import write_cube
from geo_risk.publish.frames import write_frame
from geo_risk.publish.raster import write_layer

GRID = Grid(GeoBox((40, 40), Affine(250, 0, 510_000, 0, -250, 4_065_000), "EPSG:4546"))
RAIN = Grid(GeoBox((12, 12), Affine(1000, 0, 509_000, 0, -1000, 4_066_000), "EPSG:4546"))
DECAY = 0.7
STORMS = 8


def rain_cube(values, first: str, *, interval_h: float = 24.0) -> xr.DataArray:
    base = RAIN.layer(np.zeros(RAIN.shape), units="mm", long_name="rain", name="rain")
    times = np.datetime64(first, "ns") + np.arange(len(values)) * np.timedelta64(round(3600 * interval_h), "s")
    coords = {"time": times, **{c: base.coords[c] for c in ("y", "x", "spatial_ref")}}
    attrs = {"units": "mm", "interval_h": interval_h}
    return xr.DataArray(np.asarray(values, "float32"), dims=("time", "y", "x"), coords=coords, name="rain", attrs=attrs)


def write_county(
    folder: Path, *, more: str = "", storms: int = STORMS, interval_h: float = 24.0, peak: int = 11,
    decay: float = DECAY,
) -> Path:  # fmt: skip
    """Write a DEM, past storms of twelve days that peak on one of them, and slides; return the configuration."""
    rng = np.random.default_rng(4)
    _, x = np.mgrid[0:40, 0:40]
    write_layer(GRID.layer((900 + 10 * x).astype("float32"), units="m", long_name="height", name="dem"),
                folder / "dem.tif")  # fmt: skip
    per_day = round(24 / interval_h)
    points, ids, listed = [], [], []
    for k in range(storms):
        steps = 12 * per_day
        values = rng.gamma(0.5, 18 / per_day, (steps, *RAIN.shape)) * (0.6 + 0.2 * k)
        values[rng.random(values.shape) < 0.4] = 0
        day = np.arange(steps) // per_day + 1
        values *= np.where(np.abs(day - peak) <= 1, 1.5, 0.7)[:, None, None]
        write_cube(rain_cube(values, f"{2010 + k}-07-02", interval_h=interval_h), folder / f"storm_{k}.nc")
        days = values.reshape(12, per_day, *RAIN.shape).sum(axis=1)
        effective = max_effective(days, days=6, decay=decay)
        slid = rng.random(RAIN.shape) < 1 / (1 + np.exp(5.0 - effective / 18))
        rows, columns = np.nonzero(slid[1:-1, 1:-1])
        points += [(509_500 + 1000 * (c + 1), 4_065_500 - 1000 * (r + 1)) for r, c in zip(rows, columns, strict=True)]
        ids += [f"S{k}"] * len(rows)
        listed.append(f"      - {{storm_id: S{k}, file: storm_{k}.nc}}")
    slides = gpd.GeoDataFrame({"storm_id": ids}, geometry=gpd.points_from_xy(*zip(*points, strict=True)), crs=GRID.crs)
    write_frame(slides, folder / "slides.gpkg")
    (folder / "config.yaml").write_text(
        "name: past\ninputs:\n  dem: dem.tif\n  past_slides: slides.gpkg\n  rainfall:\n    past_events:\n"
        + "\n".join(listed) + "\noutput: out\n" + more, encoding="utf-8",
    )  # fmt: skip
    return folder / "config.yaml"


def max_effective(daily, *, days: int, decay: float = DECAY):
    """Return the largest effective rain at the end of any day whose whole window is held, (y, x)."""
    ends = range(days - 1, len(daily))
    return np.max([sum(decay**j * daily[e - j] for j in range(days)) for e in ends], axis=0)


def run_steps(plan, *prefixes: str) -> None:
    """Run the steps whose names begin so."""
    for step in plan.steps:
        if step.name.startswith(prefixes):
            for path in step.writes.values():
                path.parent.mkdir(parents=True, exist_ok=True)
            step.function(**step.reads, **step.writes, **step.params)
            assert all(path.exists() for path in step.writes.values()), step.name
