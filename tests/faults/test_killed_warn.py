"""A warning killed with -9 leaves the former products whole, and made again gives what an unbroken one gives."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from geo_risk.flow.manifest import read_manifest
from geo_risk.flow.run import run
from geo_risk.flow.verify import verify
from geo_risk.publish.cube import write_cube
from tests.support.warned import cube, write_county

pytestmark = pytest.mark.faults


def contents(out):
    manifest = read_manifest(out)
    return {r["path"]: r["content_sha256"] for r in [*manifest["outputs"], *manifest.get("issues", [])]}


def started(folder, out):
    given = ["--forecast", str(folder / "wet.nc"), "--issued", "2024-07-20T01:00:00Z", "--set", f"output={out}"]
    words = ["warn", str(folder / "config.yaml"), *given]
    return subprocess.Popen([sys.executable, "-m", "geo_risk.cli", *words], stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE)  # fmt: skip


def test_a_killed_warning_leaves_the_former_products_and_is_made_again(tmp_path):
    config = write_county(tmp_path)
    run(config)
    write_cube(cube("2024-07-20T02", 12, 30.0, issued="2024-07-20T01:00:00Z"), tmp_path / "wet.nc")
    out = tmp_path / "out"
    before = contents(out)
    whole = tmp_path / "whole"
    shutil.copytree(out, whole)
    done = started(tmp_path, whole)
    assert done.wait(600) == 0, done.stderr.read()
    for sign in ("between/rain_stages.nc", "stage/layers/warning_6h.tif", "between/evacuation.gpkg", "stage/map.html"):
        shutil.rmtree(out / ".work" / "warn", ignore_errors=True)
        process = started(tmp_path, out)
        until = time.monotonic() + 600
        while not (out / ".work" / "warn" / sign).exists() and process.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait(60) == -signal.SIGKILL, sign
        assert (out / ".work" / "run.lock").exists()
        assert contents(out) == before
        assert {f.state for f in verify(out)} == {"ok"}
    again = started(tmp_path, out)
    assert again.wait(600) == 0, again.stderr.read()
    assert contents(out) == contents(whole)
    assert {f.state for f in verify(out)} == {"ok"}
    assert not list(out.rglob(".*.part*"))
