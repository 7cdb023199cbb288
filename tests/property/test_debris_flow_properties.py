"""What holds for the source channels of any ground, and for a ShakeMap in any order."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_risk.hazards.debris_flow.compute import compute
from geo_risk.hazards.debris_flow.params import DebrisFlowParams
from geo_risk.products.debris_channels import Beds, debris_channel_frame
from geo_risk.sources.shakemap import read_shakemap
from geo_risk.terrain.hydrology import drainage
from tests.support.shakemaps import intensity, shakemap_text
from tests.support.terrain import grid_of_shape, rough


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.02, 0.4), st.sampled_from([0.0, 25.0, 60.0]), st.booleans())
def test_reaches_hold_source_cells_once_and_lead_down(seed, factor, shortest, has_gap):
    z = rough(seed)
    if has_gap:
        z[20:26, 30:40] = np.nan
    grid = grid_of_shape(z.shape, 10.0)
    routed = drainage(grid.layer(z, units="m", long_name="z", name="dem"))
    given_ = {"dem_filled": routed.filled, "flow_direction": routed.direction, "flow_accumulation": routed.upslope_area}
    params = DebrisFlowParams(area_min_m2=600, bed_length_m=20, curve_factor=factor, slope_min_deg=5.0,
                              length_min_m=shortest)  # fmt: skip
    result = compute(given_, params)
    margin = result.intensity.compute()
    beds = Beds(margin, result.level.compute(), result.extra["bed_slope_deg"].compute(), routed.direction,
                routed.upslope_area, routed.filled)  # fmt: skip
    frame = debris_channel_frame(beds, params=params)
    at = {(x, y): (r, c) for r, y in enumerate(grid.coords()["y"]) for c, x in enumerate(grid.coords()["x"])}
    cells = [[at[p] for p in line.coords] for line in frame.geometry]
    inner = [c for reach in cells for c in reach[:-1]]
    assert len(set(inner)) == len(inner)
    assert all(margin.to_numpy()[c] >= 1 for c in inner)
    filled = routed.filled.to_numpy()
    for reach in cells:
        heights = np.array([filled[c] for c in reach])
        assert (np.diff(heights) <= 0).all()
    if shortest == 0.0:
        # an outlet is unknown, no source: every source cell flows on and is drawn
        assert set(inner) == set(map(tuple, np.argwhere(margin.to_numpy() >= 1)))


@settings(max_examples=15, deadline=None)
@given(st.permutations(range(20)), st.integers(0, 100))
def test_the_order_of_the_rows_does_not_matter(order, seed):
    lon, lat = np.linspace(110, 110.4, 5), np.linspace(36, 36.3, 4)
    pgv = np.random.default_rng(seed).uniform(10, 80, (4, 5))
    text = shakemap_text(lon, lat, pgv, mmi=intensity(pgv))
    start, end = text.index("<grid_data>") + len("<grid_data>"), text.index("</grid_data>")
    rows = text[start:end].strip().split("\n")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "grid.xml"
        path.write_text(text[:start] + "\n" + "\n".join(rows[i] for i in order) + "\n" + text[end:], encoding="utf-8")
        found = read_shakemap(path, where="inputs.shakemap")
    # six digits are written
    np.testing.assert_allclose(found.pgv_cm_s, pgv, rtol=1e-5)
    np.testing.assert_allclose(found.lon, lon)
