"""Source channels on ground of which bed slope and upslope area are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from shapely.geometry import LineString

from geo_risk.hazards.debris_flow.compute import compute
from geo_risk.hazards.debris_flow.params import DebrisFlowParams
from geo_risk.kernels.channel_bed import least_tangent
from geo_risk.kernels.priority_flood import COLUMN_STEP, ROW_STEP
from geo_risk.products import debris_channels
from geo_risk.products.debris_channels import Beds, debris_channel_facts, debris_channel_frame
from geo_risk.terrain.hydrology import drainage, partial_area
from tests.support.terrain import grid_of_shape

CELL = 20.0


def valley(slopes_deg=(30.0, 20.0, 6.0), lengths=(20, 20, 20), *, branch=False, width=31):
    """A V-shaped valley that runs south: rows of bed slopes; sides of 35 degrees drain to the middle column."""
    n = sum(lengths)
    bed = [3000.0]
    for slope, length in zip(slopes_deg, lengths, strict=True):
        bed += [bed[-1] - CELL * math.tan(math.radians(slope)) * (i + 1) for i in range(length)]
    x = np.arange(width) - width // 2
    side = np.abs(x)
    if branch:
        side = np.minimum(side, np.abs(x - np.clip(22 - np.arange(n)[:, None], 0, 13)))
    return np.asarray(bed[:n])[:, None] + np.broadcast_to(side, (n, width)) * CELL * 1.4


def parts(z, params=None, chunks=None):
    grid = grid_of_shape(z.shape, CELL)
    routed = drainage(grid.layer(z, units="m", long_name="z", name="dem"))
    given = {"dem_filled": routed.filled, "flow_direction": routed.direction, "flow_accumulation": routed.upslope_area}
    if chunks:
        given = {k: v.chunk({"y": chunks[0], "x": chunks[1]}) for k, v in given.items()}
    params = params or DebrisFlowParams(area_min_m2=4000, bed_length_m=60, length_min_m=60, slope_max_deg=45)
    return compute(given, params), routed, params


def frame_of(z, params=None, language="zh"):
    result, routed, params = parts(z, params)
    beds = Beds(result.intensity.compute(), result.level.compute(), result.extra["bed_slope_deg"].compute(),
                routed.direction, routed.upslope_area, routed.filled)  # fmt: skip
    return debris_channel_frame(beds, params=params, language=language), beds, params


@pytest.mark.slow
def test_a_channel_whose_head_lies_beyond_the_map_is_unknown_and_a_bed_may_be_longer_than_the_map():
    z = valley()
    z[:12] = np.nan
    grid = grid_of_shape(z.shape, CELL)
    routed = drainage(grid.layer(z, units="m", long_name="z", name="dem"))
    given = {"dem_filled": routed.filled, "flow_direction": routed.direction, "flow_accumulation": routed.upslope_area}
    params = DebrisFlowParams(area_min_m2=4000, bed_length_m=60, length_min_m=60, slope_max_deg=45)
    said = compute({**given, "area_is_partial": partial_area(routed)}, params).level.to_numpy()
    alone = compute(given, params).level.to_numpy()
    middle = z.shape[1] // 2
    assert (alone[14:30, middle] >= 0).all()
    assert (said[14:30, middle] == -1).all()
    long = params.model_copy(update={"bed_length_m": 50 * CELL * len(z)})
    assert compute(given, long).level.to_numpy().shape == z.shape


def test_the_curve_is_the_one_that_is_written_down():
    got = least_tangent(np.array([0.01, 1.0, 2.5, 8.0, 0.0]) * 1e6, factor=0.32, exponent=0.2, floor=0.26)
    want = [0.32 * 0.01**-0.2, 0.32, 0.32 * 2.5**-0.2, 0.26, np.nan]
    np.testing.assert_allclose(got, want, rtol=1e-12)
    # the power law meets the level part near 2.5 km2, as its numbers are meant
    assert got[2] == pytest.approx(0.26, abs=0.008)


def test_margin_and_slope_of_a_bed_are_known():
    result, routed, _ = parts(valley())
    margin, slope = result.intensity.to_numpy(), result.extra["bed_slope_deg"].to_numpy()
    middle = 15
    # rows far enough from a change of slope that the 3 cells downstream have one slope
    for row, deg in ((8, 30.0), (28, 20.0), (48, 6.0)):
        area = float(routed.upslope_area[row, middle])
        assert slope[row, middle] == pytest.approx(deg, abs=0.01)
        least = max(math.tan(math.radians(14.5)), 0.32 * (area / 1e6) ** -0.2)
        assert margin[row, middle] == pytest.approx(math.tan(math.radians(deg)) / least, rel=1e-5)
    assert margin[30, 3] == 0
    assert result.level.to_numpy()[48, middle] == 0


def test_one_channel_is_drawn_downstream_with_its_reason():
    frame, beds, _ = frame_of(valley((30.0, 20.0, 6.0)))
    assert len(frame) == 1
    row = frame.iloc[0]
    line: LineString = row.geometry
    assert line.coords[0][1] > line.coords[-1][1]
    assert line.length == pytest.approx(row["length_m"], abs=0.1)
    assert row["slope_max_deg"] == pytest.approx(30.0, abs=0.01)
    assert 14.5 < row["slope_mean_deg"] < 30
    assert row["hazard_level"] >= 2
    assert row["area_top_m2"] < row["area_bottom_m2"]
    assert "泥石流" in row["reasons"]
    assert "not looked at" in row["reasons_en"]
    facts = debris_channel_facts(frame, beds.level, method={})
    assert facts["counts"]["debris_flow_channels"] == 1
    assert {"text_en", "text_zh"} <= set(facts["notes"][0])


@pytest.mark.slow
def test_reaches_meet_at_confluences_and_no_cell_is_drawn_twice():
    low = DebrisFlowParams(area_min_m2=4000, bed_length_m=60, length_min_m=60, curve_factor=0.05, slope_max_deg=45)
    frame, beds, _ = frame_of(valley((25.0, 25.0, 25.0), branch=True), low)
    assert len(frame) >= 3
    starts = [g.coords[0] for g in frame.geometry]
    assert len(set(starts)) == len(starts)
    inner = [c for g in frame.geometry for c in list(g.coords)[:-1]]
    assert len(set(inner)) == len(inner)
    drawn = set(inner)
    coords = beds.margin.coords
    sources = {(float(coords["x"][c]), float(coords["y"][r])) for r, c in np.argwhere(beds.margin.to_numpy() >= 1)}
    # ways that are too short are left out, nothing is added
    assert drawn <= sources


def test_channels_follow_the_drainage_where_float32_cannot_tell_upslope_areas_apart():
    _, beds, params = frame_of(valley())
    # a straight bed of source cells; at 3e11 m2 one cell of 400 m2 more is lost, and the tie must not cut the channel
    flat = Beds(beds.margin, beds.level, beds.slope, beds.direction, beds.upslope_area * 0 + 3e11, beds.filled)
    assert len(np.unique(flat.upslope_area.to_numpy()[np.isfinite(flat.upslope_area)])) == 1
    want, got = (debris_channel_frame(b, params=params) for b in (beds, flat))
    assert len(want) == 1
    assert got.geometry.to_wkt().tolist() == want.geometry.to_wkt().tolist()
    # and turned upside down, so that reading order is against the flow
    turned = _turned(flat)
    again = debris_channel_frame(turned, params=params)
    assert again["length_m"].tolist() == want["length_m"].tolist()


def _turned(beds: Beds) -> Beds:
    """Return beds with the rows in reverse order; D8 codes turn with them."""
    made = {}
    for name in Beds.__dataclass_fields__:
        layer = getattr(beds, name).copy()
        rows = layer.to_numpy()[::-1].copy()
        if name == "direction":
            turn = [[(-dy, dx) for dy, dx in zip(ROW_STEP, COLUMN_STEP, strict=True)].index((a, b))
                    for a, b in zip(ROW_STEP, COLUMN_STEP, strict=True)]  # fmt: skip
            rows = np.where((rows >= 0) & (rows <= 7), np.array(turn)[rows.astype(int) % 8], rows).astype(rows.dtype)
        made[name] = layer.copy(data=rows)
    return Beds(**made)


@pytest.mark.parametrize("chunks", [(7, 31), (13, 5)])
def test_channels_are_drawn_from_the_blocks_that_hold_sources(chunks, monkeypatch):
    whole, beds, params = frame_of(valley(branch=True))
    monkeypatch.setattr(debris_channels, "CHUNK", 11)
    lazy = Beds(*(getattr(beds, n).chunk({"y": chunks[0], "x": chunks[1]}) for n in Beds.__dataclass_fields__))
    assert debris_channel_frame(lazy, params=params).equals(whole)


@pytest.mark.slow
@pytest.mark.parametrize("chunks", [(7, 31), (60, 5)])
def test_blocks_do_not_matter(chunks):
    whole, split = parts(valley(branch=True))[0], parts(valley(branch=True), chunks=chunks)[0]
    np.testing.assert_array_equal(whole.intensity.to_numpy(), split.intensity.to_numpy())
    np.testing.assert_array_equal(whole.level.to_numpy(), split.level.to_numpy())


@pytest.mark.slow
def test_walls_and_rivers_are_no_sources_and_ground_without_any_gives_an_empty_frame():
    steep, _, _ = frame_of(valley((65.0, 65.0, 65.0)))
    gentle, beds, _ = frame_of(valley((5.0, 5.0, 5.0)))
    wet, _, _ = frame_of(valley(), DebrisFlowParams(area_min_m2=10, area_max_m2=1000, bed_length_m=60))
    for frame in (steep, gentle):
        assert len(frame) == 0
        assert frame.crs is not None
    assert len(wet) == 0 or wet["area_bottom_m2"].max() <= 1000
    assert debris_channel_facts(gentle, beds.level, method={})["counts"]["debris_flow_channels"] == 0


def test_where_the_water_leaves_the_map_the_bed_is_unknown():
    result, routed, _ = parts(valley((20.0, 20.0, 20.0)))
    outlet = (routed.direction.to_numpy() == 8) & (routed.upslope_area.to_numpy() >= 4000)
    assert outlet.any()
    assert np.isnan(result.intensity.to_numpy()[outlet]).all()
    assert (result.level.to_numpy()[outlet] == -1).all()


def test_all_unknown_stays_unknown():
    grid = grid_of_shape((8, 9), CELL)
    nothing = {"dem_filled": "m", "flow_direction": "1", "flow_accumulation": "m2"}
    given = {n: grid.layer(np.full((8, 9), np.nan), units=u, long_name=n, name=n) for n, u in nothing.items()}
    result = compute(given, DebrisFlowParams())
    assert np.isnan(result.intensity.to_numpy()).all()
    assert (result.level.to_numpy() == -1).all()


@pytest.mark.parametrize(
    "wrong",
    [{"area_min_m2": 2e7}, {"as_releases": True, "draw": False}, {"slope_min_deg": 50, "slope_max_deg": 50},
     {"level_margin": (0.5, 0.9, 1.2, 1.5)}, {"slope_max_deg": 95},
     {"curve_factor": float("nan")}, {"area_min_m2": -1}],
)  # fmt: skip
def test_impossible_parameters_are_refused(wrong):
    with pytest.raises(ValueError, match=r"area_min|slope_min|level_margin|slope_max|curve_factor|as_releases"):
        DebrisFlowParams(**wrong)
