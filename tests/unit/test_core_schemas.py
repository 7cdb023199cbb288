"""Product frames: what a schema lets through and what it stops."""

import geopandas as gpd
import pandas as pd
import pytest
from shapely.geometry import Point, box

from geo_risk.core import schemas
from geo_risk.core.errors import CrsError, SchemaError
from geo_risk.core.schema import TYPES
from geo_risk.core.schemas import SCHEMAS, conform


def areas(n=2, **changes):
    row = {
        "area_id": [f"A{i}" for i in range(n)], "track": "asc", "n_pixels": 9, "area_m2": 32400.0,
        "velocity_mean_mm_yr": -12.0, "velocity_max_mm_yr": -20.0, "quality": 2, "activity": "steady",
        "kind": "unknown", "status": "new", "reasons": "beyond 2 sigma",
    }  # fmt: skip
    return gpd.GeoDataFrame({**row, **changes}, geometry=[box(i, 0, i + 1, 1) for i in range(n)], crs="EPSG:4546")


def test_missing_optional_columns_become_missing_and_order_is_the_contracts():
    out = conform(areas(extra=1), "active_deformation")
    assert list(out.columns) == [*SCHEMAS["active_deformation"].columns, "extra", "geometry"]
    assert out["false_alarm_p"].isna().all()
    assert out.crs == "EPSG:4546"


def test_a_missing_level_is_unknown_not_zero():
    points = gpd.GeoDataFrame(
        {"zone_id": ["Z1"], "kind": "landslide", "hazard_level": 3,
            "vulnerability_level": -1, "risk_level": -1, "reasons": "r"},
        geometry=[box(0, 0, 1, 1)], crs="EPSG:4546",
    )  # fmt: skip
    assert conform(points, "risk_zones").loc[0, "warning_72h"] == -1


@pytest.mark.slow
def test_every_schema_takes_an_empty_frame():
    for name, schema in SCHEMAS.items():
        empty = pd.DataFrame(columns=list(schema.columns))
        frame = gpd.GeoDataFrame(empty, geometry=[], crs="EPSG:4546") if schema.geometry else empty
        assert len(conform(frame, name)) == 0


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"kind": "sinkhole"}, "kind"),
        ({"quality": -3}, "quality"),
        ({"false_alarm_p": 1.2}, "false_alarm_p"),
        ({"activity": None}, "activity"),
        ({"reasons": None}, "reasons"),
        ({"n_pixels": "many"}, "n_pixels"),
        ({"area_id": ["A", "A"]}, "repeats"),
        ({"area_m2": -1.0}, "area_m2"),
    ],
)
def test_stops_bad_rows_by_name(changes, named):
    with pytest.raises(SchemaError, match=named):
        conform(areas(**changes), "active_deformation")


@pytest.mark.parametrize("ranks", [[1, 1], [1, 3], [0, 1], [2, 3]])
def test_ranks_have_no_ties_and_no_gaps(ranks):
    frame = gpd.GeoDataFrame(
        {"rank": ranks, "site_id": ["a", "b"], "kind": "underpass", "source": "both",
         "cause": "unknown", "reasons": "r"},
        geometry=[Point(0, 0), Point(1, 1)], crs="EPSG:4546",
    )  # fmt: skip
    with pytest.raises(SchemaError, match="rank"):
        conform(frame, "waterlogging")


def test_stops_frames_without_crs_or_with_wrong_geometry():
    with pytest.raises(CrsError):
        conform(areas().set_crs(None, allow_override=True), "active_deformation")
    with pytest.raises(SchemaError, match="Polygon needed"):
        conform(areas().set_geometry([Point(0, 0), Point(1, 1)]), "active_deformation")


def test_the_input_is_not_touched():
    frame = areas()
    before = frame.copy(deep=True)
    conform(frame, "active_deformation")
    pd.testing.assert_frame_equal(pd.DataFrame(frame), pd.DataFrame(before))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["warnings", "active_deformation", "evacuation", "waterlogging"])
def test_the_quick_look_at_a_frame_says_what_pandera_says(name):
    """Each column in turn at, within and beyond its bounds, with strange choices and with nothing."""
    schema = schemas.SCHEMAS[name]
    good = {"string": "x", "float64": 0.5, "Int64": 1, "int8": 0}
    row = {c: schema.choices.get(c, [good[TYPES[k][0]]])[0] for c, k in schema.columns.items()}
    dtypes = {c: TYPES[k][0] for c, k in schema.columns.items()}
    verdicts = set()
    for column, dtype in dtypes.items():
        tried = {"string": ["x", pd.NA, ""], "int8": [-2, -1, 4, 5]}.get(dtype, [-1, 0, 1, 2, None])
        for value in [*tried, *([float("inf"), float("-inf"), float("nan")] if dtype == "float64" else [])]:
            frame = pd.DataFrame([row, {**row, column: value}]).astype(dtypes)
            verdict = schemas.is_sound(frame, schema)
            assert verdict == (not schemas._broken_rules(frame, schema)), (column, value)
            verdicts.add(verdict)
    assert verdicts == {True, False}
