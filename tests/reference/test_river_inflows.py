"""Rivers that enter over the edge of the map: where, how much ground they drain before, and what it does to floods."""

from __future__ import annotations

from functools import cache

import geopandas as gpd
import numpy as np
import pytest
import shapely
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_risk.core.errors import DataError
from geo_risk.core.grid import Grid
from geo_risk.hazards.flood.compute import compute, in_blocks
from geo_risk.hazards.flood.entry_ways import AGAIN, fed_drainage
from geo_risk.hazards.flood.inflows import INSIDE_CELLS, outside_layers, river_entries
from geo_risk.hazards.flood.params import FloodParams
from geo_risk.hazards.flood.ratings import ratings
from geo_risk.hazards.flood.rivers import Outside, reach_peaks
from geo_risk.terrain import hydrology
from geo_risk.terrain.slope import blocks
from geo_risk.terrain.upslope import upslope_blocks

GRID = Grid.from_bounds((500_000, 4_000_000, 503_000, 4_004_000), crs="EPSG:4546", resolution_m=30)
PARAMS = FloodParams.model_validate({"drainage": {"stream_area_m2": 100_000}})
RIVER = shapely.LineString([(501_515, 4_004_000), (501_515, 4_000_000)])
"""From the northern edge to the southern."""


@cache
def valley() -> dict[str, xr.DataArray]:
    """A valley that falls south by 2 in 1000, sides of 1 in 15, and a runoff of 40 mm."""
    rows, columns = np.indices(GRID.shape)
    z = 700 - rows * 0.06 + np.abs(columns - 50) * 2.0
    routed = hydrology.drainage(GRID.layer(z.astype(np.float32), units="m", long_name="height", name="dem"))
    stream = hydrology.streams(routed, stream_area_m2=100_000)
    return {
        "dem": GRID.layer(z.astype(np.float32), units="m", long_name="height", name="dem"),
        "dem_filled": routed.filled, "flow_direction": routed.direction, "flow_accumulation": routed.upslope_area,
        "hand_m": hydrology.hand(routed, stream),
        "runoff": GRID.layer(np.full(GRID.shape, 40, np.float32), units="mm", long_name="runoff", name="runoff"),
    }  # fmt: skip


@pytest.fixture
def ground() -> dict[str, xr.DataArray]:
    return valley()


def rivers(*lines: shapely.LineString, **columns: list[object]) -> gpd.GeoDataFrame:
    ids = [f"R{k}" for k in range(len(lines))]
    return gpd.GeoDataFrame({"river_id": ids, **columns}, geometry=list(lines), crs="EPSG:4546")


def gullies(ground: dict[str, xr.DataArray], factor: float) -> tuple[list[shapely.LineString], list[float]]:
    """Lines within the map, each with the width of w = factor A^0.5 by the mean of A^0.5 along it."""
    area = ground["flow_accumulation"].to_numpy() / 1e6
    lines, widths = [], []
    for top in range(20, 115, 9):
        y = 4_004_000 - 30 * np.array([top + 0.5, top + 10.5])
        lines.append(shapely.LineString([(501_515, y[0]), (501_515, y[1])]))
        widths.append(factor * float(np.sqrt(area[top : top + 11, 50]).mean()))
    return lines, widths


def found(ground: dict[str, xr.DataArray], frame: gpd.GeoDataFrame):
    return river_entries(
        frame, ground["flow_direction"], ground["dem_filled"], ground["flow_accumulation"], params=PARAMS.river
    )


def test_a_river_enters_where_it_runs_on_inside_and_not_where_it_leaves(ground) -> None:
    for line in (RIVER, shapely.reverse(RIVER)):  # however it was drawn
        entries = found(ground, rivers(line, upstream_km2=[50.0]))
        assert len(entries) == 1
        row, column = divmod(int(entries["cell"].iloc[0]), GRID.shape[1])
        assert column == 50
        assert row <= PARAMS.river.entry_snap_m / 30
        assert entries["source"].tolist() == ["given"]
        assert entries["outside_km2"].tolist() == entries["outside_high_km2"].tolist() == [50.0]
    inside = shapely.LineString([(501_515, 4_003_000), (501_515, 4_001_500)])
    assert not len(found(ground, rivers(inside, upstream_km2=[50.0])))
    short = shapely.LineString([(501_515, 4_000_000 + 30 * (INSIDE_CELLS - 12)), (501_515, 4_000_000)])
    assert not len(found(ground, rivers(short)))  # its whole way leaves the map


def test_the_width_of_a_river_tells_the_ground_outside_by_that_of_the_others(ground) -> None:
    lines, widths = gullies(ground, 3.0)
    area = ground["flow_accumulation"].to_numpy()[:, 50] / 1e6
    wanted = 120.0
    width = 3.0 * float(np.sqrt(wanted + area).mean())
    frame = rivers(RIVER, *lines, width_m=[width, *widths])
    entries = found(ground, frame)
    assert entries["source"].tolist() == ["width"]
    # beside each cell lies one a step further down, of a valley of 200: half a hundredth and more at the heads
    assert entries["outside_km2"].iloc[0] == pytest.approx(wanted, rel=0.03)
    high = entries["outside_high_km2"].iloc[0]
    # the area goes with the square of the width: exp(2 * 1.645 * 0.2) = 1.93 times, the map's own ground included
    assert high == pytest.approx(1.93 * (wanted + area.mean()) - area.mean(), rel=0.05)


@pytest.mark.slow
def test_where_widths_tell_nothing_the_ground_outside_is_unknown(ground) -> None:
    lines, widths = gullies(ground, 3.0)
    scattered = [w * (8.0 if k % 2 else 0.2) for k, w in enumerate(widths)]
    for frame in (rivers(RIVER), rivers(RIVER, width_m=[40.0]), rivers(RIVER, *lines, width_m=[0.0, *widths]),
                  rivers(RIVER, *lines, width_m=[40.0, *scattered])):  # fmt: skip
        entries = found(ground, frame)
        assert entries["source"].tolist() == ["unknown"]
        assert np.isnan(entries["outside_high_km2"].iloc[0])
        best, high = outside_layers(entries, GRID)
        assert float(best.sum()) == 0
        assert int(np.isnan(high.to_numpy()).sum()) == 1


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_ditch_that_enters_beside_a_river_does_not_take_its_place(ground, order) -> None:
    ditch = shapely.LineString([(501_575, 4_004_000), (501_575, 4_003_000)])
    for basin in (2.0, np.nan):
        both = rivers(RIVER, ditch, upstream_km2=[5000.0, basin]).iloc[list(order)]
        best, high = (float(v.sum(skipna=False)) / 1e6 for v in outside_layers(found(ground, both), GRID))
        assert best == 5000
        assert high == 5000 if basin == 2 else np.isnan(high)  # unknown ground beside known ground stays unknown


@pytest.mark.parametrize("area", [-1.0, 1e9, np.inf])
def test_an_impossible_basin_is_refused_by_name(ground, area) -> None:
    with pytest.raises(DataError, match="R0"):
        found(ground, rivers(RIVER, upstream_km2=[area]))


def flood(ground, entries) -> dict[str, np.ndarray]:
    best, high = outside_layers(entries, GRID)
    made = compute({**ground, "outside_area": best, "outside_area_high": high}, PARAMS)
    lazy = {
        n: v.chunk({"y": 47, "x": 31}) for n, v in {**ground, "outside_area": best, "outside_area_high": high}.items()
    }
    np.testing.assert_array_equal(in_blocks(lazy, PARAMS).intensity.to_numpy(), made.intensity.to_numpy())
    return {"depth": made.intensity.to_numpy(), "level": made.level.to_numpy()}


def test_ground_outside_of_unknown_size_makes_the_highest_peak_unknown(ground) -> None:
    made = ratings(*(ground[n] for n in ("dem", "dem_filled", "flow_direction", "flow_accumulation", "hand_m")),
                   drainage=PARAMS.drainage, river=PARAMS.river)  # fmt: skip
    outside = Outside(*(blocks(v) for v in outside_layers(found(ground, rivers(RIVER)), GRID)))
    peaks = reach_peaks(made.reaches, blocks(ground["flow_direction"]).astype(np.int8), blocks(ground["dem_filled"]),
                        blocks(ground["runoff"]), cell_m=30, params=PARAMS.river, outside=outside)  # fmt: skip
    assert peaks.is_fed.any()
    np.testing.assert_array_equal(np.isnan(peaks.high_m3_s), peaks.is_fed)
    assert np.isfinite(peaks.discharge_m3_s).all()


@pytest.mark.slow
def test_more_ground_outside_means_more_water_and_unknown_ground_is_not_dry(ground) -> None:
    none = compute(ground, PARAMS).intensity.to_numpy()
    some, more = (flood(ground, found(ground, rivers(RIVER, upstream_km2=[a]))) for a in (50.0, 200.0))
    known = np.isfinite(none)
    assert (some["depth"][known] >= none[known]).all()
    assert (more["depth"][known] >= some["depth"][known]).all()
    assert np.nanmax(more["depth"]) > np.nanmax(none) + 1
    lost = flood(ground, found(ground, rivers(RIVER)))
    low = known & (ground["hand_m"].to_numpy() < PARAMS.river.unknown_stage_m) & (none < PARAMS.depth_bounds_m[1])
    deep = known & (none >= PARAMS.depth_bounds_m[1])
    high = known & (ground["hand_m"].to_numpy() > PARAMS.river.unknown_stage_m)
    assert all(some.any() for some in (low, high, deep))
    middle = np.zeros(GRID.shape, dtype=bool)
    middle[30:105] = True  # what drains off the map before it meets the river is unknown anyway
    assert (lost["level"][low & middle] == -1).all()
    assert (lost["level"][high & middle] == 0).all()
    np.testing.assert_array_equal(lost["depth"][deep], none[deep])


@pytest.mark.slow
@settings(max_examples=5, deadline=None)
@given(st.floats(0.0, 500.0), st.floats(1.0, 5.0))
def test_what_the_width_leaves_open_is_unknown_never_lower(area, factor) -> None:
    ground = valley()
    entries = found(ground, rivers(RIVER, upstream_km2=[area]))
    sure = flood(ground, entries)
    open_to = flood(ground, entries.assign(outside_high_km2=entries["outside_km2"] * factor))
    known = np.isfinite(open_to["depth"])
    np.testing.assert_array_equal(open_to["depth"][known], sure["depth"][known])
    most = flood(ground, found(ground, rivers(RIVER, upstream_km2=[area * factor])))
    rises = (most["level"] > sure["level"]) & (sure["depth"] < PARAMS.depth_bounds_m[1])
    assert (open_to["level"][rises] == -1).all()


@pytest.mark.slow
def test_water_stands_level_up_a_tributary() -> None:
    rows, columns = np.indices(GRID.shape)
    main = 700 - rows * 0.06 + np.abs(columns - 20) * 2.0
    side = 702 - 80 * 0.06 + np.abs(rows - 80) * 2.0 + (columns - 20).clip(0) * 0.02 - 2.0
    z = np.where(columns > 20, np.minimum(main, np.maximum(side, 700 - rows * 0.06)), main).astype(np.float32)
    dem = GRID.layer(z, units="m", long_name="height", name="dem")
    routed = hydrology.drainage(dem)
    stream = hydrology.streams(routed, stream_area_m2=100_000)
    given = {"dem": dem, "dem_filled": routed.filled, "flow_direction": routed.direction,
             "flow_accumulation": routed.upslope_area, "hand_m": hydrology.hand(routed, stream),
             "runoff": GRID.layer(np.full(GRID.shape, 5, np.float32), units="mm", long_name="r", name="r")}  # fmt: skip
    line = shapely.LineString([(500_615, 4_004_000), (500_615, 4_000_000)])
    deep = flood(given, found(given, rivers(line, upstream_km2=[400.0])))["depth"]
    dry = compute(given, PARAMS).intensity.to_numpy()
    level = deep[80, 20] + routed.filled.to_numpy()[80, 20]
    along = np.arange(24, 70)
    pool = level - routed.filled.to_numpy()[80, along]
    wet = pool > 0.5
    assert wet.sum() > 5
    # one stage a reach: the river's surface at the mouth is that of its reach's first cell, at most two cells from here
    np.testing.assert_allclose(deep[80, along][wet], pool[wet], atol=0.13)
    assert (deep[80, along][wet] > dry[80, along][wet] + 0.3).any()


def fed(ground: dict[str, xr.DataArray], entries) -> dict[str, xr.DataArray]:
    starts = entries.loc[entries["source"] != AGAIN, "start"].to_numpy(dtype=np.int64)
    area, hand = fed_drainage(ground["flow_direction"], ground["dem_filled"], ground["flow_accumulation"], starts,
                              stream_area_m2=100_000)  # fmt: skip
    return ground | {"flow_accumulation": area, "hand_m": hand}


def outlet_areas(ground: dict[str, xr.DataArray], entries) -> tuple[np.ndarray, np.ndarray]:
    """Ground outside by what drains through each cell: the layers summed down the map."""
    made = outside_layers(entries, GRID)
    sums = [
        upslope_blocks(ground["flow_direction"].chunk(-1).data.astype(np.int8), layer.chunk(-1).data) for layer in made
    ]
    return sums[0].compute(), sums[1].compute()


@pytest.mark.slow
def test_a_river_that_crosses_the_edge_many_times_brings_its_ground_once(ground) -> None:
    # it runs along the northern edge for a while, over and below it, and then down the valley; in two pieces
    wave = [(500_300 + 200 * k, 4_004_000 + (150 if k % 2 else -400)) for k in range(7)]
    line = shapely.LineString([*wave, (501_515, 4_003_000), (501_515, 4_000_000)])
    entries = found(ground, rivers(line, upstream_km2=[50.0]))
    real = entries[entries["source"] == "given"]
    assert len(real) >= 3
    assert len(entries[entries["source"] == AGAIN]) == len(real) - 1  # all run into the one valley
    best, high = outlet_areas(ground, entries)
    assert best[-1, 50] == pytest.approx(50e6)
    assert high[-1, 50] == pytest.approx(50e6)
    for cell in real["cell"]:
        assert best.ravel()[int(cell)] >= 50e6 * (1 - 1e-9)  # whole on each of its ways
    assert best.min() >= -1.0
    peaks = flood(ground, entries)["depth"][100, 50]
    alone = flood(ground, found(ground, rivers(RIVER, upstream_km2=[50.0])))["depth"][100, 50]
    assert peaks == pytest.approx(alone, rel=1e-6)
    backwards = found(ground, rivers(shapely.reverse(line), upstream_km2=[50.0]))
    np.testing.assert_allclose(outlet_areas(ground, backwards)[0][-1], best[-1])


def test_a_river_that_leaves_the_map_and_comes_back_may_bring_the_ground_of_the_map_too() -> None:
    rows, columns = np.indices(GRID.shape)
    z = 700 - rows * 0.06 + np.minimum(np.abs(columns - 20), np.abs(columns - 80)) * 2.0  # two valleys side by side
    routed = hydrology.drainage(GRID.layer(z.astype(np.float32), units="m", long_name="height", name="dem"))
    ground = {"flow_direction": routed.direction, "dem_filled": routed.filled, "flow_accumulation": routed.upslope_area}
    x = [500_000 + 30 * (c + 0.5) for c in (20, 80)]
    line = shapely.LineString([(x[0], 4_004_100), (x[0], 3_999_900), (501_500, 3_999_000), (504_000, 3_999_000),
                               (504_000, 4_005_000), (x[1], 4_004_100), (x[1], 3_999_900)])  # fmt: skip
    entries = found(ground, rivers(line, upstream_km2=[50.0]))
    assert entries["source"].tolist() == ["given", "given"]
    inside = float(routed.upslope_area.max()) / 1e6
    assert entries["outside_km2"].tolist() == [50.0, 50.0]
    assert entries["outside_high_km2"].tolist() == pytest.approx([50.0 + inside] * 2)


@pytest.mark.slow
@pytest.mark.parametrize("column", [{"upstream_km2": [200.0]}, {}])
def test_the_first_cells_below_the_edge_are_no_lower_than_what_lies_below_them(ground, column) -> None:
    entries = found(ground, rivers(RIVER, **column))
    row, beside = divmod(int(entries["start"].iloc[0]), GRID.shape[1])
    assert (row, abs(beside - 50) <= 1) == (0, True)  # and not ten cells down, where the valley is lowest
    before, after = flood(ground, entries), flood(fed(ground, entries), entries)
    if column:  # as deep as two kilometres on, where it was before only where the map's own ground makes a stream
        assert (after["level"][:60, 50] >= after["level"][60, 50]).all()
        assert before["level"][0, 50] <= after["level"][0, 50]
        assert after["depth"][0, 50] == pytest.approx(after["depth"][30, 50], abs=0.4)
    else:  # how much comes is not known: nowhere along the river, from the edge on, is the flood none or low
        near = np.abs(np.arange(GRID.shape[1]) - 50) <= 3
        assert not np.isin(after["level"][:, near], (0, 1)).any()
        assert (after["level"][:, near] < 0).mean() > 0.5
    # far from the river nothing changes
    np.testing.assert_array_equal(before["level"][:, :20], after["level"][:, :20])


def test_without_entries_the_drainage_stays_as_it_is(ground) -> None:
    area, hand = fed_drainage(ground["flow_direction"], ground["dem_filled"], ground["flow_accumulation"],
                              np.array([], dtype=np.int64), stream_area_m2=100_000)  # fmt: skip
    np.testing.assert_array_equal(area, ground["flow_accumulation"])
    np.testing.assert_array_equal(hand, ground["hand_m"])


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(st.lists(st.tuples(st.floats(0.05, 0.95), st.booleans()), min_size=2, max_size=6), st.floats(1, 1000))
def test_however_a_river_crosses_the_edge_no_place_gets_more_than_its_ground_or_less(turns, area) -> None:
    ground = valley()
    line = shapely.LineString([
        *((500_000 + 3000 * t, 4_004_000 + (200 if out else -300)) for t, out in turns), (501_515, 4_000_000)
    ])  # fmt: skip
    entries = found(ground, rivers(line, upstream_km2=[area]))
    best, high = outlet_areas(ground, entries)
    most = area * 1e6
    assert best.max(initial=0.0) <= most * (1 + 1e-9)
    assert best.min() >= -1e-6 * most
    assert (high >= best - 1e-6 * most).all()
    if len(entries):
        assert best.max() == pytest.approx(most)
