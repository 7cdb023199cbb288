"""The steps of relocation, shelters and stocks on files: what they write, what they leave out and by what name."""

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pytest
from shapely.geometry import LineString, Point, box

from geo_risk.core.grid import Grid
from geo_risk.flow.config import load_config
from geo_risk.flow.pipelines import build_plan
from geo_risk.flow.steps.publish import write_list
from geo_risk.flow.steps.relocation import write_relocation
from geo_risk.flow.steps.siting import _stock_notes, write_shelters, write_stocks
from geo_risk.products.params import EvacuationParams, RiskParams
from geo_risk.products.relocation_params import RelocationParams
from geo_risk.products.siting_params import SitingParams
from geo_risk.publish.frames import write_frame, write_json
from geo_risk.publish.raster import write_layer
from geo_risk.sources.layers import read_frame, read_json

CRS = "EPSG:4546"
X, Y = 500_000, 4_000_000
GRID = Grid.from_bounds((X, Y, X + 6000, Y + 3000), crs=CRS, resolution_m=30)
OPTIONS = {name: {} for name in ("roads", "shelters", "stocks", "facilities", "admin")}


def save(folder, name, columns, shapes):
    path = folder / f"{name}.gpkg"
    write_frame(gpd.GeoDataFrame(columns, geometry=shapes, crs=CRS), path)
    return path


@pytest.fixture
def county(tmp_path):
    write_json(GRID.to_dict(), tmp_path / "grid.json")
    homes = [Point(X + x, Y + 600) for x in (500, 2500, 5500)]
    towns = save(tmp_path, "settlements", {"settlement_id": ["S1", "S2", "S3"], "name": ["甲村", "乙村", "丙村"],
                 "people": [40.0, 30.0, np.nan], "vulnerable_people": np.nan, "households": np.nan}, homes)  # fmt: skip
    houses = save(tmp_path, "houses", {"house_id": ["H1", "H2", "H3"], "settlement_id": ["S1", "S2", "S3"],
                  "is_building": True, "people": [40.0, 30.0, np.nan], "vulnerable_people": 0.0, "households": np.nan},
                  [h.buffer(8).envelope for h in homes])  # fmt: skip
    zones = save(tmp_path, "risk_zones", {"zone_id": ["Z1"], "kind": "landslide", "hazard_level": [4], "risk_level": 3,
                 "activity": "unknown", "origin": "hazard"}, [box(X + 400, Y + 550, X + 700, Y + 700)])  # fmt: skip
    roads = save(tmp_path, "roads", {"road_id": ["R1", "R2"], "class": "local"},
                 [LineString([(X + 10, Y + 500), (X + 3000, Y + 500)]),
                  LineString([(X + 3000, Y + 500), (X + 5990, Y + 500)])])  # fmt: skip
    level = np.ones(GRID.shape, dtype=np.int8)
    level[:, 170:] = -1  # from x 5100 on: the ground of S3
    ground = tmp_path / "hazard_landslide.tif"
    write_layer(GRID.layer(level, units="level", long_name="hazard", name="hazard_landslide"), ground)
    return tmp_path, {"settlements": towns, "houses": houses, "risk_zones": zones}, roads, ground


@pytest.mark.slow
def test_relocation_goes_from_files_to_a_workbook_with_its_assumptions(county):
    folder, frames, _, ground = county
    out = {n: folder / f"{n}.gpkg" for n in ("relocation", "relocation_assumptions", "relocation_sensitivity")}
    models = {"params": RelocationParams(), "risk": RiskParams(), "language": "zh"}
    write_relocation(**frames, runout_zones=None, hazard_points=None, hazard_landslide=ground, hazard_flood=None,
                     **out,
                     facts=folder / "facts.json", **models)  # fmt: skip
    rows = read_frame(out["relocation"]).set_index("settlement_id")
    assert rows["advice"].to_dict().keys() == {"S1", "S3"}
    assert rows.loc["S3", "risk_level"] == -1
    assert rows.loc["S3", "advice"] != "monitor"
    facts = read_json(folder / "facts.json")
    assert facts["counts"]["settlements_of_unknown_risk"] == 1
    assert all(n["text_zh"] and n["text_en"] for n in facts["notes"])
    write_list(frame=out["relocation"], sheets=[out["relocation_assumptions"], out["relocation_sensitivity"]],
               xlsx=folder / "r.xlsx", csv=folder / "r.csv", run="试", language="zh")  # fmt: skip
    book = openpyxl.load_workbook(folder / "r.xlsx")
    assert book.sheetnames == ["避险搬迁清单", "假定", "敏感性"]
    told = {row[0].value: [c.value for c in row] for row in book["假定"].iter_rows(min_row=4)}
    assert set(RelocationParams.model_fields) <= {str(k).partition(".")[0] for k in told}
    assert "假定值，请改用本地数据" in str(told["relocate_household_cny"][-1])
    header = [c.value for c in book.worksheets[0][3]]
    assert header[2].startswith("名称")
    unknown = next(r for r in book.worksheets[0].iter_rows(min_row=4, values_only=True) if r[1] == "S3")
    assert unknown[3] == "未知"


@pytest.mark.slow
def test_shelters_that_are_not_used_are_sites_and_say_why(county):
    folder, frames, roads, ground = county
    shelters = save(folder, "shelters", {"shelter_id": ["A", "B", "C"], "capacity": [20, 0, 50]},
                    [Point(X + 2600, Y + 510), Point(X + 3500, Y + 510), Point(X + 500, Y + 600)])  # fmt: skip
    names = ("shelter_coverage", "shelter_proposals", "shelter_drive_times", "shelter_walk_times")
    out = {n: folder / f"out_{n}.gpkg" for n in names}
    write_shelters(**frames, roads=roads, shelters=shelters, grid=folder / "grid.json", hazard_landslide=ground,
                   leaving=None, facilities=None, admin=None, **out, facts=folder / "f.json",
                   params=SitingParams(new_shelters=9), evacuation_params=EvacuationParams(), language="en",
                   options=OPTIONS)  # fmt: skip
    (row,) = read_frame(out["shelter_coverage"]).to_dict("records")
    # B has no places; C is judged by its ground, which is low, though the zone Z1 was drawn there
    assert row["people"] == 70
    assert row["people_placed"] == 70
    assert (row["places"], row["unknown_settlements"]) == (70, 1)
    facts = read_json(folder / "f.json")
    assert facts["counts"]["candidates_unknown_ground"] == 1  # S3
    assert facts["counts"]["candidates_in_zone"] == 1  # S1
    found = read_frame(out["shelter_proposals"])
    assert not set(found["candidate_id"]) & {"S1", "S3"}
    (again,) = found[found["candidate_id"] == "B"].to_dict("records")
    assert "A shelter stands here that is not used now: shelter not used: capacity is 0" in again["reasons"]
    assert len(read_frame(out["shelter_drive_times"]))


@pytest.mark.slow
def test_stocks_are_compared_with_needs_and_roads_that_fail(county):
    folder, frames, roads, ground = county
    stocks = save(folder, "stocks", {"stock_id": ["K1"], "tents": [3]}, [Point(X + 20, Y + 510)])
    names = ("stock_reach", "stock_needs", "stock_proposals", "stock_drive_times", "stock_walk_times")
    out = {n: folder / f"out_{n}.gpkg" for n in names}
    common = {**frames, "roads": roads, "shelters": None, "grid": folder / "grid.json", "hazard_landslide": ground,
              "leaving": None, "facilities": None, "admin": None, **out, "facts": folder / "f.json",
              "evacuation_params": EvacuationParams(), "language": "en", "options": OPTIONS}  # fmt: skip
    write_stocks(stocks=stocks, params=SitingParams(failing_roads=("R2", "R9")), **common)
    reach = read_frame(out["stock_reach"]).set_index("settlement_id")
    assert reach["state"].to_dict() == {"S1": "near", "S2": "near", "S3": "cut_off"}
    needs = read_frame(out["stock_needs"]).set_index(["stock_id", "good"])
    assert needs.loc[("K1", "tents"), ["need", "have", "short"]].tolist() == [18, 3, 15]
    assert np.isnan(needs.loc[("K1", "beds"), "have"])  # the file has no such column: unknown, not enough
    notes = " ".join(n["text_en"] for n in read_json(folder / "f.json")["notes"])
    assert "R9" in notes
    assert "beds ?" in notes


def test_settlements_of_unknown_people_are_told_where_no_goods_lack():
    needs = pd.DataFrame({"scope": ["all"], "good": ["tents"], "short": [0.0], "unknown_settlements": [2]})
    counts = dict.fromkeys(("settlements_cut_off", "people_cut_off", "settlements_far", "settlements_off_network"), 0)
    said = _stock_notes(counts, needs, (), is_listed=False)[1]
    assert said["level"] == "warning"
    assert "none known. 2 settlements of unknown people come on top." in said["text_en"]
    assert "另有 2 个居民点人数未知" in said["text_zh"]
    enough = _stock_notes(counts, needs.assign(unknown_settlements=0), (), is_listed=False)[1]
    assert "): none. Needs" in enough["text_en"]
    assert enough["level"] == "info"


def test_what_is_not_given_leaves_its_part_out_by_name(tmp_path):
    path = tmp_path / "config.yaml"
    given = "{dem: d.tif, landslide_inventory: i.gpkg, settlements: s.gpkg, roads: r.gpkg}"
    path.write_text(f"pipeline: evacuation\nname: x\noutput: out\ninputs: {given}\n", encoding="utf-8")
    plan = build_plan(load_config(path), config=path)
    left_out = {o.step: o.needs for o in plan.omissions}
    assert left_out["siting.shelters"] == ("shelters",)
    assert left_out["siting.stocks"] == ("stocks",)
    assert "relocation" in [s.name for s in plan.steps]
