"""The earthquake model against the raster of the US Geological Survey for Loma Prieta 1989, with its own inputs."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator
from scipy.io import netcdf_file

from geo_risk.core.grid import Grid
from geo_risk.hazards.earthquake.compute import compute
from geo_risk.hazards.earthquake.params import EarthquakeParams
from geo_risk.hazards.earthquake.terms import GLIM, GLOBCOVER, UNCONSOLIDATED
from geo_risk.kernels.shaking import slide_coverage, slide_probability
from geo_risk.sources.options import ReadOptions
from geo_risk.sources.shakemap import on_grid, read_shakemap


def test_a_cell_by_hand():
    # PGV 50 cm/s, 20 degrees, siliciclastic rock, closed needleleaved forest, CTI 5:
    # -6.30 + 1.65 ln 50 + 0.06 20 - 1.92 + 0.03 5 + 1.71 + 0.01 ln 50 20
    logit = -6.30 + 1.65 * 3.912023 + 1.2 - 1.92 + 0.15 + 1.71 + 0.2 * 3.912023
    p = 1 / (1 + np.exp(-logit))
    one = np.ones(1)
    got = slide_probability(50 * one, 20 * one, -1.92 * one, 1.71 * one, 5 * one)
    assert got[0] == pytest.approx(p, rel=1e-6)
    want = np.exp(-7.592 + 5.237 * p - 3.042 * p**2 + 4.035 * p**3)
    assert slide_coverage(got, 20 * one)[0] == pytest.approx(want, rel=1e-6)
    # at P = 0 and 1 the paper says 0.05 and 25.6 percent
    ends = slide_coverage(np.array([0.0, 1.0]), np.full(2, 20.0))
    np.testing.assert_allclose(ends, [0.0005, 0.256], rtol=0.01)


def test_shaking_and_wetness_are_clipped_where_the_model_ends():
    def p(pgv, cti):
        one = np.ones(1)
        return slide_probability(pgv * one, 20 * one, -1.9 * one, 1.0 * one, cti * one)[0]

    assert p(211.0, 5.0) == p(900.0, 5.0) > p(200.0, 5.0)
    assert p(50.0, 19.0) == p(50.0, 40.0) > p(50.0, 18.0)
    assert p(50.0, 0.0) == p(50.0, -3.0)


def folder() -> Path:
    return Path(os.environ["GEO_RISK_REAL"]) / "landslide" / "usgs_gf_loma_prieta"


@cache
def target():
    with netcdf_file(folder() / "targets/jessee_2018.grd", "r", mmap=False) as file:
        x, y, z = (np.array(file.variables[k].data, np.float64) for k in "xyz")
    return x, y, np.where(z < 1e30, z, np.nan)


def sampled(name, x, y, method):
    import rasterio

    with rasterio.open(folder() / "model_inputs" / name) as source:
        values = source.read(1, masked=True).astype(np.float64).filled(np.nan)
        t = source.transform
    columns = t.c + t.a * (np.arange(values.shape[1]) + 0.5)
    rows = t.f + t.e * (np.arange(values.shape[0]) + 0.5)
    find = RegularGridInterpolator((rows[::-1], columns), values[::-1], method=method, bounds_error=False)
    return find((y, x))


def layers(x, y):
    rock = sampled("GLIM_replace.tif", x, y, "nearest")
    return {
        "slope_deg": np.degrees(np.arctan(sampled("global_grad.tif", x, y, "linear"))),
        # as in operation: unconsolidated sediment is not that strong
        "lithology_term": np.where(rock <= -3.21, UNCONSOLIDATED["operational"], rock),
        "landcover_term": sampled("globcover_replace.tif", x, y, "nearest"),
        "cti": sampled("global_cti_fil.grd", x, y, "linear"),
    }


@pytest.mark.real
def test_the_tables_hold_every_coefficient_of_the_usgs_rasters():
    import rasterio

    for name, terms in (("GLIM_replace.tif", GLIM), ("globcover_replace.tif", GLOBCOVER)):
        with rasterio.open(folder() / "model_inputs" / name) as source:
            found = set(np.unique(np.round(source.read(1).astype(np.float64), 3)))
        assert len(found) > 8
        assert found <= {round(v, 3) for v in terms.values()}


@pytest.mark.real
def test_loma_prieta_on_the_grid_of_the_survey():
    x, y, want = target()
    rows, columns = np.meshgrid(y, x, indexing="ij")
    shaking = read_shakemap(folder() / "grid.xml", where="inputs.shakemap")
    pgv = RegularGridInterpolator((shaking.lat, shaking.lon), shaking.pgv_cm_s, bounds_error=False)((rows, columns))
    given = layers(columns, rows)
    p = slide_probability(pgv, given["slope_deg"], given["lithology_term"], given["landcover_term"], given["cti"])
    got = slide_coverage(p, given["slope_deg"])
    both = np.isfinite(got) & np.isfinite(want)
    # the frame of half a ShakeMap cell is unknown here and filled there; the sea is unknown in both
    assert both.sum() > 0.98 * np.isfinite(want).sum()
    assert np.corrcoef(got[both], want[both])[0, 1] >= 0.999
    # the survey resamples by GDAL, here by SciPy: at coasts and classes a cell may differ, 1 in 100 by more than .002
    off = np.abs(got[both] - want[both])
    assert np.quantile(off, 0.99) < 0.0025
    assert off.max() < 0.01
    assert ((got == 0) == (want == 0))[both].all()


@pytest.mark.real
def test_loma_prieta_through_reader_grid_and_compute():
    from pyproj import Transformer

    grid = Grid.from_bounds((560_000, 4_050_000, 640_000, 4_110_000), crs="EPSG:32610", resolution_m=200)
    at = grid.coords()
    xx, yy = np.meshgrid(at["x"], at["y"])
    lon, lat = Transformer.from_crs("EPSG:32610", "EPSG:4326", always_xy=True).transform(xx, yy)
    shaking = read_shakemap(folder() / "grid.xml", where="inputs.shakemap", options=ReadOptions(units="cm/s"))
    assert "Loma Prieta" in shaking.event["event_description"]
    x, y, z = target()
    # each cell takes what the survey has at its nearest centre, some 100 m off; the shaking is that of the cell itself
    columns = np.clip(np.round((lon - x[0]) / (x[1] - x[0])), 0, len(x) - 1).astype(int)
    rows = np.clip(np.round((lat - y[0]) / (y[1] - y[0])), 0, len(y) - 1).astype(int)
    units = {"slope_deg": "degree"}
    given = {n: grid.layer(v.astype(np.float32), units=units.get(n, "1"), long_name=n, name=n)
             for n, v in layers(x[columns], y[rows]).items()}  # fmt: skip
    result = compute({"pgv": on_grid(shaking, grid), **given}, EarthquakeParams())
    got = result.intensity.to_numpy()
    want = z[rows, columns]
    both = np.isfinite(got) & np.isfinite(want)
    assert both.sum() > 60_000
    assert np.corrcoef(got[both], want[both])[0, 1] >= 0.999
