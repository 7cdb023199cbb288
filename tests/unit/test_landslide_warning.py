"""The fitted susceptibility, and the warning by past storms and by the matrix."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from geo_risk.core.errors import DataError, GridError
from geo_risk.core.grid import Grid
from geo_risk.core.levels import classify
from geo_risk.hazards.landslide.compute import fit_later, predict, unknown
from geo_risk.hazards.landslide.information_value import probability
from geo_risk.hazards.landslide.params import LandslideParams
from geo_risk.hazards.landslide.scores import auc
from geo_risk.hazards.landslide.validation import held_out_frame
from geo_risk.hazards.landslide.warning import (
    WarningModel,
    fit_warning,
    warning_by_matrix,
    warning_by_model,
)
from geo_risk.hazards.landslide.warning_units import PastCases, UnitTable, past_cases, square_labels

GRID = Grid(GeoBox((120, 120), Affine(30, 0, 510_000, 0, -30, 4_065_000), "EPSG:4546"))
PARAMS = LandslideParams(
    factors=("slope_deg", "twi", "relief_m", "lithology"), background_cells=8000, block_m=600.0, folds=5, compared=()
)


def layer(values, units, name, grid=GRID):
    return grid.layer(np.asarray(values, dtype="float32"), units=units, long_name=name, name=name)


def made_layers(seed=1, *, effect=0.12):
    """Slides that follow slope alone; the wetness index is noise, lithology all one class."""
    rng = np.random.default_rng(seed)
    slope = rng.uniform(0, 45, GRID.shape)
    logit = effect * slope - 6
    return logit, {
        "slope_deg": layer(slope, "degree", "slope_deg"),
        "twi": layer(rng.normal(8, 2, GRID.shape), "1", "twi"),
        "relief_m": layer(np.full(GRID.shape, np.nan), "m", "relief_m"),
        "lithology": layer(np.ones(GRID.shape), "1", "lithology"),
        "landslide_events": layer(rng.random(GRID.shape) < probability(logit), "1", "landslide_events"),
    }


@pytest.mark.slow
@pytest.mark.parametrize("model", ["joint", "information_value", "logistic"])
def test_the_model_finds_the_factor_that_matters_and_names_those_left_out(model):
    logit, layers = made_layers()
    fitted = fit_later(layers, PARAMS.model_copy(update={"model": model})).compute()
    importance = {f["name"]: f["importance"] for f in fitted.factors}
    assert importance["slope_deg"] > 0.8
    assert importance["twi"] < 0.25 * importance["slope_deg"]
    assert set(fitted.left_out) == {"relief_m", "lithology"}
    p = predict(layers, PARAMS, fitted).intensity.to_numpy()
    seen = np.isfinite(p)
    assert seen.mean() > 0.998  # of cells unlike all others there are very few
    assert np.corrcoef(p[seen], logit[seen])[0, 1] > 0.95
    slid = layers["landslide_events"].to_numpy().ravel() > 0
    # the background is drawn from all cells, so the truth is judged against all cells too
    scores = np.concatenate([logit.ravel()[slid], logit.ravel()])
    truth = auc(scores, np.arange(len(scores)) < slid.sum())
    assert fitted.auc_spatial == pytest.approx(truth, abs=0.03)
    assert fitted.auc_spatial <= fitted.auc_fit + 0.01


def test_noise_alone_gets_no_skill():
    _, layers = made_layers(effect=0.0)
    layers["landslide_events"] = layer(np.random.default_rng(9).random(GRID.shape) < 0.02, "1", "landslide_events")
    fitted = fit_later(layers, PARAMS).compute()
    assert 0.4 < fitted.auc_spatial < 0.6


def test_the_probability_is_calibrated_to_odds_of_one():
    _, layers = made_layers()
    fitted = fit_later(layers, PARAMS).compute()
    cells = fitted.held_out
    case = np.where(cells.is_event, 1.0, cells.is_event.sum() / (~cells.is_event).sum())
    for low, high in ((0, 0.4), (0.4, 0.6), (0.6, 1)):
        inside = (cells.score >= low) & (cells.score < high)
        observed = case[inside & cells.is_event].sum() / case[inside].sum()
        assert observed == pytest.approx(np.average(cells.score[inside], weights=case[inside]), abs=0.08)


def test_levels_hold_the_stated_shares_of_held_out_events():
    _, layers = made_layers()
    fitted = fit_later(layers, PARAMS).compute()
    scores = fitted.held_out.score[fitted.held_out.is_event]
    for bound, share in zip(fitted.level_bounds, PARAMS.level_event_shares, strict=True):
        assert (scores >= bound).mean() == pytest.approx(share, abs=0.01)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_model_and_another_does_not():
    _, layers = made_layers()
    first, again = (fit_later(layers, PARAMS).compute() for _ in range(2))
    other = fit_later(layers, PARAMS.model_copy(update={"seed": 2})).compute()
    np.testing.assert_array_equal(first.held_out.score, again.held_out.score)
    assert first.factors == again.factors
    assert first.factors != other.factors


def test_too_few_events_stop_and_the_unknown_result_is_unknown():
    _, layers = made_layers()
    layers["landslide_events"] = layers["landslide_events"] * 0
    with pytest.raises(DataError, match="30 are needed"):
        fit_later(layers | {"landslide_events": layers["landslide_events"].assign_attrs(units="1")}, PARAMS).compute()
    result = unknown(layers["slope_deg"], PARAMS)
    assert (result.level.to_numpy() == -1).all()
    assert np.isnan(result.intensity.to_numpy()).all()


def test_held_out_cells_become_points():
    _, layers = made_layers()
    frame = held_out_frame(fit_later(layers, PARAMS).compute().held_out, crs=GRID.crs, background=100)
    assert (~frame["is_event"]).sum() <= 100
    assert frame["score"].between(0, 1).all()
    assert len(held_out_frame(None, crs=GRID.crs)) == 0


def cases(seed=3, rain_effect=1.5):
    """Slides of 5,000 units in eight storms, their number Poisson's, its log a straight line in rain."""
    rng = np.random.default_rng(seed)
    n = 5_000
    storm = np.arange(1, 9)
    rain = np.clip(rng.normal(20 + 12 * storm, 15, size=(n, 8)), 0, None)
    s = rng.uniform(0.05, 0.95, n)
    slides = rng.poisson(np.exp(np.log(s / (1 - s))[:, None] + rain_effect * rain / 50 - 8))
    units = UnitTable(np.arange(1, n + 1), np.full(n, 50.0), s, 50.0)
    return PastCases(units, tuple(f"S{k}" for k in storm), rain, rain, slides)


@pytest.mark.slow
def test_the_warning_model_recovers_the_rain_that_made_the_slides():
    model = fit_warning(cases(), LandslideParams())
    assert model.rain_weight == pytest.approx(1.5, abs=0.25)
    assert model.susceptibility_weight == 1.0
    assert model.auc_storms > max(model.auc_rain, model.auc_susceptibility)
    assert model == WarningModel.from_dict(model.to_dict())
    made = cases()
    index = model.index(made.units.susceptibility[:, None], made.rain_mm)[made.slides > 0]
    for bound, share in zip(model.bounds, LandslideParams().warning_event_shares, strict=True):
        assert (index >= bound).mean() == pytest.approx(share, abs=0.02)


@pytest.mark.slow
def test_where_bounds_cross_the_lower_level_begins_earlier_and_none_later():
    made = cases()
    # orange and below by the whole storm's rain, red by three tenths of it: red's bound is the lowest
    made = replace(made, height_mm=0.3 * made.rain_mm)
    crossing = fit_warning(made, LandslideParams(warning_shares_by=("end", "end", "end", "height")))
    straight = fit_warning(made, LandslideParams(warning_shares_by=("height", "height", "height", "height")))
    apart = fit_warning(made, LandslideParams(warning_shares_by=("end", "end", "end", "end")))
    assert apart.bounds[2] > straight.bounds[3]
    assert crossing.bounds[3] == straight.bounds[3]  # red is not put off
    assert (np.diff(crossing.bounds) > 0).all()
    assert all(a <= b for a, b in zip(crossing.bounds, apart.bounds, strict=True))


def test_too_few_slides_or_slides_without_rain_make_no_model():
    made = cases()
    few = replace(made, slides=made.slides * (np.cumsum(made.slides).reshape(made.slides.shape) < 10))
    assert fit_warning(few, LandslideParams()) is None
    dry = (np.random.default_rng(1).random(made.slides.shape) < 0.02 * (made.rain_mm < 40)).astype(int)
    assert fit_warning(replace(made, slides=dry), LandslideParams()) is None


def test_trigger_rain_is_where_the_level_begins():
    model = WarningModel(1.0, 1.5, (-2.0, 0.0, 1.0, 2.5), 0.8, 0.7, 0.6, 40, ("S1", "S2"))
    susceptibility = np.array([0.05, 0.5, 0.97, np.nan])
    triggers = model.trigger_mm(susceptibility)
    for level, rain in enumerate(triggers, 1):
        # a hair of 1e-6 mm: the index is computed the other way round
        below = classify(model.index(susceptibility[:3], rain[:3] - 1e-6), model.bounds)
        at = classify(model.index(susceptibility[:3], rain[:3] + 1e-6), model.bounds)
        assert (below == level - 1).all()
        assert (at == level).all()
    assert np.isnan(triggers[:, 3]).all()
    assert (np.diff(triggers[:, :3], axis=0) > 0).all()


@pytest.mark.slow
def test_warning_is_unknown_without_rain_and_never_falls_with_it():
    model = fit_warning(cases(), LandslideParams())
    s = layer(np.full(GRID.shape, 0.7), "1", "susceptibility")
    hazard = s.copy(data=np.full(GRID.shape, 3, "int8")).assign_attrs(units="level")
    rain = np.tile(np.linspace(0, 250, 120), (120, 1))
    rain[0] = np.nan
    for got in (
        warning_by_model(s, layer(rain, "mm", "rain"), model).to_numpy(),
        warning_by_matrix(hazard, layer(rain, "mm", "rain"), LandslideParams()).to_numpy(),
    ):
        assert (got[0] == -1).all()
        assert (np.diff(got[1]) >= 0).all()
        assert got[1, -1] == 4
        assert got[1, 0] == 0


@given(st.integers(-1, 4), st.floats(0, 300))
def test_the_matrix_is_read_by_hazard_and_rain_class(hazard_level, rain_mm):
    params = LandslideParams()
    grid = Grid(GeoBox((1, 1), Affine(30, 0, 510_000, 0, -30, 4_065_000), "EPSG:4546"))
    hazard = grid.layer(np.full((1, 1), hazard_level, "int8"), units="level", long_name="h", name="h")
    got = int(warning_by_matrix(hazard, layer(np.full((1, 1), rain_mm), "mm", "rain", grid), params)[0, 0])
    column = sum(np.float32(rain_mm) >= b for b in params.rain_bounds_mm)
    assert got == (-1 if hazard_level < 0 else params.warning_matrix[hazard_level][column])


def test_warning_refuses_layers_of_different_grids_and_impossible_levels():
    other = Grid(GeoBox((120, 120), Affine(60, 0, 510_000, 0, -60, 4_065_000), "EPSG:4546"))
    hazard = layer(np.full(GRID.shape, 7), "level", "hazard_landslide")
    with pytest.raises(GridError):
        warning_by_matrix(hazard, layer(np.ones(GRID.shape), "mm", "rain", other), LandslideParams())
    with pytest.raises(DataError, match=r"-1\.\.4"):
        warning_by_matrix(hazard, layer(np.ones(GRID.shape), "mm", "rain"), LandslideParams()).compute()


def test_past_cases_take_each_slide_with_the_rain_of_its_own_storm():
    s = layer(np.full(GRID.shape, 0.3), "1", "susceptibility")
    rain = {k: layer(np.full(GRID.shape, v), "cm", "rain") for k, v in (("S1", 5), ("S2", 9))}
    xy = ([510_100, 510_200, 510_300, 900_000], [4_064_000] * 4)
    slides = gpd.GeoDataFrame({"storm_id": ["S1", "S2", "S9", "S2"]}, geometry=gpd.points_from_xy(*xy), crs=GRID.crs)
    got = past_cases(square_labels(s), s, rain, slides)
    assert got.storms == ("S1", "S2")
    assert got.slides.sum(axis=0).tolist() == [1, 1]
    assert got.rain_mm[got.slides[:, 0] > 0, 0].tolist() == [50.0]
    assert got.rain_mm[got.slides[:, 1] > 0, 1].tolist() == [90.0]


@pytest.mark.parametrize(
    "bad",
    [
        {"warning_matrix": ((0, 0, 0, 0, 0),) * 4},
        {"warning_matrix": ((4, 3, 2, 1, 0),) * 5},
        {"level_event_shares": (0.5, 0.6, 0.7, 0.8)},
        {"rain_bounds_mm": (50.0, 25.0, 80.0, 120.0)},
        {"classes": 1},
        {"prior_events": float("nan")},
    ],
)
def test_impossible_parameters_are_refused(bad):
    with pytest.raises(ValueError):  # noqa: PT011 - pydantic's message differs by field
        LandslideParams(**bad)
