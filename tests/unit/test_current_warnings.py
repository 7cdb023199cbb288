"""Old issues of warnings give way to newer ones of the same hours where these know a level, and nowhere else."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_risk.core.errors import GridError
from geo_risk.core.grid import Grid
from geo_risk.products.warned import current_layers

GRID = Grid.from_bounds((0, 0, 120, 30), crs="EPSG:4546", resolution_m=30)
OTHER = Grid.from_bounds((0, 0, 120, 30), crs="EPSG:4546", resolution_m=15)
STORM = [{"hours": 72, "issued": "2024-07-22T08:00:00Z"}, {"hours": 24, "issued": "2024-07-24T08:00:00Z"},
         {"hours": 6, "issued": "2024-07-25T02:00:00Z"}, {"hours": 1, "issued": "2024-07-25T07:00:00Z"}]  # fmt: skip
"""All end at the same hour."""


def layers(grid=GRID, *, lazy=False, **levels):
    made = {}
    for name, values in levels.items():
        data = np.broadcast_to(np.array(values, np.int8), grid.shape)
        made[f"warning_{name[1:]}h"] = grid.layer(da.from_array(data, chunks=(1, 2)) if lazy else data, units="level",
                                                  long_name=name, name=f"warning_{name[1:]}h")  # fmt: skip
    return made


def levels(made):
    return {name: layer.to_numpy()[0].tolist() for name, layer in made.items()}


@pytest.mark.parametrize("lazy", [False, True])
def test_an_old_issue_gives_way_where_newer_ones_of_its_hours_know_a_level(lazy):
    given_ = layers(lazy=lazy, _72=[4, 4, 0, 4], _24=[0, 3, 0, 4], _6=[1, 2, 3, -1], _1=[0, -1, 4, -1])
    made, gone = current_layers(given_, STORM, after_h=12)
    assert gone == [24, 72]
    # of the newer stages the highest known level counts, and where none knows one the old issue stays
    assert levels(made) == {"warning_72h": [1, 2, 4, 4], "warning_24h": [1, 2, 4, 4], "warning_6h": [1, 2, 3, -1],
                            "warning_1h": [0, -1, 4, -1]}  # fmt: skip
    assert levels(given_)["warning_72h"] == [4, 4, 0, 4]


def test_stages_of_one_issue_and_hours_that_nothing_newer_covers_stay():
    at_once = [{**s, "issued": "2024-07-25T07:00:00Z"} for s in STORM]
    given_ = layers(_72=[4, 4, 4, 4], _24=[3, 3, 3, 3], _6=[0, 0, 0, 0], _1=[0, 0, 0, 0])
    assert current_layers(given_, at_once, after_h=12) == (given_, [])
    longer = [{"hours": 72, "issued": "2024-07-24T08:00:00Z"}, *STORM[2:]]  # it reaches two days farther
    made, gone = current_layers({k: v for k, v in given_.items() if k != "warning_24h"}, longer, after_h=12)
    assert gone == []
    assert levels(made)["warning_72h"] == [4, 4, 4, 4]
    # an issue within the hours that are asked for, or without a time, is no old one
    assert current_layers(given_, STORM, after_h=72)[1] == []
    assert current_layers(given_, [{"hours": 72, "issued": None}, *STORM[2:]], after_h=12)[1] == []
    assert current_layers({}, STORM, after_h=12) == ({}, [])


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(-1, 4), min_size=4, max_size=4), min_size=4, max_size=4))
def test_no_newer_level_is_lost_and_a_known_cell_stays_known(values):
    given_ = layers(**dict(zip(("_72", "_24", "_6", "_1"), values, strict=True)))
    made, _ = current_layers(given_, STORM, after_h=12)
    before, after = (np.array(list(levels(some).values())) for some in (given_, made))
    newer = before[2:].max(axis=0)
    assert (after.max(axis=0) >= newer).all()
    assert ((before >= 0) <= (after >= 0)).all()
    np.testing.assert_array_equal(after[2:], before[2:])
    np.testing.assert_array_equal(after[:2][:, newer < 0], before[:2][:, newer < 0])


def test_bad_times_and_grids_are_refused():
    given_ = layers(_72=[0] * 4, _1=[0] * 4)
    with pytest.raises(ValueError, match="no zone"):
        current_layers(given_, [{"hours": 72, "issued": "2024-07-22T08:00:00"}, *STORM[3:]], after_h=12)
    with pytest.raises(GridError):
        current_layers({**given_, "warning_6h": layers(OTHER, _6=[0] * 8)["warning_6h"]}, STORM, after_h=12)
