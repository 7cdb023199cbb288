"""A run killed with -9 at any moment goes on where it stopped and ends with the same contents (FAULTS 18, 21)."""

import json
import os
import signal
import subprocess
import sys

import pytest

from geo_risk.flow.run import run
from geo_risk.flow.verify import verify
from tests.support.tiny import contents, make

pytestmark = pytest.mark.faults


def command_line(*words, **extra):
    return subprocess.run(
        [sys.executable, "-m", "geo_risk.cli", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        **extra,
    )


@pytest.mark.parametrize("moment", ["kill before", "kill inside", "kill after"])
def test_resumes_with_the_same_contents(tmp_path, moment):
    whole = make(tmp_path / "whole")
    run(whole)
    config = make(tmp_path / "cut")
    gate = tmp_path / "cut" / "gate_double"
    gate.write_text(moment)
    killed = command_line("run", config)
    assert killed.returncode == -signal.SIGKILL
    out = tmp_path / "cut" / "out"
    assert not (out / "manifest.json").exists()
    if moment == "kill inside":
        assert list(out.rglob(".*.part*"))
    assert (out / ".work" / "run.lock").exists()
    gate.write_text("")
    # the same inputs as the whole run: its gate is a file of no words too
    (tmp_path / "whole" / "gate_double").write_text("")
    resumed = command_line("run", config, "--json")
    assert resumed.returncode == 0, resumed.stderr
    outcomes = {t["name"]: t["outcome"] for t in json.loads(resumed.stdout)["tasks"]}
    assert outcomes["grid"] == outcomes["dem"] == "up to date"
    assert outcomes["double"] == "done"
    assert not list(out.rglob(".*.part*"))
    assert contents(out) == contents(tmp_path / "whole" / "out")
    assert {f.state for f in verify(out)} == {"ok"}


def test_a_killed_run_leaves_the_published_folder_whole(tmp_path):
    config = make(tmp_path)
    run(config)
    before = contents(tmp_path / "out")
    (tmp_path / "gate_double").write_text("kill inside")
    killed = command_line("run", config, "--set", "rainfall.decay_per_day=0.5")
    assert killed.returncode == -signal.SIGKILL
    assert contents(tmp_path / "out") == before
    states = {f.path: f.state for f in verify(tmp_path / "out")}
    assert set(states.values()) == {"ok"}


def test_a_second_run_in_the_same_folder_is_turned_away(tmp_path):
    config = make(tmp_path)
    run(config)
    (tmp_path / "dem.tif").touch()
    lock = tmp_path / "out" / ".work" / "run.lock"
    import socket

    from geo_risk.flow.lock import _started

    lock.write_text(json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "started": _started(os.getpid())}))
    second = command_line("run", config)
    assert second.returncode == 4
    assert second.stderr.startswith("[GR402]")
    assert len(second.stderr.splitlines()) == 3
    assert f"pid {os.getpid()}" in second.stderr
    assert lock.exists()
