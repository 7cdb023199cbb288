"""Signs of tracks in a run: a contradiction stops it before anything is published, and the configuration answers."""

from __future__ import annotations

import json

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from geo_risk.flow.config import load_config
from geo_risk.flow.pipelines import build_plan
from tests.support.insar import CELL, LEFT, LOS, TOP, write_mintpy

N, SIDE = 30, 60
CONFIG = """\
pipeline: deformation
name: signs
inputs:
  dem: dem.tif
  insar:
  - track: asc
    files: asc/timeseries.h5
    geometry: asc/geometryGeo.h5
  - track: desc
    files: desc/timeseries.h5
    geometry: desc/geometryGeo.h5
output: out
"""


@pytest.fixture
def config(tmp_path):
    """Two tracks of one bowl on a plain; the second has the wrong sign."""
    y, x = np.mgrid[:SIDE, :SIDE]
    up = -0.1 * np.exp(-((y - 30) ** 2 + (x - 30) ** 2) / 60.0)
    t = np.arange(N) * 12 / 365.25
    for seed, (name, sign) in enumerate((("asc", 1), ("desc", -1))):
        noise = np.random.default_rng(seed).normal(0, 0.001, (N, SIDE, SIDE))
        write_mintpy(tmp_path / name, sign * (t[:, None, None] * up * LOS[name][2] + noise), track=name)
    height = np.random.default_rng(7).normal(500, 0.5, (SIDE, SIDE)).astype("f4")
    profile = {"driver": "GTiff", "height": SIDE, "width": SIDE, "count": 1, "dtype": "float32", "crs": "EPSG:4546",
               "transform": Affine(CELL, 0, LEFT, 0, -CELL, TOP)}  # fmt: skip
    with rasterio.open(tmp_path / "dem.tif", "w", **profile) as target:
        target.write(height, 1)
        target.units = ("m",)
    (tmp_path / "run.yaml").write_text(CONFIG, encoding="utf-8")
    return tmp_path / "run.yaml"


@pytest.mark.slow
def test_a_wrong_sign_stops_the_run_and_nothing_is_published(cli, config):
    code, _, err = cli("run", config)
    assert code == 3
    lines = err.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("[GR210] tracks asc and desc move oppositely on flat ground")
    assert "positive: away" in lines[2]
    out = config.parent / "out"
    assert [p.name for p in out.iterdir() if p.name != ".work"] == []
    assert not list((out / ".work").rglob("velocity_up.tif"))
    # what the error names answers it
    facts = out / ".work" / "between" / "deformation_signs.json"
    turned = CONFIG.replace("desc/geometryGeo.h5", "desc/geometryGeo.h5\n    positive: away")
    verified = CONFIG + "deformation:\n  signs:\n    verified: [asc, desc]\n"
    for text, told in ((turned, "agree on flat moving ground"), (verified, "both signs are verified")):
        config.write_text(text, encoding="utf-8")
        code, _, err = cli("run", config, "deformation.signs")
        assert (code, err) == (0, "")
        assert told in facts.read_text(encoding="utf-8")


@pytest.mark.slow
def test_one_track_is_said_to_be_unverified(cli, config):
    lines = CONFIG.splitlines(keepends=True)
    config.write_text("".join(lines[:8] + lines[11:]), encoding="utf-8")
    code, _, err = cli("run", config, "deformation.signs")
    assert (code, err) == (0, "")
    facts = json.loads((config.parent / "out/.work/between/deformation_signs.json").read_text(encoding="utf-8"))
    assert [n["level"] for n in facts["notes"]] == ["info"]
    assert "asc is not verified" in facts["notes"][0]["text_en"]
    assert "未经核实" in facts["notes"][0]["text_zh"]


def test_signs_are_compared_before_east_and_up_are_made(config):
    names = [s.name for s in build_plan(load_config(config), config=config).steps]
    assert names.index("deformation.signs") < names.index("deformation.east_up") < names.index("deformation.slope")
