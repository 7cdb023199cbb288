"""The level of the speed of the ground: what may move is not shown as still."""

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from geo_risk.core.errors import UnitError
from geo_risk.core.grid import Grid
from geo_risk.hazards.deformation.motion.compute import compute
from geo_risk.hazards.deformation.params import DeformationParams

GRID = Grid(GeoBox((1, 1), Affine(30, 0, 0, 0, -30, 30), "EPSG:4546"))


def layers(units="mm/yr", **values):
    unit = {"blind_map": "1"}
    return {
        n: GRID.layer(np.full((1, 1), v, np.float32), units=unit.get(n, units), long_name=n, name=n)
        for n, v in values.items() if v is not None
    }  # fmt: skip


def level(*, blind_map=0, **values):
    values["blind_map"] = blind_map
    return int(compute(layers(**values), DeformationParams()).level.to_numpy()[0, 0])


@pytest.mark.parametrize(
    ("velocity", "std", "want"),
    [
        (1.0, 0.5, 0), (0.0, 0.5, 0), (-6.0, 0.5, 1), (-200.0, 3.0, 4),
        # within two standard errors of nought, but these are wide: it may be level 3
        (20.0, 30.0, -1), (0.0, 30.0, -1),
        # below the first bound, but not surely
        (4.5, 1.0, -1),
        (np.nan, 1.0, -1), (3.0, np.nan, -1),
    ],
)  # fmt: skip
def test_still_is_what_surely_moves_slower_than_the_first_bound(velocity, std, want):
    assert level(velocity=velocity, velocity_std=std) == want


@pytest.mark.parametrize("code", [1, 2, 3, np.nan])
def test_ground_that_the_radar_cannot_see_move_is_never_still_or_low(code):
    assert level(velocity=0.0, velocity_std=0.5, blind_map=code) == -1
    assert level(velocity=-6.0, velocity_std=0.5, blind_map=code) == -1
    # what moves all the same was seen to: |velocity| is at least a part of it
    assert level(velocity=-200.0, velocity_std=3.0, blind_map=code) == 4


def test_without_a_blind_map_nothing_is_still():
    assert level(velocity=0.0, velocity_std=0.5, blind_map=None) == -1
    assert level(velocity=-6.0, velocity_std=0.5, blind_map=None) == 1


def test_along_a_slope_the_error_grows_with_the_velocity():
    # seen at a fifth of its size: 0.8 +- 1.6 mm/yr along the line of sight are 4 +- 8 along the slope
    assert level(velocity=0.8, velocity_std=0.8) == 0
    assert level(velocity=0.8, velocity_std=0.8, velocity_slope=4.0) == -1


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(st.floats(-300, 300), st.floats(0.01, 60))
def test_a_larger_error_never_makes_ground_still(velocity, std):
    first, second = (level(velocity=velocity, velocity_std=s) for s in (std, 2 * std))
    assert second <= max(first, 0)
    assert not (second == 0 and first != 0)


def test_a_wrong_unit_is_refused():
    with pytest.raises(UnitError):
        compute(layers(units="m", velocity=1.0, velocity_std=1.0), DeformationParams())
