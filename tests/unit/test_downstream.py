"""Dams and tailings ponds with the people downstream."""

from __future__ import annotations

from pathlib import Path

import dask.array as da
import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, Point, box

from geo_risk.exposure.params import DEFAULTS, NO_DWELLING
from geo_risk.flow.steps.downstream import read_structures, write_downstream
from geo_risk.hazards.flood.dam_break import places, screen
from geo_risk.hazards.runout.params import RunoutParams
from geo_risk.products.downstream import Below, level_of, reached_by, things_of
from geo_risk.publish.frames import write_frame
from geo_risk.sources.layers import open_layer, read_frame, read_json
from geo_risk.sources.options import NO_OPTIONS
from geo_risk.terrain.way import way_cells
from tests.unit.test_dam_break import made
from tests.unit.test_flood_rivers import GRID, PARAMS, folder, ground  # noqa: F401 - a fixture

RUNOUT = RunoutParams()
X = 500_925  # of the river


def houses(*rows):
    """Rows of (settlement, x, y, people)."""
    return gpd.GeoDataFrame(
        {"house_id": [f"H{k}" for k in range(len(rows))], "settlement_id": [r[0] for r in rows],
         "people": [r[3] for r in rows], "is_building": True},
        geometry=[box(r[1] - 4, r[2] - 4, r[1] + 4, r[2] + 4) for r in rows], crs=GRID.crs,
    )  # fmt: skip


def dams(*rows):
    """Rows of (id, volume, height, y)."""
    return gpd.GeoDataFrame(
        {"reservoir_id": [r[0] for r in rows], "name": [r[0] for r in rows], "volume_m3": [r[1] for r in rows],
         "dam_height_m": [r[2] for r in rows]},
        geometry=[Point(X, r[3]) for r in rows], crs=GRID.crs,
    )  # fmt: skip


def below(at: Path) -> Below:
    curves, layers = made(at)
    return Below(curves, layers["dem"], layers["flow_direction"], layers["flow_accumulation"], layers["hand_m"])


def as_structures(frame):
    return frame.rename(columns={"reservoir_id": "structure_id"}).assign(kind="reservoir", crest=None)


@pytest.mark.slow
def test_a_house_has_the_depth_and_the_hour_of_the_screening(folder: Path) -> None:  # noqa: F811
    there, dam = below(folder), dams(("R", 2e5, 12.0, 4_002_500))
    home = houses(("low", X, 4_000_500, 9.0), ("high", 500_060, 4_000_500, 5.0))
    things = things_of(home, None, there)
    (found,) = reached_by(as_structures(dam), there, things, flood=PARAMS, runout=RUNOUT)
    towns = gpd.GeoDataFrame(geometry=[Point(X, 4_000_500)], crs=GRID.crs)
    about = places(there.made, there.hand_m, towns, radius_m=0)
    told, _, _ = screen(there.made, dam, np.array([0]), about, np.array([9.0]), params=PARAMS.dam_break,
                        depth_bounds_m=PARAMS.depth_bounds_m)  # fmt: skip
    row = found.things.set_index("thing").loc[0]
    assert row["is_reached"]
    assert row["depth_m"] == pytest.approx(told.loc[0, "depth_max_m"])
    assert row["arrival_h"] == pytest.approx(told.loc[0, "first_arrival_h"])
    assert row["distance_km"] == pytest.approx(2.0, abs=0.031)  # along a straight river, to a cell
    assert 1 not in set(found.things["thing"])
    speeds = RUNOUT.level_velocity_m_s
    assert level_of(found, bounds_m=PARAMS.depth_bounds_m, speeds_m_s=speeds) == told.loc[0, "hazard_level"]


def test_what_stands_high_above_the_river_may_be_reached_where_the_wave_stands_above_the_curve(folder: Path) -> None:  # noqa: F811
    there = below(folder)
    # 170,000 m3/s in a valley of 1 in 10 that falls 2 in 1000 stand at 42 m; the curves end at 30 m
    dam = dams(("R", 2e9, 150.0, 4_002_500))
    home = houses(("high", X + 360, 4_000_500, 9.0), ("top", 500_040, 4_000_500, 5.0), ("low", X, 4_000_500, 1.0))
    (found,) = reached_by(as_structures(dam), there, things_of(home, None, there), flood=PARAMS, runout=RUNOUT)
    assert set(found.things["thing"]) == {0, 2}  # 36 m above the river; 88 m is above the most the stage can be
    assert not found.things["is_reached"].any()
    towns = gpd.GeoDataFrame(geometry=home.geometry.centroid)
    about = places(there.made, there.hand_m, towns, radius_m=0)
    told, highest, _ = screen(there.made, dam, np.array([0]), about, np.array([9.0, 5.0, 1.0]),
                              params=PARAMS.dam_break, depth_bounds_m=PARAMS.depth_bounds_m)  # fmt: skip
    assert np.isnan(highest[0])
    assert told.loc[0, ["settlements", "settlements_unknown", "hazard_level"]].tolist() == [0, 2, -1]


def run(at: Path, *, reservoirs=None, ponds=None, lived=None, used=None, language="en"):
    given_ = {"reservoirs": reservoirs, "tailings_ponds": ponds, "houses": lived, "facilities": used}
    files = dict.fromkeys(given_)
    for name, frame in given_.items():
        if frame is not None:
            files[name] = at / f"{name}_in.gpkg"
            write_frame(frame, files[name])
    towns = gpd.GeoDataFrame({"settlement_id": ["low", "high"], "name": ["低村", "高村"]},
                             geometry=[Point(X, 4_000_500), Point(500_060, 4_000_500)], crs=GRID.crs)  # fmt: skip
    write_frame(towns, at / "towns.gpkg")
    out = {n: at / f"{n}.gpkg" for n in ("out", "places", "ways")}
    write_downstream(**ground(at), terrain=at / "dem.tif", **files, settlements=at / "towns.gpkg", **out,
                     facts=at / "down.json", options=NO_OPTIONS, pond_options=NO_OPTIONS, params=PARAMS, runout=RUNOUT,
                     language=language, exposure_params=DEFAULTS)  # fmt: skip
    return tuple(read_frame(p) for p in out.values())


HOMES = houses(("low", X, 4_000_500, 9.0), ("low", X + 30, 4_000_500, np.nan), ("high", 500_060, 4_000_500, 5.0))
SCHOOL = gpd.GeoDataFrame({"facility_id": ["F1"], "name": ["小学"], "kind": ["school"], "people": [40.0]},
                          geometry=[Point(X, 4_001_500)], crs=GRID.crs)  # fmt: skip


@pytest.mark.slow
def test_one_list_of_dams_with_the_people_below_by_distance(folder: Path, tmp_path: Path) -> None:  # noqa: F811
    frame = dams(("R1", 2e5, 12.0, 4_002_500), ("R2", np.nan, 8.0, 4_002_300), ("R3", 1e5, 5.0, 4_002_300))
    frame.geometry = [*frame.geometry[:2], Point(500_020, 4_001_000)]
    rows, near, ways = run(folder, reservoirs=frame, lived=HOMES, used=SCHOOL)
    assert rows["structure_id"].tolist() == ["R1", "R2", "R3"]
    assert rows["status"].tolist() == ["screened", "unknown", "off_stream"]
    first = rows.iloc[0]
    assert first["hazard_level"] >= 2
    assert np.isnan(first["people"])  # of one house the number is unknown
    assert first[["settlements", "buildings", "facilities", "facility_people"]].tolist() == [1, 2, 1, 40]
    assert first["first_place"] == "小学"
    assert first["first_distance_km"] == pytest.approx(1.0, abs=0.031)
    assert first["first_arrival_h"] == 0  # one reach: the hour its upper end is reached, never too late
    assert "the people of one at least are unknown" in first["reasons"]
    second = rows.iloc[1]
    assert second["hazard_level"] == -1
    assert second[["settlements", "settlements_may", "buildings_may", "facilities_may"]].tolist() == [0, 1, 2, 1]
    assert np.isnan(second["people_may"])
    assert "not known to be safe" in second["reasons"]
    assert (rows["hazard_level"].iloc[1:] == -1).all()
    mine = near[near["structure_id"] == "R1"]
    assert mine["place_id"].tolist() == ["F1", "low"]
    assert mine["distance_km"].is_monotonic_increasing
    assert set(near["state"]) == {"reached", "may_be_reached"}
    assert "high" not in set(near["place_id"])
    assert ways["structure_id"].tolist() == ["R1", "R2"]
    notes = read_json(folder / "down.json")["notes"]
    assert any("R2, R3" in n["text_en"] and "R2、R3" in n["text_zh"] for n in notes)


@pytest.mark.slow
def test_a_school_that_no_list_has_is_a_facility_of_unknown_people(folder: Path) -> None:  # noqa: F811
    lived = houses(("low", X, 4_000_500, 9.0), ("low", X, 4_001_000, 0.0))
    lived = lived.assign(use=[None, "学校"], spread=["floor_area", NO_DWELLING])
    rows, near, _ = run(folder, reservoirs=dams(("R1", 2e5, 12.0, 4_002_500)), lived=lived, used=SCHOOL)
    assert rows.loc[0, ["people", "facilities"]].tolist() == [9, 2]
    assert np.isnan(rows.loc[0, "facility_people"])
    assert set(near["place_id"]) == {"low", "F1", "H1"}


def test_ponds_of_one_id_are_told_apart_and_said(tmp_path: Path) -> None:
    shapes = [box(X + 90 * k, 4_000_500, X + 90 * k + 60, 4_000_560) for k in range(4)]
    ponds = gpd.GeoDataFrame(
        {"pond_id": ["T1", "T1", "T1-2", "R1"], "dam_height_m": 9.0}, geometry=shapes, crs=GRID.crs
    )
    write_frame(ponds, tmp_path / "p.gpkg")
    write_frame(dams(("R1", 2e5, 12.0, 4_002_500)), tmp_path / "r.gpkg")
    made, _, said = read_structures(tmp_path / "r.gpkg", tmp_path / "p.gpkg", GRID, NO_OPTIONS, NO_OPTIONS)
    assert made["structure_id"].tolist() == ["reservoir-R1", "T1", "T1-3", "T1-2", "tailings_pond-R1"]
    assert any("pond_id repeats (T1)" in en for en, _ in said)


@pytest.mark.slow
def test_without_houses_no_structure_is_called_harmless(folder: Path) -> None:  # noqa: F811
    rows, near, _ = run(folder, reservoirs=dams(("R1", 2e5, 12.0, 4_002_500)))
    assert rows["hazard_level"].tolist() == [-1]
    assert rows[["people", "people_may", "buildings", "settlements", "facilities"]].isna().all(axis=None)
    assert near.empty
    assert "who it would reach is unknown" in rows.loc[0, "reasons"]
    assert "Facilities are not given" in rows.loc[0, "reasons"]


@pytest.mark.slow
def test_tailings_reach_what_their_footprint_touches_and_may_reach_the_low_ground_below(folder: Path) -> None:  # noqa: F811
    # a dam on the side of the valley, 300 m from the river: 3 m of fall each 30 m is less than 11 degrees (5.8 m), so
    # that tailings come to rest near; with 5.7 degrees as angle they would not
    crest = LineString([(X + 240, 4_002_000), (X + 300, 4_002_000)])
    pond = gpd.GeoDataFrame(
        {"pond_id": ["T1"], "name": ["尾矿库"], "dam_height_m": [30.0], "crest_wkt": [crest.wkt]},
        geometry=[crest.buffer(60)], crs=GRID.crs,
    )  # fmt: skip
    beside = houses(("low", X + 250, 4_002_000, 3.0), ("low", X, 4_000_500, 9.0), ("high", 500_060, 4_000_500, 5.0))
    rows, near, _ = run(folder, ponds=pond, lived=beside)
    row = rows.iloc[0]
    assert row["status"] == "tailings"
    assert row[["people", "people_may", "buildings", "buildings_may"]].tolist() == [3, 9, 1, 1]
    assert np.isnan(row["first_arrival_h"])
    assert "no time of arrival" in row["reasons"]
    assert "volume not looked at" in row["reasons"]
    assert "footprint touches it" in near.loc[0, "reasons"]
    assert "1 more of its buildings may be reached" in near.loc[0, "reasons"]


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(st.floats(1e3, 1e7), st.floats(2, 40), st.floats(1.1, 5), st.integers(0, 10**6))
def test_more_water_reaches_no_fewer_people_and_order_changes_nothing(volume, height, more, seed):
    there = _BELOW[0]
    rng = np.random.default_rng(seed)
    home = houses(*((f"S{k % 4}", x, y, 1.0) for k, (x, y) in enumerate(
        zip(rng.uniform(500_700, 501_200, 20), rng.uniform(4_000_100, 4_002_400, 20), strict=True))))  # fmt: skip
    frame = as_structures(dams(("a", volume, height, 4_002_500), ("b", volume * more, height, 4_002_500)))
    small, large = reached_by(frame, there, things_of(home, None, there), flood=PARAMS, runout=RUNOUT)
    sure = set(small.things.loc[small.things["is_reached"], "thing"])
    assert sure <= set(large.things["thing"])  # reached, or above what the curves know: never dry
    mixed = rng.permutation(len(home))
    again, _ = reached_by(frame, there, things_of(home.iloc[mixed], None, there), flood=PARAMS, runout=RUNOUT)
    assert {int(mixed[t]) for t in again.things["thing"]} == set(small.things["thing"])


_BELOW: list[Below] = []


@pytest.fixture(autouse=True)
def _ground_of_the_property(folder: Path) -> None:  # noqa: F811
    if not _BELOW:
        _BELOW.append(below(folder))


def test_a_way_is_that_of_each_step_whatever_the_blocks(folder: Path) -> None:  # noqa: F811
    codes = open_layer(ground(folder)["flow_direction"]).to_numpy()
    start = 10 * GRID.shape[1] + 3
    whole, leaves = way_cells(da.from_array(codes), start, length_max=1e9)
    pieces, also = way_cells(da.from_array(codes, chunks=(17, 5)), start, length_max=1e9)
    assert leaves
    assert also
    np.testing.assert_array_equal(whole, pieces)
    row, column = np.divmod(whole, GRID.shape[1])
    # the valley falls to its middle column, then south to the edge
    assert column[-1] == 30
    assert row[-1] == GRID.shape[0] - 1
    assert np.abs(np.diff(row)).max() <= 1
    assert np.abs(np.diff(column)).max() <= 1
    short, leaves = way_cells(da.from_array(codes), start, length_max=3)
    assert not leaves
    assert len(short) <= 4
    with pytest.raises(ValueError, match="the start is cell"):
        way_cells(da.from_array(codes), codes.size, length_max=3)


def test_unknown_kinds_of_structures_are_refused(folder: Path) -> None:  # noqa: F811
    there = below(folder)
    frame = as_structures(dams(("R", 1e5, 5.0, 4_002_000))).assign(kind="lake")
    with pytest.raises(ValueError, match="lake"):
        reached_by(frame, there, things_of(None, None, there), flood=PARAMS, runout=RUNOUT)
    assert reached_by(frame.iloc[:0], there, things_of(None, None, there), flood=PARAMS, runout=RUNOUT) == []
