"""Signs of tracks: seen to agree or to be opposite on flat moving ground, and silent where there is none."""

from __future__ import annotations

import contextlib
import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_risk.core.errors import AmbiguousError, GridError
from geo_risk.core.grid import Grid
from geo_risk.hazards.deformation.geometry.decomposition import Track
from geo_risk.hazards.deformation.motion.sign_audit import Agreement, check_signs, sign_agreement, sign_note
from geo_risk.hazards.deformation.motion.sign_params import SignParams

GRID = Grid.from_bounds((0, 0, 60 * 60, 50 * 60), crs="EPSG:4546", resolution_m=60)
LOOK = {"asc": (-0.61, -0.12, 0.783), "desc": (0.61, -0.12, 0.783)}
PARAMS = SignParams()


def layer(values, units="mm/yr"):
    return GRID.layer(
        np.broadcast_to(np.asarray(values, "f4"), GRID.shape).copy(), units=units, long_name="x", name="v"
    )


def track(name, east, up, noise=1.0, seed=0):
    e, _, u = LOOK[name]
    v = e * east + u * up + np.random.default_rng(seed).normal(0, noise, GRID.shape)
    look = [layer(c, "1") for c in LOOK[name]]
    return Track(name, layer(v), layer(noise), *look)


def bowl():
    """A bowl of 150 mm/yr whose rim moves inward by a third of that at most."""
    y, x = np.mgrid[: GRID.shape[0], : GRID.shape[1]]
    up = -150 * np.exp(-((y - 25) ** 2 + (x - 30) ** 2) / 80.0)
    return -0.3 * np.gradient(up, axis=1) * 6, up


def test_a_bowl_agrees_and_its_wrong_sign_is_told_with_the_suspect():
    east, up = bowl()
    asc, desc = track("asc", east, up), track("desc", east, up, seed=1)
    (good,) = sign_agreement([asc, desc], layer(2.0, "degree"), PARAMS)
    assert good.value > 0.8
    assert good.n_cells > 100
    assert sign_note(good, PARAMS, is_flat=True)[0] == "info"
    turned = dataclasses.replace(desc, velocity=layer(-desc.velocity.to_numpy()))
    (bad,) = sign_agreement([asc, turned], layer(2.0, "degree"), PARAMS)
    assert bad.value == pytest.approx(-good.value, abs=1e-6)
    level, (english, chinese) = sign_note(bad, PARAMS, is_flat=True)
    assert level == "warning"
    assert "look at desc first" in english
    assert "请先检查 desc" in chinese
    assert "`positive` of the wrong one" in english
    level, (english, _) = sign_note(bad, PARAMS, is_flat=False)
    assert level == "warning"
    assert "without `inputs.dem`" in english


def test_a_contradiction_stops_with_tracks_evidence_and_the_fields_that_answer_it():
    east, up = bowl()
    asc, desc = track("asc", east, up), track("desc", east, up, seed=1)
    slope = layer(2.0, "degree")
    turned = dataclasses.replace(desc, velocity=layer(-desc.velocity.to_numpy()))
    good, bad = (sign_agreement([asc, t], slope, PARAMS) for t in (desc, turned))
    check_signs(good, PARAMS, cell_m2=3600)
    with pytest.raises(AmbiguousError, match="asc and desc move oppositely") as caught:
        check_signs(bad, PARAMS, cell_m2=3600)
    assert f"over {bad[0].n_cells} cells" in caught.value.what
    assert "look at desc first" in caught.value.what
    assert "positive: away" in caught.value.fix
    assert "deformation.signs.verified: [asc, desc]" in caught.value.fix
    # a toe of a slide is told and does not stop; one verified track does not answer for the other
    check_signs(bad, PARAMS, cell_m2=0.99 * PARAMS.stopping_area_m2 / bad[0].n_cells)
    half, both = (PARAMS.model_copy(update={"verified": v}) for v in (("asc",), ("asc", "desc")))
    with pytest.raises(AmbiguousError):
        check_signs(bad, half, cell_m2=3600)
    check_signs(bad, both, cell_m2=3600)
    level, (english, chinese) = sign_note(bad[0], both, is_flat=True)
    assert level == "warning"
    assert "both signs are verified" in english
    assert "均已核实" in chinese


@given(st.floats(-1, 1) | st.just(np.nan), st.integers(0, 10_000), st.floats(1, 1e5))
def test_a_stop_needs_opposite_motion_and_area_enough(value, n, cell_m2):
    found = [Agreement("a", "b", n, value, 1.0, -1.0)]
    must = value <= -PARAMS.minimum_agreement and n * cell_m2 >= PARAMS.stopping_area_m2
    with pytest.raises(AmbiguousError) if must else contextlib.nullcontext():
        check_signs(found, PARAMS, cell_m2=cell_m2)


def test_a_track_of_east_motion_says_nothing_of_signs():
    sinking = dataclasses.replace(track("asc", 0, -40), los_up=layer(1.0, "1"))
    eastward = dataclasses.replace(track("desc", 60, 0), los_up=layer(0.0, "1"))
    (found,) = sign_agreement([sinking, eastward], layer(2.0, "degree"), PARAMS)
    assert found.n_cells == 0


def test_the_value_is_the_cosine_over_the_cells_that_take_part():
    rng = np.random.default_rng(3)
    a, b = rng.normal(0, 30, GRID.shape).astype("f4"), rng.normal(0, 30, GRID.shape).astype("f4")
    slope = rng.uniform(0, 10, GRID.shape).astype("f4")
    a[:5] = np.nan
    both = (np.abs(a) >= 10) & (np.abs(b) >= 10) & (slope <= 5)
    tracks = [dataclasses.replace(track(n, 0, 0), velocity=layer(v)) for n, v in (("asc", a), ("desc", b))]
    (found,) = sign_agreement(tracks, layer(slope, "degree"), PARAMS)
    x, y = a[both].astype(float), b[both].astype(float)
    assert found.n_cells == both.sum()
    assert found.value == pytest.approx((x @ y) / np.sqrt((x @ x) * (y @ y)), abs=1e-9)
    assert found.mean_first == pytest.approx(x.mean(), abs=1e-9)


def test_slopes_do_not_count_and_noise_says_nothing():
    sliding = np.zeros(GRID.shape)
    sliding[10:30, 10:30] = 60
    tracks = [track("asc", sliding, 0), track("desc", sliding, 0, seed=1)]
    (steep,) = sign_agreement(tracks, layer(np.where(sliding > 0, 25, 1), "degree"), PARAMS)
    assert steep.n_cells == 0
    level, (english, _) = sign_note(steep, PARAMS, is_flat=True)
    assert level == "info"
    assert "could not be compared" in english
    (open_,) = sign_agreement(tracks, None, PARAMS)
    assert open_.value < -0.9
    level, (english, chinese) = sign_note(open_, PARAMS, is_flat=False)
    assert level == "warning"
    assert "slopes slide sideways" in english
    assert "毫米/年" in chinese
    assert "mm/yr" not in chinese
    quiet = [track("asc", 0, 0), track("desc", 0, 0, seed=1)]
    assert np.isnan(sign_agreement(quiet, None, PARAMS)[0].value)


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(st.floats(12, 500), st.booleans(), st.booleans())
def test_turning_either_track_turns_the_value(speed, first, second):
    up = np.where(np.arange(GRID.shape[1]) < 20, -speed, 0)
    a, b = track("asc", 0, up / 0.783, noise=0.01), track("desc", 0, up / 0.783, noise=0.01, seed=1)
    turned = [
        dataclasses.replace(t, velocity=layer(-t.velocity.to_numpy())) if flip else t
        for t, flip in ((a, first), (b, second))
    ]
    (found,) = sign_agreement(turned, None, PARAMS)
    assert found.value == pytest.approx(-1 if first != second else 1, abs=1e-3)


def test_another_grid_is_refused():
    other = Grid.from_bounds((30, 0, 30 + 60 * 60, 50 * 60), crs="EPSG:4546", resolution_m=60)
    slope = other.layer(np.ones(other.shape, "f4"), units="degree", long_name="x", name="slope")
    with pytest.raises(GridError):
        sign_agreement([track("asc", 0, 0), track("desc", 0, 0)], slope, PARAMS)
