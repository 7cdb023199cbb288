"""Filling, depressions and the spill cascade against malstroem's published test data (Denmark, 16 m cells)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import rasterio

from geo_risk.hazards.flood.cascade import spill_cascade
from geo_risk.kernels.d8 import drainage_order, flow_direction
from geo_risk.kernels.depressions import Depressions, find_depressions, storage_curve, water_level
from geo_risk.kernels.priority_flood import fill
from geo_risk.terrain.depressions import depression_blocks
from geo_risk.terrain.storage import water_levels

pytestmark = pytest.mark.real
CELL_M2 = 16.0 * 15.957446808510639


def folder() -> Path:
    root = os.environ.get("GEO_RISK_REAL")
    if not root:
        pytest.skip("set GEO_RISK_REAL to the folder of real data")
    return Path(root) / "flood" / "malstroem"


def read(name: str) -> np.ndarray:
    with rasterio.open(folder() / name) as source:
        return source.read(1)


def rows(name: str) -> list[dict[str, Any]]:
    features = json.loads((folder() / name).read_text(encoding="utf-8"))["features"]
    return [feature["properties"] for feature in features]


def depressions() -> tuple[np.ndarray, Depressions]:
    z = read("dtm.tif")
    filled = fill(z)
    direction = flow_direction(filled)
    return z, find_depressions(z, filled, direction, drainage_order(direction))


def test_fill_is_equal_cell_for_cell() -> None:
    filled = fill(read("dtm.tif"))
    np.testing.assert_array_equal(filled, read("filled.tif"))


def test_the_104_depressions_have_the_same_cells_and_volumes() -> None:
    _, found = depressions()
    labelled = read("labelled.tif")
    points = {row["bspot_id"]: row for row in rows("pourpoints.json")}
    ours = [np.unique(found.labels[labelled == k]) for k in range(1, 105)]
    assert all(u.size == 1 and u[0] > 0 for u in ours)
    index = np.array([u[0] - 1 for u in ours])
    assert len(set(index.tolist())) == 104
    np.testing.assert_array_equal(found.n_cells[index], np.bincount(labelled.ravel())[1:])
    volumes = [points[k]["bspot_vol"] for k in range(1, 105)]
    # theirs are sums in single precision: a millionth, not less
    np.testing.assert_allclose(found.depth_sum[index] * CELL_M2, volumes, rtol=1e-6)
    np.testing.assert_allclose(found.depth_max[index], [points[k]["bspot_dmax"] for k in range(1, 105)], rtol=1e-6)


@pytest.mark.parametrize("side", [37, 120])
def test_the_same_depressions_are_found_in_blocks(side: int) -> None:
    z, whole = depressions()
    filled = fill(z)
    parts = (da.from_array(values, chunks=side) for values in (z, filled, flow_direction(filled)))
    found = depression_blocks(*parts)
    for name, values in whole._asdict().items():
        np.testing.assert_array_equal(np.asarray(getattr(found, name)), values, err_msg=name)
    share = 0.4 * whole.depth_sum
    np.testing.assert_array_equal(
        water_levels(found, share, cells_held=5000), water_level(storage_curve(z, whole.labels), share)
    )


def test_cascade_of_20_mm_over_117_nodes() -> None:
    nodes = sorted(rows("finalvolumes.geojson"), key=lambda row: row["nodeid"])
    assert len(nodes) == 117
    position = {row["nodeid"]: i for i, row in enumerate(nodes)}
    below = np.array([position[r["dstrnodeid"]] if r["dstrnodeid"] is not None else -1 for r in nodes])
    capacity = np.array([row["bspot_vol"] for row in nodes])
    catchment = np.array([row["wshed_area"] for row in nodes])
    result = spill_cascade(catchment * 0.020, capacity, below)
    np.testing.assert_allclose(result.stored_m3, [row["v"] for row in nodes], rtol=0, atol=1e-3)
    np.testing.assert_allclose(result.spilled_m3, [row["spillv"] for row in nodes], rtol=0, atol=1e-3)
