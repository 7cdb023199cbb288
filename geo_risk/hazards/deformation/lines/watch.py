"""Zones of land subsidence by rate and kind, the volume they lose, and the table of townships."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import ndtr

from geo_risk.core.grid import Grid
from geo_risk.core.levels import classify
from geo_risk.core.vectorize import polygons_of_labels, rasterize
from geo_risk.hazards.deformation.areas.detect import label_sizes
from geo_risk.hazards.deformation.areas.noise import F32, Bool, Smoother
from geo_risk.hazards.deformation.areas.tiles import Tile, bands, tiles
from geo_risk.hazards.deformation.lines.level import SceneLevel
from geo_risk.hazards.deformation.lines.params import WatchParams
from geo_risk.hazards.deformation.lines.vertical import VerticalMap, source_of

KINDS = ("mining_subsidence", "groundwater_subsidence", "structure_settlement", "unknown", "landslide")
"""Kinds of cells; slides sink too, but are no land subsidence: they are left out and counted."""

Box = tuple[slice, slice]

_EIGHT = np.ones((3, 3), dtype=bool)


@dataclass(frozen=True)
class Subsidence:
    """What sinks, by cell.

    Attributes
    ----------
    bodies : (y, x) label of each connected sinking body of one kind, 0 elsewhere.
    classes : (y, x) class 1-4 of the smoothed rate inside bodies, 0 in known ground outside, -1 where unknown: where
        there is no velocity, or where the record ends off its course.
    kinds : kind by label.
    vertical : the map with its noise.
    slide_cells : sinking cells of landslides that were left out.
    unconfirmed_cells : cells of bodies that were left out as noise of badly seen ground.
    level : how far the level of the map may be off; None: not in the errors of volumes.
    """

    bodies: NDArray[np.int32]
    classes: NDArray[np.int8]
    kinds: Mapping[int, str]
    vertical: VerticalMap
    slide_cells: int
    unconfirmed_cells: int = 0
    level: SceneLevel | None = None

    def sinking(self, cells: Bool, corner: tuple[int, int] = (0, 0)) -> tuple[float, float]:
        """Return the volume that cells lose a year [m3/yr] with its standard error.

        `cells` is a window of the map whose first row and column are `corner`; None of it is a volume of 0.
        Sum of rate x area over the known cells. The error counts the noise that neighbours share, and the level: the
        larger of the noise alone and of what the scene correction leaves of it, and the level that still ground shows.
        """
        grid, noise = self.vertical.grid, self.vertical.noise
        box = _window(corner, cells.shape)
        up = self.vertical.up[box]
        known = cells & np.isfinite(up)
        n, total, _ = sum_of(up, known)
        per_mm = grid.cell_area_m2 / 1000
        variance = noise.variance(known, corner)
        if self.level is not None and n:
            fit, misfit = self.level.mean_errors(known, corner)
            white = sum_of(noise.white[box], known, power=2)[1]
            variance = max(variance, white + (n * fit) ** 2) + (n * misfit) ** 2
        return float(0.0 - total * per_mm), float(np.sqrt(variance) * per_mm)

    def totals(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return volume and standard error [m3/yr] of all bodies but mining bowls, and of mining bowls."""
        mined = self.is_mining[self.bodies]
        volume = self.sinking(mined)
        np.logical_and(self.bodies > 0, ~mined, out=mined)
        return self.sinking(mined), volume

    @property
    def is_mining(self) -> Bool:
        """Whether the body of each label is a mining bowl; label 0 is none."""
        out = np.zeros(max(self.kinds, default=0) + 1, dtype=bool)
        out[[label for label, kind in self.kinds.items() if kind == "mining_subsidence"]] = True
        return out


def find_subsidence(
    vertical: VerticalMap, params: WatchParams, *, areas: gpd.GeoDataFrame | None = None,
    level: SceneLevel | None = None, tile_cells: int = 1024,
) -> Subsidence:  # fmt: skip
    """Find the ground that sinks beyond doubt, and class it by rate.

    Parameters
    ----------
    vertical : vertical velocity with its noise.
    params : classes, smoothing, significance, smallest zone.
    areas : moving areas with `kind` in the grid's CRS; they give bodies their kind (the nearest area within a body;
        a body that touches none is "unknown").
    level : how far the level of the map may be off, for the errors of volumes; it has no say in what is found.
    tile_cells : side of the tiles; it changes memory, not what is found.

    Returns
    -------
    Subsidence. The map is averaged over `smoothing_m`, but held within two white standard errors of each cell's own
    value, so that the rim of a steep bowl stays where it is; a cell sinks where this is significantly below zero
    (one-sided, false-discovery rate over all known cells) and beyond the first class bound. Bodies below
    `minimum_area_m2` are dropped, and those that touch no moving area and lose less than `unconfirmed_z` times their
    standard error. Values lost in the middle of a body stay unknown: in no class and no volume. The map is worked
    through in tiles of `tile_cells`, bodies are labelled over the whole of it.
    """
    grid = vertical.grid
    sinks, classes = _sinking_cells(vertical, params, tile=tile_cells)
    kind = _kinds(sinks, areas, grid)
    slide = int(np.count_nonzero(sinks & (kind == KINDS.index("landslide"))))
    bodies = np.zeros(grid.shape, dtype=np.int32)
    of: dict[int, str] = {}
    for k, name in enumerate(KINDS[:-1]):
        labels, n = ndimage.label(sinks & (kind == k), structure=_EIGHT)
        large = np.flatnonzero(label_sizes(labels, n)[1:] * grid.cell_area_m2 >= params.minimum_area_m2) + 1
        number = np.zeros(n + 1, dtype=np.int32)
        number[large] = len(of) + 1 + np.arange(len(large))
        of |= dict.fromkeys(number[large].tolist(), name)
        for band in bands(grid.shape[0]):
            bodies[band] += number[labels[band]]
        del labels
    for band in bands(grid.shape[0]):
        known = np.isfinite(vertical.up[band])
        classes[band] = np.where(known, np.where(bodies[band] > 0, classes[band], _quiet(vertical, band)), -1)
    found = Subsidence(bodies, classes, of, vertical, slide)
    return replace(_confirmed(found, areas, params), level=level)


def _sinking_cells(vertical: VerticalMap, params: WatchParams, *, tile: int) -> tuple[Bool, NDArray[np.int8]]:
    """Return which cells sink beyond doubt (y, x), and the class of the smoothed rate of every cell.

    The false-discovery rate is that over all known cells, but of their chances only those that could count are held.
    """
    up, sigma = vertical.up, params.smoothing_m / vertical.grid.resolution_m
    sinks, classes = np.zeros(up.shape, dtype=bool), np.zeros(up.shape, dtype=np.int8)
    parts = list(tiles(vertical.grid.shape, tile, np.ceil(3 * sigma) + 1))
    low, n = [np.zeros(0)], 0
    for t in parts:
        p = _chances(*_smoothed(vertical, sigma, t), up[t.core])
        n += int(np.isfinite(p).sum())
        low.append(p[p <= params.significance])
    limit = discovery_limit(np.concatenate(low), n, params.significance)
    for t in parts:
        smooth, std = _smoothed(vertical, sigma, t)
        sinks[t.core] = _chances(smooth, std, up[t.core]) <= limit
        sinks[t.core] &= np.nan_to_num(smooth) <= -params.class_bounds_mm_yr[0]
        classes[t.core] = classify(-smooth.astype(np.float64), params.class_bounds_mm_yr)
    return sinks, classes


def _chances(smooth: F32, std: F32, up: F32) -> NDArray[np.float64]:
    """Return the chance that still ground looks as low (y, x); NaN where that is not known."""
    test = np.isfinite(up) & np.isfinite(smooth) & (std > 0)
    out = np.full(up.shape, np.nan)
    out[test] = np.clip(ndtr(smooth[test].astype(np.float64) / std[test]), 1e-300, 1.0)
    return out


def discovery_limit(low: NDArray[np.float64], n: int, significance: float) -> float:
    """Return the largest p-value that is significant at a false-discovery rate; -1 where none is.

    Parameters
    ----------
    low : p-values no larger than `significance`, in any order; larger ones are never significant.
    n : how many p-values there are in all.
    significance : the rate.

    Returns
    -------
    The limit of Benjamini and Hochberg 1995 (J. R. Stat. Soc. B 57:289): the largest p(i) with p(i) n / i no larger
    than the rate.
    """
    p = np.sort(low)
    found = np.flatnonzero(p * (n / np.arange(1, len(p) + 1)) <= significance)
    return float(p[found[-1]]) if found.size else -1.0


def _confirmed(found: Subsidence, areas: gpd.GeoDataFrame | None, params: WatchParams) -> Subsidence:
    """Drop bodies that no moving area touches and that are not far beyond their noise; labels stay without gaps."""
    grid = found.vertical.grid
    shapes = [] if areas is None else [(g, 1.0) for g in areas.geometry]
    moving = rasterize(shapes, grid, fill=0, dtype="uint8", all_touched=True) > 0
    number = np.zeros(len(found.kinds) + 1, dtype=np.int32)
    kinds: dict[int, str] = {}
    for label, box, cells in _each(found.bodies):
        volume, std = found.sinking(cells, corner_of(box))
        if (cells & moving[box]).any() or volume >= params.unconfirmed_z * std:
            kinds[len(kinds) + 1] = found.kinds[label]
            number[label] = len(kinds)
    bodies, classes, unconfirmed = np.empty_like(found.bodies), np.empty_like(found.classes), 0
    for band in bands(bodies.shape[0]):
        bodies[band] = number[found.bodies[band]]
        dropped = (found.bodies[band] > 0) & (bodies[band] == 0)
        classes[band] = np.where(dropped, _quiet(found.vertical, band), found.classes[band])
        unconfirmed += int(np.count_nonzero(dropped))
    return replace(found, bodies=bodies, classes=classes, kinds=kinds, unconfirmed_cells=unconfirmed)


def _quiet(vertical: VerticalMap, band: slice) -> NDArray[np.int8]:
    """Return the class of known ground that does not sink: 0, but -1 where its record ends off its course."""
    return -vertical.is_off(band).astype(np.int8)


def _smoothed(vertical: VerticalMap, sigma: float, tile: Tile) -> tuple[F32, F32]:
    """Return the Gaussian mean of the known cells of a tile (y, x), and its error (only the white part shrinks)."""
    up, white = vertical.up[tile.window], vertical.noise.white[tile.window]
    known = np.isfinite(up)
    shared = max(0.0, float(vertical.noise.covariance[0]))
    if sigma < 0.2:
        std = np.sqrt(white.astype(np.float64) ** 2 + shared).astype(np.float32)
        return up[tile.inside], std[tile.inside]
    smooth = Smoother(known, (sigma,)).means(up, (sigma,))[0]
    # sum of squared weights of a Gaussian of sigma cells is that of one of sigma/sqrt(2) over 4 pi sigma^2
    squares = Smoother(known, (sigma / np.sqrt(2),)).means(white**2, (sigma / np.sqrt(2),))[0]
    shrink = min(1.0, 1 / (4 * np.pi * sigma**2))
    variance = np.nan_to_num(squares) * shrink + shared
    smooth = np.where(known, np.clip(smooth, up - 2 * white, up + 2 * white), np.float32(np.nan))
    return smooth[tile.inside], np.sqrt(variance).astype(np.float32)[tile.inside]


def _kinds(sinks: Bool, areas: gpd.GeoDataFrame | None, grid: Grid) -> NDArray[np.int8]:
    """Return the kind (index of KINDS) of each sinking cell: its area's, else that of the nearest area in its body."""
    unknown = KINDS.index("unknown")
    out = np.full(sinks.shape, unknown, dtype=np.int8)
    if areas is None or not len(areas):
        return out
    # small areas over large ones
    order = areas.geometry.area.to_numpy().argsort()[::-1]
    pairs = [(areas.geometry.iloc[i], float(KINDS.index(str(areas["kind"].iloc[i])))) for i in order]
    painted = rasterize(pairs, grid, fill=-1, dtype="int16")
    labels, n = ndimage.label(sinks, structure=_EIGHT)
    for box, label in zip(ndimage.find_objects(labels), range(1, n + 1), strict=True):
        inside = labels[box] == label
        told = inside & (painted[box] >= 0)
        if told.any():
            nearest = ndimage.distance_transform_edt(~told, return_distances=False, return_indices=True)
            out[box][inside] = painted[box][tuple(nearest)][inside]
    return out


def subsidence_zones(found: Subsidence, params: WatchParams) -> gpd.GeoDataFrame:
    """Return one row for every class in every body, dissolved.

    Parameters
    ----------
    found : of `find_subsidence`.
    params : class bounds.

    Returns
    -------
    subsidence_id, body_id, body (its label), kind, vertical_source (`source_of`), subsidence_level,
    rate_from_mm_yr, rate_to_mm_yr (NaN: open), area_m2, rate_mean_mm_yr, rate_max_mm_yr (both positive for
    sinking), volume_loss_m3_yr and its _std; Polygons.
    """
    grid, bounds = found.vertical.grid, params.class_bounds_mm_yr
    code = np.zeros(grid.shape, dtype=np.int32)
    for band in bands(grid.shape[0]):
        np.add(found.bodies[band] * 8, found.classes[band], out=code[band], where=found.classes[band] > 0)
    polygons = polygons_of_labels(code, grid, connectivity=8)
    names = body_ids(found)
    rows: list[dict[str, Any]] = []
    for k, box, cells in _each(code):
        body, klass = divmod(k, 8)
        up = found.vertical.up[box]
        n, total, lowest = sum_of(up, cells & np.isfinite(up))
        volume, std = found.sinking(cells, corner_of(box))
        rows.append({
            "label": k, "body": body, "subsidence_id": f"{names[body]}-{klass}",
            "body_id": names[body],
            "kind": found.kinds[body], "vertical_source": source_of(found.vertical.source[box][cells]),
            "subsidence_level": klass, "rate_from_mm_yr": bounds[klass - 1],
            "rate_to_mm_yr": bounds[klass] if klass < len(bounds) else float("nan"),
            "area_m2": float(cells.sum()) * grid.cell_area_m2, "rate_mean_mm_yr": -total / n,
            "rate_max_mm_yr": -lowest, "volume_loss_m3_yr": volume, "volume_loss_std_m3_yr": std,
        })  # fmt: skip
    if not rows:
        return gpd.GeoDataFrame({"subsidence_id": []}, geometry=gpd.GeoSeries([], crs=grid.crs), crs=grid.crs)
    frame = polygons.merge(pd.DataFrame(rows), on="label").drop(columns="label")
    out: gpd.GeoDataFrame = frame.sort_values("subsidence_id").reset_index(drop=True)
    return out


def body_ids(found: Subsidence) -> dict[int, str]:
    """Return an id for each body that stays when others come or go: kind of letter and a place in it."""
    coords = found.vertical.grid.coords()
    out: dict[int, str] = {}
    for label, box, cells in _each(found.bodies):
        rows, columns = np.nonzero(cells)
        y, x = coords["y"][box[0]][rows], coords["x"][box[1]][columns]
        k = int(np.argmin(np.hypot(x - x.mean(), y - y.mean())))
        out[label] = f"LS-{x[k]:.0f}-{y[k]:.0f}"
    return out


def _each(labels: NDArray[np.int32]) -> Iterator[tuple[int, Box, Bool]]:
    """Yield each label above 0 that is there, the window it lies in, and its cells in the window."""
    for label, box in enumerate(ndimage.find_objects(labels), 1):
        if box is not None:
            yield label, box, labels[box] == label


def sum_of(values: F32, cells: Bool, *, power: int = 1) -> tuple[int, float, float]:
    """Return number, sum of a power, and lowest of the values (y, x) of some cells, by bands of rows."""
    n, total, lowest = 0, 0.0, np.inf
    for band in bands(values.shape[0]):
        some = values[band][cells[band]].astype(np.float64)
        if some.size:
            n, total, lowest = n + some.size, total + float((some**power).sum()), min(lowest, float(some.min()))
    return n, total, lowest


def corner_of(box: Box) -> tuple[int, int]:
    """Return the first row and column of a window."""
    return int(box[0].start), int(box[1].start)


def _window(corner: tuple[int, int], shape: tuple[int, ...]) -> Box:
    return slice(corner[0], corner[0] + shape[0]), slice(corner[1], corner[1] + shape[1])
