"""Classes of structure from ledgers' words, and what buildings are worth."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
from pydantic import ValidationError
from shapely.geometry import Point, Polygon, box

from geo_risk.exposure.params import ExposureParams
from geo_risk.exposure.people import Dwellings, clean_counts, spread_people
from geo_risk.exposure.structures import floor_area_m2, replacement_value_cny, structure_classes
from geo_risk.sources.vectors import read_vector

CRS = "EPSG:4546"
PRICED = ExposureParams(asset_values={"frame": {"cny_m2": 2000, "source": "assumed"},
                                      "brick_wood": {"cny_m2": 900, "source": "assumed"}})  # fmt: skip


def built(words, **columns):
    shapes = [box(20 * i, 0, 20 * i + 10, 10) for i in range(len(words))]
    ids = [f"B{i}" for i in range(len(words))]
    return gpd.GeoDataFrame({"building_id": ids, "structure": words, **columns}, geometry=shapes, crs=CRS)


@pytest.mark.parametrize(
    ("word", "wanted"),
    [("砖木", "brick_wood"), ("砖木结构", "brick_wood"), ("砖混", "brick_concrete"), ("钢混", "frame"),
     ("土木", "adobe"), ("窑洞", "cave_dwelling"), ("RC", "frame"), (" Brick_Concrete ", "brick_concrete"),
     ("\uff32\uff23", "frame"), ("混合结构", "brick_concrete"),
     ("木房", "timber"), ("石木结构", "stone"), ("钢筋混凝土结构", "frame")],
)  # fmt: skip
def test_words_of_ledgers_have_their_class(word, wanted):
    classes, strange = structure_classes(built([word]), ExposureParams())
    assert classes.tolist() == [wanted]
    assert strange == {}


def test_what_no_table_knows_stays_unknown_and_is_counted():
    frame = built(["彩钢", None, "", "彩钢", "砖木"])
    classes, strange = structure_classes(frame, ExposureParams())
    assert classes.tolist() == ["unknown"] * 4 + ["brick_wood"]
    assert strange == {"彩钢": 2}
    told, strange = structure_classes(frame, ExposureParams(structure_terms={"彩钢": "frame"}))
    assert told.tolist() == ["frame", "unknown", "unknown", "frame", "brick_wood"]
    assert strange == {}
    no_column, _ = structure_classes(frame.drop(columns="structure"), ExposureParams())
    assert (no_column == "unknown").all()


def test_a_value_is_floor_area_times_price_and_unknown_without_one():
    frame = built(["钢混", "砖木", "窑洞"], floors=[3, None, 1])
    area = floor_area_m2(frame)
    assert area.tolist() == [300, 100, 100]
    worth = replacement_value_cny(structure_classes(frame, PRICED)[0], area, PRICED)
    np.testing.assert_array_equal(worth, [600_000, 90_000, np.nan])
    assert np.isnan(replacement_value_cny(structure_classes(frame, PRICED)[0], area, ExposureParams())).all()


@pytest.mark.parametrize(
    "wrong",
    [{"asset_values": {"straw": {"cny_m2": 5, "source": "assumed"}}}, {"asset_values": {"frame": {"cny_m2": 5}}},
     {"asset_values": {"frame": {"cny_m2": -5, "source": "x"}}}, {"structure_terms": {"彩钢": "tin"}},
     {"day_home_share": {"residential": 1.2}}, {"day_home_share": {"shop": 0.2}}, {"weight_cv": {"disc": 1}},
     {"clusters": {"households": 0, "floor_area": 1, "census": 1, "population": 3, "disc": 10}}],
)  # fmt: skip
def test_tables_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValidationError):
        ExposureParams(**wrong)


def test_a_gbk_shapefile_with_bad_rows_is_read_and_quarantined(tmp_path):
    bowtie = Polygon([(100, 0), (110, 10), (110, 0), (100, 10)])
    frame = built(["砖木", "砖混", "土木"])
    frame.loc[1, "geometry"] = bowtie
    frame["geometry"] = frame.translate(500_000, 4_150_000)
    path = tmp_path / "房屋.shp"
    pyogrio.write_dataframe(frame.rename(columns={"building_id": "building_i"}), path, encoding="gb18030")
    path.with_suffix(".cpg").unlink()
    read = read_vector(path, crs=CRS, where="inputs.buildings", id_column="building_i", geometry="Polygon")
    assert [q["id"] for q in read.quarantine] == ["B1"]
    assert "crosses itself" in read.quarantine[0]["reason"]
    assert any("GB18030" in n for n in read.notes)
    assert structure_classes(read.frame, ExposureParams())[0].tolist() == ["brick_wood", "adobe"]


def test_houses_carry_class_area_and_value_and_the_note_names_strange_words():
    towns, _ = clean_counts(gpd.GeoDataFrame({"settlement_id": ["S"], "people": [9]}, geometry=[Point(0, 0)], crs=CRS))
    houses, notes = spread_people(towns, Dwellings(built(["钢混", "彩钢"], use=[" Shop", None])), radius_m=50,
                                  params=PRICED)  # fmt: skip
    assert houses["structure"].tolist() == ["frame", "unknown"]
    assert houses["use"].fillna("?").tolist() == ["shop", "?"]
    assert houses["assets_cny"].fillna(-1).tolist() == [200_000, -1]
    assert houses["spread"].tolist() == ["floor_area"] * 2
    assert any("彩钢 (1)" in n for n in notes)
    assert pd.api.types.is_string_dtype(houses["structure"])
