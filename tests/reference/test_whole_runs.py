"""Whole runs from the command line: products without series among others, and the real products of `configs/real`."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import h5py
import numpy as np
import pandas as pd
import pytest
import rasterio
from rasterio.transform import Affine

from tests.support.insar import CELL, LEFT, LOS, TOP, write_mintpy

N, SIDE = 30, 60
CONFIG = """\
pipeline: deformation
name: whole
inputs:
  dem: dem.tif
  insar:
{tracks}
output: out
"""
TRACK = "  - track: {name}\n    files: {name}/{file}\n    geometry: {name}/geometryGeo.h5"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def bowl(tmp_path_factory):
    """Write two tracks of one bowl on a plain, each as series and as velocity."""
    folder = tmp_path_factory.mktemp("bowl")
    y, x = np.mgrid[:SIDE, :SIDE]
    up = -0.1 * np.exp(-((y - 30) ** 2 + (x - 30) ** 2) / 60.0)
    t = np.arange(N) * 12 / 365.25
    for seed, name in enumerate(("asc", "desc")):
        noise = np.random.default_rng(seed).normal(0, 0.001, (N, SIDE, SIDE))
        paths = write_mintpy(folder / name, t[:, None, None] * up * LOS[name][2] + noise, track=name)
        with h5py.File(paths["files"]) as source, h5py.File(folder / name / "velocity.h5", "w") as target:
            target.attrs.update(dict(source.attrs) | {"FILE_TYPE": "velocity", "UNIT": "m/year"})
            values = source["timeseries"][:].astype(np.float64)
            centred = t - t.mean()
            target["velocity"] = (np.tensordot(centred, values, axes=1) / (centred @ centred)).astype("f4")
            target["velocityStd"] = np.full((SIDE, SIDE), 0.001 / np.sqrt(centred @ centred), "f4")
    height = np.random.default_rng(7).normal(500, 0.5, (SIDE, SIDE)).astype("f4")
    profile = {"driver": "GTiff", "height": SIDE, "width": SIDE, "count": 1, "dtype": "float32", "crs": "EPSG:4546",
               "transform": Affine(CELL, 0, LEFT, 0, -CELL, TOP)}  # fmt: skip
    with rasterio.open(folder / "dem.tif", "w", **profile) as target:
        target.write(height, 1)
        target.units = ("m",)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("files", "activities"),
    [
        ({"asc": "velocity.h5"}, {"unknown"}),
        ({"asc": "timeseries.h5", "desc": "velocity.h5"}, {"linear", "unknown"}),
    ],
)
def test_a_track_without_series_runs_to_the_end_and_its_areas_have_no_activity(cli, bowl, files, activities):
    tracks = "\n".join(TRACK.format(name=name, file=file) for name, file in files.items())
    config = bowl / f"{'_'.join(files)}.yaml"
    text = CONFIG.format(tracks=tracks).replace("output: out", f"output: out_{config.stem}")
    config.write_text(text, encoding="utf-8")
    code, _, err = cli("run", config)
    assert (code, err) == (0, err)
    areas = gpd.read_file(bowl / f"out_{config.stem}" / "geo_risk.gpkg", layer="active_deformation")
    middle = gpd.points_from_xy([LEFT + 30.5 * CELL], [TOP - 30.5 * CELL])[0]
    (area,) = areas[areas.distance(middle) == 0].to_dict("records")
    assert area["activity"] in activities
    # the fastest cell of the bowl sinks by 100 mm/yr, seen along a line of sight whose up part is some 0.77
    assert -105 < area["velocity_max_mm_yr"] < -60


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.parametrize(("name", "tracks"), [("licsbas_naf", ("asc", "desc")), ("mexico_city", ("asc",))])
def test_configurations_of_real_products_run_to_the_end(cli, tmp_path, name, tracks):
    code, _, err = cli("run", ROOT / "configs" / "real" / f"{name}.yaml", "--set", f"output={tmp_path / 'out'}")
    assert (code, err) == (0, err)
    areas = pd.read_csv(tmp_path / "out" / "lists" / "active_deformation.csv", encoding="utf-8-sig")
    assert len(areas)
    assert set(tracks) <= {t for text in areas["track"] for t in str(text).split("+")} | {"up", "east"}
    assert areas["activity"].notna().all()
    assert cli("verify", tmp_path / "out")[0] == 0
