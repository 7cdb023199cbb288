"""The committed demo county is what the generator makes, and its waterlogging is what the specification says."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import geopandas as gpd
import h5py
import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr

from geo_risk.sample import life
from geo_risk.sample.county import make_county
from geo_risk.sample.floods import town_run
from geo_risk.sample.water import FLOODS_M, LEDGER, NEVER, UNLISTED, make_water, sinks_of

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
def default(tmp_path_factory):
    """Make the county as files, and keep its ground, rain and water as they were before they were written."""
    folder, kept = tmp_path_factory.mktemp("county"), {}

    def spy(ground, rain):
        kept.update(ground=ground, rain=rain, water=make_water(ground, rain))
        return kept["water"]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(life, "make_water", spy)
        make_county(folder)
    return SimpleNamespace(folder=folder, **kept)


@pytest.mark.slow
def test_regenerating_gives_the_committed_county(default):
    made = default.folder
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


@pytest.mark.slow
def test_sites_are_those_of_the_specification(default):
    sites = default.water.sites
    listed = sites[sites["in_ledger"]]
    assert len(listed) == LEDGER
    assert (~listed["floods"]).sum() == NEVER
    assert listed.loc[~listed["floods"], "depth_m"].max() <= 0.10
    hidden = sites[~sites["in_ledger"]]
    assert len(hidden) == UNLISTED
    assert hidden["floods"].all()
    assert sites.loc[sites["floods"], "depth_m"].min() >= FLOODS_M
    assert sites["hidden_defect"].value_counts().to_dict() == {"none": 29, "drain_silted": 3, "pump_dead": 1}
    assert listed["hidden_defect"].ne("none").sum() == 4
    assert set(sites["kind"]) == {"underpass", "road_dip", "low_lying", "underground_space"}


@pytest.mark.slow
def test_drains_are_given_at_nominal_capacity_and_three_are_silted(default):
    drains = default.water.drains
    silted = drains[drains["state"] == "silted"]
    share = silted["true_m3_s"] / silted["capacity_m3_s"]
    assert len(silted) == 3
    assert ((share > 0.19) & (share < 0.41)).all()
    dead = drains[drains["state"] == "dead"]
    assert len(dead) == 1
    assert dead["is_pump"].all()
    assert dead["true_m3_s"].iloc[0] == 0 < dead["capacity_m3_s"].iloc[0]
    good = drains[drains["state"] == "good"]
    assert np.allclose(good["true_m3_s"], good["capacity_m3_s"], atol=6e-4)
    cause = default.water.sites.set_index("site_id")["cause"]
    assert not set(drains["site_id"].dropna()) & set(cause[cause == "sag_without_outlet"].index)


@pytest.mark.slow
def test_the_run_keeps_its_mass(default):
    assert abs(default.water.mass_error_m3) < 1e-6 * default.water.rain_m3


@pytest.mark.slow
def test_hidden_defects_are_what_makes_their_sites_flood(default):
    """With every drain at nominal capacity the defective sites hold much less water than in truth."""
    water, town = default.water, default.ground.town.grid
    sinks = sinks_of(water.drains, "capacity_m3_s", town.shape)
    mended = town_run(default.ground, water.dem, default.rain.storm(), sinks).max_depth_m
    bad = water.sites[water.sites["hidden_defect"] != "none"]
    rows, columns = bad["row"].to_numpy(), bad["column"].to_numpy()
    assert (mended[rows, columns] < 0.5 * bad["depth_m"].to_numpy()).all()


@pytest.mark.slow
def test_reported_depths_are_within_five_centimetres(default):
    past = default.water.past
    assert past["storm_id"].nunique() == 2
    assert past.groupby("storm_id").size().eq(LEDGER).all()
    error = past["depth_m"] - past["true_depth_m"]
    assert error.abs().max() <= 0.0551
    assert error.abs().mean() > 0.005
    assert set(past["site_id"]) == set(default.water.sites.loc[default.water.sites["in_ledger"], "site_id"])


@pytest.mark.slow
def test_the_given_dem_is_near_the_truth_but_not_equal(default):
    error = default.water.given_dem - default.water.dem
    assert 0.02 < np.median(np.abs(error)) < 0.1
    assert abs(np.median(error)) < 0.02
