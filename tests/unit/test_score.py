"""Scores: figures that pool, and each part on a small truth made by hand."""

import json
import math

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Point, box
from sklearn.metrics import roc_auc_score

from geo_risk.core.errors import ConfigError, DataError
from geo_risk.core.grid import Grid
from geo_risk.publish.dataset import write_dataset
from geo_risk.publish.frames import write_frame, write_frames, write_json
from geo_risk.publish.raster import write_layer
from geo_risk.score.figures import Score, mean, pooled, ratio, rms, total
from geo_risk.score.pooled import pairs_of, score_run, score_runs
from geo_risk.score.susceptibility import auc
from geo_risk.score.water import match_sites
from geo_risk.sources.dataset import read_dataset

CRS = "EPSG:4546"
X0, Y0, CELL = 500_000.0, 4_100_000.0, 60.0
GRID = Grid.from_bounds((X0, Y0 - 40 * CELL, X0 + 50 * CELL, Y0), crs=CRS, resolution_m=CELL)


def cells(row, column, n_rows, n_columns):
    """Return the polygon of a block of cells."""
    return box(X0 + column * CELL, Y0 - (row + n_rows) * CELL, X0 + (column + n_columns) * CELL, Y0 - row * CELL)


@pytest.fixture
def county(tmp_path):
    """Four movers of 5 x 6 cells: two seen, a bowl seen, one that no track sees; and a run that found some."""
    truth, out = tmp_path / "truth", tmp_path / "out"
    places = [(2, 2), (2, 20), (20, 2), (20, 20)]
    movers = gpd.GeoDataFrame(
        {"mover_id": ["M001", "M002", "M003", "M004"],
         "class": ["landslide", "landslide", "mining_subsidence", "landslide"],
         "accelerating": [True, False, False, False], "seasonal": [False, True, False, False],
         "visible_asc": [True, True, True, False], "visible_desc": [False, True, True, False]},
        geometry=[cells(r, c, 5, 6) for r, c in places], crs=CRS,
    )  # fmt: skip
    write_frame(movers, truth / "movers.gpkg")
    bowls = gpd.GeoDataFrame({"mover_id": ["M003"], "verdict": ["unlicensed"]}, geometry=[Point(X0, Y0)], crs=CRS)
    write_frame(bowls, truth / "bowls.gpkg")
    label = np.zeros(GRID.shape, np.int32)
    for number, (r, c) in enumerate(places, 1):
        label[r : r + 5, c : c + 6] = number
    seen = (label > 0) & (label != 4)
    seen[2:7, 4:8] = False  # of the first mover only a third is visible
    motion = xr.Dataset(
        coords={**GRID.coords(), "spatial_ref": GRID.layer(label, units="1", long_name="x").spatial_ref}
    )
    motion["mover"] = (("y", "x"), label)
    motion["seen_asc"] = (("y", "x"), seen.astype(np.int8))
    motion["seen_desc"] = (("y", "x"), seen.astype(np.int8))
    motion.to_netcdf(truth / "motion.nc", engine="h5netcdf")
    areas = gpd.GeoDataFrame(
        {"area_id": list("abcd"), "kind": ["landslide", "unknown", "mining_subsidence", "landslide"],
         "activity": ["accelerating", "accelerating", "steady", "unknown"]},
        # a: the visible third of M001; b: a part of M002 too small to find it; c: M003; d: nothing
        geometry=[cells(2, 2, 5, 2), cells(2, 20, 1, 6), cells(20, 2, 5, 6), cells(33, 33, 4, 4)], crs=CRS,
    )  # fmt: skip
    clues = gpd.GeoDataFrame(
        {"clue_id": ["x", "y"], "verdict": ["unlicensed", "inside_licence"]},
        geometry=[cells(20, 2, 5, 5), cells(33, 33, 4, 4)], crs=CRS,
    )  # fmt: skip
    points = gpd.GeoDataFrame(
        {"point_id": ["P1", "P2", "P3", "P4", "P5"], "status": ["new", "existing", "existing", "dormant", "existing"]},
        geometry=[cells(2, 2, 5, 6).centroid, cells(20, 2, 5, 6).centroid, Point(X0 + 2500, Y0 - 50),
                  Point(X0 + 2500, Y0 - 100), Point(X0 + 2600, Y0 - 100)], crs=CRS,
    )  # fmt: skip
    write_frames({"active_deformation": areas, "mining_clues": clues, "hazard_points": points}, out / "geo_risk.gpkg")
    ledger = pd.DataFrame(
        {"point_id": ["P3", "P4", "P5"], "true_kind": ["static", "dead", "dead"], "mover_id": [None] * 3}
    )
    ledger.to_csv(truth / "hazard_points.csv", index=False)
    write_json({}, out / "manifest.json")
    return out, truth


def test_motion_points_and_mining_by_hand(county):
    parts = score_run(*county).parts
    areas = parts["moving_areas"]
    # M001 (its visible third covered) and M003 are found, M002 (a fifth covered) is not, M004 cannot be seen
    assert (areas["recall"].top, areas["recall"].bottom) == (2, 3)
    assert (areas["precision"].top, areas["precision"].bottom) == (3, 4)
    assert areas["class_accuracy"].value == 1
    assert "blind_share" not in areas
    assert (parts["activity"]["accelerating_found"].top, parts["activity"]["accelerating_found"].ceiling) == (1, 1)
    assert parts["activity"]["seasonal_false"].top == 1
    assert parts["mining"]["verdict_accuracy"].value == 1
    assert parts["mining"]["false_clues"].top == 1
    # points: M001, M003 of the three that can be seen; in force are P1, P2, P3, P5, and P5 is dead
    points = parts["hazard_points"]
    assert (points["recall"].top, points["recall"].bottom) == (2, 3)
    assert (points["precision"].top, points["precision"].bottom) == (3, 4)


def test_the_blind_map_must_mark_what_no_track_sees(county):
    out, truth = county
    fine = Grid.from_bounds(GRID.bounds, crs=CRS, resolution_m=30.0)
    marks = np.zeros(fine.shape, np.uint8)
    marks[40:50, 40:46] = 2  # half of M004
    write_layer(fine.layer(marks, units="1", long_name="blind"), out / "layers" / "blind_map.tif")
    share = score_run(out, truth).parts["moving_areas"]["blind_share"]
    assert (share.top, share.bottom) == (15, 30)


def test_parts_without_layers_are_absent_and_named(county):
    score = score_run(*county)
    assert {"waterlogging", "evacuation", "susceptibility", "warning"}.isdisjoint(score.parts)
    assert any("waterlogging" in note for note in score.notes)
    out, truth = county
    with pytest.raises(DataError, match="no manifest"):
        score_run(truth, truth)
    with pytest.raises(DataError, match="no truth folder"):
        score_run(out, out / "nowhere")


def test_openings_by_hand(county):
    out, truth = county
    dam = {"deck_ids": ["B1", "B2"], "culvert_ids": ["C1"]}
    (truth / "truth.json").write_text(json.dumps({"dem": dam}), encoding="utf-8")
    found = gpd.GeoDataFrame(
        {"opening_id": ["B1", "B2", "B3", "C1"], "result": ["carved", "too_deep", "carved", "carved"]},
        geometry=[Point(X0, Y0)] * 4, crs=CRS,
    )  # fmt: skip
    write_frame(found, out / ".work" / "between" / "dem_openings.gpkg")
    part = score_run(out, truth).parts["dem_openings"]
    assert (part["opened"].top, part["opened"].bottom) == (2, 3)
    assert (part["precision"].top, part["precision"].bottom) == (2, 3)


def test_waterlogging_by_hand(county):
    out, truth = county
    depths = pd.DataFrame(
        {"site_id": ["W1", "W2", "W3", "H1"], "x": [X0, X0 + 500, X0 + 1000, X0 + 1500], "y": [Y0] * 4,
         "depth_m": [0.5, 0.0, 1.0, 0.4], "floods": [True, False, True, True],
         "cause": ["drain_undersized", "none", "drain_blocked", "sag_without_outlet"],
         "hidden_defect": ["none", "none", "drain_silted", "none"]}
    )  # fmt: skip
    depths.to_csv(truth / "site_depths.csv", index=False)
    sites = gpd.GeoDataFrame(
        {"site_id": ["W1", "W2", "D9"], "rank": [2, 3, 1], "depth_m": [0.6, 0.0, 0.7],
         "cause": ["drain_undersized", "unknown", "unknown"]},
        geometry=[Point(X0, Y0), Point(X0 + 500, Y0), Point(X0 + 1530, Y0 - 20)], crs=CRS,
    )  # fmt: skip
    write_frame(sites, out / ".work" / "between" / "waterlogging.gpkg")
    part = score_run(out, truth).parts["waterlogging"]
    assert (part["top10_in_first12"].top, part["top10_in_first12"].bottom) == (3, 4)
    # W1 is 0.1 too deep, W2 right, H1 (found as D9) 0.3 too deep; W3 has a defect and is not listed: 1.0 missed
    assert part["depth_rmse_m"].value == pytest.approx(math.sqrt((0.01 + 0 + 0.09) / 3))
    assert part["depth_rmse_all_m"].value == pytest.approx(math.sqrt((0.01 + 0 + 1 + 0.09) / 4))
    assert (part["cause_accuracy"].top, part["cause_accuracy"].bottom) == (1, 3)


def test_a_found_site_serves_one_true_site_only():
    depths = pd.DataFrame({"site_id": ["A", "B"], "x": [0.0, 40.0], "y": [0.0, 0.0]})
    sites = gpd.GeoDataFrame({"site_id": ["s"]}, geometry=[Point(30, 0)], crs=CRS)
    assert match_sites(depths, sites) == {1: "s"}


@pytest.mark.slow
def test_evacuation_by_hand(county, tmp_path):
    out, truth = county
    hit = pd.DataFrame({"settlement_id": ["S1", "S2", "S3", "S4", "S5"], "people": [100, 50, 10, 30, 80],
                        "hit_people": [60, 20, 10, 5, 7]})  # fmt: skip
    hit.to_csv(truth / "settlements_hit.csv", index=False)
    listed = gpd.GeoDataFrame(
        {"settlement_id": ["S1", "S2", "S4", "S5"], "people": [40, 50, np.nan, np.nan],
         "assigned_people": [40, 30, np.nan, np.nan], "unassigned_people": [0, 20, np.nan, np.nan],
         "hazard_kinds": ["flood", "landslide", "flood", "unknown"]},
        geometry=[Point(X0, Y0)] * 4, crs=CRS,
    )  # fmt: skip
    assigned = pd.DataFrame({"settlement_id": ["S1", "S2"], "shelter_id": ["a", "b"], "people": [40, 30]})
    write_frame(listed, out / ".work" / "between" / "evacuation.gpkg")
    write_frame(assigned, out / ".work" / "between" / "evacuation_assignments.gpkg")
    write_json({"counts": {"people_unassignable": 20}}, out / ".work" / "between" / "evacuation.json")
    shelters = gpd.GeoDataFrame({"shelter_id": ["a", "b"], "capacity": [39, 30]}, geometry=[Point(0, 0)] * 2, crs=CRS)
    write_frame(shelters, truth.parent / "shelters.gpkg")
    part = score_run(out, truth).parts["evacuation"]
    # of S1 only 40 of the 60 hit are listed, of S2 all 20, of S3 none; of S4 all leave, how many the list knows not;
    # S5 is on it because nothing is known of its ground: that calls nobody
    assert (part["listed_share_of_hit"].top, part["listed_share_of_hit"].bottom) == (65, 102)
    assert (part["listed_to_hit_ratio"].top, part["listed_to_hit_ratio"].bottom) == (120, 102)
    assert part["people_of_unknown_number"].top == 30
    assert part["over_capacity"].top == 1
    assert [part[f"people_{k}"].top for k in ("total", "assigned", "unassigned", "unassignable")] == [90, 70, 20, 20]


@pytest.mark.slow
def test_susceptibility_beside_the_oracle(county):
    out, truth = county
    rng = np.random.default_rng(0)
    oracle = rng.random(GRID.shape).astype("float32")
    write_layer(GRID.layer(oracle, units="1", long_name="p"), truth / "susceptibility.tif")
    rows, columns = rng.integers(0, 40, 300), rng.integers(0, 50, 300)
    x, y = GRID.coords()["x"][columns], GRID.coords()["y"][rows]
    p = oracle[rows, columns].astype(float)
    event = (rng.random(300) < p).astype(int)
    noisy = p + rng.normal(0, 0.3, 300)
    frame = gpd.GeoDataFrame({"is_event": event, "score": noisy}, geometry=gpd.points_from_xy(x, y), crs=CRS)
    write_frame(frame, out / ".work" / "between" / "landslide_validation.gpkg")
    part = score_run(out, truth).parts["susceptibility"]
    assert part["auc"].value == pytest.approx(roc_auc_score(event, noisy), abs=1e-12)
    assert part["auc_oracle"].value == pytest.approx(roc_auc_score(event, p), abs=1e-12)
    assert 0 < part["skill"].value < 1


def warned_county(out, truth, *, levels, slides):
    """Write four slope units of 20 x 25 cells, a level for each, slides at (unit, time), rain 50, 60, 70, 80 mm."""
    blocks_ = [(0, 0), (0, 25), (20, 0), (20, 25)]
    labels, level = np.zeros(GRID.shape, np.int32), np.zeros(GRID.shape, np.int8)
    rain = np.zeros(GRID.shape, np.float32)
    for k, (r, c) in enumerate(blocks_, 1):
        at = (slice(r, r + 20), slice(c, c + 25))
        labels[at], level[at], rain[at] = 10 * k, levels[k - 1], 40 + 10 * k
    labels[0, 0] = 0  # flat ground is in no unit
    units = gpd.GeoDataFrame(
        {"slope_unit_id": list("abcd"), "label": [10, 20, 30, 40]},
        geometry=[cells(r, c, 20, 25) for r, c in blocks_], crs=CRS,
    )  # fmt: skip
    write_frame(units, out / ".work" / "between" / "slope_units.gpkg")
    between = out / ".work" / "between"
    write_layer(GRID.layer(labels, units="1", long_name="u"), between / "slope_units.tif")
    for h in (72, 6, 3, 1):
        write_layer(GRID.layer(level, units="level", long_name="w"), out / "layers" / f"warning_{h}h.tif")
    field = GRID.layer(rain, units="mm", long_name="r")
    hours = {h: xr.concat([field * 0, field], dim=f"hour_{h}h") for h in (72, 6, 3, 1)}
    write_dataset(xr.Dataset({f"effective_{h}h": v for h, v in hours.items()}), between / "rain_stages.nc")
    stages = [{"hours": h, "until": "2024-07-25T08:00:00+00:00"} for h in (72, 6, 3, 1)]
    write_json({"stages": stages}, between / "rainfall_stages.json")
    write_json({"slid_units": [{"rain_mm": v} for v in (60, 75, 90, 95)]}, between / "landslide_past_storms.json")
    x, y, times = zip(*((X0 + (c + 5) * CELL, Y0 - (r + 5) * CELL, t)
                        for (r, c), t in ((blocks_[u], t) for u, t in slides)), strict=True)  # fmt: skip
    frame = gpd.GeoDataFrame({"time": times, "x": x, "y": y}, geometry=gpd.points_from_xy(x, y), crs=CRS)
    write_frame(frame, truth / "storm_slides.gpkg")


BEFORE, AFTER = "2024-07-25T07:00:00Z", "2024-07-25T20:00:00Z"


@pytest.mark.slow
def test_warning_by_hand(county):
    out, truth = county
    # yellow and red are warned, blue is not; the first unit slid twice (one hit), the third once, after the stages
    warned_county(out, truth, levels=[2, 4, 1, 0], slides=[(0, BEFORE), (0, AFTER), (2, AFTER)])
    score = score_run(out, truth)
    part = score.parts["warning"]
    assert (part["pod"].top, part["pod"].bottom) == (3, 6)  # three stages
    assert (part["far"].top, part["far"].bottom) == (3, 6)
    assert part["pod_in_time"].value == 1
    # at the same hit rate rain must warn the one that slid in 70 mm, and with it 80 mm
    assert (part["rain_only_far"].top, part["rain_only_far"].bottom) == (3, 6)
    # half of the past slides had 90 mm: nothing here has
    assert part["rain_only_past_pod"].value == 0
    assert part["unknown_units"].top == 0
    plain = score.to_dict()["warning"]
    assert plain["by_stage"]["6h"]["pod"] == 0.5
    assert set(plain["by_stage"]) == {"72h", "6h", "3h", "1h"}
    assert {"pod", "far", "rain_only_far", "by_stage"} <= set(plain)
    assert score.to_dict()["details"]["warning"]["by_stage"]["1h"]["far"]["bottom"] == 2


@pytest.mark.slow
def test_after_a_warning_its_own_rain_is_scored(county):
    out, truth = county
    warned_county(out, truth, levels=[2, 4, 1, 0], slides=[(0, BEFORE), (2, AFTER)])
    between = out / ".work" / "between"
    # the renewed rain is the other way round: 80, 70, 60, 50 mm, so that the first unit alone is above 70 mm
    fields = read_dataset(between / "rain_stages.nc")
    whole = {h: fields[f"effective_{h}h"] for h in (72, 6, 3, 1)}
    turned = {f"effective_{h}h": (130 - v).where(v > 0, 0) for h, v in whole.items()}
    write_dataset(xr.Dataset(turned), out / ".work" / "warn" / "between" / "rain_stages.nc")
    assert score_run(out, truth).parts["warning"]["rain_only_far"].top == 3  # warn did not make what is published
    write_json({"warn": {}}, out / "manifest.json")
    assert score_run(out, truth).parts["warning"]["rain_only_far"].top == 0


@pytest.mark.slow
def test_unknown_units_are_misses_or_stand_apart_and_the_public_level_is_the_runs(county):
    out, truth = county
    warned_county(out, truth, levels=[-1, -1, 3, 2], slides=[(0, BEFORE), (2, BEFORE)])
    part = score_run(out, truth).parts["warning"]
    assert (part["pod"].top, part["pod"].bottom) == (3, 6)
    assert (part["far"].top, part["far"].bottom) == (3, 6)
    assert part["unknown_units"].top == 3
    write_json({"parameters": {"warning": {"cap": {"least_level": 3}}}}, out / "manifest.json")
    part = score_run(out, truth).parts["warning"]
    assert (part["far"].top, part["far"].bottom) == (0, 3)


@pytest.mark.slow
def test_slides_in_no_unit_and_a_storm_without_slides(county):
    out, truth = county
    warned_county(out, truth, levels=[2, 2, 2, 2], slides=[(0, BEFORE)])
    frame = gpd.GeoDataFrame({"time": [BEFORE] * 2, "x": [X0 + 1, X0 - 500], "y": [Y0 - 1, Y0]},
                             geometry=[Point(X0 + 1, Y0 - 1), Point(X0 - 500, Y0)], crs=CRS)  # fmt: skip
    write_frame(frame, truth / "storm_slides.gpkg")
    part = score_run(out, truth).parts["warning"]
    assert part["slides_off_units"].top == 2
    assert math.isnan(part["pod"].value)
    assert part["far"].value == 1
    assert "rain_only_far" not in part


@pytest.mark.slow
def test_a_stage_without_a_forecast_warns_of_nothing(county):
    out, truth = county
    warned_county(out, truth, levels=[-1, -1, -1, -1], slides=[(0, BEFORE)])
    part = score_run(out, truth).parts["warning"]
    assert part["pod"].value == 0
    assert math.isnan(part["far"].value)
    assert part["unknown_units"].top == 9


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=30))
def test_auc_is_that_of_scikit_learn(pairs):
    scores, events = [s for s, _ in pairs], [e for _, e in pairs]
    if len(set(events)) < 2:
        assert math.isnan(auc(scores, events))
    else:
        assert auc(scores, events) == pytest.approx(roc_auc_score(events, scores), abs=1e-12)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9)), min_size=1, max_size=5))
def test_counts_add_up_when_pooled(pairs):
    score = pooled([Score({"p": {"r": ratio(min(a, b), b, "x"), "n": total(a, "y", ceiling=2.0)}}) for a, b in pairs])
    tops, bottoms = [min(a, b) for a, b in pairs], [b for _, b in pairs]
    assert score.parts["p"]["r"].value == pytest.approx(sum(tops) / sum(bottoms))
    assert score.parts["p"]["n"].value == sum(a for a, _ in pairs)
    assert score.parts["p"]["n"].ceiling == 2.0 * len(pairs)


def test_means_and_root_mean_squares_pool():
    score = pooled([Score({"p": {"m": mean(0.6, "x", ceiling=0.8), "e": rms(4.0, 1, "y")}}),
                    Score({"p": {"m": mean(0.8, "x", ceiling=1.0), "e": rms(0.0, 3, "y")}})])  # fmt: skip
    assert score.parts["p"]["m"].value == pytest.approx(0.7)
    assert score.parts["p"]["m"].ceiling == pytest.approx(0.9)
    assert score.parts["p"]["e"].value == 1.0
    assert score.to_dict()["p"]["e"] == 1.0


def test_nothing_to_count_is_not_a_perfect_score():
    empty = ratio(0, 0, "x")
    assert math.isnan(empty.value)
    assert empty.text == "nothing to count"
    assert Score({"p": {"r": empty}}).to_dict()["p"]["r"] is None


@pytest.mark.slow
def test_runs_and_truthscome_in_pairs(county):
    out, truth = county
    assert pairs_of([out, truth, out, truth]) == [(out, truth)] * 2
    assert score_runs([(out, truth)] * 2).parts["moving_areas"]["recall"].bottom == 6
    with pytest.raises(ConfigError, match="3 folders"):
        pairs_of([out, truth, out])
