"""River floods: the formulas against their published numbers, and what must hold on any valley."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from geo_risk.core.errors import DataError, GridError, LimitError, UnitError
from geo_risk.core.grid import Grid
from geo_risk.hazards.flood.compute import INPUTS, FloodCount, compute, in_blocks, town_layer, town_part
from geo_risk.hazards.flood.params import FloodParams
from geo_risk.hazards.flood.rivers import basin_length_m, concentration_time_h, peak_discharge_m3_s
from geo_risk.hazards.flood.town import coarsened_max
from geo_risk.kernels.runoff import scs_runoff_mm
from geo_risk.terrain import hydrology
from geo_risk.terrain.gaps import area_cut_ratio

PARAMS = FloodParams.model_validate({"drainage": {"stream_area_m2": 100_000}})
GRID = Grid.from_bounds((500_000, 4_000_000, 503_000, 4_002_400), crs="EPSG:4546", resolution_m=30)


def valley(*, hole: bool = False) -> xr.DataArray:
    rows, columns = np.mgrid[: GRID.shape[0], : GRID.shape[1]]
    z = 900 + 0.8 * np.abs(rows - 40) - 0.15 * columns + 0.01 * np.cos(columns)
    z[38:43, 50] += 3.0  # a bridge deck
    if hole:
        z[10:12, 10:14] = np.nan
    return GRID.layer(z.astype(np.float32), units="m", long_name="terrain height", name="dem")


def layers(rain_mm: float, dem: xr.DataArray | None = None) -> dict[str, xr.DataArray]:
    height = valley() if dem is None else dem
    routed = hydrology.drainage(height)
    stream = hydrology.streams(routed, stream_area_m2=100_000)
    out = {"dem": height, "dem_filled": routed.filled, "flow_direction": routed.direction,
           "flow_accumulation": routed.upslope_area, "hand_m": hydrology.hand(routed, stream)}  # fmt: skip
    depth = np.full(GRID.shape, scs_runoff_mm(rain_mm, 80.0), np.float32)
    return {**out, "runoff": GRID.layer(depth, units="mm", long_name="runoff", name="runoff")}


def test_formulas_give_hand_computed_numbers() -> None:
    # Kirpich: 0.0195 * 1000^0.77 * 0.01^-0.385 = 23.46 minutes
    assert concentration_time_h(np.array([1000.0]), np.array([0.01]))[0] * 60 == pytest.approx(23.46, abs=0.02)
    assert np.isnan(concentration_time_h(np.array([1000.0]), np.array([0.0]))[0])
    # NEH-4: 10 km2, 25 mm, D = 2 h, Tc = 3 h: Tp = 2.8 h, 0.208 * 10 * 25 / 2.8 = 18.57 m3/s
    assert peak_discharge_m3_s(np.array([10.0]), np.array([25.0]), 2.0, np.array([3.0]))[0] == pytest.approx(
        18.571, abs=1e-3
    )
    # Hack: 100 square miles: 1.4 * 100^0.6 = 22.19 miles
    assert basin_length_m(np.array([100 * 1609.344**2]))[0] == pytest.approx(22.188 * 1609.344, rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(("columns", "is_known"), [(2, True), (40, False)])
def test_a_river_whose_rain_is_known_on_a_small_part_of_its_ground_is_unknown(columns: int, is_known: bool) -> None:
    given = layers(100.0)
    rain = given["runoff"].copy(data=given["runoff"].to_numpy().copy())
    rain.to_numpy()[:, :columns] = np.nan  # the valley falls to the right: the upper part of its ground
    at = (slice(38, 43), slice(55, None))  # below the deck
    whole, part = (compute(given | {"runoff": r}, PARAMS).level.to_numpy()[at] for r in (given["runoff"], rain))
    assert (whole > 0).any()
    if is_known:
        np.testing.assert_array_equal(part > 0, whole > 0)  # two of many columns: the rest stands for them
    else:
        assert (part[whole > 0] == -1).all()


@pytest.mark.slow
def test_flood_lies_in_the_valley_and_grows_with_rain() -> None:
    params = PARAMS
    less, more = (compute(layers(mm), params) for mm in (60.0, 120.0))
    a, b = less.intensity.to_numpy(), more.intensity.to_numpy()
    known = np.isfinite(a)
    assert known.mean() > 0.6
    assert (b[known] >= a[known] - 1e-6).all()
    assert np.nanmax(b[38:43]) > 0.3
    assert np.nanmax(b[:15]) == 0.0
    assert (less.level.to_numpy()[~known] == -1).all()
    counted = FloodCount()
    counted.add_levels(more.level.to_numpy())
    counted.add_wet("river", more.extra["depth_river"].to_numpy())
    facts = counted.facts(more.card)
    assert facts["counts"]["cells_river"] == int((more.extra["depth_river"].to_numpy() > 0).sum())
    assert sum(v for k, v in facts["counts"].items() if k.startswith("cells_level")) == a.size


def test_no_rain_no_flood() -> None:
    depth = compute(layers(0.0), PARAMS).intensity.to_numpy()
    assert np.nanmax(depth) == 0.0


def test_openings_drain_the_false_dam() -> None:
    given = layers(120.0)
    burned = np.zeros(GRID.shape, np.float32)
    burned[38:43, 50] = 1
    closed = compute(given, PARAMS).extra["depth_pond"].to_numpy()
    opened = compute({**given, "openings": GRID.layer(burned, units="1", long_name="openings")}, PARAMS)
    assert np.nanmax(closed[:, 40:50]) > 1.0
    assert np.nanmax(opened.extra["depth_pond"].to_numpy()[:, 40:50]) == 0.0


@pytest.mark.slow
def test_unknown_stays_unknown_and_inputs_are_not_touched() -> None:
    given = layers(80.0, valley(hole=True))
    gap = given["runoff"].to_numpy().copy()
    gap[:] = np.nan
    given["runoff"] = given["runoff"].copy(data=gap)
    before = {k: v.to_numpy().copy() for k, v in given.items()}
    result = compute(given, PARAMS)
    assert (result.level.to_numpy()[:, 5:-5] == -1).all()
    for name, layer in given.items():
        np.testing.assert_array_equal(layer.to_numpy(), before[name])


@pytest.mark.slow
def test_result_does_not_depend_on_chunks_and_is_lazy() -> None:
    given = layers(80.0)
    whole = compute(given, PARAMS)
    lazy = {k: v.chunk({"y": 17, "x": 23}) for k, v in given.items()}
    for parts in (compute(lazy, PARAMS), in_blocks(lazy, PARAMS)):
        assert parts.intensity.chunks is not None
        np.testing.assert_array_equal(whole.intensity.to_numpy(), parts.intensity.to_numpy())
        np.testing.assert_array_equal(whole.level.to_numpy(), parts.level.to_numpy())
        for name in ("depth_river", "depth_pond"):
            np.testing.assert_array_equal(whole.extra[name].to_numpy(), parts.extra[name].to_numpy())


def test_town_depth_takes_the_place_of_ponds() -> None:
    given = layers(80.0)
    own = np.full(GRID.shape, np.nan, np.float32)
    own[5:8, 5:8] = 1.2
    result = compute({**given, "town_depth": GRID.layer(own, units="m", long_name="town")}, PARAMS)
    np.testing.assert_allclose(result.intensity.to_numpy()[5:8, 5:8], 1.2)
    assert (result.level.to_numpy()[5:8, 5:8] == 3).all()


def test_the_town_is_brought_onto_the_run_grid_block_by_block() -> None:
    fine = Grid.from_bounds((500_100, 4_000_100, 500_220, 4_000_190), crs="EPSG:4546", resolution_m=5)
    depth = np.full(fine.shape, np.nan, np.float32)
    depth[3, 4], depth[3, 5] = 0.7, 0.9
    made = town_layer(fine.layer(depth, units="m", long_name="depth"), GRID)
    got = made.to_numpy()
    whole = coarsened_max(depth, fine, GRID)
    np.testing.assert_array_equal(got, whole)
    assert np.nanmax(got) == pytest.approx(0.9)
    away = Grid.from_bounds((400_000, 3_000_000, 400_100, 3_000_100), crs="EPSG:4546", resolution_m=5)
    outside = town_layer(away.layer(np.ones(away.shape, np.float32), units="m", long_name="depth"), GRID)
    assert np.isnan(outside.to_numpy()).all()


def test_a_cell_of_the_run_that_the_town_knows_in_part_is_not_known_by_that_part() -> None:
    fine = Grid.from_bounds((500_100, 4_000_100, 500_220, 4_000_190), crs="EPSG:4546", resolution_m=5)
    # cells of 30 m of the run: the town begins 10 m inside one at the west and 20 m below the top of one at the north
    depth = np.full(fine.shape, 0.02, np.float32)
    depth[10, 10] = -1.0  # not known, in a cell that is shallow elsewhere
    depth[10, 18], depth[11, 18] = -1.0, 0.9  # not known, in a cell that is deep anyway
    depth[15, 5] = np.nan  # no ground
    town = fine.layer(depth, units="m", long_name="depth")
    got = town_layer(town, GRID, sure=0.5).to_numpy()
    part = town_part(town, GRID).to_numpy()
    rows, columns, _ = GRID.index(*(v.ravel() for v in np.meshgrid(fine.coords()["x"], fine.coords()["y"])))
    at = {cell: (rows.reshape(fine.shape)[cell], columns.reshape(fine.shape)[cell])
          for cell in ((10, 10), (10, 18), (15, 5), (0, 0), (17, 23))}  # fmt: skip
    assert got[at[10, 10]] == -1.0
    assert got[at[10, 18]] == pytest.approx(0.9)
    assert [part[at[cell]] for cell in at] == [0.0, 0.0, 1.0, 1.0, 1.0]
    shallow = np.isclose(got, 0.02)
    assert shallow.sum() == np.isfinite(got).sum() - 2


@pytest.mark.slow
def test_at_the_edge_of_the_town_the_countys_water_counts_as_well() -> None:
    given = layers(80.0)
    county = compute(given, PARAMS).intensity.to_numpy()
    deep, own = county > 0.3, np.full(GRID.shape, 0.02, np.float32)
    assert deep.any()
    town = GRID.layer(own, units="m", long_name="town")
    part = GRID.layer(np.ones(GRID.shape, np.float32), units="1", long_name="part")
    got = compute({**given, "town_depth": town, "town_part": part}, PARAMS)
    np.testing.assert_array_equal(got.intensity.to_numpy(), np.fmax(county, own))
    dry = {**given, "runoff": given["runoff"].copy(data=np.full(GRID.shape, np.nan, np.float32))}
    unknown = compute({**dry, "town_depth": town, "town_part": part}, PARAMS)
    assert (unknown.level.to_numpy() == -1).all()
    assert np.isnan(unknown.confidence.to_numpy()).all()
    whole = in_blocks({**given, "town_depth": town, "town_part": part}, PARAMS).intensity.to_numpy()
    np.testing.assert_array_equal(whole, got.intensity.to_numpy())


def cut_valley(*gaps: tuple[slice, slice]) -> tuple[xr.DataArray, hydrology.Drainage, np.ndarray]:
    """Return the valley, which falls to the east, with gaps, its drainage, and where they take water away."""
    dem = valley()
    z = dem.to_numpy().copy()
    z[38:43, 50] -= 3.0
    for gap in gaps:
        z[gap] = np.nan
    dem = dem.copy(data=z)
    routed = hydrology.drainage(dem)
    return dem, routed, area_cut_ratio(dem, routed.upslope_area, stored=lambda v: v.compute()).to_numpy()


@pytest.mark.slow
def test_below_a_gap_in_the_valley_the_upslope_area_cut_ratio_and_a_hole_on_the_slope_does_not_matter() -> None:
    middle = np.s_[34:47, 30:36]
    _, routed, cut = cut_valley(middle)
    river = routed.upslope_area.to_numpy() >= 100_000
    assert np.isnan(cut[middle]).all()
    assert (cut[river[:, :30].nonzero()] == 1).all()  # above the gap all water is there
    below = river.copy()
    below[:, :37] = False
    assert below[:, 37:60].any()
    assert (cut[below] > 1.1)[:10].all()
    # a cell on the slope is lost in what comes down the valley; a gap at the map's edge is beyond the map
    _, routed, cut = cut_valley(np.s_[20:21, 30:31])
    assert (cut > 1).any()
    assert not (cut[routed.upslope_area.to_numpy() >= 100_000] > 1).any()
    assert not (cut_valley(np.s_[34:47, :6])[2] > 1).any()
    assert (cut_valley()[2] == 1).all()


@pytest.mark.slow
def test_the_cut_is_the_same_in_any_blocks() -> None:
    dem, routed, cut = cut_valley(np.s_[34:47, 30:36], np.s_[10:12, 40:44], np.s_[0:5, 70:75])
    small = dem.chunk({"y": 17, "x": 23})
    area = routed.upslope_area.chunk({"y": 17, "x": 23})
    np.testing.assert_array_equal(area_cut_ratio(small, area, stored=lambda v: v.compute()).to_numpy(), cut)


@pytest.mark.slow
def test_the_flood_below_a_gap_is_unknown_unless_it_is_deep() -> None:
    dem, _, cut = cut_valley(np.s_[34:47, 30:36])
    given = layers(80.0, dem)
    seen = compute(given, PARAMS)
    mark = GRID.layer(cut.astype(np.float32), units="1", long_name="cut", name="area_cut_ratio")
    told = compute({**given, "area_cut_ratio": mark}, PARAMS)
    before, after = seen.intensity.to_numpy(), told.intensity.to_numpy()
    below = np.s_[38:43, 45:]
    assert (np.isfinite(after) <= np.isfinite(before)).all()
    np.testing.assert_array_equal(after[np.isfinite(after)], before[np.isfinite(after)])
    assert (seen.level.to_numpy()[below] >= 0).any()
    # beside the river, at less than its height with all of the water, nothing is known; on the hill it stays dry
    deep = before[below] >= PARAMS.depth_bounds_m[1]
    wet = (before[below] > 0) & ~deep
    assert wet.any()
    assert (told.level.to_numpy()[below][wet] == -1).all()
    assert np.isfinite(after[below][deep]).all()
    high = given["hand_m"].to_numpy() > 10
    assert (told.level.to_numpy()[high] == seen.level.to_numpy()[high]).all()
    np.testing.assert_array_equal(after[:, :25], before[:, :25])
    parts = in_blocks({n: v.chunk({"y": 31, "x": 17}) for n, v in {**given, "area_cut_ratio": mark}.items()},
                      PARAMS)  # fmt: skip
    np.testing.assert_array_equal(parts.intensity.to_numpy(), after)


def test_bad_layers_are_refused() -> None:
    given = layers(80.0)
    for name in (k for k in INPUTS if not k.endswith("?")):
        with pytest.raises(UnitError, match=name):
            compute({k: v for k, v in given.items() if k != name}, PARAMS)
    with pytest.raises(UnitError, match="runoff"):
        compute({**given, "runoff": given["runoff"].assign_attrs(units="kg")}, PARAMS)
    other = Grid.from_bounds((500_015, 4_000_000, 503_015, 4_002_400), crs="EPSG:4546", resolution_m=15)
    shifted = other.layer(np.zeros(other.shape, np.float32), units="mm", long_name="runoff", name="runoff")
    with pytest.raises(GridError, match="different grids"):
        compute({**given, "runoff": shifted}, PARAMS)


@pytest.mark.parametrize("depth_mm", [np.nan, -5.0])
def test_runoff_that_is_missing_or_impossible_makes_the_flood_unknown(depth_mm: float) -> None:
    given = layers(80.0)
    given["runoff"] = given["runoff"].copy(data=np.full(GRID.shape, depth_mm, np.float32))
    assert (compute(given, PARAMS).level.to_numpy()[:, 5:-5] == -1).all()


def test_rivers_and_depressions_take_no_larger_grids_than_allowed() -> None:
    with pytest.raises(LimitError, match="at most 100"):
        hydrology.refuse_larger(valley(), 100)
    hydrology.refuse_larger(valley(), valley().size)


def test_drainage_needs_ground() -> None:
    empty = valley().copy(data=np.full(GRID.shape, np.nan, np.float32))
    with pytest.raises(DataError, match="every cell is missing"):
        hydrology.drainage(empty)
    infinite = valley().to_numpy().copy()
    infinite[3, 3] = np.inf
    with pytest.raises(DataError, match="infinite"):
        hydrology.drainage(valley().copy(data=infinite))
    with pytest.raises(UnitError):
        hydrology.drainage(valley().assign_attrs(units="mm/h"))


def test_drainage_layers_agree_with_one_another() -> None:
    dem = valley(hole=True)
    routed = hydrology.drainage(dem)
    stream = hydrology.streams(routed, stream_area_m2=100_000)
    above = hydrology.hand(routed, stream)
    assert np.isnan(above.to_numpy()[10:12, 10:14]).all()
    assert (above.to_numpy()[stream.to_numpy() > 0] == 0).all()
    again = hydrology.read_back(routed.filled, routed.direction.astype("int16"), routed.upslope_area)
    np.testing.assert_array_equal(hydrology.hand(again, stream).to_numpy(), above.to_numpy())
    facts = hydrology.drainage_facts(
        dem, routed, stream, above, area_cut_ratio(dem, routed.upslope_area, stored=lambda v: v)
    )
    assert facts["counts"]["cells"] == int(np.isfinite(dem.to_numpy()).sum())
    found = hydrology.depressions(dem, routed, depth_min_m=0.5, area_min_m2=900.0)
    assert found.level.size == 1
    with pytest.raises(DataError, match="codes"):
        hydrology.read_back(routed.filled, routed.direction.astype("int16") + 3, routed.upslope_area)


@pytest.mark.slow
def test_where_the_river_is_unknown_a_shallow_town_is_unknown_and_a_deep_one_is_not() -> None:
    given = layers(80.0)
    hand = given["hand_m"].copy(data=np.full(GRID.shape, np.nan, np.float32))
    own = np.full(GRID.shape, np.nan, np.float32)
    own[5:8, 5:8] = 0.02
    own[6, 6] = 0.7
    town = GRID.layer(own, units="m", long_name="town")
    result = compute({**given, "hand_m": hand, "town_depth": town}, PARAMS)
    level, depth = result.level.to_numpy(), result.intensity.to_numpy()
    assert np.isnan(result.extra["depth_river"].to_numpy()[5:8, 5:8]).all()
    assert (level[6, 6], depth[6, 6]) == (2, np.float32(0.7))
    assert (level[5, 5:8] == -1).all()
    assert np.isnan(depth[5, 5:8]).all()
    assert np.isnan(result.confidence.to_numpy()[5, 5])


def test_what_the_town_does_not_know_the_county_does_not_make_up() -> None:
    given = layers(80.0)
    own = np.full(GRID.shape, np.nan, np.float32)
    own[5:8, 5:8] = -1.0
    county = compute(given, PARAMS).intensity.to_numpy()
    town = GRID.layer(own, units="m", long_name="town")
    depth = compute({**given, "town_depth": town}, PARAMS).intensity.to_numpy()
    here = np.s_[5:8, 5:8]
    deep = county[here] >= 0.5
    np.testing.assert_array_equal(depth[here][deep], county[here][deep])
    assert np.isnan(depth[here][~deep]).all()
    assert not deep.all()
    outside = ~np.isfinite(own)
    np.testing.assert_array_equal(depth[outside], county[outside])
