"""Maps of single pixels: terms of the motion model and the course of each series, from formulas to files."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from geo_risk.core.errors import GridError, UnitError
from geo_risk.core.grid import Grid
from geo_risk.core.names import is_published_raster
from geo_risk.flow.config import Config
from geo_risk.flow.plan import Plan
from geo_risk.flow.steps.deformation import deformation, write_velocity
from geo_risk.flow.steps.deformation_activity import write_activity_of_track
from geo_risk.flow.steps.deformation_pixels import COURSES, term_names, write_courses, write_terms
from geo_risk.hazards.deformation.activity.break_dates import NO_BREAK, break_dates
from geo_risk.hazards.deformation.activity.classes import SEASON_MARK, SERIES_CLASSES
from geo_risk.hazards.deformation.activity.params import ActivityParams
from geo_risk.hazards.deformation.motion.removal import Removal, removal_dataset
from geo_risk.hazards.deformation.motion.season import annual_amplitude
from geo_risk.hazards.deformation.params import VelocityParams
from geo_risk.publish.dataset import write_dataset
from geo_risk.publish.frames import write_json
from geo_risk.publish.raster import write_layer
from geo_risk.sources.layers import open_layer
from geo_risk.sources.options import NO_TRACK_OPTIONS
from tests.support.insar import CELL, LEFT, TOP, times, write_mintpy

SHAPE = (20, 22)
GRID = Grid(GeoBox(SHAPE, Affine(CELL, 0, LEFT, 0, -CELL, TOP), "EPSG:4546"))
YEARS = np.arange(60) * 12 / 365.25
STEP = datetime.date(2022, 12, 27)
QUIET = VelocityParams(atmosphere="none", reference="as_given", date_weights=False, temporal_correlation="none",
                       estimator="least_squares")  # fmt: skip
AMPLITUDE, CURVE, JUMP = 9.0, -12.0, -25.0


def layer(values, units="mm", name="a", grid=GRID):
    return grid.layer(np.broadcast_to(np.float32(values), grid.shape).copy(), units=units, long_name=name, name=name)


def amplitude(s, c, ss, sc):
    got = annual_amplitude(*(layer(v) for v in (s, c, ss, sc)))
    return [float(a[0, 0]) for a in got]


def test_amplitude_and_its_error_are_those_of_a_vector():
    assert amplitude(3, 4, 0.5, 0.5) == pytest.approx([5, 0.5])
    # along one axis the error of the other does not matter, to first order
    assert amplitude(6, 0, 0.3, 9) == pytest.approx([6, 0.3])
    assert amplitude(0, 0, 3, 4) == pytest.approx([0, np.sqrt(12.5)])
    # drawn many times, an amplitude far above its error scatters by it: 1 % is three times the error of 50,000 draws
    rng = np.random.default_rng(1)
    drawn = np.hypot(rng.normal(30, 0.8, 50_000), rng.normal(-40, 1.5, 50_000))
    assert amplitude(30, -40, 0.8, 1.5)[1] == pytest.approx(drawn.std(), rel=0.01)


@pytest.mark.slow
@given(*[st.floats(-100, 100, width=32)] * 2, *[st.floats(0, 50, width=32)] * 2)
def test_amplitude_has_no_sign_and_no_error_beyond_both(s, c, ss, sc):
    size, error = amplitude(s, c, ss, sc)
    # float32
    assert size == pytest.approx(np.hypot(s, c), rel=1e-5, abs=1e-30)
    assert amplitude(-s, c, ss, sc) == pytest.approx([size, error])
    assert min(ss, sc) * (1 - 1e-5) - 1e-6 <= error <= max(ss, sc) * (1 + 1e-5) + 1e-6


def test_amplitude_is_missing_where_a_part_is_and_asks_for_a_length():
    assert np.isnan(amplitude(1, 1, np.nan, 1)).all()
    assert np.isnan(amplitude(np.nan, 1, 1, 1)).all()
    with pytest.raises(UnitError):
        annual_amplitude(layer(1, "mm/yr"), *[layer(1)] * 3)


@given(st.dates(datetime.date(1995, 1, 1), datetime.date(2060, 1, 1)), st.integers(0, 9000))
def test_break_is_the_day_that_the_calendar_says(first, days):
    got = break_dates(layer(days / 365.25, "1"), layer(3, "1"), np.datetime64(first))
    when = first + datetime.timedelta(days=days)
    assert got.dtype == np.int32
    assert int(got[0, 0]) == int(f"{when:%Y%m%d}")


def test_no_break_and_unknown_are_told_apart():
    codes = np.full(SHAPE, 1, dtype=np.float32)
    codes[0], codes[1] = np.nan, -1
    years = np.full(SHAPE, np.nan, dtype=np.float32)
    years[2] = 1.0
    got = break_dates(layer(years, "1"), layer(codes, "1"), np.datetime64("2022-01-01")).to_numpy()
    assert (got[:2] == -1).all()
    assert (got[2] == 20230101).all()
    assert (got[3:] == NO_BREAK).all()
    other = Grid(GeoBox(SHAPE, Affine(CELL, 0, LEFT + CELL, 0, -CELL, TOP), "EPSG:4546"))
    with pytest.raises(GridError):
        break_dates(layer(0, "1"), layer(0, "1", grid=other), np.datetime64("2022-01-01"))


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A track whose west swings with the year, whose middle curves, and whose east jumps."""
    folder = tmp_path_factory.mktemp("pixels")
    after = np.cumsum(np.ones(60)) - 1
    jumps = times(60) >= np.datetime64(STEP)
    field = np.random.default_rng(2).normal(0, 0.3, (60, *SHAPE)) + 0 * after[:, None, None]
    field[:, :, :7] += AMPLITUDE * np.sin(2 * np.pi * YEARS - 1)[:, None, None]
    field[:, :, 7:14] += (0.5 * CURVE * YEARS**2)[:, None, None]
    field[:, :, 14:] += (JUMP * jumps)[:, None, None]
    paths = write_mintpy(folder / "asc", field / 1000)
    write_json(GRID.to_dict(), folder / "grid.json")
    write_dataset(removal_dataset(Removal(), times(60)), folder / "correction.nc")
    labels = np.ones(SHAPE, dtype=np.int16)  # all of it moves: there is no background to hold dates against
    write_layer(GRID.layer(labels, units="1", long_name="labels", name="labels"), folder / "labels.tif")
    given = {"files": [paths["files"]], "geometry": [paths["geometry"]], "coherence": None, "gacos": None,
             "track": "asc", "options": NO_TRACK_OPTIONS}  # fmt: skip
    params = QUIET.model_copy(update={"acceleration": True, "steps": (STEP,)})
    write_velocity(**given, out=folder / "velocity.h5", facts=folder / "v.json", correction=folder / "c.nc",
                   params=params, maximum_sigma_mm_yr=1000)  # fmt: skip
    short = VelocityParams.model_validate(QUIET.model_dump() | {"annual": "never"})
    write_velocity(**given, out=folder / "plain.h5", facts=folder / "p.json", correction=folder / "c.nc",
                   params=short, maximum_sigma_mm_yr=1000)  # fmt: skip
    activity = ActivityParams(n_simulations=500)
    write_activity_of_track(**given, correction=folder / "correction.nc", labels=folder / "labels.tif",
                            out=folder / "activity.h5", params=activity, minimum_coherence=0.25,
                            n_tracks=1)  # fmt: skip
    return folder


def terms(run: Path, native: str, folder: Path) -> dict[str, np.ndarray]:
    names = term_names(VelocityParams(acceleration=True, steps=(STEP,)))
    out = {n: folder / f"{n}_asc.tif" for n in names}
    write_terms(native=run / native, grid=run / "grid.json", track="asc", resampling="nearest", **out)
    return {n: open_layer(p) for n, p in out.items()}


@pytest.mark.slow
def test_terms_reach_the_grid_with_their_errors_units_and_names(run, tmp_path):
    got = terms(run, "velocity.h5", tmp_path)
    values = {n: a.to_numpy() for n, a in got.items()}
    # three errors of the mean over the seven columns would be far less: single cells within four of their own
    for name, error, columns, truth in (
        ("annual_amplitude", "annual_amplitude_std", slice(0, 7), AMPLITUDE),
        ("acceleration", "acceleration_std", slice(7, 14), CURVE),
        ("step_20221227", "step_std_20221227", slice(14, 22), JUMP),
    ):
        apart = np.abs(values[name][:, columns] - truth) / values[error][:, columns]
        assert np.quantile(apart, 0.95) < 4
        assert np.abs(values[name][:, columns].mean() - truth) < 0.1 * abs(truth)
    assert got["annual_amplitude"].attrs["units"] == "mm"
    assert got["acceleration"].attrs["units"] == "mm/yr2"
    assert "offset on 2022-12-27" in got["step_20221227"].attrs["long_name"]
    assert got["step_std_20221227"].attrs["long_name"].endswith("track asc")


@pytest.mark.slow
def test_terms_that_were_not_fitted_are_unknown_not_nought(run, tmp_path):
    got = terms(run, "plain.h5", tmp_path)
    for name, found in got.items():
        assert np.isnan(found.to_numpy()).all()
        assert f"{name}: not fitted" in found.attrs["long_name"]


@pytest.mark.slow
def test_courses_say_class_break_and_acceleration(run, tmp_path):
    out = {n: tmp_path / f"{n}.tif" for n in COURSES}
    write_courses(native=run / "activity.h5", grid=run / "grid.json", track="asc", **out)
    got = {n: open_layer(p).to_numpy() for n, p in out.items()}
    kind = got["series_class"] % SEASON_MARK
    assert (kind[:, 14:] == SERIES_CLASSES["step"]).mean() > 0.9
    assert (got["series_class"][:, :7] >= SEASON_MARK).mean() > 0.9
    stepped = got["break_date"][:, 14:][kind[:, 14:] == SERIES_CLASSES["step"]]
    first_after = times(60)[times(60) >= np.datetime64(STEP)][0].astype("datetime64[D]")
    assert (stepped == int(str(first_after).replace("-", ""))).mean() > 0.9
    has_break = kind >= SERIES_CLASSES["bilinear"]
    assert (got["break_date"][~has_break] == NO_BREAK).all()
    assert (got["break_date"][has_break] > 20220101).all()
    assert open_layer(out["series_acceleration"]).attrs["units"] == "mm/yr2"
    assert "uncorrelated is not stable" in open_layer(out["series_class"]).attrs["long_name"]


def test_what_people_may_ask_for_is_published_and_what_only_steps_read_is_not():
    track = ("hotspot_z", "annual_amplitude", "annual_amplitude_std", "acceleration", "acceleration_std",
             "step_20221227", "step_std_20221227", *COURSES, "velocity", "velocity_std")  # fmt: skip
    for name in ("north_leak_east", "north_leak_up", *(f"{n}_T113-asc" for n in track)):
        assert is_published_raster(name), name
    work = ("los_east_asc", "shadow_asc", "hidden_asc", "active_deformation_labels", "dem", "bodies_structures",
            "step_asc", "velocity_native_asc")  # fmt: skip
    for name in work:
        assert not is_published_raster(name), name


def test_the_plan_holds_the_terms_that_are_asked_for(tmp_path):
    for name in ("dem.tif", "a.h5", "d.h5"):
        (tmp_path / name).write_bytes(b"")
    raw = {"pipeline": "deformation", "name": "x", "output": "out",
           "inputs": {"dem": "dem.tif", "insar": [{"track": t, "files": f"{t[0]}.h5"} for t in ("asc", "desc")]},
           "deformation": {"velocity": {"annual": "never", "steps": [STEP]}, "decomposition": {"series": True}},
           }  # fmt: skip
    plan = Plan(Config.model_validate(raw, context={"folder": tmp_path}))
    from geo_risk.flow.steps.grid import grid

    grid(plan)
    deformation(plan)
    made = {p.relative_to(plan.out).as_posix() for s in plan.steps for p in s.writes.values()
            if p.is_relative_to(plan.out)}  # fmt: skip
    wanted = {"layers/step_20221227_asc.tif", "layers/step_std_20221227_desc.tif", "layers/hotspot_z_asc.tif",
              "layers/north_leak_up.tif", "layers/break_date_desc.tif", "series/east_up_series.nc"}  # fmt: skip
    assert wanted <= made
    assert not [n for n in made if "annual" in n or n == "layers/acceleration_asc.tif"]
