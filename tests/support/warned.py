"""A tiny county with a finished run, on which warnings are made."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox

from geo_risk.core.grid import Grid
from geo_risk.publish.cube import write_cube
from geo_risk.publish.frames import write_frame
from geo_risk.publish.raster import write_layer

GRID = Grid(GeoBox((60, 60), Affine(30, 0, 510_000, 0, -30, 4_065_000), "EPSG:4546"))
RAIN = Grid(GeoBox((6, 6), Affine(1000, 0, 508_000, 0, -1000, 4_067_000), "EPSG:4546"))

PIPELINE = '''"""Slides, zones, points, evacuation and lists of a tiny county."""
from geo_risk.flow.steps.evacuation import evacuation
from geo_risk.flow.steps.exposure import exposure
from geo_risk.flow.steps.grid import grid
from geo_risk.flow.steps.landslide import landslide
from geo_risk.flow.steps.points import points
from geo_risk.flow.steps.publish import publish
from geo_risk.flow.steps.rainfall import rainfall
from geo_risk.flow.steps.terrain import terrain
from geo_risk.flow.steps.zones import zones


def build(plan):
    """Order the steps."""
    for step in (grid, terrain, rainfall, landslide, exposure, zones, points, evacuation, publish):
        step(plan)
'''

CONFIG = """
name: 小县<b>
language: en
pipeline: tiny
inputs:
  dem: dem.tif
  landslide_inventory: inventory.gpkg
  roads: roads.gpkg
  settlements: settlements.gpkg
  shelters: shelters.gpkg
  hazard_points: points.csv
  admin: admin.gpkg
  rainfall:
    observed: observed.nc
    forecast:
      - {issued: "2024-07-20T00:00:00Z", file: forecast.nc}
rainfall: {antecedent_days: 3, stages_h: [6, 3, 1], durations_h: [6]}
landslide: {block_m: 500.0, folds: 4, background_cells: 5000, min_events: 20, only_where_applicable: false}
evacuation: {threat_by: line_of_sight}
output: out
"""


def cube(first: str, hours: int, value: float, *, grid: Grid = RAIN, **attrs: str) -> xr.DataArray:
    """Return hours of even rain that end from `first` on."""
    base = grid.layer(np.zeros(grid.shape), units="mm", long_name="rain", name="rain")
    times = np.datetime64(first, "ns") + np.arange(hours) * np.timedelta64(1, "h")
    coords = {"time": times, **{c: base.coords[c] for c in ("y", "x", "spatial_ref")}}
    values = np.full((hours, *grid.shape), value, "float32")
    return xr.DataArray(values, dims=("time", "y", "x"), coords=coords, name="rain",
                        attrs={"units": "mm", "interval_h": 1.0, **attrs})  # fmt: skip


def write_county(folder: Path) -> Path:
    """Write the inputs of the tiny county; return its configuration."""
    rng = np.random.default_rng(2)
    y, x = np.mgrid[0 : GRID.shape[0], 0 : GRID.shape[1]]
    z = 900 + 200 * np.sin(x / 15) * np.cos(y / 20)
    write_layer(GRID.layer(z.astype("float32"), units="m", long_name="height", name="dem"), folder / "dem.tif")
    steep = np.hypot(*np.gradient(z))
    cell = rng.choice(z.size, size=80, replace=False, p=(steep**3 / (steep**3).sum()).ravel())
    rows, columns = np.divmod(cell, GRID.shape[1])
    where = gpd.points_from_xy(510_015 + 30 * columns, 4_064_985 - 30 * rows)
    save(folder / "inventory.gpkg", {"event_id": [f"E{i}" for i in range(80)]}, list(where))
    save(folder / "roads.gpkg", {"road_id": ["R1"]}, [shapely.LineString([(510_000, 4_064_000), (511_800, 4_064_000)])])
    homes = {"settlement_id": ["S1", "S2"], "name": ["甲村", "<script>x</script>"], "people": [40.0, 30.0]}
    save(folder / "settlements.gpkg", homes, [shapely.Point(510_500, 4_064_300), shapely.Point(511_300, 4_063_500)])
    save(folder / "shelters.gpkg", {"shelter_id": ["H1"], "capacity": [500]}, [shapely.Point(510_900, 4_064_010)])
    towns = {"level": ["township", "township"], "code": ["1", "2"], "name": ["东乡", "西<i>乡"]}
    halves = [shapely.box(510_900, 4_063_000, 512_000, 4_066_000), shapely.box(509_000, 4_063_000, 510_900, 4_066_000)]
    save(folder / "admin.gpkg", towns, halves)
    (folder / "points.csv").write_text(
        "编号,类型,x,y\nP1,滑坡,510500,4064300\nP2,崩塌,511300,4063500\n", encoding="utf-8"
    )
    write_cube(cube("2024-07-10T01", 241, 0.2), folder / "observed.nc")
    write_cube(cube("2024-07-20T01", 12, 2.0), folder / "forecast.nc")
    (folder / "tiny.py").write_text(PIPELINE, encoding="utf-8")
    (folder / "config.yaml").write_text(CONFIG, encoding="utf-8")
    return folder / "config.yaml"


def save(path: Path, columns: dict[str, list[object]], shapes: list[object]) -> None:
    """Write a vector file in the run's CRS."""
    write_frame(gpd.GeoDataFrame(columns, geometry=shapes, crs=GRID.crs), path)
