"""The frame of slope units, what the report says of them, and the list of factors."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from geo_risk.core.schemas import SCHEMAS
from geo_risk.hazards.landslide.factors import CAPPED, CATEGORIES, UNITS, class_of_factor
from geo_risk.hazards.landslide.params import LandslideParams
from geo_risk.hazards.landslide.registry import FACTORS, named
from geo_risk.products.slope_units import slope_unit_facts, slope_unit_frame
from geo_risk.publish.i18n import labels
from geo_risk.terrain.unit_table import Quality
from tests.support.terrain import grid_of_shape, small_params

GRID = grid_of_shape((6, 8), cell=100.0)


def layer(values, units="1", name="v"):
    return GRID.layer(values, units=units, long_name=name, name=name)


def made(language="zh"):
    units = np.zeros((6, 8), np.int32)
    units[1:5, 1:4], units[1:5, 4:7], units[0] = 10, 13, -1
    aspect = np.where(units == 10, 270.0, np.where(units == 13, 90.0, np.nan))
    aspect[1:3, 4:7] = 0.0
    slope = np.where(units > 0, 25.0, 0.2)
    slope[0] = np.nan
    given = layer(units, name="slope_units"), layer(slope, "degree"), layer(aspect, "degree")
    frame, quality = slope_unit_frame(*given, params=small_params(), language=language)
    return frame, quality, given[0]


def test_rows_say_which_way_a_unit_faces_and_what_is_wrong_with_it():
    frame, quality, labels_ = made()
    assert list(frame.columns[: len(SCHEMAS["slope_units"].columns)]) == list(SCHEMAS["slope_units"].columns)
    # the first cells lie at row 1, columns 1 and 4 of cells of 100 m
    assert frame["slope_unit_id"].tolist() == ["SU-3999850-510150", "SU-3999850-510450"]
    assert frame["area_m2"].tolist() == [120_000.0, 120_000.0]
    np.testing.assert_allclose(frame["aspect_mean_deg"], [270.0, 45.0])
    np.testing.assert_allclose(frame["circular_variance"], [0.0, 1 - np.sqrt(0.5)], atol=1e-4)
    np.testing.assert_allclose(frame.area, frame["area_m2"])
    assert frame["reasons"].str.contains("西").tolist() == [True, False]
    assert frame["reasons_en"].iloc[0].startswith("Faces west, 12.0 ha, mean slope 25 degrees")
    assert "Not whole" in frame["reasons_en"].iloc[0]
    assert "Faces several ways" in frame["reasons_en"].iloc[1]
    assert quality.internal == pytest.approx((1 - np.sqrt(0.5)) / 2, abs=1e-6)
    facts = slope_unit_facts(frame, labels_, quality)
    assert facts["counts"] == {
        "slope_units": 2, "slope_units_cut": 2, "cells_flat": 16, "cells_without_unit": 8,
    }  # fmt: skip
    assert "33.3% of the area is flat, 16.7%" in facts["notes"][1]["text_en"]
    assert "不代表安全" in facts["notes"][1]["text_zh"]
    assert made("en")[0]["reasons"].iloc[0].startswith("Faces")


def test_a_map_without_slopes_has_an_empty_frame_and_says_so():
    flat = layer(np.zeros((6, 8), np.int32), name="slope_units")
    frame, quality = slope_unit_frame(flat, layer(np.zeros((6, 8)), "degree"),
                                      layer(np.full((6, 8), np.nan), "degree"), params=small_params())  # fmt: skip
    facts = slope_unit_facts(frame, flat, quality)
    assert len(frame) == 0
    assert facts["notes"][0]["level"] == "warning"
    assert facts["quality"] == {"internal_variance_v": None, "external_moran_i": None}
    assert isinstance(quality, Quality)


def test_every_column_and_layer_has_a_label():
    for language in ("zh", "en"):
        known = labels(language)
        assert "layer.slope_units" in known
        for column in SCHEMAS["slope_units"].columns:
            assert f"column.{column}" in known


def test_the_list_of_factors_is_what_models_use():
    assert tuple(UNITS) == tuple(FACTORS)
    assert CATEGORIES == ("lithology", "landcover")
    assert CAPPED == named("capped") == ("distance_rivers_m", "distance_roads_m", "distance_faults_m")
    assert all(f.zh and f.en and f.definition for f in FACTORS.values())
    assert set(LandslideParams().factors) <= set(FACTORS)


@pytest.mark.parametrize("factors", [("slope_deg", "slpoe"), ("slope_deg", "slope_deg"), ()])
def test_factors_that_are_not_known_or_named_twice_are_refused(factors):
    with pytest.raises(ValidationError, match="named once each"):
        LandslideParams(factors=factors)


@pytest.mark.parametrize("name", list(FACTORS))
def test_a_factor_that_is_constant_or_unknown_makes_no_classes(name):
    assert class_of_factor(name, np.full(50, np.nan), classes=4) is None
    constant = class_of_factor(name, np.full(50, 3.0), classes=4)
    assert constant is None or FACTORS[name].kind == "direction"
