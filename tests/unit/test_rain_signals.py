"""Rainstorm signals at their bounds, with unknown amounts, and from layers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_risk.core.errors import DataError
from geo_risk.flow.steps.rainfall_signal import write_signals
from geo_risk.hazards.rainfall.signals import rainstorm_signal, signal_of
from geo_risk.publish.raster import write_layer
from geo_risk.sources.layers import open_layer, read_json
from tests.support.past_storms import GRID

NAN = float("nan")


@pytest.mark.parametrize(
    ("h12", "h6", "h3", "level"),
    [
        (49.9, 49.9, 49.9, 0), (50, 49.9, 49.9, 1), (60, 50, 49.9, 2), (60, 60, 50, 3), (120, 120, 99.9, 3),
        (120, 120, 100, 4), (NAN, NAN, 100, 4), (60, 20, NAN, -1), (NAN, 20, 20, -1), (NAN, NAN, 60, 3),
    ],
)  # fmt: skip
def test_signals_at_their_bounds(h12, h6, h3, level):
    assert int(signal_of({12: np.array([h12]), 6: np.array([h6]), 3: np.array([h3])})[0]) == level


def test_other_durations_and_negative_rain_are_refused():
    with pytest.raises(DataError, match="3, 6 and 12"):
        signal_of({12: np.zeros(1), 24: np.zeros(1)})
    with pytest.raises(DataError, match="negative"):
        signal_of({12: np.zeros(1), 6: np.array([-1.0]), 3: np.zeros(1)})


@given(st.floats(0, 200), st.floats(0, 1), st.floats(0, 1), st.floats(0, 100))
def test_more_rain_never_lowers_the_signal(h12, share6, share3, more):
    def of(mm):
        return int(signal_of({12: np.array([mm]), 6: np.array([mm * share6]), 3: np.array([mm * share6 * share3])})[0])

    assert 0 <= of(h12) <= of(h12 + more) <= 4


@pytest.mark.slow
def test_the_step_counts_cells(tmp_path):
    paths = {}
    for h, mm in ((12, 80.0), (6, 60.0), (3, 20.0)):
        values = np.full(GRID.shape, mm, "float32")
        values[0, 0] = NAN
        paths[f"rain_{h}h"] = tmp_path / f"rain_{h}h.tif"
        write_layer(GRID.layer(values, units="mm", long_name="rain", name=f"rain_{h}h"), paths[f"rain_{h}h"])
    write_signals(**paths, out=tmp_path / "out.tif", facts=tmp_path / "facts.json")
    counts = read_json(tmp_path / "facts.json")["counts"]
    assert counts == {"unknown": 1, "none": 0, "blue": 0, "yellow": 1599, "orange": 0, "red": 0}
    layers = {h: open_layer(paths[f"rain_{h}h"]) for h in (12, 6, 3)}
    assert hasattr(rainstorm_signal(layers).data, "dask")
