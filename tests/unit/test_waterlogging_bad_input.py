"""Bad input of the waterlogging list: each has a clear end, and none makes a place look safe."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import LineString, Point

from geo_risk.core.errors import SchemaError
from geo_risk.core.grid import Grid
from geo_risk.flow.steps.flood_sites import _entrance_numbers, both_areas, capacity_notes, ground_notes
from geo_risk.flow.steps.flood_town_source import coarser
from geo_risk.hazards.flood.design_params import DesignRainParams
from geo_risk.hazards.flood.design_runs import DesignRain, kept_of, run_design
from geo_risk.hazards.flood.devices import more_than_comes, place_devices, sink_grid
from geo_risk.hazards.flood.params import RunoffParams, SiteParams, TownFlowParams
from geo_risk.hazards.flood.responses import record_cells
from geo_risk.hazards.flood.sites import Features, detect_sites, in_metres, merge_ledger, town_ground, with_streets
from geo_risk.hazards.flood.town import Surface
from geo_risk.products.waterlogging import Told, rank_sites
from geo_risk.products.waterlogging_params import WaterloggingParams
from geo_risk.sources.ledger import read_ledger
from geo_risk.sources.ledger_tables import kinds_by_name
from geo_risk.sources.road_classes import road_classes

GRID = Grid.from_bounds((500_000, 4_000_000, 500_200, 4_000_200), crs="EPSG:4546", resolution_m=5)
SITES = SiteParams()
AREA = (500_000.0, 4_000_000.0, 500_200.0, 4_000_200.0)


def ground() -> np.ndarray:
    rows, columns = np.mgrid[:40, :40]
    return 100.0 - 0.01 * columns - np.clip(1 - (np.hypot(rows - 20, columns - 20) / 6) ** 2, 0, 1)


def ledger(**columns: list[object]) -> gpd.GeoDataFrame:
    frame = pd.DataFrame({"site_id": ["A", "B"], "name": ["下穿桥", "坡"], **columns})
    return gpd.GeoDataFrame(frame, geometry=[Point(500_102.5, 4_000_097.5), Point(500_010, 4_000_190)], crs="EPSG:4546")


def nothing() -> gpd.GeoDataFrame:
    names = ("class", "name", "sill_height_m", "people")
    return gpd.GeoDataFrame({n: [] for n in names}, geometry=[], crs="EPSG:4546")


@pytest.mark.parametrize("row", [(0, 50, 60, 70), (60, 70, 80, 140), (80, 70, 60, 50), (60, float("nan"), 70, 80)])
def test_curve_numbers_that_cannot_be_are_refused(row: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=r"curve_numbers\[4\]|finite"):
        RunoffParams.model_validate({"curve_numbers": {4: row}})


@pytest.mark.slow
def test_a_drain_larger_than_the_rain_leaves_the_place_dry_and_mass_whole() -> None:
    town = town_ground(GRID, ground(), SITES)
    detected = detect_sites(
        town, Features(nothing(), nothing(), nothing(), nothing(), np.ones(GRID.shape, bool)), SITES
    )
    sites, _ = merge_ledger(detected, ledger(), town, SITES)
    drains = gpd.GeoDataFrame({"drain_id": ["D"], "capacity_m3_s": [15.0], "site_id": ["A"]},
                              geometry=[Point(500_102.5, 4_000_097.5)], crs="EPSG:4546")  # fmt: skip
    devices, aside = place_devices(drains, None, sites, town, SITES)
    assert not aside
    surface = Surface(np.full(GRID.shape, 98.0), np.full(GRID.shape, 0.03))
    run = run_design(DesignRain("x", (30.0,), 10.0), town, surface, sink_grid(devices, GRID.shape),
                     cells=record_cells(sites, devices, town), params=TownFlowParams(),
                     design=DesignRainParams(after_min=10.0), runoff=RunoffParams())  # fmt: skip
    assert abs(run.balance.error_m3) < 1e-6 * run.balance.rain_m3
    assert run.balance.drained_m3 < run.balance.rain_m3
    _, record, depth = kept_of(DesignRain("x", (30.0,), 10.0), run, sites)
    assert depth[0] < 0.15
    assert (record.depth_m >= 0).all()


def test_a_drain_in_litres_per_second_is_run_as_if_it_took_nothing() -> None:
    town = town_ground(GRID, ground(), SITES)
    sites, _ = merge_ledger(
        detect_sites(town, Features(nothing(), nothing(), nothing(), nothing(), np.ones(GRID.shape, bool)), SITES),
        ledger(), town, SITES,
    )  # fmt: skip
    drains = gpd.GeoDataFrame({"drain_id": ["D", "E"], "capacity_m3_s": [50.0, "many"], "site_id": ["A", "A"]},
                              geometry=[Point(500_102.5, 4_000_097.5)] * 2, crs="EPSG:4546")  # fmt: skip
    devices, aside = place_devices(drains, None, sites, town, SITES)
    assert devices.empty
    assert "litres per second" in aside[0]["reason"]
    assert "升/秒" in aside[0]["reason_zh"]
    assert aside[1]["id"] == "E"


def test_drains_larger_than_all_that_can_come_are_told() -> None:
    sites = pd.DataFrame({"site_id": ["A", "B", "C"], "label": [1, 2, 0], "catchment_m2": [36_000.0, 36_000.0, 25.0]})
    devices = pd.DataFrame({"site_id": ["A", "A", "B", "C", None], "capacity_m3_s": [1.0, 0.6, 1.4, 5.0, 9.0]})
    assert more_than_comes(sites, devices) == ["A"]  # 150 mm/h on 3.6 ha are 1.5 m3/s; C lies in no hollow
    (told,) = capacity_notes(["A"])
    assert "150 mm/h" in told["text_en"]
    assert "A" in told["text_zh"]
    assert told["level"] == "warning"
    assert capacity_notes([]) == []
    assert more_than_comes(sites, devices.head(0)) == []


def test_sills_and_past_depths_in_centimetres_are_unknown() -> None:
    got, aside = in_metres(ledger(sill_height_m=[25.0, 0.3], past_depth_m=[45.0, -1.0]), SITES)
    assert got["sill_height_m"].isna().tolist() == [True, False]
    assert got["past_depth_m"].isna().all()
    assert [a["id"] for a in aside] == ["A", "A", "B"]
    assert "centimetres" in aside[0]["reason"]
    assert in_metres(ledger(), SITES)[1] == []


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_a_repeated_site_id_sets_its_later_rows_aside(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "编号,名称,x,y\nA,一,500050,4000050\nA,二,500060,4000060\nB,三,500070,4000070\n")
    read = read_ledger(path, "waterlogging_sites", crs="EPSG:4546", where="inputs.waterlogging_sites", area=AREA)
    assert read.frame["site_id"].tolist() == ["A", "B"]
    assert [q["id"] for q in read.quarantine] == ["A"]


def test_published_points_without_ids_are_named_by_their_rows_and_unknown_columns_are_told(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "易涝点,x,y\n长江路下穿,500050,4000050\n学校低洼处,500060,4000060\n")
    read = read_ledger(path, "waterlogging_sites", crs="EPSG:4546", where="inputs.waterlogging_sites", area=AREA)
    assert read.frame["site_id"].tolist() == ["R0002", "R0003"]
    assert any("no column of ids" in n for n in read.notes)
    assert kinds_by_name(read.frame["name"]).tolist() == ["underpass", "low_lying"]
    assert kinds_by_name(pd.Series(["某处", None])).isna().all()
    bad = write(tmp_path / "b.csv", "点,东,北\na,1,2\n")
    with pytest.raises(SchemaError, match=r"lon, lat .*'点', '东', '北'"):
        read_ledger(bad, "waterlogging_sites", crs="EPSG:4546", where="inputs.waterlogging_sites", area=AREA)


def test_running_numbers_that_start_again_lose_no_site(tmp_path: Path) -> None:
    rows = "1,一,500050,4000050\n2,二,500060,4000060\n1,三,500070,4000070\n,四,500080,4000080\n"
    path = write(tmp_path / "a.csv", "序号,名称,x,y\n" + rows)
    read = read_ledger(path, "waterlogging_sites", crs="EPSG:4546", where="inputs.waterlogging_sites", area=AREA)
    assert read.frame["site_id"].tolist() == ["R0002", "R0003", "R0004", "R0005"]
    assert not read.quarantine
    assert any("4 rows without a number of their own" in n for n in read.notes)
    whole = write(tmp_path / "b.csv", "序号,名称,x,y\n7,一,500050,4000050\n,二,500060,4000060\n")
    read = read_ledger(whole, "waterlogging_sites", crs="EPSG:4546", where="inputs.waterlogging_sites", area=AREA)
    assert read.frame["site_id"].tolist() == ["7", "R0003"]


@pytest.mark.parametrize(("header", "values", "metres"), [
    ("历史积水深度", "0.8,0.4", [0.8, 0.4]), ("历史最大积水深度（厘米）", "80,40", [0.8, 0.4]),
    ("历史积水深度(cm)", "80,", [0.8, None]), ("历史最大积水深度(米)", "0.8,0.4", [0.8, 0.4]),
])  # fmt: skip
def test_past_depths_are_read_in_the_unit_of_their_header(
    tmp_path: Path, header: str, values: str, metres: list[float | None]
) -> None:
    first, second = values.split(",")
    text = f"编号,x,y,{header},备注\nA,500050,4000050,{first},无\nB,500060,4000060,{second},无\n"
    read = read_ledger(write(tmp_path / "a.csv", text), "waterlogging_sites", crs="EPSG:4546",
                       where="inputs.waterlogging_sites", area=AREA)  # fmt: skip
    got = read.frame["past_depth_m"].tolist()
    assert got[0] == pytest.approx(metres[0])
    assert np.isnan(got[1]) if metres[1] is None else got[1] == pytest.approx(metres[1])
    assert any("columns that were not read: 备注" in n for n in read.notes)


def test_gaps_and_holes_of_the_town_are_told() -> None:
    assert ground_notes(town_ground(GRID, ground(), SITES), 20.0) == []
    z = ground()
    z[:2, :3] = np.nan
    z[30:34, 30:34] -= 500.0
    gaps, holes = ground_notes(town_ground(GRID, z, SITES), 20.0)
    assert "6 missing cells (0.4%)" in gaps["text_en"]
    assert "缺测 6 个格网" in gaps["text_zh"]
    assert "1 holes of 20 m" in holes["text_en"]
    assert "最深 500 米" in holes["text_zh"]
    assert gaps["level"] == holes["level"] == "warning"


def coarse_list(cell_m: float, past: float = float("nan")) -> gpd.GeoDataFrame:
    sites = ledger().assign(source="inventory", label=0, kind="other", traffic_class="none", sill_height_m=np.nan,
                            people=np.nan, catchment_m2=1e4, responsible=None,
                            past_depth_m=[past, np.nan])  # fmt: skip
    ponds = pd.DataFrame({
        "site_id": ["A", "B"], "depth_m": [0.02, 0.05], "duration_h": [0.0, 0.0], "volume_m3": [0.0, 0.0],
        "capacity_m3_s": [0.0, 0.0], "share": [1.0, 1.0], "is_defect": [False, False], "correction_m": [0.0, 0.0],
        "depth_cleared_m": [np.nan] * 2, "depth_local_m": [np.nan] * 2, "local_share": [1.0] * 2,
        "critical_rain_mm_h": [np.nan] * 2,
    })  # fmt: skip
    devices = pd.DataFrame({"device_id": [], "kind": [], "site_id": []})
    return rank_sites(sites, ponds, devices, params=WaterloggingParams(), local_m=150.0, told=Told(cell_m=cell_m))


def test_a_coarse_terrain_model_calls_no_listed_site_dry() -> None:
    assert coarse_list(5.0)["depth_class"].tolist() == [0, 0]
    got = coarse_list(30.0)
    assert got["depth_class"].tolist() == [-1, -1]
    assert got["site_id"].tolist() == ["B", "A"]
    assert got["reasons"].str.contains("not known to stay dry").all()
    assert not got["reasons_zh"].str.contains("[a-z]").any()
    told = coarse_list(30.0, past=0.6)
    assert told["site_id"].tolist() == ["A", "B"]
    assert "0.60 m in the past" in told.loc[0, "reasons"]


def test_a_ledger_site_off_the_town_but_in_the_run_is_read_and_stays_unknown(tmp_path: Path) -> None:
    run = Grid.from_bounds((499_000, 3_999_000, 501_200, 4_001_200), crs="EPSG:4546", resolution_m=100)
    area = both_areas(GRID, run)
    assert area == run.bounds
    assert both_areas(GRID, Grid.from_bounds((0, 0, 300, 300), crs="EPSG:4547", resolution_m=30)) == GRID.bounds
    path = write(tmp_path / "a.csv", "编号,名称,x,y\nA,一,500050,4000050\nB,二,500260,4000060\nC,三,700000,4000060\n")
    read = read_ledger(path, "waterlogging_sites", crs="EPSG:4546", where="inputs.waterlogging_sites", area=area)
    assert [q["id"] for q in read.quarantine] == ["C"]
    town = town_ground(GRID, ground(), SITES)
    detected = detect_sites(
        town, Features(nothing(), nothing(), nothing(), nothing(), np.ones(GRID.shape, bool)), SITES
    )
    sites, beyond = merge_ledger(detected, read.frame, town, SITES)
    assert sites.set_index("site_id").loc["B", "cell"] == -1
    assert [q["id"] for q in beyond] == ["B"]


def test_numbers_of_entrances_that_are_texts_are_read_or_named() -> None:
    doors = gpd.GeoDataFrame({"space_id": ["a", "b", "c", "d"], "sill_height_m": ["20cm", "高", None, "0.3"],
                              "people": ["约5", 4, -2, None]}, geometry=[Point(0, 0)] * 4, crs="EPSG:4546")  # fmt: skip
    aside: list[dict[str, str]] = []
    got = _entrance_numbers(doors, aside)
    assert got["sill_height_m"].tolist() == pytest.approx([0.2, np.nan, np.nan, 0.3], nan_ok=True)
    assert got["people"].tolist() == pytest.approx([np.nan, 4, np.nan, np.nan], nan_ok=True)
    assert [(a["id"], a["reason"].split()[1]) for a in aside] == [
        ("b", "sill_height_m"),
        ("a", "people"),
        ("c", "people"),
    ]


def test_a_ledger_point_beside_a_road_gets_its_class() -> None:
    town = town_ground(GRID, ground(), SITES)
    bare = Features(nothing(), nothing(), nothing(), nothing(), np.zeros(GRID.shape, bool))
    sites, _ = merge_ledger(detect_sites(town, bare, SITES), ledger(), town, SITES)
    street = LineString([(500_000, 4_000_180), (500_200, 4_000_180)])
    roads = gpd.GeoDataFrame({"class": ["primary"], "name": ["街"]}, geometry=[street], crs="EPSG:4546")
    got = with_streets(sites, roads, SITES).set_index("site_id")
    assert got.loc["B", ["traffic_class", "road"]].tolist() == ["primary", "街"]
    assert got.loc["A", "traffic_class"] == "none"  # it lies in a depression: what crosses that counts
    assert with_streets(sites, roads.head(0), SITES)["traffic_class"].tolist() == ["none", "none"]


def test_a_coarser_terrain_keeps_means_and_gaps() -> None:
    values = np.arange(35.0).reshape(5, 7)
    values[0, 0] = np.nan
    grid = Grid.from_dict({"crs": "EPSG:4546", "transform": [10.0, 0, 3.0, 0, -10.0, 50.0], "shape": (5, 7)})
    part, made = coarser(grid, values, 2)
    assert part.shape == made.shape == (2, 3)
    assert part.resolution_m == 20.0
    assert part.bounds == (3.0, 10.0, 63.0, 50.0)
    assert np.isnan(made[0, 0])
    assert made[0, 1] == pytest.approx(np.mean([2, 3, 9, 10]))
    assert coarser(grid, values, 1)[1] is values


def test_roads_of_other_maps_get_our_classes() -> None:
    roads = pd.DataFrame({"class": ["primary", None, None, "主干路", "strange", None],
                          "highway": [None, "motorway_link", "residential", None, None, None]})  # fmt: skip
    assert road_classes(roads).fillna("-").tolist() == ["primary", "trunk", "local", "primary", "strange", "-"]
    assert road_classes(pd.DataFrame({"fclass": ["tertiary", "footway"]})).tolist() == ["secondary", "footway"]
    assert road_classes(pd.DataFrame({"name": ["x"]})).isna().all()


def test_a_drain_of_a_site_that_nobody_knows_is_run_where_it_stands_and_told() -> None:
    town = town_ground(GRID, ground(), SITES)
    sites, _ = merge_ledger(
        detect_sites(town, Features(nothing(), nothing(), nothing(), nothing(), np.ones(GRID.shape, bool)), SITES),
        ledger(), town, SITES,
    )  # fmt: skip
    drains = gpd.GeoDataFrame({"drain_id": ["D", "E"], "capacity_m3_s": [0.1, 0.1], "site_id": ["ZZ", None]},
                              geometry=[Point(500_102.5, 4_000_097.5)] * 2, crs="EPSG:4546")  # fmt: skip
    devices, aside = place_devices(drains, None, sites, town, SITES)
    assert devices["site_id"].tolist() == ["A", "A"]
    assert [a["id"] for a in aside] == ["D"]
    assert "'ZZ'" in aside[0]["reason"]
