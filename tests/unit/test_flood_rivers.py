"""Floods of stations and design rains: snapping, which reaches a station speaks for, and the steps on files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from geo_risk.core.grid import Grid
from geo_risk.flow.inputs import StormFormula
from geo_risk.flow.steps.flood_rivers import write_design, write_design_rain, write_stations
from geo_risk.flow.steps.hydrology import make_drainage
from geo_risk.hazards.flood.design import peak_by_reach
from geo_risk.hazards.flood.params import FloodParams, RiverParams
from geo_risk.hazards.flood.ratings import ratings
from geo_risk.hazards.flood.stations import snapped, station_flow
from geo_risk.hazards.rainfall.params import RainfallParams
from geo_risk.publish.frames import write_json
from geo_risk.publish.raster import write_layer
from geo_risk.sources.layers import open_layer
from geo_risk.sources.options import ReadOptions

GRID = Grid.from_bounds((500_010, 4_000_020, 501_840, 4_002_720), crs="EPSG:4546", resolution_m=30)
PARAMS = FloodParams.model_validate({
    "drainage": {"stream_area_m2": 100_000},
    "river": {"design_years": [10, 50], "zones_design_years": 50, "station_snap_m": 100},
})  # fmt: skip
FORMULA = StormFormula(city="A", edition="2020", document="B", a=10.0, c=0.8, b=10.0, n=0.7, valid_minutes=(5, 1440),
                       valid_years=(2, 100))  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A valley that falls southward, drained, with rain, curve numbers and the event's level."""
    at = tmp_path_factory.mktemp("rivers")
    rows, columns = np.indices(GRID.shape)
    z = (500 - rows * 0.06 + np.abs(columns - 30) * 3.0).astype(np.float32)
    write_layer(GRID.layer(z, units="m", long_name="height", name="dem"), at / "dem.tif")
    names = (
        "dem_filled",
        "flow_direction",
        "flow_accumulation",
        "area_is_partial",
        "area_cut_ratio",
        "streams",
        "hand_m",
    )
    make_drainage(dem=at / "dem.tif", **{n: at / f"{n}.tif" for n in names}, facts=at / "hydrology.json",
                  params=PARAMS.drainage)  # fmt: skip
    number = GRID.layer(np.full(GRID.shape, 85, np.float32), units="1", long_name="cn", name="curve_number")
    write_layer(number, at / "curve_number.tif")
    level = GRID.layer(np.zeros(GRID.shape, np.int8), units="level", long_name="level", name="hazard_flood")
    write_layer(level, at / "hazard_flood.tif")
    write_json(GRID.to_dict(), at / "grid.json")
    return at


def ground(at: Path) -> dict[str, Path]:
    names = ("dem", "dem_filled", "flow_direction", "flow_accumulation", "hand_m")
    return {name: at / f"{name}.tif" for name in names}


def facts(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_design_floods_rise_with_their_years_and_reach_the_zones(folder: Path) -> None:
    rain = {f"rain_{t}": folder / f"rain_design_{t}yr.tif" for t in (10, 50)}
    write_design_rain(grid=folder / "grid.json", maxima=None, facts=folder / "rain.json", years=[10, 50], storm_h=6,
                      idf=FORMULA, params=RainfallParams(), options=None, **rain)  # fmt: skip
    # 0.36 q t / 60 with q = 167 A (1 + C lg P) / (t + b)^n, here 167 * 10 * 1.8 / 370^0.7
    wanted = 0.36 * 167 * 10 * 1.8 / 370**0.7 * 6
    assert float(open_layer(rain["rain_10"]).mean()) == pytest.approx(wanted, rel=1e-6)
    out = {"depth_10": folder / "d10.tif", "depth_50": folder / "d50.tif", "hazard": folder / "hazard_flood_design.tif"}
    write_design(curve_number=folder / "curve_number.tif", rain=list(rain.values()),
                 hazard_flood=folder / "hazard_flood.tif", area_cut_ratio=folder / "area_cut_ratio.tif",
                 facts=folder / "design.json", params=PARAMS, **ground(folder), **out)  # fmt: skip
    low, high = (open_layer(out[f"depth_{t}"]).to_numpy() for t in (10, 50))
    known = np.isfinite(low)
    assert (high[known] >= low[known]).all()
    assert np.nanmax(low) > 0.3
    level = open_layer(out["hazard"]).to_numpy()
    assert level.max() >= 2
    assert (level[~np.isfinite(high)] == -1).all()
    assert facts(folder / "design.json")["counts"]["reaches"] >= 1


@pytest.mark.slow
def test_stations_are_used_named_or_set_aside(folder: Path) -> None:
    table = pd.DataFrame({
        "station_id": ["low", "hill", "twice", "nothing", "flood"],
        "x": [500_925, 500_100, 500_925, 500_925, 500_900],
        "y": [4_000_200, 4_001_000, 4_000_230, 4_000_300, 4_002_300],
        "discharge_m3_s": [20.0, 5.0, 7.0, np.nan, np.nan], "stage_m": [np.nan, np.nan, np.nan, np.nan, -1.0],
    })  # fmt: skip
    table.to_csv(folder / "stations.csv", index=False)
    write_stations(river_stations=folder / "stations.csv", out=folder / "depth_stations.tif",
                   facts=folder / "stations.json", options=ReadOptions(crs="EPSG:4546"), params=PARAMS,
                   **ground(folder))  # fmt: skip
    said = facts(folder / "stations.json")
    assert said["counts"]["stations_used"] == 1
    assert said["counts"]["stations_off_stream"] == 1
    assert said["counts"]["stations_second"] == 1
    assert {row["id"] for row in said["quarantine"]} == {"nothing", "flood"}
    assert any("twice" in note["text_en"] and "twice" in note["text_zh"] for note in said["notes"])
    depth = open_layer(folder / "depth_stations.tif").to_numpy()
    assert 0.2 < np.nanmax(depth) < 10


@pytest.mark.slow
def test_a_stage_comes_back_as_its_depth_and_an_impossible_one_is_unknown(folder: Path) -> None:
    layers = {name: open_layer(path) for name, path in ground(folder).items()}
    made = ratings(layers["dem"], layers["dem_filled"], layers["flow_direction"], layers["flow_accumulation"],
                   layers["hand_m"], drainage=PARAMS.drainage, river=PARAMS.river)  # fmt: skip
    for stage, result in ((2.5, "used"), (1e3, "beyond_curve")):
        stations = pd.DataFrame({"x": [500_925.0], "y": [4_000_200.0], "discharge_m3_s": [np.nan], "stage_m": [stage]})
        got, table = station_flow(made, stations, upslope_area=layers["flow_accumulation"],
                                  stream_area_m2=100_000, params=PARAMS.river)  # fmt: skip
        assert table["result"].tolist() == [result]
        if result == "used":
            assert np.nanmax(got) == pytest.approx(2.5)
            assert np.nanmax(made.depth_m(got).compute()) == pytest.approx(2.5, abs=1e-5)
        else:
            assert np.isnan(got).all()


@pytest.mark.slow
def test_of_what_stations_say_of_a_reach_the_higher_water_counts(folder: Path) -> None:
    layers = {name: open_layer(path) for name, path in ground(folder).items()}
    made = ratings(layers["dem"], layers["dem_filled"], layers["flow_direction"], layers["flow_accumulation"],
                   layers["hand_m"], drainage=PARAMS.drainage, river=PARAMS.river)  # fmt: skip

    def flow(*rows: tuple[float, float]) -> tuple[np.ndarray, pd.DataFrame]:
        table = pd.DataFrame({"x": 500_925.0, "y": 4_000_200.0, "discharge_m3_s": [q for q, _ in rows],
                              "stage_m": [h for _, h in rows]})  # fmt: skip
        return station_flow(made, table, upslope_area=layers["flow_accumulation"], stream_area_m2=100_000,
                            params=PARAMS.river)  # fmt: skip

    nan = np.nan
    whole, told = flow((nan, 2.75))
    high, told = flow((told.loc[0, "discharge_m3_s"], 0.5))  # a stage of another datum
    np.testing.assert_allclose(high, whole, rtol=1e-6)
    assert told.loc[0, "stage_m"] == pytest.approx(2.75, rel=1e-6)
    assert told["disagrees"].tolist() == [True]
    got, told = flow((nan, 0.5), (nan, 2.0))
    np.testing.assert_array_equal(got, flow((nan, 2.0))[0])
    assert told["result"].tolist() == ["second", "used"]
    got, told = flow((nan, 0.5), (nan, 812.3))  # metres above the sea
    assert np.isnan(got).all()
    assert told["result"].tolist() == ["second", "beyond_curve"]


@pytest.mark.slow
def test_design_floods_count_ground_without_a_curve_number_on_the_wet_side(folder: Path) -> None:
    dry = np.full(GRID.shape, 40.0, np.float32)
    dry[:, ::2] = np.nan
    peaks = {}
    for name, values in (("part", dry), ("wet", np.where(np.isnan(dry), 85.0, dry).astype(np.float32))):
        number = GRID.layer(values, units="1", long_name="cn", name="curve_number")
        rain = GRID.layer(np.full(GRID.shape, 80.0, np.float32), units="mm", long_name="rain", name="rain")
        layers = {n: open_layer(path) for n, path in ground(folder).items()}
        made = ratings(layers["dem"], layers["dem_filled"], layers["flow_direction"], layers["flow_accumulation"],
                       layers["hand_m"], drainage=PARAMS.drainage, river=PARAMS.river)  # fmt: skip
        peaks[name] = peak_by_reach(made.reaches, layers, rain, number, params=PARAMS).discharge_m3_s
    assert np.nanmax(peaks["wet"]) > 0
    np.testing.assert_array_equal(peaks["part"], peaks["wet"])


def test_points_off_the_map_and_far_from_streams_are_not_snapped() -> None:
    area = np.full(GRID.shape, 900.0, np.float32)
    area[40, 30] = 5e6
    layer = GRID.layer(area, units="m2", long_name="area", name="area")
    x0, y0 = GRID.coords()["x"][32], GRID.coords()["y"][40]
    got = snapped(np.array([x0, x0, 0.0]), np.array([y0, y0 - 600, 0.0]), layer, stream_area_m2=1e6, snap_m=90.0)
    assert got.tolist() == [40 * GRID.shape[1] + 30, -1, -1]


@pytest.mark.parametrize("bad", [{"design_years": [1]}, {"design_years": [10, 10]},
                                 {"design_years": [10], "zones_design_years": 20}])  # fmt: skip
def test_impossible_design_years_are_refused(bad: dict) -> None:
    with pytest.raises(ValueError, match="design_years"):
        RiverParams.model_validate(bad)
