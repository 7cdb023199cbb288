"""From the files of a track to mining clues, by the steps themselves."""

from __future__ import annotations

import json
import shutil

import geopandas as gpd
import h5py
import numpy as np
import pytest
import xarray as xr
from shapely.geometry import box

from geo_risk.core.grid import Grid
from geo_risk.flow.steps.deformation import write_velocity
from geo_risk.flow.steps.deformation_mining import _cut, _no_bowl, _piece, write_mining
from geo_risk.hazards.deformation.areas.patch import Patch
from geo_risk.hazards.deformation.mining.bodies import Body
from geo_risk.hazards.deformation.mining.bowl import Bowl, bowl_motion
from geo_risk.hazards.deformation.params import DeformationParams, VelocityParams
from geo_risk.publish.raster import write_layer
from geo_risk.sources.layers import read_frame
from geo_risk.sources.options import TrackOptions
from tests.support.insar import CELL, LEFT, TOP, dataset, times, write_mintpy

N, SHAPE = 30, (36, 38)
ONE = Patch.of(np.ones((1, 1), bool))
GRID = Grid.from_bounds((LEFT, TOP - 36 * CELL, LEFT + 38 * CELL, TOP), crs="EPSG:4546", resolution_m=60)
YEARS = (times(N) - times(N)[0]) / np.timedelta64(1, "D") / 365.25
FACE = Bowl(LEFT + 1140, TOP - 1080, 1500.0, 60.0, 200.0, 0.4, 130.0, float(YEARS[-1]), True)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """One ascending track over a face that moves, its velocity, and the labels of what moves."""
    folder = tmp_path_factory.mktemp("mining")
    coords = GRID.coords()
    x, y = np.meshgrid(coords["x"], coords["y"])
    inc, az = np.deg2rad(39), np.deg2rad(103)
    los = np.array([-np.sin(inc) * np.sin(az), np.sin(inc) * np.cos(az), np.cos(inc)])
    moved = np.zeros((N, *SHAPE))
    for k, t in enumerate(YEARS[1:], 1):
        moved[k] = np.tensordot(los, bowl_motion(FACE, x, y, end=min(t / YEARS[-1], 1), cell_m=60), axes=1)
    moved += np.random.default_rng(4).normal(0, 1.5, moved.shape)
    paths = write_mintpy(folder, moved / 1000, WAVELENGTH="0.0555")
    native = folder / "native.h5"
    write_velocity(
        files=[paths["files"]], geometry=[paths["geometry"]], coherence=None, gacos=None, out=native,
        facts=folder / "v.json", correction=folder / "c.nc", track="asc", options=TrackOptions(),
        params=VelocityParams(temporal_correlation="none"), maximum_sigma_mm_yr=1000,
    )  # fmt: skip
    up = bowl_motion(FACE, x, y, cell_m=60)[2] / YEARS[-1]
    labels = GRID.layer((up < -8).astype(np.int32), units="1", long_name="label", name="labels")
    write_layer(labels, folder / "labels.tif")
    return {"folder": folder, "native": native, **paths}


def clues(made, name, mines):
    out = made["folder"]
    write_mining(
        native=[made["native"]], labels=out / "labels.tif", velocity_up=None, velocity_east=None, slope_deg=None,
        areas=None, mines=mines, mining_clues=out / f"{name}.gpkg", facts=out / f"{name}.json", tracks=["asc"],
        params=DeformationParams(), track_options=[TrackOptions().model_dump(mode="json")], options=None,
        files_0=[made["files"]], geometry_0=[made["geometry"]], coherence_0=None, gacos_0=None,
    )  # fmt: skip
    return read_frame(out / f"{name}.gpkg"), json.loads((out / f"{name}.json").read_text())


@pytest.mark.slow
def test_one_track_and_a_licence_beside_make_an_unlicensed_clue(made):
    mines = made["folder"] / "mines.gpkg"
    far = gpd.GeoDataFrame({"licence_id": ["L1"], "valid_until": ["2030-01-01"]},
                           geometry=[box(LEFT, TOP - 400, LEFT + 300, TOP)], crs="EPSG:4546")  # fmt: skip
    far.to_file(mines)
    frame, facts = clues(made, "far", mines)
    (row,) = frame.itertuples()
    assert row.verdict == "unlicensed"
    assert "the nearest licence, L1" in row.reasons
    assert row.depth_low_m < 130 * 1.9 < row.depth_high_m
    assert abs(row.geometry.centroid.x - FACE.x) < 20
    assert abs(row.geometry.centroid.y - FACE.y) < 20
    assert row.first_active == "2022-07-03"
    assert facts["counts"] == {"bodies": 1, "clues": 1, "areas_without_bowl": 0, "licences": 1,
                               "licences_without_end": 0}  # fmt: skip
    assert not facts["notes"]


@pytest.mark.slow
def test_licences_without_an_end_are_counted_and_noted(made):
    mines = made["folder"] / "undated.gpkg"
    far = gpd.GeoDataFrame({"licence_id": ["L1"], "valid_until": ["?"]},
                           geometry=[box(LEFT, TOP - 400, LEFT + 300, TOP)], crs="EPSG:4546")  # fmt: skip
    far.to_file(mines)
    facts = clues(made, "undated", mines)[1]
    assert facts["counts"]["licences_without_end"] == 1
    assert "1 of 1 licences have no readable end date" in facts["notes"][0]["text_en"]
    assert "按有效计入" in facts["notes"][0]["text_zh"]


@pytest.mark.slow
def test_a_track_whose_radar_is_not_known_is_named_with_what_is_taken(made):
    silent = made["folder"] / "silent.h5"
    shutil.copy(made["native"], silent)
    with h5py.File(silent, "r+") as file:
        facts = json.loads(str(file.attrs["facts"]))
        assert facts.pop("wavelength_m") == 0.0555
        file.attrs["facts"] = json.dumps(facts)
    notes = clues({**made, "native": silent}, "silent", None)[1]["notes"]
    assert "the wavelength of asc is not known: 0.0555 m is taken" in notes[-1]["text_en"]
    assert "`wavelength_m`" in notes[-1]["text_zh"]


@pytest.mark.slow
def test_licences_that_cannot_be_read_are_noted_beside_the_verdicts(made):
    mines = made["folder"] / "broken.gpkg"
    rows = gpd.GeoDataFrame({"licence_id": ["L1", "L2"], "valid_until": "2030-01-01"},
                            geometry=[box(LEFT, TOP - 400, LEFT + 300, TOP), None], crs="EPSG:4546")  # fmt: skip
    rows.to_file(mines)
    facts = clues(made, "broken", mines)[1]
    assert len(facts["quarantine"]) == 1
    texts = {n["level"]: n for n in facts["notes"]}
    assert "mines: broken.gpkg: 1 of 2 rows set aside" in texts["info"]["text_en"]
    assert "1 rows of the licences could not be read" in texts["warning"]["text_en"]
    assert "误判为无证" in texts["warning"]["text_zh"]


@pytest.mark.slow
def test_without_licences_the_bowl_is_a_row_of_unknown_verdict(made):
    frame, facts = clues(made, "none", None)
    (row,) = frame.itertuples()
    assert row.verdict == "unknown"
    assert np.isnan(row.outside_share)
    assert "采深" in row.reasons_zh
    assert facts["counts"]["clues"] == 1
    assert "no verdict" in facts["notes"][0]["text_en"]
    assert "不等于合法开采" in facts["notes"][0]["text_zh"]


def test_a_velocity_alone_becomes_a_cut_of_two_dates():
    source = dataset(np.zeros((2, *SHAPE)))
    rate = source["displacement"].isel(time=0, drop=True) + 0.012
    rate[3, 4] = np.nan
    source = source.drop_dims("time").assign(velocity=rate.assign_attrs(units="m/year"))
    body = Body(ONE, FACE.x, FACE.y, 200.0, 100.0, 1.0)
    part = _piece(source, body, "EPSG:4546")
    cut = _cut(part, "asc", "EPSG:4546", 60.0, first=None)
    assert cut.first_date is None
    assert cut.years.tolist() == [0.0, 1.0]
    assert np.nanmax(cut.displacement_mm[1]) == pytest.approx(12, rel=1e-4)
    assert np.isnan(cut.displacement_mm[1]).sum() == 1
    far = Body(body.cells, FACE.x + 1e5, FACE.y, 200.0, 100.0, 1.0)
    assert _piece(source, far, "EPSG:4546") is None
    assert isinstance(part, xr.Dataset)


def test_a_body_that_no_bowl_fits_is_told():
    english, chinese = _no_bowl(Body(ONE, 510_000.0, 4_064_000.0, 200.0, 100.0, 1.0))
    assert "510000, 4064000 sinks 100 mm/yr" in english
    assert "未列为线索" in chinese
