"""Benchmarks call the steps as they are now: they run seldom, and what runs seldom breaks unseen."""

import pytest

from benchmarks import warn


@pytest.mark.slow
def test_the_benchmark_of_a_warning_runs_through_its_three_steps():
    found = warn.one(200, 20)
    assert set(found) == {"cells_m", "made", "stages", "cells", "places"}
    assert all(found[step]["cpu_s"] > 0 for step in ("stages", "cells", "places"))
