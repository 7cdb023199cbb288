"""The committed demo county is what the generator makes."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import h5py
import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr

from geo_risk.sample.county import make_county

COMMITTED = Path(__file__).parents[2] / "data" / "sample"
# Same platform: equal. Elsewhere the last bit of a transcendental function may differ; what is rounded on writing can
# then fall to the other side: one step of the file's own rounding.
STEP = {
    "dem.tif": 1 / 64,
    "dem_town.tif": 1 / 256,
    "town_depth.tif": 0.01,
    "flooded.tif": 0.02,
    "susceptibility.tif": 1 / 1024,
}


def _names(folder):
    return sorted(
        p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file() and "outputs" not in p.parts
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("county")
    make_county(folder)
    return folder


@pytest.mark.slow
def test_regenerating_gives_the_committed_county(made):
    assert (COMMITTED / "checksums.sha256").is_file(), (
        "data/sample is not there: make it with `geo-risk sample data/sample`"
    )
    names = _names(made)
    assert names == _names(COMMITTED)
    for name in names:
        _compare(made / name, COMMITTED / name)


def _compare(made, kept):
    match made.suffix:
        case ".tif":
            with rasterio.open(made) as a, rasterio.open(kept) as b:
                assert a.transform == b.transform
                atol = STEP.get(made.name, 2.0**-13 if "stack" in made.parent.name else 0)
                np.testing.assert_allclose(a.read(), b.read(), atol=atol, rtol=0, err_msg=made.name)
        case ".h5":
            with h5py.File(made) as a, h5py.File(kept) as b:
                assert set(a) == set(b)
                assert dict(a.attrs) == dict(b.attrs)
                for key in a:
                    _close(a[key][()], b[key][()], 2.0**-10 if key != "timeseries" else 2.0**-13, f"{made.name}:{key}")
        case ".nc":
            with xr.open_dataset(made, engine="h5netcdf") as a, xr.open_dataset(kept, engine="h5netcdf") as b:
                xr.testing.assert_allclose(a, b, atol=0.11, rtol=0)
        case ".gpkg":
            a, b = gpd.read_file(made), gpd.read_file(kept)
            assert len(a) == len(b)
            pd.testing.assert_frame_equal(
                pd.DataFrame(a.drop(columns="geometry", errors="ignore")),
                pd.DataFrame(b.drop(columns="geometry", errors="ignore")), rtol=1e-3, check_dtype=False,
            )  # fmt: skip
            if "geometry" in a:
                assert a.geometry.geom_equals_exact(b.geometry, tolerance=0.05).all(), made.name
        case ".csv":
            pd.testing.assert_frame_equal(pd.read_csv(made), pd.read_csv(kept), rtol=1e-2, atol=0.02, obj=made.name)
        case ".xlsx":
            pd.testing.assert_frame_equal(pd.read_excel(made), pd.read_excel(kept), rtol=1e-6, obj=made.name)
        case ".json":
            assert set(json.loads(made.read_text())) == set(json.loads(kept.read_text()))
        case ".yaml" | ".txt":
            assert made.read_text() == kept.read_text(), made.name
        case ".grib2":
            with rasterio.open(made) as a, rasterio.open(kept) as b:
                assert a.count == b.count
                np.testing.assert_allclose(a.read(), b.read(), atol=0.11, err_msg=made.name)
        case ".sha256":
            assert len(made.read_text().splitlines()) == len(kept.read_text().splitlines())
        case _:
            pytest.fail(f"{made.name}: no rule says how to compare it")


def _close(a, b, atol, label):
    if a.dtype.kind == "f":
        np.testing.assert_allclose(a, b, atol=atol, rtol=0, err_msg=label)
    else:
        assert np.array_equal(a, b), label
