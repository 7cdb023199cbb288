"""A run of the town's flow killed with -9 goes on from its last state and ends the same to the last bit (FAULTS 18)."""

import signal
import subprocess
import sys
import time

import numpy as np
import pytest

pytestmark = [pytest.mark.faults, pytest.mark.slow]

RUN = """
import sys
from pathlib import Path
import numpy as np
from geo_risk.flow.steps.flood_town_storm import _resumed
from geo_risk.hazards.flood.params import TownFlowParams
from geo_risk.hazards.flood.town import Surface, run_town

state, out = Path(sys.argv[1]), Path(sys.argv[2])
shape = (160, 160)
z = np.random.default_rng(3).normal(size=shape) * 0.3
ground = Surface(np.full(shape, 90.0), np.full(shape, 0.03))
rain = np.full((4, *shape), 40.0)
params = TownFlowParams(checkpoint_s=1.0)

def run(how):
    print("resumed" if how.checkpoints.resume else "fresh", flush=True)
    return run_town(z, ground, rain, np.zeros(shape), cell_m=5.0, params=params, how=how)

done = _resumed(state, params, (), run, n_threads=2)
np.savez(out, deepest=done.max_depth_m, depth=done.depth_m, above=done.duration_above_s, rating=done.hazard_rating,
         arrival=done.arrival_s, frames=done.frames.depth_mm, steps=done.n_steps, balance=np.array(done.balance))
"""


def command(*paths):
    return subprocess.Popen([sys.executable, "-c", RUN, *map(str, paths)], stdout=subprocess.PIPE, text=True)


def test_killed_flow_goes_on_to_the_same_end(tmp_path):
    whole = command(tmp_path / "none.npz", tmp_path / "whole.npz")
    assert whole.communicate(timeout=300)[0].split() == ["fresh"]
    state = tmp_path / "state.npz"
    killed = command(state, tmp_path / "never.npz")
    until = time.monotonic() + 300
    while not state.exists() and killed.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    assert not (tmp_path / "never.npz").exists()
    again = command(state, tmp_path / "again.npz")
    assert again.communicate(timeout=300)[0].split() == ["resumed"]
    with np.load(tmp_path / "whole.npz") as one, np.load(tmp_path / "again.npz") as other:
        assert set(one.files) == set(other.files)
        for name in one.files:
            np.testing.assert_array_equal(one[name], other[name], err_msg=name)
