"""How each kind of mover finds its place and takes its size and speed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from shapely.geometry import LineString, Point
from shapely.ops import substring

from geo_risk.core.grid import Grid
from geo_risk.sample.coherence import MASK_BELOW, Coherence
from geo_risk.sample.cover import BUILT_UP, LOESS, MUDSTONE
from geo_risk.sample.ground import Ground
from geo_risk.sample.look import DAYS_PER_YEAR, TRACKS, block_mean
from geo_risk.sample.mover import (
    Panel,
    PatternMover,
    TimeLaw,
    band_share,
    bowl_mover,
    cell_mean,
    ellipse_share,
    fine_coords,
    window_around,
)
from geo_risk.sample.site import LAST_YR, Facet, Placer, Site, fit_facet
from geo_risk.sample.streams import DEFAULT_SIZE, count, stream

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Maker = Callable[[Placer], Site | None]
Place = tuple[float, float]

ROLES = ("accelerating", "accelerating", "seasonal", "blind_asc", "blind_desc", "blind_both", "steady", "steady")
N_BOWLS = 3
REFERENCE_M_YR, CONE_M_YR, CONE_ANNUAL_M, ROAD_M_YR, DAM_M_YR = 0.004, 0.025, 0.006, 0.018, 0.009
ROAD_LENGTH_M = 1200.0
_DRAWS = 150


def place_all(ground: Ground, grid: Grid, coherence: Coherence) -> tuple[list[Site], tuple[int, int]]:
    """Place every mover; a kind for which a small county has no room is left out.

    Returns
    -------
    The sites, and the row and column of the reference point (the middle of its sinking patch).
    """
    placer = Placer(ground, grid, coherence)
    patch, cell = _reference_patch(placer)
    sites = [patch]
    placer.take(patch)
    makers: list[Maker] = [_cone, _embankment]
    makers += [_bowl_maker(k) for k in range(count(N_BOWLS, ground.size))]
    makers += [_slide_maker(k) for k in range(count(len(ROLES), ground.size))]
    makers += [_dam]
    for make in makers:
        site = make(placer)
        if site is not None:
            placer.take(site)
            sites.append(site)
    return sites, cell


def _reference_patch(placer: Placer) -> tuple[Site, tuple[int, int]]:
    """Sink a round patch of the town under the point that the analyst is given as stable."""
    rng = stream(placer.ground.seed, "motion.reference")
    urban = block_mean(placer.ground.landcover == BUILT_UP, placer.grid, placer.ground.grid)
    inner = ndimage.uniform_filter(urban, 5) > 0.9
    if not inner.any():
        inner = urban >= urban.max()
    cells = np.flatnonzero(inner)
    row, column = divmod(int(cells[int(rng.integers(cells.size))]), placer.grid.shape[1])
    x, y = placer.xy(row, column)
    half = float(rng.uniform(230, 300))
    window = window_around(placer.grid, x, y, half + 60)
    share = ellipse_share(
        *fine_coords(placer.grid, window), middle=(x, y), azimuth_deg=0, half_m=(half, half * 0.8), soft=0.45
    )
    moving = PatternMover(window, _sinking(cell_mean(share) * REFERENCE_M_YR), TimeLaw())
    return Site("reference_patch", "steady", x, y, moving, length_m=2 * half, width_m=1.6 * half), (row, column)


def _sinking(down: Array) -> Array:
    return np.stack([np.zeros_like(down), np.zeros_like(down), -down])


def _cone(placer: Placer) -> Site | None:
    """Draw the water table down under the plain, clear of the reference patch."""
    ground, grid = placer.ground, placer.grid
    rng = stream(ground.seed, "motion.cone")
    shrink = min(1.0, ground.size / DEFAULT_SIZE)
    half = (float(rng.uniform(2500, 3000)) * shrink, float(rng.uniform(2000, 2400)) * shrink)
    plain = block_mean(ground.plain, grid, ground.grid) > 0.9

    def allowed() -> Mask:
        clear = ndimage.distance_transform_edt(placer.free | _border(grid)) * grid.resolution_m
        inside = ndimage.distance_transform_edt(np.pad(np.ones(grid.shape), 1))[1:-1, 1:-1] * grid.resolution_m
        return np.asarray(plain & (clear > half[0] + 300) & (inside > 0.7 * half[1]))

    cell = placer.draw("cone", allowed, reach_m=0.0, rng=rng)
    if cell is None:
        return None
    x, y = placer.xy(*cell)
    a, b = ground.river.interpolate(max(ground.river.project(Point(x, y)) - 1500, 0)), Point(x, y)
    azimuth = float(np.degrees(np.arctan2(b.x - a.x, b.y - a.y)) % 180)
    window = window_around(grid, x, y, half[0] + 60)
    share = ellipse_share(*fine_coords(grid, window), middle=(x, y), azimuth_deg=azimuth, half_m=half, soft=1.0)
    law = TimeLaw(annual=CONE_ANNUAL_M / CONE_M_YR, phase_yr=float(rng.uniform(0, 1)))
    moving = PatternMover(window, _sinking(cell_mean(share) * CONE_M_YR), law)
    return Site(
        "groundwater_cone", "steady", x, y, moving, length_m=2 * half[0], width_m=2 * half[1], azimuth_deg=azimuth
    )


def _border(grid: Grid) -> Mask:
    border = np.zeros(grid.shape, dtype=bool)
    edge = max(3, round(300 / grid.resolution_m))
    border[:edge] = border[-edge:] = border[:, :edge] = border[:, -edge:] = True
    return border


def _embankment(placer: Placer) -> Site | None:
    """Let 1.2 km of the trunk road's bank settle."""
    road, grid = placer.ground.trunk_road, placer.grid
    rng = stream(placer.ground.seed, "motion.embankment")
    length = min(ROAD_LENGTH_M, 0.25 * road.length)
    for _ in range(400):
        start = float(rng.uniform(0, road.length - length))
        line = substring(road, start, start + length)
        points = [line.interpolate(t, normalized=True) for t in np.linspace(0, 1, 25)]
        rows, columns, inside = grid.index([p.x for p in points], [p.y for p in points])
        if inside.all() and placer.free[rows, columns].all():
            break
    else:
        return None
    middle = line.interpolate(0.5, normalized=True)
    window = window_around(grid, middle.x, middle.y, length / 2 + 90)
    share = band_share(*fine_coords(grid, window), line, half_m=18, soft_m=22)
    moving = PatternMover(window, _sinking(cell_mean(share) * ROAD_M_YR), TimeLaw())
    return Site("embankment", "steady", middle.x, middle.y, moving, length_m=length, width_m=80, line=line)


def _bowl_maker(k: int) -> Maker:
    """Return the maker of the k-th mining bowl; its part is its relation to a licence."""
    role = ("inside_licence", "across_boundary", "unlicensed")[k % 3]

    def make(placer: Placer) -> Site | None:
        ground, grid = placer.ground, placer.grid
        rng = stream(ground.seed, f"motion.bowl.{k}")
        depth = float((150, 235, 320)[(k + ground.seed) % 3] + rng.uniform(0, 80))
        start = float(rng.uniform(160, 260))
        panel_of = {
            "depth_m": depth,
            "thickness_m": float(rng.uniform(2.0, 4.0)),
            "width_m": float(rng.uniform(0.6, 0.9)) * depth,
            "start_m": start,
            "advance_m_yr": float(rng.uniform(35, 75)),
        }

        def allowed() -> Mask:
            rock = np.isin(ground.lithology, (LOESS, MUDSTONE)) & (ground.river_distance_m > 1500)
            bare = ndimage.uniform_filter(placer.coherence.base, max(3, round(500 / grid.resolution_m)))
            return np.asarray((block_mean(rock, grid, ground.grid) > 0.8) & (bare > MASK_BELOW + 0.08))

        reach = start + 150 + 1.2 * depth / 1.9
        cell = placer.draw("bowl", allowed, reach_m=reach, rng=rng)
        if cell is None:
            return None
        x, y = placer.xy(*cell)
        panel = Panel(x=x, y=y, azimuth_deg=float(rng.uniform(0, 360)), **panel_of)
        moving = bowl_mover(panel, grid, last_yr=LAST_YR)
        return Site(
            "mining_bowl", role, x, y, moving, azimuth_deg=panel.azimuth_deg, panel=panel,
            length_m=panel.length_m(LAST_YR), width_m=panel.width_m,
        )  # fmt: skip

    return make


def _slide_maker(k: int) -> Maker:
    """Return the maker of the k-th slow slide."""
    role = ROLES[k % len(ROLES)]

    def make(placer: Placer) -> Site | None:
        ground, grid = placer.ground, placer.grid
        shared = stream(ground.seed, f"motion.slides.{k // len(ROLES)}")
        lengths = shared.permutation(np.linspace(195, 585, len(ROLES))) + shared.uniform(-15, 15, len(ROLES))
        lengths = _short_where_blind(lengths)
        speeds = shared.permutation(np.linspace(19, 76, len(ROLES))) + shared.uniform(-4, 4, len(ROLES))
        rng = stream(ground.seed, f"motion.slide.{k}")
        length = float(lengths[k % len(ROLES)])
        width = length * float(rng.uniform(0.55, 0.85))
        found = _slide_place(placer, role, length, rng)
        if found is None:
            return None
        (x, y), facet = found
        azimuth, dip = facet.azimuth_deg, facet.slope_deg
        window = window_around(grid, x, y, length / 2 + 60)
        share = ellipse_share(
            *fine_coords(grid, window), middle=(x, y), azimuth_deg=azimuth, half_m=(length / 2, width / 2), soft=0.4
        )
        a, b = np.radians(azimuth), np.radians(dip)
        direction = np.array([np.sin(a) * np.cos(b), np.cos(a) * np.cos(b), -np.sin(b)])
        law, peak = _slide_law(role, float(speeds[k % len(ROLES)]), rng)
        moving = PatternMover(window, direction[:, None, None] * cell_mean(share) * peak, law)
        return Site(
            "slow_slide", role, x, y, moving, azimuth_deg=azimuth, slope_deg=dip, length_m=length, width_m=width,
            failure_yr=law.failure_yr, seasonal=role == "seasonal",
        )  # fmt: skip

    return make


def _short_where_blind(lengths: Array) -> Array:
    """Return the lengths so exchanged that the slides some track is blind to get the second to fourth shortest.

    Long hillsides that face one narrow range of directions do not occur in this ground.
    """
    order = [int(k) for k in np.argsort(lengths)]
    blind = [k for k, role in enumerate(ROLES) if role.startswith("blind")]
    short = order[1 : 1 + len(blind)]
    others = [k for k in order if k not in short]
    out = np.empty_like(lengths)
    out[blind] = lengths[short]
    out[[k for k in range(len(ROLES)) if k not in blind]] = lengths[sorted(others)]
    return out


def _slide_place(placer: Placer, role: str, length: float, rng: np.random.Generator) -> tuple[Place, Facet] | None:
    """Find the evenest of some slopes whose direction suits the role."""
    best: tuple[Place, Facet] | None = None
    for _ in range(_DRAWS):
        cell = placer.draw(f"slide.{role}", lambda: _suits(placer, role), reach_m=0.75 * length, rng=rng)
        if cell is None:
            break
        place = placer.xy(*cell)
        facet = fit_facet(placer.ground, *place, radius_m=0.65 * length)
        seen = {t.name: placer.contrast_at(cell, t, facet) for t in TRACKS}
        if _fits(role, seen["asc"], seen["desc"]) and _steepness(role) < facet.slope_deg < 42:
            best = (place, facet) if best is None or facet.misfit_m < best[1].misfit_m else best
    return best


def _fits(role: str, up: Any, down: Any) -> Any:
    """Return whether the two tracks' shares of the motion (numbers or arrays) suit a slide's part."""
    match role:
        case "blind_asc":
            return (up < 0.13) & (down > 0.35)
        case "blind_desc":
            return (down < 0.13) & (up > 0.35)
        case "blind_both":
            return (up < 0.09) & (down < 0.09)
    return (up > 0.30) & (down > 0.30)


def _steepness(role: str) -> float:
    """Return the least slope [degree] of a slide; what both tracks miss is gentle and faces south."""
    return 8.0 if role == "blind_both" else 12.0


def _suits(placer: Placer, role: str) -> Mask:
    ground, grid = placer.ground, placer.grid
    fits = _fits(role, placer.contrast["asc"], placer.contrast["desc"])
    kept = ndimage.uniform_filter((placer.coherence.base > MASK_BELOW + 0.03).astype(np.float64), 5) > 0.9
    hill = block_mean(ground.plain, grid, ground.grid) < 0.05
    return np.asarray(
        fits & kept & hill & placer.off_streams & (placer.slope_deg > _steepness(role)) & (placer.slope_deg < 42)
    )


def _slide_law(role: str, speed_mm_yr: float, rng: np.random.Generator) -> tuple[TimeLaw, float]:
    """Return the law of a slide and what its pattern is multiplied by [m]."""
    if role == "seasonal":
        return TimeLaw(0.0, annual=1.0, phase_yr=float(rng.uniform(0, 1))), 1e-3 * min(max(speed_mm_yr / 5, 9.0), 14.0)
    if role == "accelerating":
        failure = LAST_YR + float(rng.uniform(40, 120)) / DAYS_PER_YEAR
        return TimeLaw(failure_yr=failure), 1e-3 * max(speed_mm_yr, 30.0)
    return TimeLaw(), 1e-3 * speed_mm_yr


def _dam(placer: Placer) -> Site | None:
    """Put a tailings dam across a gully on the loess and let it creep downstream and down."""
    ground, grid = placer.ground, placer.grid
    rng = stream(ground.seed, "motion.dam")
    factor = round(grid.resolution_m / ground.grid.resolution_m)
    rows, columns = grid.shape

    def allowed() -> Mask:
        part = ground.upslope_m2[: rows * factor, : columns * factor]
        area = part.reshape(rows, factor, columns, factor).max(axis=(1, 3))
        kept = ndimage.uniform_filter(placer.coherence.base, 5) > MASK_BELOW + 0.08
        hill = block_mean(ground.plain, grid, ground.grid) < 0.05
        return np.asarray((area > 1.2e5) & (area < 1.5e6) & kept & hill)

    cell = placer.draw("dam", allowed, reach_m=260, rng=rng)
    if cell is None:
        return None
    x, y = placer.xy(*cell)
    elevation = ndimage.gaussian_filter(block_mean(ground.dem_true, grid, ground.grid), 240 / grid.resolution_m)
    down_row, right = np.gradient(elevation, grid.resolution_m)
    azimuth = float(np.degrees(np.arctan2(-right[cell], down_row[cell])) % 360)
    length, width = float(rng.uniform(260, 340)), float(rng.uniform(130, 170))
    window = window_around(grid, x, y, length / 2 + 60)
    share = ellipse_share(
        *fine_coords(grid, window), middle=(x, y), azimuth_deg=azimuth, half_m=(width / 2, length / 2), soft=0.35
    )
    a, dip = np.radians(azimuth), np.radians(50.0)
    direction = np.array([np.sin(a) * np.cos(dip), np.cos(a) * np.cos(dip), -np.sin(dip)])
    moving = PatternMover(window, direction[:, None, None] * cell_mean(share) * DAM_M_YR, TimeLaw())
    half = length / 2
    crest = LineString([(x - half * np.cos(a), y + half * np.sin(a)), (x + half * np.cos(a), y - half * np.sin(a))])
    return Site(
        "tailings_dam", "steady", x, y, moving, azimuth_deg=azimuth, slope_deg=50.0, length_m=length, width_m=width,
        line=crest,
    )  # fmt: skip
