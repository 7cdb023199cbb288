"""Bad input of the evacuation, run end to end: a clear end, or a row set aside, counted and told in the report."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import pytest
import shapely
from shapely.geometry import LineString, Point

from tests.support.warned import CONFIG, write_county

pytestmark = pytest.mark.slow

X, Y = 510_000, 4_064_000
CRS = "EPSG:4546"


def save(path: Path, columns: dict[str, list[object]], shapes: list[object]) -> None:
    path.unlink(missing_ok=True)
    gpd.GeoDataFrame(columns, geometry=shapes, crs=CRS).to_file(path, layer=path.stem)


def bad_county(folder: Path) -> Path:
    """Write the tiny county with everything wrong that a county's files have been seen to have."""
    config = write_county(folder)
    text = CONFIG.replace("  admin: admin.gpkg\n", "  admin: admin.gpkg\n  rivers: rivers.gpkg\n  buildings: b.gpkg\n")
    text = text.replace("evacuation: {", "evacuation: {access_distance_m: 150, warning_level: 1, ")
    config.write_text(text, encoding="utf-8")
    # a road in two pieces, one row without a geometry and one that is empty, speeds as people type them
    ways = [LineString([(X, Y), (X + 1200, Y)]), LineString([(X + 1400, Y + 500), (X + 1790, Y + 500)]), None,
            LineString(), LineString([(X, Y - 200), (X, Y)])]  # fmt: skip
    speeds = ["４０", "fast", "40", "40", "-3"]
    save(folder / "roads.gpkg", {"road_id": [f"R{i}" for i in range(5)], "speed_km_h": speeds}, ways)
    towns = {
        "settlement_id": ["S1", "S2", "S3", "S4", "S5"],
        "people": ["４０", "-5", None, "1,200", "十人"],
        "vulnerable_people": ["１０", "1", "2", "2000", None],
    }
    # S4 stands on the lone piece, S5 on no road
    places = [Point(X + 500, Y + 100), Point(X + 900, Y + 60), Point(X + 700, Y + 90), Point(X + 1500, Y + 560),
              Point(X + 300, Y + 700)]  # fmt: skip
    save(folder / "settlements.gpkg", towns, places)
    bow_tie = shapely.Polygon([(X + 900, Y + 60), (X + 920, Y + 80), (X + 920, Y + 60), (X + 900, Y + 80)])
    lone = shapely.box(X + 1700, Y - 750, X + 1710, Y - 740)
    save(folder / "b.gpkg", {"building_id": ["B1", "B2"]}, [bow_tie, lone])
    halls = {"shelter_id": ["H1", "H2", "H3", "H4", "H5"], "capacity": ["５００", "0", "300", "很多", "-7"]}
    save(folder / "shelters.gpkg", halls, [Point(X + 100 * k, Y + 10) for k in (1, 2, 6, 7, 8)])
    save(folder / "rivers.gpkg", {"river_id": ["W1"], "width_m": ["４０"]},
         [LineString([(X + 615, Y - 300), (X + 615, Y + 300)])])  # fmt: skip
    return config


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    from geo_risk.cli import main

    folder = tmp_path_factory.mktemp("bad")
    with pytest.raises(SystemExit) as stopped:
        main(["run", str(bad_county(folder))])
    assert stopped.value.code == 0
    return folder / "out"


def facts(out: Path, name: str):
    return json.loads((out / ".work" / "between" / f"{name}.json").read_text(encoding="utf-8"))


def test_numbers_as_people_type_them_are_read_and_others_are_set_aside(finished):
    towns = gpd.read_file(finished / ".work/between/settlements.gpkg").set_index("settlement_id")
    assert towns.loc["S1", ["people", "vulnerable_people"]].tolist() == [40, 10]
    assert towns.loc["S4", "people"] == 1200
    assert towns.loc[["S2", "S3", "S5"], "people"].isna().all()
    told = {(q["id"], q["reason"].split(",")[0]) for q in facts(finished, "exposure")["quarantine"]}
    assert ("S2", "people is '-5'") in told
    assert ("S5", "people is '十人'") in told
    assert ("S4", "vulnerable_people is ''") not in told
    assert any(i == "S4" and "more vulnerable people than people" in r for i, r in told)
    assert any(i == "B1" and "crosses itself" in r for i, r in told)
    assert facts(finished, "exposure")["counts"]["settlements_of_unknown_population"] == 3


def test_shelters_without_places_or_in_the_river_take_nobody(finished):
    made = facts(finished, "evacuation")
    why = {q["id"]: q["reason"] for q in made["quarantine"]}
    # every reason is told: a hall on bad ground whose places are not known either has two
    for hall, words in (("H2", "capacity is 0"), ("H3", "stands in the water of W1"), ("H4", "or not a number"),
                        ("H5", "capacity is negative")):  # fmt: skip
        assert words in why[hall]
    assert "; its ground" in why["H4"]
    assert (made["counts"]["shelters_usable"], made["counts"]["places_usable"]) == (1, 500)
    assert made["counts"]["over_capacity"] == 0


def test_roads_in_pieces_and_places_off_them_are_counted_and_named(finished):
    made = facts(finished, "evacuation")
    net, said = made["network"], " ".join(n["text_en"] for n in made["notes"])
    assert net["network_pieces"] == 2
    assert net["settlements_off_road"] == ["S5"]
    assert net["settlements_on_pieces_without_shelter"] == ["S4"]
    assert net["speeds_unread"] == 2  # "fast" and "-3"
    lost = [q for q in made["quarantine"] if q["reason"] == "no geometry"]
    assert len(lost) == 2
    assert "2 of 5 rows set aside" in said
    assert "The speed of 2 roads" in said
    assert "Floods were not looked at" in said
    rows = gpd.read_file(finished / ".work/between/evacuation.gpkg").set_index("settlement_id")
    counts = made["counts"]
    assert rows["people"].sum() == counts["people_total"] == counts["people_assigned"] + counts["people_unassigned"]
    assert set(rows.index) <= {"S1", "S2", "S3", "S4", "S5"}
    for settlement, words in (("S4", "No road leads"), ("S5", "Off the road network")):
        if settlement in rows.index:
            assert words in rows.loc[settlement, "reasons_en"]
    page = (finished / "report.html").read_text(encoding="utf-8")
    assert "stands in the water of W1" in page or "W1" in page


@pytest.mark.parametrize(("file", "column", "shapes"), [
    ("settlements", "settlement_id", [Point(X + 500, Y + 100), Point(X + 600, Y + 100)]),
    ("shelters", "shelter_id", [Point(X + 500, Y + 10), Point(X + 600, Y + 10)]),
])  # fmt: skip
def test_ids_that_repeat_end_the_run_and_are_listed(tmp_path, cli, file, column, shapes):
    config = write_county(tmp_path)
    # one id typed full-width is the same id
    save(tmp_path / f"{file}.gpkg", {column: ["12", "１２"], "people": [1, 2], "capacity": [1, 2]}, shapes)
    code, _, error = cli("run", config)
    assert code == 3
    assert f"{column} repeats: ['12']" in error
    assert len(error.strip().splitlines()) == 3
