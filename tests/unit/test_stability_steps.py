"""Stability from files to layers and facts; its table of soils: required, with a source, and never guessed."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
from pydantic import ValidationError
from shapely.geometry import box

from geo_risk.core.grid import Grid
from geo_risk.flow.config import load_config
from geo_risk.flow.pipelines import build_plan
from geo_risk.flow.steps.stability import LAYERS, write_materials, write_stability
from geo_risk.hazards.stability.compute import compute
from geo_risk.hazards.stability.draws import draw_table
from geo_risk.hazards.stability.params import Material, StabilityParams, Storm
from geo_risk.publish.frames import write_json
from geo_risk.publish.raster import write_layer
from geo_risk.sources.layers import open_layer, read_json
from geo_risk.sources.options import NO_OPTIONS

GRID = Grid.from_bounds((501_000, 4_000_020, 501_600, 4_000_620), crs="EPSG:4546", resolution_m=30)
SOIL = {
    "name": "loess", "source": "made up for the test", "friction_deg": (24, 34), "cohesion_kpa": (0, 8),
    "depth_m": (1, 3), "unit_weight_kn_m3": (15, 18), "transmissivity_m2_d": (2, 40),
}  # fmt: skip
STORM = {"conductivity_m_s": (1e-6, 1e-5), "diffusivity_m2_s": (1e-5, 1e-4)}


def params(*materials, **kwargs):
    given = materials or (Material(**SOIL),)
    return StabilityParams(**{"materials": given, "steady_rain_mm_d": (2, 20), "draws": 50} | kwargs)


def layers(slope=30.0):
    names = {"slope_deg": ("degree", slope), "flow_accumulation": ("m2", 9000.0), "material": ("1", 1.0)}
    return {n: GRID.layer(np.full(GRID.shape, v, np.float32), units=u, long_name=n, name=n)
            for n, (u, v) in names.items()}  # fmt: skip


def run(tmp_path, given):
    write_json(GRID.to_dict(), tmp_path / "grid.json")
    shapes = [box(501_000, 4_000_020, 501_300, 4_000_620), box(501_300, 4_000_020, 501_500, 4_000_620)]
    frame = gpd.GeoDataFrame({"lithology": ["loess", "limestone"]}, geometry=shapes, crs="EPSG:4546")
    pyogrio.write_dataframe(frame, tmp_path / "geology.gpkg", layer="geology")
    write_materials(geology=tmp_path / "geology.gpkg", grid=tmp_path / "grid.json", out=tmp_path / "material.tif",
                    facts=tmp_path / "materials.json", params=given, options=NO_OPTIONS)  # fmt: skip
    slope = np.tile(np.linspace(0, 60, 20, dtype=np.float32)[:, None], (1, 20))
    write_layer(GRID.layer(slope, units="degree", long_name="slope", name="slope_deg"), tmp_path / "slope_deg.tif")
    write_layer(layers()["flow_accumulation"], tmp_path / "flow_accumulation.tif")
    whole = GRID.layer(np.zeros(GRID.shape, np.int8), units="1", long_name="partial", name="area_is_partial")
    write_layer(whole, tmp_path / "area_is_partial.tif")
    names = (*LAYERS, *(["failure_probability_storm"] if given.storm else []))
    out = {name: tmp_path / f"{name}.tif" for name in names}
    given_layers = {n: tmp_path / f"{n}.tif" for n in ("slope_deg", "flow_accumulation", "area_is_partial", "material")}
    write_stability(**given_layers, facts=tmp_path / "stability.json", params=given, **out)
    return (
        {n: open_layer(p) for n, p in out.items()},
        read_json(tmp_path / "materials.json"),
        read_json(tmp_path / "stability.json"),
    )


@pytest.mark.slow
def test_files_become_layers_and_unknown_ground_is_named(tmp_path):
    given = params(Material(**SOIL, **STORM), Material(**{**SOIL, "name": "clay"}),
                   storm=Storm(rain_mm_h=(30.0,), step_h=6, at_h=(6.0, 30.0)))  # fmt: skip
    made, materials, facts = run(tmp_path, given)
    p = made["failure_probability"].to_numpy()
    assert np.isfinite(p[:, :10]).all()
    assert np.isnan(p[:, 10:]).all()
    assert (made["hazard_stability"].to_numpy()[:, 10:] == -1).all()
    assert p[0, 0] == 0
    assert p[-1, 0] > 0.9
    assert (np.diff(p[:12, 0]) >= 0).all()
    assert made["critical_rain_mm_d"].attrs["units"] == "mm/day"
    assert made["critical_rain_mm_d"].to_numpy()[0, 0] == given.critical_rain_max_mm_d
    assert np.isfinite(made["failure_probability_storm"].to_numpy()[:, :10]).all()
    said = " ".join(n["text_en"] for n in materials["notes"])
    assert "limestone" in said
    assert "clay" in said
    assert materials["counts"]["cells_without_material"] == 200
    text = " ".join(n["text_en"] for n in facts["notes"])
    assert "made up for the test" in text
    assert all(n["text_zh"] for n in facts["notes"] + materials["notes"])
    assert facts["counts"]["cells_unknown"] == 200


def test_a_material_without_conductivity_is_unknown_in_the_storm_alone():
    result = compute(layers(), params(storm=Storm(rain_mm_h=(30.0,), step_h=6, at_h=(6.0,))))
    assert np.isfinite(result.intensity.to_numpy()).all()
    assert np.isnan(result.extra["failure_probability_storm"].to_numpy()).all()


def test_a_lower_bound_of_the_area_is_no_proof_of_safety():
    given = layers(slope=26.0)
    alone = compute(given, params())
    marks = np.zeros(GRID.shape, np.int8)
    marks[:, :5] = 1
    part = GRID.layer(marks, units="1", long_name="p", name="area_is_partial")
    cut = compute({**given, "area_is_partial": part}, params())
    level, before = cut.level.to_numpy(), alone.level.to_numpy()
    assert 0 <= before[0, 0] < 4
    assert (level[:, :5] == -1).all()
    assert (level[:, 5:] == before[:, 5:]).all()
    assert np.isnan(cut.extra["factor_of_safety"].to_numpy()[:, :5]).all()
    steep = {**layers(slope=44.0), "area_is_partial": part}  # fails whatever more water comes
    assert (compute(steep, params()).level.to_numpy() == 4).all()


def test_draws_depend_on_nothing_but_seed_and_ranges():
    a, b = params(), params(Material(**SOIL), Material(**{**SOIL, "name": "other"}))
    np.testing.assert_array_equal(draw_table(a)[0], draw_table(b)[0])
    np.testing.assert_array_equal(draw_table(b)[0], draw_table(b)[1])
    assert (draw_table(a) != draw_table(params(seed=2))).any()
    one = compute(layers(), a).intensity.to_numpy()
    assert len(np.unique(one)) == 1


def test_more_rain_or_weaker_soil_fails_more():
    base = compute(layers(), params()).intensity.to_numpy()[0, 0]
    wet = compute(layers(), params(steady_rain_mm_d=(20, 200))).intensity.to_numpy()[0, 0]
    weak = compute(layers(), params(Material(**{**SOIL, "cohesion_kpa": (0, 2)}))).intensity.to_numpy()[0, 0]
    assert wet > base
    assert weak > base


def test_all_unknown_stays_unknown_and_a_wrong_unit_stops():
    from geo_risk.core.errors import UnitError

    gone = {n: v.copy(data=np.full(GRID.shape, np.nan, np.float32)) for n, v in layers().items()}
    result = compute(gone, params())
    assert np.isnan(result.intensity.to_numpy()).all()
    assert (result.level.to_numpy() == -1).all()
    assert (result.confidence.to_numpy() == 0).all()
    with pytest.raises(UnitError):
        compute(layers() | {"flow_accumulation": layers()["flow_accumulation"].assign_attrs(units="m")}, params())


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"friction_deg": (34, 24)}, "lowest to its highest"), ({"friction_deg": (24, 80)}, "friction_deg"),
        ({"cohesion_kpa": (-1, 3)}, "cohesion_kpa"), ({"depth_m": (0, 3)}, "depth_m"),
        ({"unit_weight_kn_m3": (1.5, 1.8)}, "unit_weight"), ({"transmissivity_m2_d": (0, 1)}, "transmissivity"),
        ({"source": ""}, "source"), ({"conductivity_m_s": (0, 1)}, "conductivity"),
        ({"cohesion_kpa": (0, float("nan"))}, "finite"),
    ],
)  # fmt: skip
def test_impossible_soils_are_refused(wrong, says):
    with pytest.raises(ValidationError, match=says):
        Material(**{**SOIL, **wrong})


def test_a_table_needs_its_rain_and_each_name_once():
    with pytest.raises(ValidationError, match="steady_rain_mm_d"):
        StabilityParams(materials=(Material(**SOIL),))
    with pytest.raises(ValidationError, match="once"):
        params(Material(**SOIL), Material(**SOIL))
    with pytest.raises(ValidationError, match="level_probability"):
        params(level_probability=(0.5, 0.4, 0.6, 0.7))
    with pytest.raises(ValidationError, match="source"):
        Material(**{k: v for k, v in SOIL.items() if k != "source"})


def plan_of(tmp_path, text):
    path = tmp_path / "config.yaml"
    path.write_text(f"pipeline: warning\nname: x\noutput: out\n{text}", encoding="utf-8")
    return build_plan(load_config(path), config=path)


def test_what_lacks_its_table_or_map_is_left_out_by_name(tmp_path):
    table = "stability: {steady_rain_mm_d: [1, 5], materials: [{name: a, source: lab, friction_deg: [20, 30], "
    table += "cohesion_kpa: [0, 1], depth_m: [1, 2], unit_weight_kn_m3: [15, 18], transmissivity_m2_d: [1, 9]}]}\n"
    without = {o.step: o.needs for o in plan_of(tmp_path, "inputs: {dem: d.tif, geology: g.gpkg}\n").omissions}
    assert without["stability"] == ("stability.materials",)
    nomap = {o.step: o.needs for o in plan_of(tmp_path, "inputs: {dem: d.tif}\n" + table).omissions}
    assert nomap["stability"] == ("geology",)
    steps = [s.name for s in plan_of(tmp_path, "inputs: {dem: d.tif, geology: g.gpkg}\n" + table).steps]
    assert {"stability.materials", "stability", "debris_flow"} <= set(steps)
