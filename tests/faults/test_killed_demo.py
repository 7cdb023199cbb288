"""The demo county's warning run, killed with -9 three times at whatever it was doing, ends as an unbroken run does."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from geo_risk.flow.verify import verify
from tests.support.tiny import contents

pytestmark = [pytest.mark.faults, pytest.mark.slow]

SAMPLE = Path(__file__).parents[2] / "data" / "sample" / "config.yaml"


def start(output):
    words = ["run", str(SAMPLE), "--set", "pipeline=warning", "--set", f"output={output}"]
    return subprocess.Popen([sys.executable, "-m", "geo_risk.cli", *words], stdout=subprocess.PIPE, text=True)


def finish(output):
    process = start(output)
    out, _ = process.communicate(timeout=600)
    assert process.returncode == 0, out
    return out


def test_three_kills_change_nothing(tmp_path):
    finish(tmp_path / "whole")
    cut = tmp_path / "cut"
    # killed after 2 tasks, after 5 more, after 4 more: somewhere within the task that follows
    for tasks in (2, 5, 4):
        process = start(cut)
        for _ in range(tasks):
            assert "done" in process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert not (cut / "manifest.json").exists()
    out = finish(cut)
    assert "were up to date" in out
    done = int(out.split(" of ")[0].split()[-1])
    total = int(out.split(" of ")[1].split()[0])
    assert done <= total - 11
    assert contents(cut) == contents(tmp_path / "whole")
    assert {f.state for f in verify(cut)} == {"ok"}
