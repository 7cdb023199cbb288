"""The steps of lines, structures and the watch, from two small MintPy tracks to the published frames."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import LineString, box

from geo_risk.core.grid import Grid
from geo_risk.flow.config import Config
from geo_risk.flow.plan import Plan, Step
from geo_risk.flow.steps import deformation as velocity_steps
from geo_risk.flow.steps import deformation_lines as line_steps
from geo_risk.flow.steps import deformation_series as series_steps
from geo_risk.flow.steps import deformation_watch as watch_steps
from geo_risk.hazards.deformation.activity.series_params import SeriesParams
from geo_risk.hazards.deformation.activity.series_table import with_ids
from geo_risk.hazards.deformation.params import DeformationParams, VelocityParams
from geo_risk.products.params import RiskParams
from geo_risk.publish.dataset import write_dataset
from geo_risk.publish.frames import write_frame, write_json
from geo_risk.publish.raster import write_layer
from geo_risk.sources.dataset import read_dataset
from geo_risk.sources.layers import open_layer, read_frame, read_grid, read_json
from geo_risk.sources.options import NO_OPTIONS, TrackOptions
from pipelines import deformation as deformation_pipeline
from tests.support.insar import CELL, LEFT, LOS, TOP, times, write_mintpy

N = 48
TRACKS = ["asc", "desc"]
PARAMS = DeformationParams()


def scene() -> np.ndarray:
    """Return the vertical rate [mm/yr]: a band under the road that sinks, a square that sinks, else still."""
    up = np.zeros((N, N))
    up[10:12, 20:30] = -18.0
    up[30:38, 8:16] = -25.0
    return up


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Run every step once; return the files by name."""
    folder = tmp_path_factory.mktemp("lines")
    rng = np.random.default_rng(11)
    years = (times() - times()[0]) / np.timedelta64(1, "D") / 365.25
    bounds = (LEFT, TOP - N * CELL, LEFT + N * CELL, TOP)
    write_json(Grid.from_bounds(bounds, crs="EPSG:4546", resolution_m=30).to_dict(), folder / "grid.json")
    out = {n: folder / f"{n}.gpkg" for n in (
        "line_sections", "linear_risk", "structures_found", "structures", "subsidence_found", "townships_found",
        "subsidence_zones", "subsidence_townships")}  # fmt: skip
    sources = {}
    for track in TRACKS:
        unit = np.array(LOS[track]) / np.linalg.norm(LOS[track])
        d = years[:, None, None] * scene() / 1000 * unit[2] + rng.normal(0, 0.001, (60, N, N))
        d -= d[:1]
        d[:, 20:26, 40:46] = np.nan
        sources[track] = write_mintpy(folder / track, d, track=track)
        velocity_steps.write_velocity(
            files=[sources[track]["files"]], geometry=[sources[track]["geometry"]], coherence=None, gacos=None,
            out=folder / f"{track}.h5", facts=folder / f"{track}.json", correction=folder / f"correction_{track}.nc",
            track=track, options=TrackOptions(), params=VelocityParams(sample_pixels=2000), maximum_sigma_mm_yr=15,
        )  # fmt: skip
    write_inputs(folder)
    run_lines(folder, out)
    run_watch(folder, out, sources)
    return {**out, "folder": folder}


def write_inputs(folder: Path) -> None:
    def at(column: float, row: float) -> tuple[float, float]:
        return LEFT + column * CELL, TOP - row * CELL

    y = 10.9
    pieces = [LineString([at(a, y), at(b, y)]) for a, b in ((25, 14), (0, 14), (25, 48))]
    blind = LineString([at(40.5, 22), at(45.5, 22)])
    roads = gpd.GeoDataFrame({"class": ["primary"] * 3 + ["local"], "name": ["国道"] * 3 + [None]},
                             geometry=[*pieces, blind], crs="EPSG:4546")  # fmt: skip
    write_frame(roads, folder / "roads.gpkg")
    # a dyke across the sinking square, digitised as two pieces of one name
    dyke = [LineString([at(a, 34.2), at(b, 34.2)]) for a, b in ((0, 12), (12, 30))]
    dykes = gpd.GeoDataFrame({"embankment_id": ["E1", "E2"], "name": ["北堤"] * 2}, geometry=dyke, crs="EPSG:4546")
    write_frame(dykes, folder / "dykes.gpkg")
    crest = LineString([at(8, 30), at(16, 30)])
    ponds = gpd.GeoDataFrame(
        {"pond_id": ["T1", "T2"], "name": ["一号", "二号"], "dam_height_m": [30.0, np.nan],
         "crest_wkt": [crest.wkt, "LINE (0 0)"]},
        geometry=[box(*at(8, 38), *at(16, 30)), box(*at(41, 25), *at(45, 21))], crs="EPSG:4546",
    )  # fmt: skip
    # the file is in another CRS than the run, and so is its crest
    moved = ponds.to_crs(4547).assign(
        crest_wkt=[gpd.GeoSeries([crest], crs=4546).to_crs(4547).iloc[0].wkt, "LINE (0 0)"]
    )
    write_frame(moved, folder / "ponds.gpkg")
    admin = gpd.GeoDataFrame(
        {"level": ["county", "township", "township"], "code": ["1", "11", "12"], "name": ["县", "北乡", "南乡"]},
        geometry=[box(*at(0, 48), *at(48, 0)), box(*at(0, 24), *at(48, 0)), box(*at(0, 48), *at(48, 24))],
        crs="EPSG:4546",
    )  # fmt: skip
    write_frame(admin, folder / "admin.gpkg")


def run_lines(folder: Path, out: dict[str, Path]) -> None:
    line_steps.write_lines(
        native=[folder / f"{t}.h5" for t in TRACKS], grid=folder / "grid.json", roads=folder / "roads.gpkg",
        railways=None, embankments=folder / "dykes.gpkg", tailings_ponds=folder / "ponds.gpkg", reservoirs=None,
        out=out["line_sections"],
        facts=folder / "line_sections.json", tracks=TRACKS, params=PARAMS,
        options=dict.fromkeys((*line_steps.LINES, *line_steps.PONDS), NO_OPTIONS),
    )  # fmt: skip
    line_steps.write_linear(sections=out["line_sections"], risk_zones=None, risk=None, out=out["linear_risk"],
                            table=folder / "unmonitored_sections.gpkg", facts=folder / "linear_risk.json",
                            params=PARAMS.lines, risk_params=RiskParams(), language="zh")  # fmt: skip


def run_watch(folder: Path, out: dict[str, Path], sources: dict[str, dict[str, Path]]) -> None:
    native = [folder / f"{t}.h5" for t in TRACKS]
    common = {"native": native, "grid": folder / "grid.json", "tracks": TRACKS, "params": PARAMS}
    labels = {n: folder / f"bodies_{n}.tif" for n in ("structures", "subsidence", "townships")}
    watch_steps.write_structures_found(
        **common, tailings_ponds=folder / "ponds.gpkg", reservoirs=None, out=out["structures_found"],
        labels=labels["structures"], facts=folder / "structures_found.json",
        options=dict.fromkeys(line_steps.PONDS, NO_OPTIONS),
    )  # fmt: skip
    watch_steps.write_found(
        **common, areas=None, admin=folder / "admin.gpkg", dem=None, zones=out["subsidence_found"],
        table=out["townships_found"], bodies=labels["subsidence"], places=labels["townships"],
        facts=folder / "found.json", options=NO_OPTIONS,
    )  # fmt: skip
    series = {n: [folder / f"{n}_{t}.nc" for t in TRACKS] for n in labels}
    for k, t in enumerate(TRACKS):
        watch_steps.write_series(
            files=[sources[t]["files"]], correction=folder / f"correction_{t}.nc", geometry=[sources[t]["geometry"]],
            coherence=None, gacos=None, track=t, options=TrackOptions(), params=SeriesParams(), **labels,
            **{f"out_{n}": series[n][k] for n in labels},
        )  # fmt: skip
    watch_steps.write_structures(found=out["structures_found"], series=series["structures"], out=out["structures"],
                                 facts=folder / "structures.json", tracks=TRACKS, params=PARAMS.activity,
                                 language="zh")  # fmt: skip
    watch_steps.write_watch(
        zones=out["subsidence_found"], table=out["townships_found"], series=series["subsidence"],
        place_series=series["townships"], houses=None, admin=folder / "admin.gpkg",
        subsidence_zones=out["subsidence_zones"], subsidence_townships=out["subsidence_townships"],
        facts=folder / "watch.json", params=PARAMS.watch, language="zh", options=NO_OPTIONS,
    )  # fmt: skip


@pytest.mark.slow
def test_road_of_three_pieces_is_one_axis_whose_worst_sections_are_the_sinking_ones(made):
    got = read_frame(made["linear_risk"])
    road = got[got["route"] == "国道"]
    assert road["to_km"].max() == pytest.approx(48 * 60 / 1000)
    assert road["part"].unique().tolist() == [1]
    assert road["segment_id"].is_unique
    flagged = road[road["is_bending"].astype(bool) | road["is_sinking"].astype(bool)]
    # the band lies under km 1.2 to 1.8
    assert flagged["from_km"].min() >= 0.9
    assert flagged["to_km"].max() <= 2.0
    assert (flagged["risk_level"] >= 2).all()
    assert flagged["settlement_worst_mm_yr"].min() == pytest.approx(-18, abs=2)
    assert read_json(made["folder"] / "linear_risk.json")["notes"][1]["text_zh"].startswith("最差路段 1：")


@pytest.mark.slow
def test_road_that_radar_does_not_see_is_unknown(made):
    got = read_frame(made["linear_risk"])
    blind = got[got["route"] == "roads-4"]
    assert blind["risk_level"].tolist() == [-1]
    assert blind["needs_monitoring"].tolist() == ["unknown"]
    assert "不等于安全" in blind["reasons_zh"].iloc[0] or "未知" in blind["reasons_zh"].iloc[0]


@pytest.mark.slow
def test_crest_is_brought_along_with_its_file_and_a_bad_one_is_set_aside(made):
    got = read_frame(made["structures"]).set_index("structure_id")
    assert sorted(got.index) == ["T1", "T1-dam", "T2"]
    dam = got.loc["T1-dam"]
    assert dam.geometry.centroid.x == pytest.approx(LEFT + 12 * CELL, abs=5)
    assert dam["velocity_up_mm_yr"] == pytest.approx(-12.5, abs=3)  # half of it lies on the square that sinks
    assert got.loc["T1", "velocity_up_mm_yr"] == pytest.approx(-25, abs=1)
    assert got.loc["T1", "hazard_level"] == 3
    assert got.loc["T2", "hazard_level"] == -1
    assert got.loc["T2", "activity"] == "unknown"
    quarantine = read_json(made["folder"] / "structures_found.json")["quarantine"]
    assert [q["id"] for q in quarantine] == ["T2"]
    assert "WKT" in quarantine[0]["reason"]


@pytest.mark.slow
def test_square_that_sinks_is_a_zone_whose_volume_is_in_its_township(made):
    zones = read_frame(made["subsidence_zones"])
    square = zones[zones["rate_mean_mm_yr"] > 20]
    assert square["volume_loss_m3_yr"].sum() == pytest.approx(64 * 3600 * 0.025, rel=0.03)
    assert set(square["trend"]) == {"steady"}
    table = read_frame(made["subsidence_townships"]).set_index("name")
    assert table.loc["南乡", "rank"] == 1
    assert table.loc["南乡", "volume_loss_m3_yr"] == pytest.approx(square["volume_loss_m3_yr"].sum(), rel=0.02)
    assert table["volume_loss_m3_yr"].sum() == pytest.approx(zones["volume_loss_m3_yr"].sum())
    assert table.loc["北乡", "unknown_m2"] == 4 * 6 * 3600  # rows 20 to 23 of the lost square
    assert table["people"].isna().all()


@pytest.mark.slow
def test_the_layer_of_risk_of_the_run_makes_lines_on_unknown_ground_unknown(made):
    folder = made["folder"]
    grid = read_grid(folder / "grid.json")
    level = np.zeros(grid.shape, np.int8)
    level[:, : grid.shape[1] // 2] = -1
    layer = grid.layer(level, units="level", long_name="risk level", name="risk_level")
    write_layer(layer, folder / "risk_level.tif")
    nothing = gpd.GeoDataFrame({"zone_id": ["Z"], "risk_level": [1]}, geometry=[box(0, 0, 1, 1)], crs="EPSG:4546")
    write_frame(nothing, folder / "risk_zones.gpkg")
    line_steps.write_linear(
        sections=made["line_sections"], risk_zones=folder / "risk_zones.gpkg", risk=folder / "risk_level.tif",
        out=folder / "with_risk.gpkg", table=folder / "bare.gpkg", facts=folder / "with_risk.json", params=PARAMS.lines,
        risk_params=RiskParams(), language="zh",
    )  # fmt: skip
    got = read_frame(folder / "with_risk.gpkg")
    still = got[(got["settlement_level"] == 0) & (got["route"] == "国道")]
    west = still.geometry.centroid.x < grid.bounds[0] + 0.45 * (grid.bounds[2] - grid.bounds[0])
    assert 0 < west.sum() < len(still)
    assert (still.loc[west, "risk_level"] == -1).all()
    assert still.loc[west, "reasons_zh"].str.contains("100% 所在地面风险未知").all()
    east = still.geometry.centroid.x > grid.bounds[0] + 0.6 * (grid.bounds[2] - grid.bounds[0])
    assert (still.loc[east, "risk_level"] == 0).all()


def test_a_township_of_two_rows_is_one(tmp_path):
    admin = gpd.GeoDataFrame(
        {"level": ["township", "township", "county", "township"], "code": ["11", "11", "1", None],
         "name": list("abcd")},
        geometry=[box(LEFT + k * 100, TOP - 100, LEFT + k * 100 + 100, TOP) for k in range(4)], crs="EPSG:4546",
    )  # fmt: skip
    write_frame(admin, tmp_path / "admin.gpkg")
    got, aside = watch_steps.read_townships(tmp_path / "admin.gpkg", "EPSG:4546", NO_OPTIONS)
    assert aside == []
    assert got["code"].tolist() == ["11", "township-3"]
    assert got.area.tolist() == pytest.approx([20_000, 10_000])


@pytest.mark.slow
def test_maps_of_more_cells_than_fit_are_taken_on_wider_cells_and_every_product_says_so(made, tmp_path):
    folder = made["folder"]
    small = PARAMS.model_copy(update={"areas": PARAMS.areas.model_copy(update={"maximum_whole_cells": N * N - 1})})
    out = {n: tmp_path / f"{n}.gpkg" for n in ("lines", "structures", "zones", "table")}
    labels = {n: tmp_path / f"bodies_{n}.tif" for n in ("structures", "subsidence", "townships")}
    common = {"native": [folder / f"{t}.h5" for t in TRACKS], "grid": folder / "grid.json", "tracks": TRACKS,
              "params": small}  # fmt: skip
    line_steps.write_lines(
        **common, roads=folder / "roads.gpkg", railways=None, embankments=None, tailings_ponds=None, reservoirs=None,
        out=out["lines"],
        facts=tmp_path / "lines.json", options=dict.fromkeys((*line_steps.LINES, *line_steps.PONDS), NO_OPTIONS),
    )  # fmt: skip
    watch_steps.write_structures_found(
        **common, tailings_ponds=folder / "ponds.gpkg", reservoirs=None, out=out["structures"],
        labels=labels["structures"], facts=tmp_path / "structures.json",
        options=dict.fromkeys(line_steps.PONDS, NO_OPTIONS),
    )  # fmt: skip
    watch_steps.write_found(
        **common, areas=None, admin=folder / "admin.gpkg", dem=None, zones=out["zones"], table=out["table"],
        bodies=labels["subsidence"], places=labels["townships"], facts=tmp_path / "found.json", options=NO_OPTIONS,
    )  # fmt: skip
    for name in ("lines", "structures", "found"):
        warned = [n["text_en"] for n in read_json(tmp_path / f"{name}.json")["notes"] if n["level"] == "warning"]
        assert any("maximum_whole_cells" in t and "cells of 120 m" in t for t in warned), name
    for path in labels.values():
        assert open_layer(path).shape == (N // 2, N // 2)
    structures = read_frame(out["structures"]).set_index("structure_id")
    # the square still sinks by 25 mm/yr, seen on a quarter of its cells
    assert structures.loc["T1", "velocity_up_mm_yr"] == pytest.approx(-25, abs=2)
    zones, table = read_frame(out["zones"]), read_frame(out["table"])
    square = zones[zones["rate_mean_mm_yr"] > 20]
    assert square["volume_loss_m3_yr"].sum() == pytest.approx(64 * 3600 * 0.025, rel=0.1)
    assert table["area_m2"].sum() == N * N * CELL**2


@pytest.mark.slow
def test_dyke_is_an_axis_of_its_own_kind_whose_worst_sections_lie_where_it_sinks(made):
    got = read_frame(made["linear_risk"])
    dyke = got[got["route"] == "北堤"]
    assert set(dyke["class"]) == {"embankment"}
    assert dyke["to_km"].max() == pytest.approx(30 * 60 / 1000)
    assert dyke["part"].unique().tolist() == [1]
    bent = dyke[dyke["is_bending"].astype(bool)]
    # the square lies under km 0.48 to 0.96; 1.8 km are four sections of 450 m
    assert sorted(bent["from_km"]) == [0.45, 0.9]
    assert (bent["risk_level"] >= 1).all()
    # 25 mm/yr are lost between two cells of 60 m; a cell has some 0.6 mm/yr of noise, the worst of pairs a little more
    assert bent["differential_settlement_mm_yr_per_m"].max() == pytest.approx(25 / 60, abs=0.03)
    assert dyke["settlement_worst_mm_yr"].min() == pytest.approx(-25, abs=3)


@pytest.mark.slow
def test_series_of_dams_and_sinking_ground_are_listed_and_those_of_dams_are_drawn(made, tmp_path):
    folder = made["folder"]
    sets = {name: [folder / f"{name}_{t}.nc" for t in TRACKS] for name in ("structures", "subsidence")}
    areas = []
    for t in TRACKS:
        write_dataset(with_ids(read_dataset(folder / f"subsidence_{t}.nc"), {1: "AD-1"}), tmp_path / f"areas_{t}.nc")
        areas.append(tmp_path / f"areas_{t}.nc")
    series_steps.write_series_table(
        areas=areas, out=tmp_path / "series.csv", tracks=TRACKS, structures=sets["structures"],
        structures_found=made["structures_found"], subsidence_zones=sets["subsidence"],
        subsidence_zones_found=made["subsidence_found"],
    )  # fmt: skip
    table = pd.read_csv(tmp_path / "series.csv", encoding="utf-8-sig", keep_default_na=False)
    by_layer = {str(name): set(part["area_id"]) for name, part in table.groupby("layer")}
    assert by_layer["active_deformation"] == {"AD-1"}
    # the second pond lies where radar sees nothing: it has no row, and no line in the figure
    assert by_layer["structures"] == {"T1", "T1-dam"}
    assert by_layer["subsidence_zones"] == set(read_frame(made["subsidence_zones"])["body_id"])
    dam = table[(table["area_id"] == "T1") & (table["track"] == "asc")]
    unit = LOS["asc"][2] / np.linalg.norm(LOS["asc"])
    span = (times()[-1] - times()[0]) / np.timedelta64(1, "D") / 365.25
    # the square sinks 25 mm/yr; both ends are means of 64 cells with 1 mm of noise, and the ring has its own
    assert float(dam["displacement_mm"].iloc[-1]) == pytest.approx(-25 * unit * span, abs=2)
    series_steps.write_structure_figures(
        found=made["structures_found"], structures=made["structures"], series=sets["structures"],
        facts=tmp_path / "figures.json", tracks=TRACKS, params=PARAMS.activity, language="en",
    )  # fmt: skip
    facts = read_json(tmp_path / "figures.json")
    assert facts["counts"] == {"bodies_drawn": 2, "bodies_without_series": 1}
    drawn = facts["figures"][0]
    assert "坝体" in drawn["caption_zh"]
    for word in ("T1", "T1-dam", "Track asc (line of sight)", "Track desc (line of sight)", ">fit<"):
        assert word in drawn["svg"]
    assert "T2" not in drawn["svg"]


def test_the_whole_plan_lists_and_draws_the_series_of_dams_and_names_its_rasters(tmp_path):
    for name in ("dem.tif", "a.h5", "p.gpkg"):
        (tmp_path / name).write_bytes(b"")
    inputs = {"dem": "dem.tif", "insar": [{"track": "asc", "files": "a.h5"}]}
    raw = {"pipeline": "deformation", "name": "x", "output": "out", "inputs": inputs}

    def planned(**more) -> dict[str, Step]:
        given = raw | {"inputs": inputs | more}
        plan = Plan(Config.model_validate(given, context={"folder": tmp_path}))
        deformation_pipeline.build(plan)
        return {step.name: step for step in plan.steps}

    steps = planned(tailings_ponds="p.gpkg")
    assert steps["deformation.series_table"].reads["structures_found"] is not None
    assert steps["deformation.series_table"].reads["subsidence_zones_found"] is not None
    assert steps["structures.figures"].writes["facts"] in steps["publish.report"].reads["facts"]
    assert {"layers/break_date_asc.tif", "layers/hotspot_z_asc.tif"} <= set(steps["publish.report"].params["rasters"])
    without = planned()
    assert without["deformation.series_table"].reads["structures_found"] is None
    assert "structures.figures" not in without


def test_steps_leave_themselves_out_by_name(tmp_path):
    (tmp_path / "dem.tif").write_bytes(b"")
    raw = {"pipeline": "deformation", "name": "x", "output": "out", "inputs": {"dem": "dem.tif"}}
    plan = Plan(Config.model_validate(raw, context={"folder": tmp_path}))
    line_steps.lines(plan)
    watch_steps.watch(plan)
    assert plan.steps == []
    left_out = {o.step for o in plan.omissions}
    assert {"deformation.watch", "subsidence"} <= left_out
    assert not any("lines" in name for name in left_out)  # no line was given: nothing is missing
