"""Downslope projection, layover and shadow, and the blind map, against answers worked out by hand."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from geo_risk.core.errors import GridError, UnitError
from geo_risk.core.grid import Grid
from geo_risk.hazards.deformation.geometry.decomposition import Track
from geo_risk.hazards.deformation.geometry.downslope import (
    INSENSITIVE,
    NO_DATA,
    SEEN,
    SHADOW,
    Ground,
    body_slope,
    downslope_layers,
    near_bodies,
    sensitivity,
)
from geo_risk.hazards.deformation.geometry.layover import layover_and_shadow
from geo_risk.hazards.deformation.params import SlopeParams
from geo_risk.terrain.slope import slope_layers

GRID = Grid.from_bounds((510_000, 4_050_000, 511_230, 4_051_230), crs="EPSG:4546", resolution_m=30)
X, Y = np.meshgrid(GRID.coords()["x"] - 510_615, GRID.coords()["y"] - 4_050_615)
ORBITS = {"ascending": 347.0, "descending": 193.0}
INNER = (slice(4, -4), slice(4, -4))


def los_of(heading_deg: float, incidence_deg: float = 39.0) -> np.ndarray:
    """Ground to satellite for a right-looking radar: the satellite stands to the left of the ground it sees."""
    toward = np.deg2rad(heading_deg - 90)
    th = np.deg2rad(incidence_deg)
    return np.array([np.sin(th) * np.sin(toward), np.sin(th) * np.cos(toward), np.cos(th)])


def layer(value, units="1", grid=GRID):
    array = np.broadcast_to(np.asarray(value, np.float32), grid.shape)
    return grid.layer(array.astype(np.float32), units=units, long_name="x", name="x")


def track(los, velocity, *, std=0.5, shadow=None, grid=GRID):
    e, n, u = (layer(c, grid=grid) for c in los)
    mask = None if shadow is None else layer(shadow, grid=grid)
    return Track("t", layer(velocity, "mm/yr", grid), layer(std, "mm/yr", grid), e, n, u, mask)


def ground_of(height) -> Ground:
    dem = layer(height, "m")
    found = slope_layers(dem)
    return Ground(found["slope_deg"], found["aspect_deg"], dem)


def plane(slope_deg: float, aspect_deg: float) -> np.ndarray:
    a = np.deg2rad(aspect_deg)
    return -np.tan(np.deg2rad(slope_deg)) * (X * np.sin(a) + Y * np.cos(a))


def downhill(height: np.ndarray) -> np.ndarray:
    """The unit vector of steepest descent on a plane, from its heights alone."""
    p, q = (height[20, 21] - height[20, 19]) / 60, (height[19, 20] - height[21, 20]) / 60
    v = np.array([-p, -q, -(p * p + q * q)])
    return v / np.linalg.norm(v)


@pytest.mark.slow
@pytest.mark.parametrize("orbit", ORBITS)
@pytest.mark.parametrize("aspect", range(0, 360, 45))
def test_downslope_velocity_on_a_tilted_plane_of_each_aspect_and_orbit(orbit, aspect):
    speed, los = 40.0, los_of(ORBITS[orbit])
    height = plane(25, aspect)
    c = float(los @ downhill(height))
    tracks = [track(los, speed * c)]
    ground = ground_of(height)
    got = sensitivity(tracks[0], ground.slope_deg, ground.aspect_deg).to_numpy()
    assert got[INNER] == pytest.approx(c, abs=2e-4)
    out = {n: v.to_numpy()[INNER] for n, v in downslope_layers(tracks, ground, SlopeParams()).items()}
    if abs(c) >= 0.2:
        assert out["velocity_slope"] == pytest.approx(speed, rel=1e-3)
        assert out["detectable_slope"] == pytest.approx(2 * 0.5 / abs(c), rel=1e-3)
        assert (out["blind_map"] == SEEN).all()
    else:
        assert np.isnan(out["velocity_slope"]).all()
        assert (out["blind_map"] == INSENSITIVE).all()


def test_signs_of_the_drawing():
    # the west slope of a hill slides west and down; the ascending satellite stands in the west, the other in the east
    west = ground_of(plane(25, 270))
    asc, desc = (
        float(sensitivity(track(los_of(h), 0.0), west.slope_deg, west.aspect_deg)[20, 20]) for h in ORBITS.values()
    )
    assert asc == pytest.approx(0.227, abs=0.001)
    assert desc == pytest.approx(-0.884, abs=0.001)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("slope", "aspect", "known", "want"),
    [
        (25, 90, True, SEEN),
        (10, 180, True, INSENSITIVE),
        (25, 90, False, NO_DATA),
        (60, 257, True, SHADOW),
        (60, 257, False, SHADOW),
        (0, 0, True, SEEN),
    ],
)
def test_blind_map_says_why_nothing_is_seen(slope, aspect, known, want):
    los = los_of(347)
    out = downslope_layers([track(los, 0.0 if known else np.nan)], ground_of(plane(slope, aspect)), SlopeParams())
    assert set(np.unique(out["blind_map"].to_numpy()[INNER])) == {want}


@pytest.mark.slow
def test_one_track_that_sees_is_enough_and_the_products_own_mask_counts():
    ground = ground_of(plane(30, 270))  # C = 0.14 and -0.92
    asc, desc = track(los_of(347), 0.0), track(los_of(193), 0.0)
    assert (downslope_layers([asc], ground, SlopeParams())["blind_map"].to_numpy()[INNER] == INSENSITIVE).all()
    assert (downslope_layers([asc, desc], ground, SlopeParams())["blind_map"].to_numpy()[INNER] == SEEN).all()
    hidden = track(los_of(193), 0.0, shadow=1)
    assert (downslope_layers([asc, hidden], ground, SlopeParams())["blind_map"].to_numpy()[INNER] == INSENSITIVE).all()
    alone = downslope_layers([hidden], ground, SlopeParams())
    assert (alone["blind_map"].to_numpy()[INNER] == SHADOW).all()
    assert np.isnan(alone["velocity_slope"].to_numpy()).all()


@pytest.mark.slow
def test_a_noisy_series_is_no_eye():
    ground = ground_of(plane(25, 90))
    c = abs(los_of(347) @ downhill(plane(25, 90)))
    quiet, noisy = (track(los_of(347), 0.0, std=s) for s in (0.49 * 16 * c, 0.51 * 16 * c))
    assert (downslope_layers([quiet], ground, SlopeParams())["blind_map"].to_numpy()[INNER] == SEEN).all()
    assert (downslope_layers([noisy], ground, SlopeParams())["blind_map"].to_numpy()[INNER] == INSENSITIVE).all()


@pytest.mark.slow
@pytest.mark.parametrize("std", [0.0, np.nan])
def test_a_track_without_an_error_is_no_eye_and_hides_no_track_that_has_one(std):
    ground = ground_of(plane(25, 90))
    alone = downslope_layers([track(los_of(347), -7.0, std=std)], ground, SlopeParams())
    assert (alone["blind_map"].to_numpy()[INNER] == INSENSITIVE).all()
    assert np.isfinite(alone["velocity_slope"].to_numpy()[INNER]).all()
    assert np.isnan(alone["detectable_slope"].to_numpy()).all()
    good = track(los_of(347), -14.0, std=0.5)
    want = downslope_layers([good], ground, SlopeParams())
    for order in ((0, 1), (1, 0)):
        pair = [track(los_of(347), -7.0, std=std), good]
        got = downslope_layers([pair[k] for k in order], ground, SlopeParams())
        for name, layer_ in want.items():
            np.testing.assert_array_equal(got[name].to_numpy(), layer_.to_numpy())


@pytest.mark.slow
def test_a_gully_on_a_blind_body_and_the_flat_at_its_toe_stay_blind():
    height = np.where(Y > 0, Y * np.tan(np.deg2rad(10)), 0.0)
    height[8:11, 20] -= 8.0  # a ravine whose banks look east and west
    ground = ground_of(height)
    blind = downslope_layers([track(los_of(347), 0.0)], ground, SlopeParams())["blind_map"].to_numpy()
    c = sensitivity(track(los_of(347), 0.0), ground.slope_deg, ground.aspect_deg).to_numpy()
    assert abs(c[9, 19]) > 0.2  # the bank alone would be seen
    assert (blind[4:20, 4:-4] == INSENSITIVE).all()
    assert (blind[21:23, 4:-4] == INSENSITIVE).all()
    assert (blind[27:-4, 4:-4] == SEEN).all()


def test_unknown_ground_is_never_seen():
    height = plane(25, 90)
    height[15, 15] = np.nan
    blind = downslope_layers([track(los_of(347), 0.0)], ground_of(height), SlopeParams())["blind_map"].to_numpy()
    assert blind[15, 15] == NO_DATA


WIDE = Grid.from_bounds((0, 0, 6000, 120), crs="EPSG:4546", resolution_m=30)
STEP = np.where(np.arange(200) >= 100, 600.0, 0.0)  # the wall stands between the centres of cells 99 and 100


@pytest.mark.parametrize("incidence", [30.0, 39.0, 45.0])
@pytest.mark.parametrize("satellite", ["west", "east"])
def test_a_step_hides_what_trigonometry_says(satellite, incidence):
    side = -1 if satellite == "west" else 1
    th = np.deg2rad(incidence)
    los = (side * np.sin(th), 0.0, np.cos(th))
    code = layover_and_shadow(track(los, 0.0, grid=WIDE), layer(STEP, "m", WIDE)).to_numpy()
    assert (code == code[0]).all()
    shadow, layover = (code[0] & 1) > 0, (code[0] & 2) > 0
    from_wall = np.abs(np.arange(200) - 99.5) * 30
    low = STEP == 0
    if satellite == "east":  # the high side stands between the low one and the satellite
        want, free = (low & (from_wall < 600 * np.tan(th) - 45)), ~low | (from_wall > 600 * np.tan(th) + 45)
        assert shadow[want].all()
        assert not shadow[free].any()
        assert not layover.any()
    else:
        reach = 600 / np.tan(th)
        assert layover[from_wall < reach - 45].all()
        assert not layover[from_wall > reach + 45].any()
        assert not shadow.any()


def test_a_wedge_is_laid_over_only_where_steeper_than_the_incidence():
    for slope, is_over in ((38, False), (40, True)):
        height = np.clip((np.arange(200) - 100) * 30 * np.tan(np.deg2rad(slope)), 0, 900)
        th = np.deg2rad(39)
        west = track((-np.sin(th), 0.0, np.cos(th)), 0.0, grid=WIDE)
        code = layover_and_shadow(west, layer(height, "m", WIDE)).to_numpy()
        assert (code[1, 105:130] == (2 if is_over else 0)).all()
        east = track((np.sin(th), 0.0, np.cos(th)), 0.0, grid=WIDE)
        # looked at from behind, a slope of less than 90 - 39 degrees is lit
        assert (layover_and_shadow(east, layer(height, "m", WIDE)).to_numpy()[1, 5:130] == 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("chunks", [(11, 41), (17, 20)])
def test_blocks_change_nothing(chunks):
    rng = np.random.default_rng(3)
    height = np.cumsum(np.cumsum(rng.normal(0, 4, GRID.shape), axis=0), axis=1)
    height[5, 6] = np.nan
    tracks = [track(los_of(h), rng.normal(0, 3, GRID.shape)) for h in ORBITS.values()]
    ground = ground_of(height)
    sizes = dict(zip(("y", "x"), chunks, strict=True))

    def parts(thing):
        fields = {k: v for k, v in vars(thing).items() if k not in ("name", "shadow", "sudden")}
        named = {"name": thing.name} if hasattr(thing, "name") else {}
        return type(thing)(**named, **{k: v.chunk(sizes) for k, v in fields.items()})

    whole = downslope_layers(tracks, ground, SlopeParams())
    blocks = downslope_layers([parts(t) for t in tracks], parts(ground), SlopeParams())
    assert (whole["blind_map"].to_numpy() == SHADOW).any()
    for name, layer_ in whole.items():
        assert blocks[name].chunks is not None
        np.testing.assert_array_equal(blocks[name].to_numpy(), layer_.to_numpy())


def test_the_plane_of_a_body_is_that_of_numpy():
    rng = np.random.default_rng(4)
    height = plane(12, 200) + rng.normal(0, 3, GRID.shape)
    height[20, 22] = np.nan
    slope, aspect = (a.to_numpy() for a in body_slope(layer(height, "m"), radius_m=90))
    part = np.s_[17:24, 17:24]
    known = np.isfinite(height[part])
    design = np.column_stack([X[part][known], Y[part][known], np.ones(known.sum())])
    p, q, _ = np.linalg.lstsq(design, height[part].astype(np.float32)[known], rcond=None)[0]
    assert slope[20, 20] == pytest.approx(np.rad2deg(np.arctan(np.hypot(p, q))), abs=1e-3)
    assert aspect[20, 20] == pytest.approx(np.rad2deg(np.arctan2(-p, -q)) % 360, abs=1e-2)
    assert np.isnan(slope[20, 22])


def test_bad_ground_is_refused():
    ground = ground_of(plane(10, 0))
    other = track(los_of(347), 0.0, grid=WIDE)
    with pytest.raises(GridError):
        downslope_layers([other], ground, SlopeParams())
    with pytest.raises(UnitError):
        layover_and_shadow(track(los_of(347), 0.0), ground.dem.assign_attrs(units="degree"))


def test_only_a_patch_that_can_hold_a_body_reaches_beyond_itself():
    mask = np.zeros(GRID.shape)
    mask[5:10, 5:10] = 1
    mask[20:24, 30:40] = 1  # four rows are too narrow for a side of five
    near = near_bodies(layer(mask).astype(bool).chunk({"y": 6, "x": 9}), 5, 2).to_numpy()
    want = np.zeros(GRID.shape, bool)
    want[3:12, 3:12] = True
    np.testing.assert_array_equal(near, want)


def test_the_table_of_the_documentation_is_that_of_the_vectors():
    text = (Path(__file__).parents[2] / "docs" / "downslope.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| [a-z-]+ \| (\d+) \| ([+-][\d.]+) \| ([+-][\d.]+) \|$", text, flags=re.MULTILINE)
    assert [int(r[0]) for r in rows] == list(range(0, 360, 45))
    for aspect, *printed in rows:
        s = downhill(plane(25, float(aspect)))
        want = [float(los_of(h) @ s) for h in ORBITS.values()]
        assert [float(c) for c in printed] == pytest.approx(want, abs=0.0051)


@pytest.mark.parametrize("satellite", [-1, 1])
def test_blocks_lend_each_other_as_much_ground_as_the_relief_can_cast(satellite):
    los = (satellite * np.sin(0.7), 0.0, np.cos(0.7))
    seen, dem = track(los, 0.0, grid=WIDE), layer(STEP, "m", WIDE)
    whole = layover_and_shadow(seen, dem).to_numpy()
    parts = layover_and_shadow(seen, dem.chunk({"x": 40})).to_numpy()
    assert (whole > 0).sum() > 4 * 10
    np.testing.assert_array_equal(parts, whole)


@pytest.mark.slow
def test_gullies_that_look_east_and_west_do_not_open_a_blind_body():
    # ravines run down a slope of 10 degrees to the south: their banks would be seen, the body would not
    height = plane(10, 180) + 5 * np.cos(np.pi / 2 * np.arange(GRID.shape[1]))
    ground, seen = ground_of(height), track(los_of(347), 0.0)
    banks = np.abs(sensitivity(seen, ground.slope_deg, ground.aspect_deg).to_numpy())[INNER] > 0.2
    assert 0.2 < banks.mean() < 0.8
    assert (downslope_layers([seen], ground, SlopeParams())["blind_map"].to_numpy()[INNER] == INSENSITIVE).all()
