"""The steps of activity, from files to files."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import h5py
import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from shapely.geometry import box

from geo_risk.core.errors import DataError
from geo_risk.core.grid import Grid
from geo_risk.flow.steps.deformation_activity import (
    write_activity,
    write_activity_of_track,
    write_judged,
    write_series,
)
from geo_risk.flow.steps.insar_track import open_track
from geo_risk.hazards.deformation.activity.classes import ACTIVITY_CODES
from geo_risk.hazards.deformation.activity.params import ActivityParams
from geo_risk.hazards.deformation.activity.series_params import SeriesParams
from geo_risk.hazards.deformation.motion.removal import Removal, removal_dataset
from geo_risk.publish.dataset import write_dataset
from geo_risk.publish.frames import write_frame, write_json
from geo_risk.publish.raster import write_layer
from geo_risk.sources.dataset import read_dataset
from geo_risk.sources.layers import open_layer, read_frame
from geo_risk.sources.options import NO_TRACK_OPTIONS
from tests.support.insar import CELL, LEFT, TOP, times, write_mintpy

SHAPE = (24, 26)
PARAMS = ActivityParams(n_simulations=500)
GRID = Grid(GeoBox(SHAPE, Affine(CELL, 0, LEFT, 0, -CELL, TOP), "EPSG:4546"))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Two areas found, and one series of a track that shows the first speed up and knows nothing of the second."""
    t = np.arange(60) * 12 / 365.25
    rng = np.random.default_rng(1)
    field = rng.normal(0, 0.5, (60, *SHAPE)) + rng.normal(0, 4, (60, 1, 1))
    field[:, 5:9, 5:9] += (-8 * t - 15 * t**2)[:, None, None]
    field[:, 15:19, 15:19] = np.nan
    paths = write_mintpy(tmp_path / "asc", field / 1000)
    labels = np.zeros(SHAPE, dtype=np.int16)
    labels[5:9, 5:9], labels[15:19, 15:19] = 1, 2
    write_layer(GRID.layer(labels, units="1", long_name="labels", name="labels"), tmp_path / "labels.tif")
    write_dataset(removal_dataset(Removal(), times(60)), tmp_path / "correction.nc")
    write_json(GRID.to_dict(), tmp_path / "grid.json")
    rows = {
        "area_id": ["AD-1", "AD-2"], "label": [1, 2], "kind": ["landslide"] * 2, "activity": ["unknown"] * 2,
        "velocity_track": ["asc"] * 2, "reasons": ["Moves."] * 2, "reasons_en": ["Moves."] * 2,
        "reasons_zh": ["移动。"] * 2,
    }  # fmt: skip
    frame = gpd.GeoDataFrame(rows, geometry=[box(LEFT, TOP - 60, LEFT + 60, TOP)] * 2, crs="EPSG:4546")
    write_frame(frame, tmp_path / "areas.gpkg")
    (tmp_path / "files.json").write_text(json.dumps({k: str(v) for k, v in paths.items()}), encoding="utf-8")
    return tmp_path


def inputs(run: Path) -> dict[str, object]:
    files = json.loads((run / "files.json").read_text(encoding="utf-8"))
    return {
        "files": [Path(files["files"])], "geometry": [Path(files["geometry"])], "coherence": None, "gacos": None,
        "correction": run / "correction.nc", "labels": run / "labels.tif", "track": "asc", "options": NO_TRACK_OPTIONS,
    }  # fmt: skip


def as_velocity(run: Path) -> None:
    """Put a velocity in the place of the series."""
    files = json.loads((run / "files.json").read_text(encoding="utf-8"))
    with h5py.File(files["files"], "r+") as file:
        del file["timeseries"], file["date"]
        file["velocity"] = np.full(SHAPE, 0.01, "f4")
        file.attrs.update({"FILE_TYPE": "velocity", "UNIT": "m/year"})


def judged(run: Path) -> gpd.GeoDataFrame:
    write_series(**inputs(run), areas=run / "areas.gpkg", out=run / "series.nc", params=SeriesParams())
    write_judged(
        areas=run / "areas.gpkg", series=[run / "series.nc"], areas_judged=run / "judged.gpkg",
        facts=run / "judged.json", tracks=["asc"], params=PARAMS,
    )  # fmt: skip
    return read_frame(run / "judged.gpkg")


def layer(run: Path, *, has_blind_map: bool = True) -> np.ndarray:
    blind = GRID.layer(np.zeros(SHAPE, dtype=np.int16), units="1", long_name="blind map", name="blind_map")
    write_layer(blind, run / "blind.tif")
    write_activity_of_track(**inputs(run), out=run / "native.h5", params=PARAMS, minimum_coherence=0.25, n_tracks=1)
    write_activity(
        native=[run / "native.h5"], grid=run / "grid.json", blind_map=run / "blind.tif" if has_blind_map else None,
        activity=run / "activity.tif", facts=run / "activity.json",
    )  # fmt: skip
    return open_layer(run / "activity.tif").to_numpy()


@pytest.mark.slow
def test_areas_are_judged_by_what_was_written(run):
    got = judged(run)
    assert got["activity"].tolist() == ["accelerating", "unknown"]
    assert got["acceleration_mm_yr2"][0] == pytest.approx(-30, abs=4)
    assert np.isnan(got["acceleration_mm_yr2"][1])
    series = read_dataset(run / "series.nc")
    assert series["area_id"].to_numpy().tolist() == ["AD-1", "AD-2"]
    assert series["label"].to_numpy().tolist() == [1, 2]
    assert series["displacement_mm"].dims == ("time", "area")
    assert np.isnan(series["displacement_mm"].to_numpy()[:, 1]).all()
    facts = json.loads((run / "judged.json").read_text(encoding="utf-8"))
    assert facts["counts"]["activity"] == {"accelerating": 1, "unknown": 1}


def test_the_layer_has_the_codes_of_its_description(run):
    got = layer(run)
    assert (got[5:9, 5:9] == 2).mean() > 0.8
    assert (got[15:19, 15:19] == -1).all()
    assert (got == 0).mean() > 0.8
    name = open_layer(run / "activity.tif").attrs["long_name"]
    assert "2 accelerating" in name
    assert "-1 unknown" in name
    shares = json.loads((run / "activity.json").read_text(encoding="utf-8"))["counts"]["activity_shares"]
    codes = {"unknown": -1, **ACTIVITY_CODES}
    # shares are rounded to four decimals
    assert shares == {name: pytest.approx((got == code).mean(), abs=5.1e-5) for name, code in codes.items()}


def test_nothing_is_stable_where_nobody_looked_whether_slopes_are_seen(run):
    got = layer(run, has_blind_map=False)
    assert (got[5:9, 5:9] == 2).mean() > 0.8  # what moves was seen to move
    assert not (got == 0).any()
    note = json.loads((run / "activity.json").read_text(encoding="utf-8"))["notes"][0]
    assert note["level"] == "warning"
    assert "inputs.dem" in note["text_en"]
    assert "未知" in note["text_zh"]


@pytest.mark.slow
def test_a_product_that_is_a_velocity_leaves_all_unknown(run):
    as_velocity(run)
    assert judged(run)["activity"].tolist() == ["unknown", "unknown"]
    assert (layer(run) == -1).all()


def test_a_track_is_opened_with_the_delays_the_plan_names(run):
    given = inputs(run)
    files = {k: given[k] for k in ("files", "geometry", "coherence")}
    options = NO_TRACK_OPTIONS.model_copy(update={"gacos": run / "elsewhere"})
    assert "displacement" in open_track("asc", options, **files, gacos=None)
    (run / "empty").mkdir()
    with pytest.raises(DataError, match="empty"):
        open_track("asc", options, **files, gacos=run / "empty")
