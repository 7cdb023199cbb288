import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
from shapely.geometry import LineString, Point, box

from geo_risk.core.grid import Grid
from geo_risk.flow.steps.evacuation import write_evacuation
from geo_risk.flow.steps.exposure import write_people
from geo_risk.flow.steps.points import _doubt, write_points
from geo_risk.flow.steps.zones import write_linked, write_zones
from geo_risk.products.params import EvacuationParams, RiskParams
from geo_risk.publish.frames import write_json
from geo_risk.publish.raster import write_layer
from geo_risk.sources.layers import open_layer, read_frame, read_json
from geo_risk.sources.options import NO_OPTIONS

CRS = "EPSG:4546"
GRID = Grid.from_bounds((500_000, 4_000_000, 501_800, 4_001_800), crs=CRS, resolution_m=30)
X, Y = 500_000, 4_000_000


def save(path, columns, shapes):
    frame = gpd.GeoDataFrame(columns, geometry=shapes, crs=CRS)
    pyogrio.write_dataframe(frame, path, layer=path.stem)
    return path


def level(path, values):
    write_layer(GRID.layer(values.astype("int8"), units="level", long_name=path.stem, name=path.stem), path)
    return path


@pytest.mark.slow
def test_files_go_through_all_steps_and_reconcile(tmp_path):
    write_json(GRID.to_dict(), tmp_path / "grid.json")
    common = {"grid": tmp_path / "grid.json"}
    towns = save(
        tmp_path / "towns.gpkg",
        {"settlement_id": ["S1", "S2"], "name": ["甲村", "乙村"], "people": [40.0, None]},
        [Point(X + 600, Y + 600), Point(X + 1500, Y + 600)],
    )
    built = save(
        tmp_path / "built.gpkg",
        {"building_id": ["B1", "B2", "B3"], "settlement_id": ["S1", "S1", "S2"]},
        [box(X + a, Y + 600, X + a + 10, Y + 610) for a in (610, 900, 1500)],
    )
    roads = save(tmp_path / "roads.gpkg", {"road_id": ["R1"], "class": ["local"]},
                 [LineString([(X + 10, Y + 500), (X + 1790, Y + 500)])])  # fmt: skip
    shelters = save(tmp_path / "shelters.gpkg", {"shelter_id": ["H1"], "capacity": [15]}, [Point(X + 20, Y + 510)])
    cells = np.zeros(GRID.shape)
    cells[30:42, 15:25] = 4  # x 450-750, y 540-900: the first house of S1
    cells[30:42, 48:56] = 4  # the house of S2
    hazard = level(tmp_path / "hazard_landslide.tif", cells)
    warning = level(tmp_path / "warning_1h.tif", cells)
    write_json({"stages": [{"hours": 1, "issued": "2024-07-25T07:00:00+00:00", "forecast": 0}]}, tmp_path / "st.json")

    def out(name):
        return tmp_path / f"{name}.gpkg"

    write_people(**common, settlements=towns, buildings=built, settlements_out=out("settlements"),
                 houses=out("houses"), facts=tmp_path / "exposure.json", options=NO_OPTIONS,
                 building_options=NO_OPTIONS, radius_m=100)  # fmt: skip
    write_zones(**common, roads=roads, out=out("zones_drawn"), risk=tmp_path / "risk_level.tif",
                facts=tmp_path / "zones.json", params=RiskParams(), language="en", options=NO_OPTIONS,
                hazard_landslide=hazard, warning_1h=warning, houses=out("houses"))  # fmt: skip
    (tmp_path / "ledger.csv").write_text(
        f"编号,类型,x,y,威胁人数\nP1,滑坡,{X + 600},{Y + 700},9\nP1,滑坡,{X + 9},{Y + 9},1\n", encoding="gb18030"
    )
    write_points(**common, hazard_points=tmp_path / "ledger.csv", active_deformation=None, mining_clues=None,
                 hazard=hazard, blind_map=None, houses=out("houses"), zones_drawn=out("zones_drawn"),
                 out=out("hazard_points"), facts=tmp_path / "points.json", params=RiskParams(), language="en",
                 options=NO_OPTIONS)  # fmt: skip
    write_linked(zones_drawn=out("zones_drawn"), points=out("hazard_points"), out=out("risk_zones"),
                 facts=tmp_path / "zone_ranks.json", params=RiskParams(), language="en")  # fmt: skip
    assert "risk zones were drawn 500 times" in (tmp_path / "zone_ranks.json").read_text(encoding="utf-8")
    write_evacuation(**common, settlements=out("settlements"), houses=out("houses"), risk_zones=out("risk_zones"),
                     roads=roads, shelters=shelters, stages=tmp_path / "st.json", evacuation=out("evacuation"),
                     evacuation_assignments=out("evacuation_assignments"), evacuation_routes=out("evacuation_routes"),
                     cut_off=out("cut_off"),
                     facts=tmp_path / "evacuation.json", params=EvacuationParams(), risk=RiskParams(),
                     language="en",
                     road_options=NO_OPTIONS, shelter_options=NO_OPTIONS, hazard_landslide=hazard)  # fmt: skip

    zones = read_frame(out("risk_zones"))
    assert len(zones) == 2
    assert (open_layer(tmp_path / "risk_level.tif").to_numpy()[35, 20]) == 3
    point = read_frame(out("hazard_points")).iloc[0]
    assert point["zone_id"] in set(zones["zone_id"])
    assert zones.set_index("zone_id").loc[point["zone_id"], "point_ids"] == "P1"
    assert read_json(tmp_path / "points.json")["quarantine"][0]["id"] == "P1"
    rows = read_frame(out("evacuation")).set_index("settlement_id")
    assert rows.loc["S1", ["people", "assigned_people", "unassigned_people"]].tolist() == [20, 15, 5]
    assert rows.loc["S1", "leave_before"] == "2024-07-25T07:00:00+00:00"
    assert np.isnan(rows.loc["S2", "people"])
    counts = read_json(tmp_path / "evacuation.json")["counts"]
    assert counts["people_unassigned"] == counts["people_unassignable"] == 5
    assert read_frame(out("evacuation_assignments"))["people"].tolist() == [15]


def test_a_limit_that_sets_every_area_aside_is_warned_of():
    areas = pd.DataFrame({"false_alarm_p": [0.02, 0.04, np.nan]})
    few = _doubt(areas, RiskParams(false_alarm_max=0.03))
    assert [n["level"] for n in few] == ["info"]
    assert "1 of 3" in few[0]["text_en"]
    assert "3 个活动形变区中有 1 个" in few[0]["text_zh"]
    none = _doubt(areas, RiskParams(false_alarm_max=0.01))
    assert [n["level"] for n in none] == ["info", "warning"]
    assert "0.02" in none[1]["text_en"]
    assert _doubt(areas, RiskParams()) == []
