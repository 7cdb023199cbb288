"""What every hazard must keep: declared = used inputs, nothing mutated, unknown stays unknown, blocks do not matter,
nothing is read before it is asked for, and the level never falls where the method says it rises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox

from geo_risk.core.errors import GridError, UnitError
from geo_risk.core.grid import Grid
from geo_risk.core.params import Params
from geo_risk.hazards.debris_flow import compute as debris_flow
from geo_risk.hazards.debris_flow.params import DebrisFlowParams
from geo_risk.hazards.deformation.motion import compute as deformation
from geo_risk.hazards.deformation.params import DeformationParams
from geo_risk.hazards.earthquake import compute as earthquake
from geo_risk.hazards.earthquake.params import EarthquakeParams
from geo_risk.hazards.flood import compute as flood
from geo_risk.hazards.flood.params import FloodParams
from geo_risk.hazards.landslide import compute as landslide
from geo_risk.hazards.landslide.params import LandslideParams
from geo_risk.hazards.rainfall import compute as rainfall
from geo_risk.hazards.rainfall.params import RainfallParams
from geo_risk.hazards.runout import compute as runout
from geo_risk.hazards.runout.params import RunoutParams
from geo_risk.hazards.stability import compute as stability
from geo_risk.hazards.stability.params import Material, StabilityParams, Storm
from geo_risk.terrain.hydrology import drainage, hand, streams
from geo_risk.terrain.slope import slope_layers, wetness_index

GRID = Grid(GeoBox((48, 56), Affine(30, 0, 510_000, 0, -30, 4_065_000), "EPSG:4546"))
HOLE = (slice(20, 24), slice(30, 33))


@dataclass(frozen=True)
class Case:
    """One hazard: its module, parameters, layers, the layer in which HOLE is made, and what its level rises with."""

    module: ModuleType
    params: Params
    layers: Callable[[], dict[str, xr.DataArray]]
    hole: str
    rises_with: str | None = None
    is_blockwise: bool = field(default=True)
    looks_ahead: bool = False
    """Whether what blocks must know of each other is worked out when the hazard is built."""


def layer(values: Any, units: str, name: str) -> xr.DataArray:
    return GRID.layer(np.asarray(values), units=units, long_name=name, name=name)


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@cache
def ground() -> xr.DataArray:
    y, x = np.mgrid[0:48, 0:56]
    z = 900 + 4 * y + 20 * np.sin(x / 4) + 12 * np.cos(y / 5) + rng(3).normal(0, 1.0, (48, 56))
    z[30:34, 10:15] -= 25
    return layer(z.astype("float32"), "m", "dem")


def deformation_layers() -> dict[str, xr.DataArray]:
    return {
        "velocity": layer(rng(1).normal(0, 20, GRID.shape).astype("float32"), "mm/yr", "velocity"),
        "velocity_std": layer(np.full(GRID.shape, 2.0, "float32"), "mm/yr", "velocity_std"),
        "velocity_slope": layer(rng(2).normal(0, 25, GRID.shape).astype("float32"), "mm/yr", "velocity_slope"),
        "blind_map": layer(rng(3).integers(0, 4, GRID.shape).astype("float32"), "1", "blind_map"),
    }


def rainfall_layers() -> dict[str, xr.DataArray]:
    hours = 24 * 14
    rain = rng(4).gamma(0.3, 4.0, (hours, *GRID.shape)).astype("float32")
    base = layer(rain[0], "mm", "rain_hourly")
    times = np.datetime64("2024-07-01T01", "ns") + np.arange(hours) * np.timedelta64(1, "h")
    coords = {"time": times, **{c: base.coords[c] for c in ("y", "x", "spatial_ref")}}
    cube = xr.DataArray(rain, dims=("time", "y", "x"), coords=coords, name="rain_hourly", attrs={"units": "mm"})
    return {"rain_hourly": cube}


def landslide_layers() -> dict[str, xr.DataArray]:
    dem = ground()
    out = {k: v.compute() for k, v in slope_layers(dem).items()}
    routed = drainage(dem)
    out["twi"] = wetness_index(routed.upslope_area, out["slope_deg"]).compute()
    slope = np.nan_to_num(out["slope_deg"].to_numpy())
    slid = rng(5).random(GRID.shape) < 0.002 * slope
    out["landslide_events"] = layer(slid.astype("float32"), "1", "landslide_events")
    for i, (name, units) in enumerate(landslide.UNITS.items()):
        if name not in out:
            values = rng(6 + i).integers(1, 4, GRID.shape) if units == "1" else rng(6 + i).uniform(0, 400, GRID.shape)
            out[name] = layer(values.astype("float32"), units, name)
    return out


def flood_layers() -> dict[str, xr.DataArray]:
    dem = ground()
    routed = drainage(dem)
    stream = streams(routed, stream_area_m2=100_000)
    town = np.full(GRID.shape, np.nan, "float32")
    town[40:44, 40:50] = 0.4
    openings, part = np.zeros(GRID.shape, "float32"), np.zeros(GRID.shape, "float32")
    openings[5, 5], part[40, 40:50] = 1, 1
    cut = np.ones(GRID.shape, "float32")
    cut[30, 30] = 2
    outside = np.zeros(GRID.shape, "float32")
    outside[2, 20] = 1e6
    valley = np.full(GRID.shape, np.nan, "float32")
    valley[20:30] = 0.3
    made = {
        "dem": dem, "dem_filled": routed.filled, "flow_direction": routed.direction,
        "flow_accumulation": routed.upslope_area,
        "hand_m": hand(routed, stream), "runoff": layer(np.full(GRID.shape, 72, "float32"), "mm", "runoff"),
        "openings": layer(openings, "1", "openings"), "area_cut_ratio": layer(cut, "1", "area_cut_ratio"),
        "town_depth": layer(town, "m", "town_depth"),
        "town_part": layer(part, "1", "town_part"), "outside_area": layer(outside, "m2", "outside_area"),
        "outside_area_high": layer(2 * outside, "m2", "outside_area_high"),
        "valley_depth": layer(valley, "m", "valley_depth"),
        "valley_depth_high": layer(1.5 * valley, "m", "valley_depth_high"),
    }  # fmt: skip
    return {name: value.compute() for name, value in made.items()}


def runout_layers() -> dict[str, xr.DataArray]:
    unit = np.zeros(GRID.shape, "float32")
    unit[36:38, 5:9], unit[40, 30:33], unit[44:46, 50] = 1, 2, 3
    kind = np.zeros(GRID.shape, "float32")
    kind[:, 20:40], kind[:, 40:] = 1, 2
    return {
        "dem": ground(), "release_units": layer(unit, "1", "release_units"),
        "release_kind": layer(kind, "1", "release_kind"),
    }  # fmt: skip


def debris_flow_layers() -> dict[str, xr.DataArray]:
    routed = drainage(ground())
    return {"dem_filled": routed.filled, "flow_direction": routed.direction.astype("float32").assign_attrs(units="1"),
            "flow_accumulation": routed.upslope_area, "area_is_partial": whole_area()}  # fmt: skip


def whole_area() -> xr.DataArray:
    """No cell whose upslope area is a lower bound but those of a corner."""
    marks = np.zeros(GRID.shape, dtype=np.float32)
    marks[:4, :4] = 1
    return layer(marks, "1", "area_is_partial")


def stability_layers() -> dict[str, xr.DataArray]:
    dem = ground()
    steep = slope_layers(dem)["slope_deg"].compute()
    material = layer(rng(9).integers(1, 4, GRID.shape).astype("float32"), "1", "material")
    return {"slope_deg": steep, "flow_accumulation": drainage(dem).upslope_area, "material": material,
            "area_is_partial": whole_area()}  # fmt: skip


def earthquake_layers() -> dict[str, xr.DataArray]:
    def even(seed, low, high, units, name):
        return layer(rng(seed).uniform(low, high, GRID.shape).astype("float32"), units, name)

    return {"pgv": even(11, 2, 200, "cm/s", "pgv"), "slope_deg": even(12, 0, 45, "degree", "slope_deg"),
            "lithology_term": even(13, -3, 0, "1", "lithology_term"), "cti": even(15, 1, 18, "1", "cti"),
            "landcover_term": even(14, -1, 2, "1", "landcover_term")}  # fmt: skip


SOILS = StabilityParams(
    materials=tuple(
        Material(name=name, source="made up for the test", friction_deg=(24, 34), cohesion_kpa=(0, cohesion),
                 depth_m=(1, 3), unit_weight_kn_m3=(15, 18), transmissivity_m2_d=(2, 40), conductivity_m_s=(1e-6, 1e-5),
                 diffusivity_m2_s=(1e-5, 1e-4))
        for name, cohesion in (("loess", 8), ("mudstone", 3))
    ), steady_rain_mm_d=(2, 20), storm=Storm(rain_mm_h=(20.0, 5.0), step_h=2, at_h=(4.0, 24.0)), draws=60,
)  # fmt: skip
SLIDES = LandslideParams(
    factors=tuple(landslide.UNITS), background_cells=2000, block_m=300.0, folds=3, classes=5, min_events=10
)
CASES = {
    "deformation": Case(deformation, DeformationParams(), deformation_layers, "velocity", "velocity"),
    "rainfall": Case(rainfall, RainfallParams(), rainfall_layers, "rain_hourly", "rain_hourly"),
    "landslide": Case(landslide, SLIDES, landslide_layers, "slope_deg"),
    "runout": Case(runout, RunoutParams(), runout_layers, "dem"),
    "stability": Case(stability, SOILS, stability_layers, "slope_deg", "flow_accumulation"),
    "debris_flow": Case(debris_flow, DebrisFlowParams(area_min_m2=2000), debris_flow_layers, "dem_filled"),
    "earthquake": Case(earthquake, EarthquakeParams(), earthquake_layers, "pgv", "pgv"),
    "flood": Case(
        flood,
        FloodParams.model_validate({"drainage": {"stream_area_m2": 100_000}}),
        flood_layers,
        "dem",
        "runoff",
        looks_ahead=True,
    ),
}


@pytest.fixture(params=CASES)
def case(request):
    with dask.config.set(scheduler="synchronous"):
        yield CASES[request.param]


_MADE: dict[str, dict[str, xr.DataArray]] = {}


def layers_of(case: Case) -> dict[str, xr.DataArray]:
    key = case.module.__name__
    if key not in _MADE:
        _MADE[key] = case.layers()
    return {name: value.copy(deep=True) for name, value in _MADE[key].items()}


def outputs(result: Any) -> dict[str, xr.DataArray]:
    return {"intensity": result.intensity, "level": result.level, "confidence": result.confidence, **result.extra}


def computed(case: Case, layers: dict[str, xr.DataArray]) -> dict[str, np.ndarray]:
    result = outputs(case.module.compute(layers, case.params))
    return dict(zip(result, dask.compute(*(v.data for v in result.values())), strict=True))


def watched(layers: dict[str, xr.DataArray], seen: set[str]) -> dict[str, xr.DataArray]:
    """Return the layers as lazy ones that leave their name in `seen` when a block of them is read."""

    def read(block, name):
        seen.add(name)
        return block

    return {
        name: value.copy(data=da.from_array(value.to_numpy()).map_blocks(read, name, dtype=value.dtype,
                                                                        meta=np.empty((0,) * value.ndim, value.dtype)))
        for name, value in layers.items()
    }  # fmt: skip


def test_every_declared_layer_is_given_here(case):
    assert set(layers_of(case)) == {name.removesuffix("?") for name in case.module.INPUTS}


@pytest.mark.slow
def test_nothing_is_read_before_it_is_asked_for_and_then_just_what_is_declared(case):
    seen: set[str] = set()
    layers = layers_of(case)
    layers["undeclared"] = next(iter(layers.values())).rename("undeclared")
    result = outputs(case.module.compute(watched(layers, seen), case.params))
    assert not seen or case.looks_ahead
    assert seen <= {name.removesuffix("?") for name in case.module.INPUTS}
    dask.compute(*(v.data for v in result.values()))
    assert seen == {name.removesuffix("?") for name in case.module.INPUTS}


@pytest.mark.slow
def test_inputs_are_not_touched(case):
    layers = layers_of(case)
    before = {name: (value.to_numpy().copy(), dict(value.attrs)) for name, value in layers.items()}
    computed(case, layers)
    for name, (values, attrs) in before.items():
        np.testing.assert_array_equal(layers[name].to_numpy(), values)
        assert layers[name].attrs == attrs


@pytest.mark.slow
def test_unknown_stays_unknown(case):
    layers = layers_of(case)
    layers[case.hole][..., HOLE[0], HOLE[1]] = np.nan
    got = computed(case, layers)
    assert (got["level"][HOLE] == -1).all()
    assert np.isnan(got["intensity"][HOLE]).all()
    assert (got["level"][np.isnan(got["intensity"])] == -1).all()
    assert (got["level"] >= 0).any()


@pytest.mark.slow
@pytest.mark.parametrize("chunks", [(13, 17), (48, 5)])
def test_blocks_do_not_matter(case, chunks):
    layers = layers_of(case)
    whole = computed(case, layers)
    split = computed(case, {n: v.chunk({"y": chunks[0], "x": chunks[1]}) for n, v in layers.items()})
    for name, values in whole.items():
        np.testing.assert_array_equal(values, split[name], err_msg=name)


@pytest.mark.slow
def test_levels_are_levels_on_the_grid_with_their_units(case):
    result = case.module.compute(layers_of(case), case.params)
    assert result.level.dtype == np.int8
    assert result.level.attrs["units"] == "level"
    assert set(np.unique(result.level.to_numpy())) <= set(range(-1, 5))
    for name, value in outputs(result).items():
        assert value.dims == ("y", "x"), name
        assert value.attrs["units"], name
        np.testing.assert_array_equal(value["x"], GRID.coords()["x"])
    assert result.card.citation
    assert result.card.validity


def test_a_layer_without_its_unit_or_on_another_grid_or_missing_is_refused(case):
    layers = layers_of(case)
    required = next(name for name in case.module.INPUTS if not name.endswith("?"))
    with pytest.raises(UnitError):
        case.module.compute({k: v for k, v in layers.items() if k != required}, case.params)
    bad = layers | {required: layers[required].assign_attrs(units="kelvin")}
    with pytest.raises(UnitError):
        case.module.compute(bad, case.params)
    if len(layers) > 1:
        ref = layers[required].coords["spatial_ref"]
        c, a, *rest = str(ref.attrs["GeoTransform"]).split()
        moved = ref.assign_attrs(GeoTransform=" ".join([repr(float(c) + 15), a, *rest]))
        shifted = layers[required].assign_coords(x=layers[required]["x"] + 15).assign_coords(spatial_ref=moved)
        with pytest.raises(GridError):
            case.module.compute(layers | {required: shifted}, case.params)


@pytest.mark.slow
def test_the_level_never_falls_as_the_cause_grows(case):
    if case.rises_with is None:
        pytest.skip("no single input of this hazard is monotone")
    layers = layers_of(case)
    low = computed(case, layers)
    more = layers[case.rises_with]
    high = computed(case, layers | {case.rises_with: more.copy(data=more.to_numpy() * np.float32(1.6))})
    known = (low["level"] >= 0) & (high["level"] >= 0)
    assert known.any()
    assert not (high["level"] < low["level"])[known].any()
