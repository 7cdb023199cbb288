"""Bodies within moving areas that sink fast and compactly, as bowls of mining do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from geo_risk.core.grid import Grid
from geo_risk.hazards.deformation.areas.noise import F32, Bool
from geo_risk.hazards.deformation.areas.patch import Patch
from geo_risk.hazards.deformation.areas.tiles import Windows, tiles
from geo_risk.hazards.deformation.mining.params import MiningParams

_TILE = 1024
_MINIMUM_CELLS, _MINIMUM_FAST = 4, 2
"""Cells of a body, and those of them that are seen to sink fast: radar may lose a small bowl but for its rim."""
_LEAST_UP = 0.1
_MINIMUM_DRIFT = 6
_EIGHT = np.ones((3, 3), dtype=bool)


@dataclass(frozen=True)
class Body:
    """A body that sinks fast and compactly.

    Attributes
    ----------
    cells : on the detection grid, with the values lost in its middle.
    x, y : its centre [m]; radius_m : of the circle with its area.
    rate_mm_yr : fastest known sinking.
    roundness : short over long axis of its second moments.
    """

    cells: Patch
    x: float
    y: float
    radius_m: float
    rate_mm_yr: float
    roundness: float

    @property
    def strain_per_yr(self) -> float:
        """Fastest sinking over the radius."""
        return self.rate_mm_yr / 1000 / self.radius_m


def find_bodies(
    labels: Windows, up_mm_yr: Windows, grid: Grid, params: MiningParams, *, context: Mapping[str, Windows]
) -> list[Body]:
    """Return the bodies within the active areas that may be bowls of mining.

    Parameters
    ----------
    labels : (y, x) label raster of the active areas, 0 where still; by window.
    up_mm_yr : (y, x) vertical velocity on `grid`, NaN where lost; by window.
    context : (y, x) maps velocity_east [mm/yr] and slope_deg [degree] where they are known, by window. Below
        `steep_strain_per_yr` a body on steep ground, or one whose mean east motion exceeds `maximum_east_share` of
        its mean sinking, is a slide.
    """
    fast, unknown = (np.zeros(labels.shape, dtype=bool) for _ in range(2))
    for t in tiles((labels.shape[0], labels.shape[1]), _TILE, 1):
        sinking = -np.asarray(up_mm_yr[t.core])
        near = ndimage.binary_dilation(labels[t.window] > 0, _EIGHT)[t.inside]
        fast[t.core] = (np.nan_to_num(sinking) >= params.minimum_subsidence_mm_yr) & near
        unknown[t.core] = ~np.isfinite(sinking)
    lost = unknown & ndimage.binary_dilation(fast, _EIGHT, iterations=2)
    shapes = _filled(ndimage.binary_closing(fast | lost, _EIGHT) | fast | lost)
    large = [s for s in shapes if s.sum() >= _MINIMUM_CELLS and fast[s.indices].sum() >= _MINIMUM_FAST]
    bodies = [_body(s, -np.asarray(up_mm_yr[s.box]), grid) for s in large]
    return [b for b in bodies if _is_compact(b, grid, params) and not _is_slide(b, up_mm_yr, context, params)]


def _filled(cells: Bool) -> list[Patch]:
    """Return the connected bodies of a mask with their holes filled; what lies in a hole of another belongs to it."""
    parts, _ = ndimage.label(cells, structure=_EIGHT)
    boxes = ndimage.find_objects(parts)
    out: list[Patch] = []
    taken = np.zeros(cells.shape, dtype=bool)
    # whatever lies in a hole has a smaller window than what is around it
    for k in sorted(range(len(boxes)), key=lambda k: -(parts[boxes[k]].size)):
        inside = parts[boxes[k]] == k + 1
        if (taken[boxes[k]] & inside).any():
            continue
        body = Patch.of(ndimage.binary_fill_holes(inside), boxes[k][0].start, boxes[k][1].start)
        taken[body.indices] = True
        out.append(body)
    return sorted(out, key=lambda p: p.first)


def _body(cells: Patch, sinking: F32, grid: Grid) -> Body:
    """Return what is measured of a body; `sinking` in its window."""
    y, x = cells.indices
    eigen = np.linalg.eigvalsh(np.cov(np.stack([x, y]), bias=True) + np.eye(2) / 12)
    coords = grid.coords()
    return Body(
        cells, float(coords["x"][x].mean()), float(coords["y"][y].mean()),
        float(np.sqrt(cells.sum() * grid.cell_area_m2 / np.pi)),
        float(np.nanmax(np.where(cells.mask, sinking, np.nan))),
        float(np.clip(np.sqrt(float(eigen[0]) / float(eigen[1])), 0, 1)),
    )  # fmt: skip


def _is_compact(body: Body, grid: Grid, params: MiningParams) -> bool:
    round_enough = body.roundness >= params.minimum_roundness and body.radius_m >= 1.5 * grid.resolution_m
    return round_enough and body.strain_per_yr >= params.minimum_strain_per_yr and (
        body.radius_m <= params.maximum_radius_m
    )  # fmt: skip


def _is_slide(body: Body, up_mm_yr: Windows, context: Mapping[str, Windows], params: MiningParams) -> bool:
    """Return whether a body with little strain lies on steep ground or drifts one way: then it is no bowl."""
    if body.strain_per_yr >= params.steep_strain_per_yr:
        return False
    box, cells = body.cells.box, body.cells.mask
    if "slope_deg" in context:
        slope = np.asarray(context["slope_deg"][box])[cells]
        slope = slope[np.isfinite(slope)]
        if slope.size and float(np.median(slope)) >= params.steep_slope_deg:
            return True
    if "velocity_east" not in context:
        return False
    east, sinking = np.asarray(context["velocity_east"][box])[cells], -np.asarray(up_mm_yr[box])[cells]
    both = np.isfinite(sinking) & np.isfinite(east)
    # a few cells at one side of a bowl whose middle was lost drift too: they say nothing of the whole
    enough = both.sum() >= max(_MINIMUM_DRIFT, 0.5 * cells.sum())
    drift = abs(float(east[both].mean())) if enough else 0.0
    return bool(enough and drift > params.maximum_east_share * abs(float(sinking[both].mean())))


def up_velocity(tracks: Sequence[tuple[F32, F32]], up: F32 | None) -> F32:
    """Return vertical velocity [mm/yr]: the decomposed one, else the mean of v / U over the tracks that are known.

    Parameters
    ----------
    tracks : velocity [mm/yr] and up component of the line of sight, by track; NaN below an up component of 0.1.
    up : decomposed vertical velocity, or None.
    """
    # a track of east motion (up 0) says nothing of the vertical
    steep = [(v, np.where(np.abs(u) > _LEAST_UP, u, np.float32(np.nan))) for v, u in tracks]
    stack = np.stack([v / u for v, u in steep]).astype(np.float32)
    known = np.isfinite(stack)
    n = known.sum(axis=0)
    mean = np.where(known, stack, 0).sum(axis=0) / np.maximum(n, 1)
    alone = np.where(n > 0, mean, np.nan).astype(np.float32)
    return alone if up is None else np.where(np.isfinite(up), up, alone).astype(np.float32)


def reach_m(body: Body) -> float:
    """Return how far around a body's centre a bowl is fitted [m]; stable ground is looked for to twice as far."""
    return 1.5 * body.radius_m + 150.0
