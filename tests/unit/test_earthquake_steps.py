"""The earthquake from files to the layer of the contract, and what its terrain and classes are."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError
from pyproj import Transformer

from geo_risk.core.errors import DataError, LimitError
from geo_risk.core.grid import Grid
from geo_risk.flow.config import load_config
from geo_risk.flow.pipelines import build_plan
from geo_risk.flow.steps.earthquake import write_earthquake, write_shaking
from geo_risk.hazards.earthquake.params import EarthquakeParams
from geo_risk.hazards.earthquake.terms import lithology_terms, term_layer
from geo_risk.kernels.shaking import slide_coverage, slide_probability
from geo_risk.publish.frames import write_json
from geo_risk.publish.raster import write_layer
from geo_risk.sources.layers import open_layer, read_json
from geo_risk.sources.options import LIMITS, NO_OPTIONS
from geo_risk.terrain.coarse import averaged, cti_at_scale, slope_at_scale
from tests.support.shakemaps import write_shakemap

GRID = Grid.from_bounds((510_000, 4_040_000, 513_000, 4_043_000), crs="EPSG:4546", resolution_m=30)
PARAMS = EarthquakeParams(lithology={"loess": "su", "limestone": "sc"}, landcover={1: 14, 2: 50}, cti_scale_m=300)


def layer(values, units="1", name="v"):
    return GRID.layer(np.asarray(values, np.float32), units=units, long_name=name, name=name)


def plane(slope_deg=20.0):
    """A plane that falls south."""
    row = np.arange(GRID.shape[0])[:, None] * 30.0
    return layer(np.broadcast_to(2000 - row * np.tan(np.radians(slope_deg)), GRID.shape), "m", "dem")


def run(tmp_path, *, east=True):
    write_json(GRID.to_dict(), tmp_path / "grid.json")
    lon, lat = Transformer.from_crs("EPSG:4546", "EPSG:4326", always_xy=True).transform(511_500, 4_041_500)
    lons = lon + np.linspace(-0.05, 0.05 if east else 0.0, 6)
    lats = lat + np.linspace(-0.05, 0.05, 7)
    write_shakemap(tmp_path / "grid.xml", lons, lats, np.full((7, 6), 60.0))
    write_shaking(shakemap=tmp_path / "grid.xml", grid=tmp_path / "grid.json", out=tmp_path / "pgv.tif",
                  facts=tmp_path / "shaking.json", options=NO_OPTIONS, limits=LIMITS)  # fmt: skip
    rock = np.ones(GRID.shape)
    rock[:, 50:] = 2
    rock[:20] = 3
    write_layer(layer(rock, name="lithology"), tmp_path / "lithology.tif")
    write_json({"legend": {"1": "loess", "2": "limestone", "3": "coal"}}, tmp_path / "lithology.json")
    write_layer(layer(np.full(GRID.shape, 2), name="landcover_class"), tmp_path / "cover.tif")
    write_layer(plane(), tmp_path / "dem.tif")
    out = {n: tmp_path / f"{n}.tif" for n in ("earthquake_landslide", "hazard_earthquake", "earthquake_probability")}
    write_earthquake(pgv=tmp_path / "pgv.tif", dem=tmp_path / "dem.tif", lithology=tmp_path / "lithology.tif",
                     legend=tmp_path / "lithology.json", landcover=tmp_path / "cover.tif",
                     facts=tmp_path / "earthquake.json", params=PARAMS, cells_max=10**6, **out)  # fmt: skip
    made = {n: open_layer(p) for n, p in out.items()}
    return made, read_json(tmp_path / "shaking.json"), read_json(tmp_path / "earthquake.json")


@pytest.mark.slow
def test_files_become_the_layer_of_the_contract(tmp_path):
    made, shaking, facts = run(tmp_path)
    got = made["earthquake_landslide"]
    assert got.attrs["units"] == "1"
    values, one = got.to_numpy(), np.ones(1)
    assert np.isnan(values[:20]).all()
    assert np.isfinite(values[20:]).all()
    cti = float(cti_at_scale(plane(), scale_m=300, cells_max=10**6)[60, 20])
    for column, term in ((20, -1.36), (80, -0.95)):
        p = slide_probability(60 * one, 20 * one, term * one, 0.30 * one, cti * one)
        # the index changes along the plane a little, the slope of averaged heights is that of the plane
        assert values[60, column] == pytest.approx(slide_coverage(p, 20 * one)[0], rel=0.02)
    assert (made["hazard_earthquake"].to_numpy()[:20] == -1).all()
    assert "Test, Shanxi, M 7.1" in shaking["event"]
    assert facts["counts"]["cells_unknown"] == 20 * GRID.shape[1]
    assert facts["slide_area_km2"] == pytest.approx(np.nansum(values) * 900 / 1e6, rel=1e-6)
    texts = [n["text_en"] for n in facts["notes"]]
    assert any("coal" in t for t in texts)
    assert all(n["text_zh"] for n in facts["notes"] + shaking["notes"])


@pytest.mark.slow
def test_beyond_the_shakemap_is_unknown_and_said(tmp_path):
    made, shaking, _ = run(tmp_path, east=False)
    values = made["earthquake_landslide"].to_numpy()
    assert np.isnan(values[:, -5:]).all()
    assert np.isfinite(values[30:, :40]).all()
    assert shaking["counts"]["cells_without_shaking"] > 1000
    assert any(n["level"] == "warning" for n in shaking["notes"])


@pytest.mark.slow
def test_coarse_terrain_keeps_planes_and_gaps():
    dem = plane(20)
    np.testing.assert_allclose(slope_at_scale(dem, scale_m=230).to_numpy(), 20.0, atol=1e-3)
    assert averaged(dem, scale_m=230).sizes == {"y": 12, "x": 12}
    # one cell upslope, its own, over the tangent: the top row of coarse cells
    cti = cti_at_scale(dem, scale_m=300, cells_max=10**6).to_numpy()
    assert cti[0, 50] == pytest.approx(np.log(1 / np.tan(np.radians(20))), abs=1e-3)
    assert (np.diff(cti[:, 50]) >= -1e-6).all()
    rough = layer(dem.to_numpy() + np.random.default_rng(1).normal(0, 8, GRID.shape), "m", "dem")
    fine, coarse = slope_at_scale(rough, scale_m=30).to_numpy(), slope_at_scale(rough, scale_m=230).to_numpy()
    # noise of 8 m in cells of 30 m is a sixth of a metre a cell in cells of 240 m
    assert np.std(fine) > 5
    assert np.std(coarse) < 1
    holed = dem.to_numpy().copy()
    holed[10:60, 10:60] = np.nan
    gap = slope_at_scale(layer(holed, "m", "dem"), scale_m=230).to_numpy()
    assert np.isnan(gap[10:60, 10:60]).all()
    assert np.isfinite(gap[80:]).all()
    whole = slope_at_scale(dem, scale_m=230).to_numpy()
    split = slope_at_scale(dem.chunk({"y": 17, "x": 41}), scale_m=230).to_numpy()
    np.testing.assert_array_equal(whole, split)


def test_a_coarse_cell_needs_half_of_its_heights_and_counts_those_alone():
    z = np.full(GRID.shape, 100.0)
    z[:10, :10] = np.nan
    z[:5, :8] = 300.0  # 40 of 100 cells
    z[:10, 10:20] = np.nan
    z[:6, 10:20] = 500.0  # 60 of 100
    got = averaged(layer(z, "m", "dem"), scale_m=300).to_numpy()
    assert np.isnan(got[0, 0])
    assert got[0, 1] == 500.0
    assert got[0, 2] == 100.0


def test_coarse_terrain_refuses_what_makes_no_sense():
    with pytest.raises(DataError, match="scale"):
        averaged(plane(), scale_m=float("nan"))
    with pytest.raises(LimitError):
        cti_at_scale(plane(), scale_m=30, cells_max=10)
    with pytest.raises(DataError, match="no height"):
        cti_at_scale(layer(np.full(GRID.shape, np.nan), "m", "dem"), scale_m=300, cells_max=10**6)


def test_terms_follow_the_tables_and_unnamed_classes_have_none():
    names = {1: "loess", 2: "coal", 5: "limestone"}
    classes = {"loess": "su", "limestone": "sc"}
    assert lithology_terms(names, classes, unconsolidated="operational") == {1: -1.36, 5: -0.95}
    assert lithology_terms(names, classes, unconsolidated="paper") == {1: -3.22, 5: -0.95}
    codes = np.full(GRID.shape, np.nan)
    codes[0, :6] = [1, 2, 5, 4.5, 99, 0]
    got = term_layer(layer(codes), {1: -1.36, 5: -0.95}, name="lithology").to_numpy()
    np.testing.assert_array_equal(got[0, :6], np.array([-1.36, np.nan, -0.95, np.nan, np.nan, np.nan], np.float32))
    assert np.isnan(got[1:]).all()
    assert np.isnan(term_layer(layer(codes), {}, name="x").to_numpy()).all()


@pytest.mark.parametrize(
    "wrong", [{"lithology": {"loess": "zz"}}, {"landcover": {1: 12}}, {"level_coverage": (0.1, 0.05, 0.2, 0.3)}]
)
def test_unknown_classes_are_refused(wrong):
    with pytest.raises(ValidationError, match=r"GLiM|GlobCover|level_coverage"):
        EarthquakeParams(**wrong)


def test_what_lacks_is_named(tmp_path):
    def needs(text):
        path = tmp_path / "config.yaml"
        path.write_text(f"pipeline: warning\nname: x\noutput: out\n{text}", encoding="utf-8")
        plan = build_plan(load_config(path), config=path)
        return {o.step: set(o.needs) for o in plan.omissions}, [s.name for s in plan.steps]

    inputs = "inputs: {dem: d.tif, geology: g.gpkg, landcover: l.tif%s}\n"
    tables = "earthquake: {lithology: {loess: su}, landcover: {1: 14}}\n"
    assert needs(inputs % "")[0]["earthquake"] == {"shakemap", "earthquake.lithology", "earthquake.landcover"}
    assert needs(inputs % ", shakemap: s.xml")[0]["earthquake"] == {"earthquake.lithology", "earthquake.landcover"}
    assert "earthquake" in needs(inputs % ", shakemap: s.xml" + tables)[1]
