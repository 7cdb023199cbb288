"""A track's maps on the run grid: means of points keep what was measured, and what is lost by resampling is told."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr
from affine import Affine

from geo_risk.core.grid import Grid
from geo_risk.flow.steps.deformation import LOS, MOST_LOST, PER_TRACK, lost_note, write_on_grid
from geo_risk.publish.frames import write_json
from geo_risk.publish.native import write_native
from geo_risk.sources.layers import open_layer

LEFT, TOP, CELL, SIDE = 500_000.0, 4_100_000.0, 100.0, 30
GRID = Grid.from_bounds((LEFT, TOP - SIDE * CELL, LEFT + SIDE * CELL, TOP), crs="EPSG:4546", resolution_m=60)


def gridded(folder, known, **more):
    """Write a track with a velocity where `known` and bring it onto a grid that is not its own, bilinear."""
    velocity = np.where(known, -300.0, np.nan).astype(np.float32)
    values = dict(zip(LOS, (0.6, 0.0, 0.8), strict=True)) | more
    maps = {n: velocity * 0 + np.float32(v) for n, v in values.items()}
    maps |= {"velocity": velocity, "velocity_std": velocity * 0 + 1}
    units = {"velocity": "mm/yr", "velocity_std": "mm/yr"}
    data = xr.Dataset({n: (("y", "x"), v, {"units": units.get(n, "1"), "long_name": n}) for n, v in maps.items()})
    transform = Affine(CELL, 0, LEFT - 13, 0, -CELL, TOP + 13)
    data = data.assign_attrs(crs="EPSG:4546", transform=list(transform)[:6])
    write_native(data, folder / "n.h5")
    write_json(GRID.to_dict(), folder / "grid.json")
    out = {n: folder / f"{n}.tif" for n in (*PER_TRACK, "shadow", "sudden")}
    write_on_grid(native=folder / "n.h5", grid=folder / "grid.json", track="asc", resampling="bilinear",
                  facts=folder / "facts.json", **out)  # fmt: skip
    facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
    return open_layer(out["velocity"]).to_numpy(), facts


@pytest.mark.slow
def test_cells_with_points_reach_the_grid_though_gaps_lie_beside_them(tmp_path):
    known = np.random.default_rng(2).random((SIDE, SIDE)) < 0.2
    velocity, facts = gridded(tmp_path, known, n_points=3.0)
    assert np.isfinite(velocity).sum() * 60**2 == pytest.approx(known.sum() * CELL**2, rel=0.1)
    assert facts["notes"] == []
    assert facts["counts"]["known_cells"] == facts["counts"]["measured_cells"] == np.isfinite(velocity).sum()


@pytest.mark.slow
def test_a_raster_whose_gaps_eat_it_up_is_warned_of(tmp_path):
    known = np.random.default_rng(2).random((SIDE, SIDE)) < 0.2
    velocity, facts = gridded(tmp_path, known)
    assert np.isfinite(velocity).sum() < 0.1 * facts["counts"]["measured_cells"]
    (note,) = facts["notes"]
    assert note["level"] == "warning"
    assert "unknown, not still" in note["text_en"]
    assert "不作稳定判定" in note["text_zh"]


@pytest.mark.slow
def test_a_whole_raster_is_not_warned_of(tmp_path):
    _, facts = gridded(tmp_path, np.ones((SIDE, SIDE), dtype=bool))
    assert facts["notes"] == []


def test_the_warning_begins_beyond_its_share():
    assert lost_note("asc", round((1 - MOST_LOST) * 1000), 1000, cell_area_m2=3600) == []
    (note,) = lost_note("asc", 100, 1000, cell_area_m2=3600)
    assert "of 3.6 km2 of measured ground 0.36 km2 are left on the run grid (90% lost)" in note["text_en"]
    assert lost_note("asc", 0, 0, cell_area_m2=3600) == []
