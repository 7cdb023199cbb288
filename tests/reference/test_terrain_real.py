"""Curvatures and slope units on real ground: Ecuador's published layers (10 m) and the St Helens slide."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from geo_risk.kernels.slope import slope_plane
from geo_risk.terrain.params import SlopeUnitParams
from geo_risk.terrain.unit_table import rate_divisions, unit_table
from tests.support.terrain import hillsides, units_of

pytestmark = [pytest.mark.real, pytest.mark.slow]


def real_path(name: str) -> Path:
    return Path(os.environ["GEO_RISK_REAL"]) / "landslide" / name


def ecuador():
    import rasterio

    with rasterio.open(real_path("ecuador_lsl/ta.tif")) as source:
        return source.read(masked=True).filled(np.nan).astype(np.float64)


def test_formulas_are_those_of_the_published_curvatures_and_ours_differ_by_the_window_alone():
    slope, plan, profile, z, _ = ecuador()
    around = np.pad(z, 1, constant_values=np.nan)
    n, s, e, w = around[:-2, 1:-1], around[2:, 1:-1], around[1:-1, 2:], around[1:-1, :-2]
    corners = around[:-2, 2:] + around[2:, :-2] - around[:-2, :-2] - around[2:, 2:]
    # Zevenbergen and Thorne (1987) take p and q from two heights each, r and t from three, s from the corners
    p, q, r, mixed, t = (e - w) / 20, (n - s) / 20, (e + w - 2 * z) / 100, corners / 400, (n + s - 2 * z) / 100
    g2 = p * p + q * q
    with np.errstate(invalid="ignore", divide="ignore"):
        by_formula = {
            "plan": -(q * q * r - 2 * p * q * mixed + p * p * t) / g2**1.5,
            "profile": -(p * p * r + 2 * p * q * mixed + q * q * t) / (g2 * (1 + g2) ** 1.5),
        }
    known = np.isfinite(by_formula["plan"]) & np.isfinite(plan) & (g2 > 1e-4)
    assert known.sum() > 150_000
    # float32 in the published file
    np.testing.assert_allclose(by_formula["plan"][known], plan[known], rtol=2e-3, atol=2e-5)
    np.testing.assert_allclose(by_formula["profile"][known], profile[known], rtol=2e-3, atol=2e-5)
    ours = [slope_plane(around, 10.0, k) for k in range(5)]
    inner = known & np.isfinite(ours[2])
    for got, want, least in ((ours[0], slope, 0.985), (ours[2], plan, 0.85), (ours[3], profile, 0.88)):
        # six cells a side smooth what three show: alike, not equal; plan curvature cut off where it has no bound
        pair = np.clip(got[inner], -1, 90), np.clip(want[inner], -1, 90)
        assert np.corrcoef(*pair)[0, 1] > least


def _rated(z):
    given = hillsides(z)
    found = {}
    for variance in (0.05, 0.15, 0.25):
        for area in (5e4, 1e5, 2e5):
            params = SlopeUnitParams(circular_variance_max=variance, area_min_m2=area)
            layer = given.slope.copy(data=units_of(given, params)).assign_attrs(units="1")
            table, quality = unit_table(layer, given.slope, given.aspect, flat_slope_deg=params.flat_slope_deg)
            found[variance, area] = (table, quality, layer.to_numpy())
    return given, found


def test_units_of_ecuador_face_fewer_ways_than_its_half_basins():
    z = ecuador()[3]
    given, found = _rated(z)
    _, quality, labels = found[0.15, 1e5]
    coarse = SlopeUnitParams(circular_variance_max=0.99, area_max_m2=1e9)
    layer = given.slope.copy(data=units_of(given, coarse)).assign_attrs(units="1")
    _, half_basins = unit_table(layer, given.slope, given.aspect, flat_slope_deg=2.0)
    assert quality.internal < 0.8 * half_basins.internal
    assert quality.external < half_basins.external + 0.2
    assert ((labels == -1) >= np.isnan(z)).all()
    assert (labels[~np.isnan(z)] > 0).mean() > 0.9
    # a finer division never has the larger variance inside
    by_area = [found[0.05, a][1].internal for a in (5e4, 1e5, 2e5)]
    assert by_area == sorted(by_area)
    best = rate_divisions([v[1] for v in found.values()])
    assert best.max() >= 1
    assert (units_of(given, SlopeUnitParams(), (97, 131)) == units_of(given, SlopeUnitParams())).all()


def test_the_slide_of_st_helens_lies_in_one_unit():
    rows = [np.loadtxt(real_path(f"mtsthelens_2021/{n}.asc"), skiprows=6) for n in
            ("pre_runout_DEM", "landslide_polygon")]  # fmt: skip
    z, source = np.where(rows[0] < -1000, np.nan, rows[0]), rows[1] > 0
    params = SlopeUnitParams(threshold_start_m2=200_000, area_min_m2=25_000, area_clean_m2=5_000, area_max_m2=4e5)
    labels = units_of(hillsides(z), params)
    # all 30 cells that slid lie in one unit
    assert source.sum() == 30
    assert len(np.unique(labels[source])) == 1
    assert labels[source].min() > 0
