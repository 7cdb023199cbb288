"""Whole runs of the waterlogging pipeline on a hand-made town: with nothing but points, and with everything."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
import xarray as xr

from geo_risk.core.grid import Grid
from geo_risk.flow.run import run
from geo_risk.publish.raster import write_layer

pytestmark = pytest.mark.slow

LEFT, TOP = 500_000, 4_000_600
CELLS = 20
"""Cells of 30 m along a side of the county, which is all town."""

IDF = ("{city: c, edition: e, document: d, a: 10.0, c: 0.9, b: 10.0, n: 0.7, valid_minutes: [5, 180], "
       "valid_years: [2, 100], peak_ratio: 0.4}")  # fmt: skip
HOLLOWS = ((30, 30, 1.2), (30, 90, 0.8), (90, 60, 1.0))


def at(row: float, column: float) -> shapely.Point:
    """Middle of a cell of 5 m."""
    return shapely.Point(LEFT + 5 * (column + 0.5), TOP - 5 * (row + 0.5))


def heights(cell_m: float) -> tuple[Grid, np.ndarray]:
    grid = Grid.from_bounds((LEFT, TOP - 600, LEFT + 600, TOP), crs="EPSG:4546", resolution_m=cell_m)
    coords = grid.coords()
    x, y = np.meshgrid(coords["x"], coords["y"])
    z = 800 - 0.002 * (x - LEFT) + 0.001 * np.abs(y - TOP + 300)
    for row, column, depth in HOLLOWS:
        middle = at(row, column)
        z -= depth * np.clip(1 - (np.hypot(x - middle.x, y - middle.y) / 50) ** 2, 0, 1)
    return grid, z


def write_dem(path: Path, cell_m: float) -> None:
    grid, z = heights(cell_m)
    write_layer(grid.layer(z.astype("float32"), units="m", long_name="height", name=path.stem), path)


def write_points(path: Path) -> None:
    places = [*(at(r, c) for r, c, _ in HOLLOWS), at(5, 5)]
    lonlat = gpd.GeoSeries(places, crs="EPSG:4546").to_crs(4490)
    names = ["人民路下穿", "学校低洼处", "长江路", "坡顶"]
    pd.DataFrame({"易涝点": names, "经度": lonlat.x, "纬度": lonlat.y}).to_csv(path, index=False, encoding="gb18030")


def write_roads(path: Path) -> None:
    lines = [shapely.LineString([(LEFT, at(r, 0).y), (LEFT + 600, at(r, 0).y)]) for r in (30, 90)]
    frame = gpd.GeoDataFrame({"road_id": ["R1", "R2"], "class": ["primary", "local"], "name": ["一", "二"]},
                             geometry=lines, crs="EPSG:4546")  # fmt: skip
    frame.to_file(path, driver="GPKG")


def write_rain(path: Path, start: str, amounts: list[float]) -> None:
    times = pd.date_range(start, periods=len(amounts), freq="h")
    x, y = np.arange(LEFT - 1500.0, LEFT + 2500, 1000), np.arange(TOP + 1500.0, TOP - 2500, -1000)
    values = np.broadcast_to(np.array(amounts, dtype=np.float32)[:, None, None], (len(amounts), y.size, x.size))
    grid = Grid.from_bounds((LEFT - 2000, TOP - 2000, LEFT + 2000, TOP + 2000), crs="EPSG:4546", resolution_m=1000)
    wkt = grid.geobox.crs.to_wkt()
    rain = xr.DataArray(values, dims=("time", "y", "x"), coords={"time": times, "y": y, "x": x}, name="rain",
                        attrs={"units": "mm", "interval_h": 1.0, "long_name": "rain"})  # fmt: skip
    from geo_risk.publish.cube import write_cube

    write_cube(rain.assign_coords(spatial_ref=((), 0, {"crs_wkt": wkt})), path)


def frames(out: Path) -> dict[str, gpd.GeoDataFrame]:
    package = out / "geo_risk.gpkg"
    return {name: pyogrio.read_dataframe(package, layer=name) for name, _ in pyogrio.list_layers(package)}


def test_a_stranger_with_points_and_a_coarse_dem_gets_a_ranking_and_is_told_what_it_is(tmp_path: Path) -> None:
    write_dem(tmp_path / "dem.tif", 30)
    write_points(tmp_path / "points.csv")
    config = tmp_path / "run.yaml"
    text = """pipeline: waterlogging
language: en
inputs: {dem: dem.tif, waterlogging_sites: points.csv}
flood: {design: {trigger_rain_mm: [30, 90], after_min: 20}}
output: out
"""
    config.write_text(text, encoding="utf-8")
    run(config)
    made = frames(tmp_path / "out")["waterlogging"]
    assert {"R0002", "R0003", "R0004", "R0005"} <= set(made["site_id"])
    points = made.set_index("site_id")
    assert points.loc["R0002", "kind"] == "underpass"
    assert (points.loc[["R0002", "R0003", "R0004"], "depth_m"] > points.loc["R0005", "depth_m"]).all()
    assert points.loc["R0005", "depth_class"] == -1  # on 30 m nothing listed is called dry
    assert made["return_period_yr"].isna().all()
    assert made["score"].nunique() == len(made)
    report = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    for words in ("No rain was given", "No DEM of the town was given", "inputs.rainfall.idf", "no column of ids"):
        assert words in report, words


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("town")
    write_dem(folder / "dem.tif", 30)
    write_dem(folder / "town.tif", 5)
    write_points(folder / "points.csv")
    write_roads(folder / "roads.gpkg")
    write_rain(folder / "observed.nc", "2024-07-20T00:00", [0.0] * 20 + [5.0, 30.0, 40.0, 10.0])
    write_rain(folder / "forecast.nc", "2024-07-21T00:00", [20.0, 10.0, 0.0])
    doors = {"space_id": ["U1", "U2"], "name": ["车库", "通道"], "sill_height_m": [0.2, None], "people": [9, 9]}
    gpd.GeoDataFrame(doors, geometry=[at(30, 31), at(90, 60)], crs="EPSG:4546").to_file(folder / "doors.gpkg")
    gpd.GeoDataFrame({"drain_id": ["D1"], "capacity_m3_s": [0.05], "site_id": ["R0003"]}, geometry=[at(30, 90)],
                     crs="EPSG:4546").to_file(folder / "drains.gpkg")  # fmt: skip
    gpd.GeoDataFrame({"depot_id": ["仓库"], "pump_m3_s": [0.2], "count": [2], "crews": [1]}, geometry=[at(110, 110)],
                     crs="EPSG:4546").to_file(folder / "depots.gpkg")  # fmt: skip
    far = gpd.GeoSeries([at(5, 115)], crs="EPSG:4546").to_crs(4490).iloc[0]
    (folder / "reports.csv").write_text(
        "site_id,lon,lat,depth_m,time\nR0002,,,60cm,2024-07-20T23:30Z\nR0005,,,0.4,2024-07-21 07:30\n"
        f",{far.x},{far.y},0.3,\nR0003,,,0.9,2024-07-12T20:00Z\n")  # fmt: skip
    (folder / "run.yaml").write_text(f"""
pipeline: waterlogging
language: en
inputs:
  dem: dem.tif
  dem_town: town.tif
  rainfall: {{observed: observed.nc, forecast: [{{issued: "2024-07-20T23:00:00Z", file: forecast.nc}}], idf: {IDF}}}
  waterlogging_sites: points.csv
  storm_reports: reports.csv
  roads: roads.gpkg
  drains: drains.gpkg
  underground_spaces: doors.gpkg
  mobile_pumps: depots.gpkg
rainfall: {{issued: "2024-07-20T23:00:00Z"}}
flood:
  design: {{trigger_rain_mm: [20, 80], after_min: 20, return_periods_yr: [2, 20, 500], storm_min: 60}}
  town: {{window_h: 3}}
  sites: {{n_draws: 50}}
output: out
""", encoding="utf-8")  # fmt: skip
    run(folder / "run.yaml")
    return folder


def test_everything_that_the_list_can_tell_is_told(everything: Path) -> None:
    made = frames(everything / "out")
    sites = made["waterlogging"].set_index("site_id")
    for name in ("trigger_10min_class1_mm", "trigger_30min_class2_mm", "close_mm", "minutes_to_close", "depth_2yr_m",
                 "depth_20yr_m", "return_period_yr", "depth_3h_m", "depth_1h_m", "ponded_m3", "drain_needed_m3_s",
                 "first10_share"):  # fmt: skip
        assert sites.loc["R0002", name] > 0, name
    assert "depth_500yr_m" not in sites
    assert sites["depth_72h_m"].isna().all()  # no forecast reaches so far: unknown, not dry
    assert (sites["depth_20yr_m"] >= sites["depth_2yr_m"]).all()
    assert sites.loc["R0002", "return_period_bound"] == "at_most"
    doors = made["underground_entrances"].set_index("space_id")
    assert doors.loc["U1", "sill_state"] == "over_sill"
    assert doors.loc["U2", "sill_state"] == "unknown"
    told = made["waterlogging_verification"].set_index("site_id")["outcome"]
    assert told.loc[["R0002", "R0003", "R0005"]].tolist() == ["hit", "unknown", "miss"]
    report = (everything / "out" / "report.html").read_text(encoding="utf-8")
    for words in ("was reported at 2024-07-12T20:00Z, before the storm began", "1 reports of water state no time",
                  "1 reports of water state a time without its zone"):  # fmt: skip
        assert words in report, words
    proposals = made["waterlogging_ledger_proposals"]
    assert proposals["proposal"].tolist() == ["new_site"]
    sent = made["waterlogging_allocation"]
    assert sent["n_pumps"].sum() == 1  # one crew
    assert (sent["depth_after_m"] < sent["depth_before_m"]).all()
    rows = pd.read_csv(everything / "out" / "lists" / "waterlogging.csv")
    assert {"trigger_60min_class4_mm", "depth_20yr_m", "first10_share"} <= set(rows.columns)
    card = next((everything / "out" / "cards").glob("site_R0002*.html")).read_text(encoding="utf-8")
    for words in ("Trigger rain (mm)", "once in 20 years", "Volumes by cause"):
        assert words in card


def test_the_same_rain_gives_the_same_list(everything: Path) -> None:
    def hashes() -> dict[str, str]:
        outputs = json.loads((everything / "out" / "manifest.json").read_text(encoding="utf-8"))["outputs"]
        return {o["path"]: o["content_sha256"] for o in outputs if "lists/" in o["path"] or "gpkg" in o["path"]}

    before = hashes()
    run(everything / "run.yaml", force=True)
    assert hashes() == before


def test_stages_without_a_forecast_are_unknown_and_leave_room_for_a_warning(everything: Path) -> None:
    text = (everything / "run.yaml").read_text(encoding="utf-8")
    bare = text.replace(', forecast: [{issued: "2024-07-20T23:00:00Z", file: forecast.nc}]', "").replace(
        "output: out", "output: bare")  # fmt: skip
    assert bare != text
    (everything / "bare.yaml").write_text(bare, encoding="utf-8")
    run(everything / "bare.yaml", names=["flood.stages"])
    rows = pyogrio.read_dataframe(everything / "bare" / ".work" / "between" / "town_stages.gpkg")
    assert rows[[f"depth_{h}h_m" for h in (72, 24, 6, 3, 1)]].isna().all().all()
    assert (everything / "bare" / ".work" / "between" / "flood_stages.json").exists()
