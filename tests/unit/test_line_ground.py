"""Slopes, run-out and water along line sections, and sections that nobody monitors."""

import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from shapely.geometry import LineString, Point

from geo_risk.core.grid import Grid
from geo_risk.core.schemas import conform
from geo_risk.products.line_ground import ground_of, with_ground, with_monitoring
from geo_risk.products.line_stretches import unmonitored_stretches
from geo_risk.products.params import RiskParams

CRS = "EPSG:4546"
GRID = Grid.from_bounds((0, 0, 900, 90), crs=CRS, resolution_m=30)  # 3 rows, 30 columns
PARAMS = RiskParams()


def layer(values, name):
    units = "m" if name == "depth_max_m" else "level"
    return GRID.layer(np.broadcast_to(values, GRID.shape).copy(), units=units, long_name=name, name=name)


def lines(*levels, settles=0):
    """Return sections of 300 m along the middle, with a level by zones each."""
    rows = {
        "segment_id": [f"S{k}" for k in range(len(levels))], "route": "国道", "class": "trunk",
        "from_km": [0.3 * k for k in range(len(levels))], "to_km": [0.3 * (k + 1) for k in range(len(levels))],
        "risk_level": levels, "settlement_level": np.int8(settles), "needs_monitoring": "no", "reasons": "r",
        "reasons_zh": "r", "reasons_en": "r", "exposed_zone_ids": ["Z-1" if v > settles else "" for v in levels],
    }  # fmt: skip
    shapes = [LineString([(300 * k, 45), (300 * (k + 1), 45)]) for k in range(len(levels))]
    return conform(gpd.GeoDataFrame(rows, geometry=shapes, crs=CRS), "linear_risk")


def judged(frame, **layers):
    given_ = {name: layer(values, name) for name, values in layers.items()}
    ground = ground_of(frame, given_, params=PARAMS)
    return with_ground(frame, ground, params=PARAMS, unknown_max=0.1, language="en")


def row_of(value, where, dtype=np.int8):
    out = np.zeros(30, dtype=dtype)
    out[where] = value
    return out


def test_a_section_that_only_settles_names_no_zone_as_its_cause():
    got = judged(lines(2, 3, settles=2), hazard_landslide=np.zeros(30, dtype=np.int8))
    assert got["causes"].tolist() == ["ground_settlement", "ground_settlement,risk_zone"]
    assert got["risk_level"].tolist() == [2, 3]


def test_causes_and_levels_by_hand():
    got = judged(
        lines(0, 0, 3), hazard_landslide=row_of(4, slice(0, 5)), hazard_runout=row_of(3, slice(10, 12)),
        depth_max_m=row_of(0.6, 25, np.float32),
    )  # fmt: skip
    # the matrix gives a road alone (vulnerability 1) 2 for hazard 4 and 2 for hazard 3
    assert got["risk_level"].tolist() == [2, 2, 3]
    assert got["causes"].tolist() == ["slope", "runout", "risk_zone,flood"]
    assert got["slope_share"].tolist() == [0.5, 0, 0]
    assert got["runout_share"].tolist() == pytest.approx([0, 0.2, 0])
    assert got["depth_max_m"].tolist() == pytest.approx([0, 0, 0.6])
    assert got["needs_monitoring"].tolist() == ["yes"] * 3
    assert "Run-out reaches 20% of it (hazard high)." in got["reasons"].iloc[1]
    assert "最大积水深度 0.60 米" in got["reasons_zh"].iloc[2]


def test_unknown_ground_is_unknown_and_layers_that_were_not_made_are_told():
    hidden = row_of(-1, slice(0, 5))
    got = judged(lines(0, 0), hazard_runout=hidden)
    assert got["risk_level"].tolist() == [-1, 0]
    assert got["needs_monitoring"].tolist() == ["unknown", "no"]
    assert "Run-out unknown for 50%" in got["reasons"].iloc[0]
    assert "Water was not computed" in got["reasons"].iloc[0]
    dry = judged(lines(0), depth_max_m=np.full(30, np.nan, np.float32))
    assert dry["risk_level"].tolist() == [-1]
    off = lines(0).set_geometry([LineString([(5000, 0), (5300, 0)])], crs=CRS)
    assert judged(off, hazard_landslide=row_of(0, 0))["risk_level"].tolist() == [-1]
    assert len(judged(lines()[:0])) == 0


@pytest.mark.slow
@given(
    st.lists(st.integers(-1, 4), min_size=3, max_size=3), hnp.arrays(np.int8, 30, elements=st.integers(-1, 4)),
    hnp.arrays(np.int8, 30, elements=st.integers(-1, 4)), st.integers(0, 29),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_ground_never_lowers_a_level_and_a_higher_hazard_never_does(levels, slope, runout, at):
    before = lines(*levels)
    got = judged(before, hazard_landslide=slope, hazard_runout=runout)
    severity = {-1: 1.5}
    for old, new in zip(levels, got["risk_level"].tolist(), strict=True):
        assert severity.get(new, new) >= severity.get(old, old) or (old == -1 and new >= 2)
    higher = runout.copy()
    higher[at] = min(4, max(int(runout[at]), 0) + 1) if runout[at] >= 0 else runout[at]
    raised = judged(before, hazard_landslide=slope, hazard_runout=higher)
    for old, new in zip(got["risk_level"].tolist(), raised["risk_level"].tolist(), strict=True):
        assert severity.get(new, new) >= severity.get(old, old)


def points(*rows):
    """Rows of (id, x, monitor, status)."""
    frame = {"point_id": [r[0] for r in rows], "monitor": [r[2] for r in rows], "status": [r[3] for r in rows]}
    return gpd.GeoDataFrame(frame, geometry=[Point(r[1], 100) for r in rows], crs=CRS)


def test_sections_without_a_monitored_point_are_listed_unknown_between_medium_and_low():
    base = judged(lines(1, -1, 3, 0), hazard_landslide=row_of(0, 0))
    book = points(("P1", 150, "责任人-001", "existing"), ("P2", 800, " ", "existing"), ("P3", 800, "x", "cancelled"))
    got = with_monitoring(base, book, params=PARAMS, language="en")
    assert got["monitored_by"].tolist() == ["P1", "P1", "", ""]  # 150 m and 160 m away, 450 m
    assert got["lacks_monitoring"].tolist() == ["no", "no", "yes", "unknown"]  # the last lies off the map
    listed = unmonitored_stretches(got, params=PARAMS, language="zh").table
    assert listed["segment_id"].tolist() == ["S2", "S3"]
    assert "无落实监测人" in listed["reasons"].iloc[0]
    for nobody in (None, points(("P1", 150, None, "existing"))):
        blank = with_monitoring(base, nobody, params=PARAMS, language="en")
        assert blank["lacks_monitoring"].tolist() == ["unknown"] * 4
        rows = unmonitored_stretches(blank, params=PARAMS).table
        assert rows["segment_id"].tolist() == ["S2", "S1", "S3"]  # high before unknown; low is not listed
        assert "no monitors are recorded" in rows["reasons_en"].iloc[0]
