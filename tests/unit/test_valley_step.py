"""The step that runs the storm over the valleys: maps of any corner and of few cells."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox

from geo_risk.core.grid import Grid
from geo_risk.flow.steps.flood_ground import GROUND
from geo_risk.flow.steps.flood_valleys import _notes, _run, write_valleys
from geo_risk.hazards.flood import valleys
from geo_risk.hazards.flood.params import FloodParams
from geo_risk.kernels.inertial import UnstableFlow
from geo_risk.publish.cube import write_cube
from geo_risk.publish.raster import write_layer
from geo_risk.sources.layers import open_layer

CRS = "EPSG:32649"
HOURS = pd.date_range("2024-07-24T01:00", periods=5, freq="h")


def _rain(mm_h: np.ndarray) -> xr.DataArray:
    grid = Grid.from_bounds((499_000, 3_999_000, 502_000, 4_002_000), crs=CRS, resolution_m=1000)
    hours = [grid.layer(np.full(grid.shape, v, np.float32), units="mm", long_name="rain", name="rain") for v in mm_h]
    return xr.concat(hours, pd.Index(HOURS, name="time"))


SHORT = FloodParams.model_validate({"river": {"storm_h": 3}, "valleys": {"lead_h": 0, "after_h": 0}})


@pytest.mark.parametrize(
    ("shape", "corner"),
    [
        ((1, 1), (500_010.0, 4_000_050.0)),
        ((3, 3), (500_000.0, 4_000_000.0)),
        ((5, 4), (500_010.0, 4_000_050.0)),
    ],
)
def test_maps_of_any_corner_and_of_few_cells_are_run(shape: tuple[int, int], corner: tuple[float, float]) -> None:
    grid = Grid(GeoBox(shape, Affine(30, 0, corner[0], 0, -30, corner[1]), CRS))
    level = np.full(shape, 500.0) + 0.1 * np.arange(shape[0])[:, None]
    ground = dict(zip(GROUND, (80.0, 2.0, 0.0), strict=True))
    layers = {n: grid.layer(np.full(shape, v, np.float32), units="1", long_name=n) for n, v in ground.items()}
    rain = np.array([0.0, 0.0, 15.0, 20.0, 5.0])
    made, why, told = _run(level, grid, 2, _rain(rain), layers, [None, None], SHORT)
    assert made is not None, why
    assert told["valley_cells"] == -(-shape[0] // 2) * -(-shape[1] // 2)
    assert all(depth.shape == shape for depth in made)
    rain[3] = np.nan
    assert _run(level, grid, 2, _rain(rain), layers, [None, None], SHORT)[:2] == (None, "rain_missing")


def _valley(n: int = 40, before_mm: float = 0.0, dry_h: int = 0) -> tuple[Grid, np.ndarray, dict, xr.DataArray]:
    """Return a gentle valley, its ground, and rain: an hour of `before_mm`, `dry_h` hours of drizzle, then a storm."""
    grid = Grid(GeoBox((n, 12), Affine(30, 0, 500_000, 0, -30, 4_001_000), CRS))
    level = 500.0 - 0.05 * np.arange(n)[:, None] + 1.5 * np.abs(np.arange(12) - 5.5)[None, :]
    ground = dict(zip(GROUND, (90.0, 3.0, 0.0), strict=True))
    layers = {k: grid.layer(np.full(grid.shape, v, np.float32), units="1", long_name=k) for k, v in ground.items()}
    mm_h = np.array([0.0, before_mm, *[0.3] * dry_h, 15.0, 30.0, 20.0])
    box = Grid.from_bounds((499_000, 3_990_000, 502_000, 4_002_000), crs=CRS, resolution_m=1000)
    hours = [box.layer(np.full(box.shape, v, np.float32), units="mm", long_name="rain", name="rain") for v in mm_h]
    times = pd.date_range("2024-07-24T01:00", periods=len(mm_h), freq="h")
    return grid, level, layers, xr.concat(hours, pd.Index(times, name="time"))


def test_a_run_that_becomes_unstable_leaves_the_map_to_rating_curves_and_says_where(tmp_path, monkeypatch):
    grid, level, layers, rain = _valley()

    def lost(*_, **__):
        raise UnstableFlow("the step is too short", cell=(3, 2), time_s=5400.0)

    monkeypatch.setattr(valleys, "simulate", lost)
    made, why, told = _run(level, grid, 2, rain, layers, [None, None], SHORT)
    assert (made, why) == (None, "unstable")
    (note,) = _notes(why, told)
    assert note["level"] == "warning"
    assert "became unstable at x 500150, y 4000790, 1.5 hours after its start" in note["text_en"]
    assert "失稳" in note["text_zh"]
    assert "水位流量关系" in note["text_zh"]
    # the step itself ends well: nothing it writes says that a place is dry
    dem = tmp_path / "dem.tif"
    write_layer(grid.layer(level.astype(np.float32), units="m", long_name="dem", name="dem"), dem)
    paths = {}
    for name, layer in layers.items():
        paths[name] = tmp_path / f"{name}.tif"
        write_layer(layer, paths[name])
    _write(tmp_path, rain, dem, paths, SHORT)
    facts = json.loads((tmp_path / "facts.json").read_text(encoding="utf-8"))
    assert facts["counts"]["valley_unstable"] == 1
    assert facts["methods"] == []
    for name in ("best", "high"):
        assert np.isnan(open_layer(tmp_path / f"{name}.tif").to_numpy()).all()


def _write(folder, rain, dem, ground, params):
    cube = folder / "rain.nc"
    write_cube(rain.assign_attrs(interval_h=1), cube)
    names = {"valley_depth": "best.tif", "valley_depth_high": "high.tif", "facts": "facts.json"}
    write_valleys(dem=dem, rain=cube, outside_area=None, outside_area_high=None, params=params, **ground,
                  **{k: folder / v for k, v in names.items()})  # fmt: skip


def test_a_map_too_large_says_how_large_and_what_to_do(tmp_path):
    grid, level, layers, rain = _valley()
    dem, paths = tmp_path / "dem.tif", {name: tmp_path / f"{name}.tif" for name in layers}
    write_layer(grid.layer(level.astype(np.float32), units="m", long_name="dem", name="dem"), dem)
    for name, layer in layers.items():
        write_layer(layer, paths[name])
    # blocks of at most 4 cells of 30 m: 10 x 3 coarse cells
    small = SHORT.model_copy(update={"valleys": SHORT.valleys.model_copy(update={"cells_max": 29})})
    _write(tmp_path, rain, dem, paths, small)
    facts = json.loads((tmp_path / "facts.json").read_text(encoding="utf-8"))
    assert facts["counts"] == {"valley_cells_needed": 30, "valley_cells_max": 29}
    (note,) = facts["notes"]
    assert "30 at least, flood.valleys.cells_max is 29" in note["text_en"]
    assert "至少 30 个" in note["text_zh"]
    assert np.isnan(open_layer(tmp_path / "best.tif").to_numpy()).all()
    fits = SHORT.model_copy(update={"valleys": SHORT.valleys.model_copy(update={"cells_max": 30})})
    _write(tmp_path, rain, dem, paths, fits)
    assert np.isfinite(open_layer(tmp_path / "best.tif").to_numpy()).any()


def test_rain_before_the_wettest_hours_is_on_its_way_and_what_is_left_out_is_told():
    grid, level, layers, rain = _valley(n=300, before_mm=40.0, dry_h=3)  # water takes hours for its 9 km
    made, why, told = _run(level, grid, 2, rain, layers, [None, None], SHORT)
    assert made is not None, why
    assert (told["valley_hours"], told["valley_hours_before"]) == (8, 0)
    assert "演进起始" not in _notes("", told)[0]["text_zh"]
    short = SHORT.model_copy(update={"valleys": SHORT.valleys.model_copy(update={"hours_max": 6})})
    less, _, told = _run(level, grid, 2, rain, layers, [None, None], short)
    assert (told["valley_hours"], told["valley_hours_before"]) == (6, 2)
    assert told["valley_rain_before_mm"] == pytest.approx(40, abs=0.1)
    assert "40 mm that fell before" in _notes("", told)[0]["text_en"]
    assert "40 毫米" in _notes("", told)[0]["text_zh"]
    known = np.isfinite(less[0])
    rise = made[0][known] - less[0][known]
    assert (rise >= -0.015).all()  # small waves of thin sheets: a tenth of the thinnest class of depth
    assert rise.max() > 0.03  # twice what those waves may be


def test_a_crest_from_beyond_the_map_that_needs_the_hours_takes_them_from_the_beginning():
    grid, level, layers, rain = _valley(n=60, before_mm=10.0, dry_h=5)
    outside = np.zeros(grid.shape)
    outside[0, 5] = 3e8  # its crest comes hours after the rain
    both = [outside, outside]
    made, why, _ = _run(level, grid, 2, rain, layers, both, SHORT)
    assert made is not None, why
    found = set()
    for hours in (6, 39, 60):
        params = SHORT.model_copy(update={"valleys": SHORT.valleys.model_copy(update={"hours_max": hours})})
        made, why, told = _run(level, grid, 2, rain, layers, both, params)
        found.add(told["valley_hours_before"] if made is not None else why)
    assert found == {"late_crest", 7, 0}  # and some where the run began later, so that the crest is in it
