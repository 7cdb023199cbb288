"""Ground outside the town's DEM whose water its run lacks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from geo_risk.core.grid import Grid
from geo_risk.hazards.flood.outside import entries, outside_shares
from geo_risk.hazards.flood.params import SiteParams
from geo_risk.hazards.flood.sites import Town, town_ground
from geo_risk.kernels.priority_flood import COLUMN_STEP, ROW_STEP

COUNTY = Grid.from_bounds((0, 0, 300, 300), crs="EPSG:4546", resolution_m=30)
TOWN = Grid.from_bounds((90, 90, 210, 210), crs="EPSG:4546", resolution_m=10)
BOX = (3, 7, 3, 7)
MOVES = list(zip(ROW_STEP.tolist()[:8], COLUMN_STEP.tolist()[:8], strict=True))
SOUTH, WEST = MOVES.index((1, 0)), MOVES.index((0, -1))


def codes(**at: int) -> np.ndarray:
    """Directions that end everywhere but in some cells, named r<row>c<column>."""
    out = np.full(COUNTY.shape, 8)
    for name, code in at.items():
        row, column = (int(v) for v in name[1:].split("c"))
        out[row, column] = code
    return out


def valley() -> Town:
    """A valley along the sixth column that falls to the south, with a hollow in its ninth and tenth rows."""
    y, x = np.mgrid[0:12, 0:12]
    z = 50 - 0.5 * y + 1.0 * np.abs(x - 5)
    z[8:10, 5] -= 3.0
    return town_ground(TOWN, z, SiteParams(depth_min_m=0.2, area_min_m2=0.0))


def test_water_enters_where_directions_say_and_in_the_lowest_cell_there() -> None:
    # two from the north, two within the town, one away from it
    direction = codes(r2c4=SOUTH, r2c5=SOUTH, r4c4=SOUTH, r6c5=SOUTH, r4c2=WEST)
    town = valley()
    area = np.full(COUNTY.shape, 900.0)
    area[2, 4], area[2, 5] = 50_000.0, 7_000.0
    cells, m2 = entries(direction, area, BOX, county=COUNTY, town=TOWN, elevation_m=town.elevation)
    assert m2.tolist() == [50_000.0, 7_000.0]
    rows, columns = cells // 12, cells % 12
    assert rows.tolist() == [2, 2]  # the lowest of the three rows of the upper coarse cells
    assert columns.tolist() == [5, 6]  # on the valley's side of each


def test_share_counts_all_that_runs_through_the_hollow_and_what_lies_aside_has_none() -> None:
    town = valley()
    sites = pd.DataFrame({"cell": [8 * 12 + 5, 8 * 12 + 1, -1, 11 * 12 + 5], "label": [0, 0, 0, 0]})
    sites.loc[0, "label"] = int(town.found.labels[8, 5])
    assert sites.loc[0, "label"] > 0
    share = outside_shares(np.array([5]), np.array([30_000.0]), sites, town)
    # ten rows of twelve cells of 100 m2 drain to the hollow's lower cell
    assert share[0] == pytest.approx(30_000 / (30_000 + 12_000), rel=0.1)
    assert share[1] == 0.0
    assert np.isnan(share[2])
    assert 0 < share[3] < share[0]  # below the hollow more of the town's own ground has joined
    none = outside_shares(np.empty(0, np.int64), np.empty(0), sites, town)
    assert none[:2].tolist() == [0.0, 0.0]


def test_water_that_enters_where_no_height_is_known_is_not_left_out() -> None:
    town = valley()
    direction = codes(r2c4=SOUTH)
    height = town.elevation.copy()
    height[0:3, 3:6] = np.nan
    cells, m2 = entries(direction, np.full(COUNTY.shape, 900.0), BOX, county=COUNTY, town=TOWN, elevation_m=height)
    assert m2.tolist() == [900.0]
    row, column = divmod(int(cells[0]), 12)
    assert np.isfinite(height[row, column])
    assert abs(row - 1) <= 2
    assert abs(column - 4) <= 3
