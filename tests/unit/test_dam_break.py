"""Dam-break screening: the published peak, the wave's way, settlements hit, and what is not known."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Point, box

from geo_risk.flow.steps.flood_dams import write_dams
from geo_risk.hazards.flood.dam_break import (
    breach_peak_m3_s,
    dam_cells,
    deepest_m,
    path_below,
    places,
    screen,
    wave,
)
from geo_risk.hazards.flood.params import DamBreakParams
from geo_risk.hazards.flood.ratings import ratings
from geo_risk.publish.frames import write_frame
from geo_risk.sources.layers import open_layer
from geo_risk.sources.options import ReadOptions
from tests.unit.test_flood_rivers import GRID, PARAMS, folder, ground  # noqa: F401 - a fixture


def test_froehlichs_peak_of_a_dam_computed_by_hand() -> None:
    # 1 million m3, 10 m: 0.607 * 10^(6 * 0.295) * 10^1.24 = 0.607 * 10^3.01 = 621.2
    assert breach_peak_m3_s(np.array([1e6]), np.array([10.0]))[0] == pytest.approx(0.607 * 10**3.01, rel=1e-12)
    # Teton 1976, 310 million m3 and 77.4 m: 65,120 m3/s observed; the regression is good to a factor of two
    assert breach_peak_m3_s(np.array([310e6]), np.array([77.4]))[0] == pytest.approx(65_120, rel=0.5)
    bad = breach_peak_m3_s(np.array([np.nan, 0.0, 1e6, np.inf]), np.array([10.0, 10.0, -1.0, 10.0]))
    assert np.isnan(bad).all()


@given(st.floats(1e3, 1e9), st.floats(1, 200), st.floats(1.01, 3))
def test_more_water_or_a_higher_dam_give_a_higher_peak(volume: float, height: float, more: float) -> None:
    base, wide, high = breach_peak_m3_s(np.array([1, more, 1]) * volume, np.array([1, 1, more]) * height)
    assert base < wide
    assert base < high


def made(at: Path):
    layers = {name: open_layer(path) for name, path in ground(at).items()}
    return ratings(layers["dem"], layers["dem_filled"], layers["flow_direction"], layers["flow_accumulation"],
                   layers["hand_m"], drainage=PARAMS.drainage, river=PARAMS.river), layers  # fmt: skip


@pytest.mark.slow
def test_the_wave_falls_and_comes_later_down_the_river(folder: Path) -> None:  # noqa: F811
    curves, layers = made(folder)
    shapes = gpd.GeoDataFrame(geometry=[box(500_900, 4_002_400, 500_960, 4_002_500), Point(500_050, 4_001_000)])
    cells = dam_cells(shapes, layers["flow_accumulation"], stream_area_m2=100_000, snap_m=60)
    assert cells[1] == -1
    assert int(cells[0]) % GRID.shape[1] == 30
    path = path_below(curves, 0, length_max_km=60)
    assert path.leaves
    stage, hours = wave(curves, path, 200.0, params=DamBreakParams())
    assert (stage > 0).all()
    assert hours[0] == 0
    assert (np.diff(hours) > 0).all()
    beyond, _ = wave(curves, path, 1e9, params=DamBreakParams())
    assert np.isnan(beyond).all()


@pytest.mark.slow
@pytest.mark.parametrize("language", ["zh", "en"])
def test_settlements_below_are_listed_and_unknown_dams_are_not_safe(folder: Path, language: str) -> None:  # noqa: F811
    dams = gpd.GeoDataFrame(
        {"reservoir_id": ["R1", "R2", "R3"], "name": ["a", "b", "c"], "volume_m3": [2e5, np.nan, 1e5],
         "dam_height_m": [12.0, 8.0, 5.0]},
        geometry=[Point(500_925, 4_002_500), Point(500_925, 4_002_300), Point(500_020, 4_001_000)], crs=GRID.crs,
    )  # fmt: skip
    towns = gpd.GeoDataFrame(
        {"settlement_id": ["low", "high"], "name": ["l", "h"], "people": [120.0, 80.0]},
        geometry=[Point(500_925, 4_000_500), Point(500_060, 4_000_500)], crs=GRID.crs,
    )  # fmt: skip
    dams.to_file(folder / "dams.gpkg")
    write_frame(towns, folder / "settlements.gpkg")
    out = {"out": folder / "depth_dam_break.tif", "table": folder / "reservoirs.csv", "facts": folder / "dams.json"}
    write_dams(reservoirs=folder / "dams.gpkg", settlements=folder / "settlements.gpkg", options=ReadOptions(),
               params=PARAMS, language=language, **ground(folder), **out)  # fmt: skip
    rows = pd.read_csv(out["table"]).set_index("reservoir_id")
    assert rows.index[0] == "R1"
    assert rows["status"].to_dict() == {"R1": "screened", "R2": "unknown", "R3": "off_stream"}
    assert rows.loc["R1", "settlements"] == 1
    assert rows.loc["R1", "people"] == 120
    assert rows.loc["R1", "hazard_level"] >= 2
    assert rows.loc["R1", "first_settlement_id"] == "low"
    assert (rows.loc[["R2", "R3"], "hazard_level"] == -1).all()
    assert rows["reasons"].str.len().min() > 5
    assert ("未知" if language == "zh" else "not nothing") in rows.loc["R2", "reasons"]
    depth = open_layer(out["out"]).to_numpy()
    assert np.nanmax(depth) > 0.5
    said = json.loads(out["facts"].read_text(encoding="utf-8"))
    assert said["counts"] == {"reservoirs_screened": 1, "reservoirs_unknown": 1, "reservoirs_off_stream": 1}
    assert any("R2" in note["text_en"] and "R2" in note["text_zh"] for note in said["notes"])


@pytest.mark.slow
def test_water_that_leaves_the_map_without_harm_is_unknown_not_harmless(folder: Path) -> None:  # noqa: F811
    curves, layers = made(folder)
    towns = gpd.GeoDataFrame({"people": [80.0]}, geometry=[Point(500_060, 4_000_500)], crs=GRID.crs)  # on the hill
    about = places(curves, layers["hand_m"], towns, radius_m=30)
    dams = pd.DataFrame({"volume_m3": [2e5], "dam_height_m": [12.0]})
    for length, level in ((60.0, -1), (0.5, 0)):
        params = DamBreakParams(length_max_km=length)
        bounds = PARAMS.depth_bounds_m
        found, _, _ = screen(curves, dams, np.array([0]), about, np.array([80.0]), params=params, depth_bounds_m=bounds)
        assert found.loc[0, "settlements"] == 0
        assert found.loc[0, "leaves_map"] == (level < 0)
        assert found.loc[0, "hazard_level"] == level


@pytest.mark.slow
def test_below_a_dam_of_unknown_volume_the_depth_is_unknown_not_zero(folder: Path) -> None:  # noqa: F811
    curves, layers = made(folder)
    towns = gpd.GeoDataFrame({"people": [80.0]}, geometry=[Point(500_925, 4_000_500)], crs=GRID.crs)
    about = places(curves, layers["hand_m"], towns, radius_m=30)
    dams = pd.DataFrame({"volume_m3": [np.nan, 2e5], "dam_height_m": [12.0, 12.0]})
    options = {"params": DamBreakParams(), "depth_bounds_m": PARAMS.depth_bounds_m}
    _, highest, lost = screen(curves, dams[:1], np.array([0]), about, np.array([80.0]), **options)
    assert np.isneginf(highest[0])
    assert lost[0]
    assert np.isnan(deepest_m(curves, highest, lost).compute()[:, 30]).any()
    _, highest, lost = screen(curves, dams, np.array([0, 0]), about, np.array([80.0]), **options)
    both = deepest_m(curves, highest, lost).compute()
    _, highest, lost = screen(curves, dams[1:], np.array([0]), about, np.array([80.0]), **options)
    alone = deepest_m(curves, highest, lost).compute()
    # under water by the dam that is known: at least so deep; dry by that dam: not known to be dry
    np.testing.assert_array_equal(both[alone > 0], alone[alone > 0])
    reaches = curves.reaches.labels.compute()
    assert np.isnan(both[(alone == 0) & (reaches == 1)]).all()
    assert ((alone == 0) & (reaches == 1)).any()
    _, highest, lost = screen(curves, dams, np.array([-1, -1]), about, np.array([80.0]), **options)
    assert np.isneginf(highest[0])
    assert not lost.any()


@pytest.mark.slow
def test_a_wave_above_the_curves_is_not_late(folder: Path) -> None:  # noqa: F811
    curves, _ = made(folder)
    path = path_below(curves, 0, length_max_km=60)
    _, hours = wave(curves, path, 200.0, params=DamBreakParams())
    _, high = wave(curves, path, 1e9, params=DamBreakParams())
    assert np.isfinite(high).all()
    assert (high[1:] < hours[1:]).all()


@pytest.mark.slow
def test_a_settlement_on_ground_without_heights_beside_the_river_is_not_called_dry(folder: Path) -> None:  # noqa: F811
    curves, layers = made(folder)
    row, column = 70, 33
    hole = layers["hand_m"].to_numpy().copy()
    hole[row - 2 : row + 3, column - 2 : column + 3] = np.nan
    hand = layers["hand_m"].copy(data=hole)
    x, y = GRID.coords()["x"][column], GRID.coords()["y"][row]
    towns = gpd.GeoDataFrame({"people": [80.0]}, geometry=[Point(x, y)], crs=GRID.crs)
    about = places(curves, hand, towns, radius_m=30)
    dams = pd.DataFrame({"volume_m3": [2e3], "dam_height_m": [2.0]})
    options = {"params": DamBreakParams(length_max_km=1.0), "depth_bounds_m": PARAMS.depth_bounds_m}
    found, _, _ = screen(curves, dams, np.array([0]), about, np.array([80.0]), **options)
    assert found.loc[0, ["settlements", "settlements_unknown", "hazard_level"]].tolist() == [0, 1, -1]


@pytest.mark.slow
def test_without_settlements_no_reservoir_is_called_harmless(folder: Path) -> None:  # noqa: F811
    dams = gpd.GeoDataFrame({"reservoir_id": ["R1"], "volume_m3": [2e5], "dam_height_m": [12.0]},
                            geometry=[Point(500_925, 4_002_500)], crs=GRID.crs)  # fmt: skip
    dams.to_file(folder / "one.gpkg")
    out = {"out": folder / "d.tif", "table": folder / "one.csv", "facts": folder / "one.json"}
    write_dams(reservoirs=folder / "one.gpkg", settlements=None, options=ReadOptions(), params=PARAMS, language="en",
               **ground(folder), **out)  # fmt: skip
    rows = pd.read_csv(out["table"])
    assert rows["hazard_level"].tolist() == [-1]
    assert rows["settlements"].isna().all()
