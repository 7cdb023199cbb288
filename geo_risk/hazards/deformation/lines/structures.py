"""Dams and ponds as bodies: how fast each moves as a whole, in the plane across its crest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import xarray as xr
from numpy.typing import NDArray
from scipy import ndimage
from scipy.stats import norm
from shapely.errors import ShapelyError
from shapely.geometry import LineString
from shapely.geometry.base import BaseGeometry

from geo_risk.core.grid import Grid
from geo_risk.core.levels import classify
from geo_risk.core.vectorize import rasterize
from geo_risk.hazards.deformation.activity.joint import BodySeries, without_gaps
from geo_risk.hazards.deformation.activity.params import ActivityParams
from geo_risk.hazards.deformation.activity.verdict import Verdict, judge, years_since_origin
from geo_risk.hazards.deformation.areas.maps import TrackMaps, TrackWindows
from geo_risk.hazards.deformation.areas.noise import F64, Bool
from geo_risk.hazards.deformation.lines.params import StructureParams
from geo_risk.hazards.deformation.lines.vertical import MapNoise, off_course

KINDS = ("tailings_dam", "tailings_pond", "reservoir_dam", "reservoir")


@dataclass(frozen=True)
class Body:
    """One structure: id, name, kind, outline, and the unit vector (east, north) across its crest, outwards.

    `across` is None where no crest is known.
    """

    id: str
    name: str
    kind: str
    outline: BaseGeometry
    across: tuple[float, float] | None


@dataclass(frozen=True)
class Motion:
    """Mean motion of a body [mm/yr]: outwards, up, their covariance, which model, and line-of-sight means by track.

    `has_ring`: whether every track held it against still ground around it, and none against the zero of its map.
    """

    across: float
    up: float
    covariance: F64
    model: str
    los: dict[str, tuple[float, float]]
    has_ring: bool


def crest_of(text: object) -> LineString | None:
    """Return a crest from its WKT; None where there is none.

    Raises
    ------
    ValueError : a text that is no WKT of a line.
    """
    if not isinstance(text, str) or not text.strip():
        return None
    try:
        line = shapely.from_wkt(text)
    except ShapelyError as error:
        what = f"crest_wkt {text[:60]!r} is no WKT: {error}"
        raise ValueError(what) from error
    if not isinstance(line, LineString) or not line.length > 0:
        what = f"crest_wkt {text[:60]!r} is a {line.geom_type} without length; LINESTRING needed"
        raise ValueError(what)
    return LineString(shapely.force_2d(line))


def bodies_of(
    ponds: gpd.GeoDataFrame, crests: Sequence[LineString | None], params: StructureParams, *, family: str, cell_m: float
) -> list[Body]:
    """Return a dam and a basin for each pond or reservoir.

    Parameters
    ----------
    ponds : polygons with `id`, name, and dam_height_m where they are known, in a metric CRS.
    crests : crest of each, in the same CRS; None where it is not known: then there is no dam, only the basin.
    params : how far to both sides of the crest the dam reaches.
    family : "tailings" or "reservoir".
    cell_m : a dam is at least one cell wide to either side.
    """
    dam, basin = ("tailings_dam", "tailings_pond") if family == "tailings" else ("reservoir_dam", "reservoir")
    out = []
    for row, crest in zip(ponds.to_dict("records"), crests, strict=True):
        name = "" if pd.isna(row.get("name")) else str(row["name"])
        outline = row["geometry"]
        if crest is not None:
            height = _height(row.get("dam_height_m"), params)
            body = crest.buffer(max(cell_m, params.embankment_slope * height), cap_style="flat")
            out.append(Body(f"{row['id']}-dam", name, dam, body, _outwards(crest, outline)))
            outline = outline.difference(body)
        if not outline.is_empty:
            out.append(Body(str(row["id"]), name, basin, outline, None))
    return out


def _height(value: object, params: StructureParams) -> float:
    given = float(pd.to_numeric(pd.Series([value]), errors="coerce").iloc[0])
    return given if given > 0 else params.default_height_m


def _outwards(crest: LineString, basin: BaseGeometry) -> tuple[float, float]:
    (x0, y0), (x1, y1) = crest.coords[0], crest.coords[-1]
    normal = np.array([y1 - y0, x0 - x1]) / max(float(np.hypot(x1 - x0, y1 - y0)), 1e-9)
    middle = np.array(crest.interpolate(0.5, normalized=True).coords[0])
    inwards = np.array(basin.centroid.coords[0]) - middle
    normal = -normal if float(normal @ inwards) > 0 else normal
    return float(normal[0]), float(normal[1])


def label_bodies(bodies: Sequence[Body], grid: Grid) -> NDArray[np.int32]:
    """Return the label (position + 1) of the body of each cell (y, x), dams over basins; 0 elsewhere.

    A body smaller than a cell gets the cells it touches.
    """
    order = sorted(range(len(bodies)), key=lambda k: (bodies[k].across is not None, -bodies[k].outline.area))
    out = np.zeros(grid.shape, dtype=np.int32)
    for k in order:
        box = _reach(bodies[k].outline, grid)
        part = Grid(grid.geobox[box])
        shape = [(bodies[k].outline, 1.0)]
        cells = rasterize(shape, part, fill=0, dtype="uint8") > 0
        if not cells.any():
            cells = rasterize(shape, part, fill=0, dtype="uint8", all_touched=True) > 0
        out[box][cells] = k + 1
    return out


def _reach(outline: BaseGeometry, grid: Grid) -> tuple[slice, slice]:
    """Return the window of the grid that holds an outline and a cell around it."""
    left, bottom, right, top = outline.bounds
    rows, columns, _ = grid.index([left, right], [top, bottom])
    y, x = (
        slice(max(0, int(i[0]) - 1), min(n, int(i[1]) + 2)) for i, n in zip((rows, columns), grid.shape, strict=True)
    )
    return y, x


def body_motion(
    cells: Bool, tracks: Sequence[TrackMaps], noises: Sequence[MapNoise], across: tuple[float, float] | None,
    params: StructureParams,
) -> Motion | None:  # fmt: skip
    """Return the mean motion of a body against the still ground around it, None where no track sees a cell of it.

    Parameters
    ----------
    cells : (y, x) the body.
    tracks, noises : line-of-sight maps [mm/yr] and their noise, on one grid.
    across : unit vector (east, north) across the crest; None: east (with north as zero).
    params : the ring of still ground, and the smallest usable angle.

    Returns
    -------
    Motion. With two tracks whose looks differ in the vertical plane across the crest, the two components in that plane
    are solved for by weighted least squares (along its axis a dam does not creep): model "across_up", or "east_up"
    without a crest. Otherwise the motion is taken as vertical: "up", and `across` is NaN. Standard errors are those of
    the difference of the two means: what body and ring share of the noise cancels. A body without still ground around
    is held against the map's own zero.
    """
    means: list[tuple[float, float, float, float]] = []
    los: dict[str, tuple[float, float]] = {}
    way = (1.0, 0.0) if across is None else across
    has_ring = True
    for t, noise in zip(tracks, noises, strict=True):
        # a cell whose error is not known would count as one without error
        known = cells & np.isfinite(t.velocity) & np.isfinite(noise.white) & np.logical_and.reduce(np.isfinite(t.los))
        if not known.any():
            continue
        weights, ringed = _against_ring(known, cells, noise, params)
        has_ring &= ringed
        mean = float((np.nan_to_num(t.velocity).astype(np.float64) * weights).sum())
        std = float(np.sqrt(noise.variance(weights)))
        east, north, up = (float(c[known].astype(np.float64).mean()) for c in t.los)
        los[t.name] = (mean, std)
        means.append((mean, max(std, 1e-6), way[0] * east + way[1] * north, up))
    if not means:
        return None
    value, error, h, u = (np.array(v, dtype=np.float64) for v in zip(*means, strict=True))
    angle = np.arctan2(h, u)
    spread = float(np.ptp(angle))
    if spread >= np.deg2rad(params.minimum_angle_deg):
        design = np.column_stack([h, u]) / error[:, None]
        covariance = np.linalg.inv(design.T @ design)
        solved = covariance @ (design.T @ (value / error))
        model = "east_up" if across is None else "across_up"
        return Motion(
            float(solved[0]), float(solved[1]), np.asarray(covariance, dtype=np.float64), model, los, has_ring
        )
    weight = u / error**2
    variance = 1 / float((u * weight).sum())
    unknown = np.array([[np.nan, np.nan], [np.nan, variance]])
    return Motion(float("nan"), float((weight * value).sum()) * variance, unknown, "up", los, has_ring)


def _around(
    box: tuple[slice, slice] | None, shape: tuple[int, ...], params: StructureParams, cell_m: float
) -> tuple[slice, slice]:
    """Return the window of a body and the ring around it; an empty one for a body without a cell."""
    if box is None:
        return slice(0, 0), slice(0, 0)
    reach = int(np.ceil((params.ring_gap_m + params.ring_reach_m) / cell_m)) + 1
    y, x = (slice(max(0, b.start - reach), min(n, b.stop + reach)) for b, n in zip(box, shape, strict=True))
    return y, x


def _cut(track: TrackWindows, box: tuple[slice, slice]) -> TrackMaps:
    east, north, up = (c[box] for c in track.los)
    sudden = None if track.sudden is None else track.sudden[box]
    return TrackMaps(track.name, track.velocity[box], track.velocity_std[box], (east, north, up), sudden=sudden)


def _cut_noise(noise: MapNoise, box: tuple[slice, slice]) -> MapNoise:
    return replace(noise, white=noise.white[box], stable=noise.stable[box])


def _against_ring(known: Bool, cells: Bool, noise: MapNoise, params: StructureParams) -> tuple[F64, bool]:
    """Return weights (y, x) that make the mean of a body's known cells less that of still ground around it.

    And whether there is any: without it the weights make the mean alone.
    """
    weights = known / float(known.sum())
    reach = int(np.ceil((params.ring_gap_m + params.ring_reach_m) / noise.cell_m)) + 1
    y, x = np.nonzero(cells)
    box = (slice(max(0, y.min() - reach), y.max() + reach + 1), slice(max(0, x.min() - reach), x.max() + reach + 1))
    distance = ndimage.distance_transform_edt(~cells[box]) * noise.cell_m
    ring = noise.stable[box] & (distance > params.ring_gap_m) & (distance <= params.ring_gap_m + params.ring_reach_m)
    has_ring = int(ring.sum()) >= params.minimum_ring_cells
    if has_ring:
        weights[box] -= ring / float(ring.sum())
    return np.asarray(weights, dtype=np.float64), has_ring


def structure_rows(
    bodies: Sequence[Body], labels: NDArray[np.int32], tracks: Sequence[TrackWindows], noises: Sequence[MapNoise],
    params: StructureParams,
) -> list[dict[str, Any]]:  # fmt: skip
    """Return what is measured of each body, in order; tracks are read in windows around the bodies.

    structure_id, name, kind, n_cells, known_share, off_course_share, velocity_up_mm_yr, velocity_across_mm_yr
    (outwards of a dam, east of a basin), speed_mm_yr and their _std, model, los (by track), has_ring (`Motion`),
    is_moving (beyond noise, by the chi-square of the components), level: by the speed where it moves, 0 where a body
    that is seen does not, -1 where too little is seen, its 95 % bound reaches level 1, or level 0 or 1 would be said of
    one of which a part left its course at an end of the record (`off_course_share` of its cells).
    """
    rows = []
    boxes = ndimage.find_objects(labels, max_label=len(bodies))
    for k, (body, box) in enumerate(zip(bodies, boxes, strict=True), 1):
        around = _around(box, labels.shape, params, noises[0].cell_m)
        cells = labels[around] == k
        own, near = [_cut(t, around) for t in tracks], [_cut_noise(n, around) for n in noises]
        seen = cells & np.logical_or.reduce([np.isfinite(t.velocity) for t in own])
        share = float(seen.sum()) / max(1, int(cells.sum()))
        off = float((cells & off_course(own, (slice(0, cells.shape[0]), slice(0, cells.shape[1])))).sum())
        motion = body_motion(cells, own, near, body.across, params)
        row = {
            "structure_id": body.id, "name": body.name, "kind": body.kind, "geometry": body.outline,
            "n_cells": int(seen.sum()), "known_share": share, "off_course_share": off / max(1, int(cells.sum())),
        }  # fmt: skip
        rows.append(row | (_nothing() if motion is None else _measured(motion, share, params, has_left=off > 0)))
    return rows


def body_verdicts(
    series: Mapping[str, xr.Dataset], kinds: Mapping[int, str], params: ActivityParams
) -> dict[int, Verdict]:
    """Return what the series of each body say of its motion: activity, acceleration, failure window.

    Parameters
    ----------
    series : by track, (time, label) as `label_series` returns them.
    kinds : kind by label; a window of failure is told for dams only.
    params : of activity.
    """
    out = {}
    for label, kind in kinds.items():
        known: list[BodySeries] = []
        for track, dataset in series.items():
            if "label" not in dataset.coords or label not in dataset["label"].to_numpy():
                continue
            values, errors = (
                dataset[n].sel(label=label).to_numpy() for n in ("displacement_mm", "displacement_std_mm")
            )
            known.append(without_gaps(track, years_since_origin(dataset["time"].to_numpy()), values, errors))
        out[label] = judge(known, "", params, can_fail=kind.endswith("dam"))
    return out


def _nothing() -> dict[str, Any]:
    names = ("velocity_up", "velocity_up_std", "velocity_across", "velocity_across_std", "speed", "speed_std")
    return {f"{n}_mm_yr": float("nan") for n in names} | {
        "model": "none",
        "los": {},
        "is_moving": False,
        "level": -1,
        "has_ring": False,
    }


def _measured(motion: Motion, share: float, params: StructureParams, *, has_left: bool) -> dict[str, Any]:
    two = np.isfinite(motion.across)
    vector = np.array([motion.across, motion.up]) if two else np.array([motion.up])
    covariance = motion.covariance if two else motion.covariance[1:, 1:]
    speed = float(np.sqrt(vector @ vector))
    unit = vector / speed if speed > 0 else np.zeros(len(vector))
    std = float(np.sqrt(max(float(unit @ covariance @ unit), 0.0))) if speed > 0 else float(np.sqrt(covariance[-1, -1]))
    square = float(vector @ np.linalg.inv(covariance) @ vector)
    # chi-square of two degrees is exponential; of one it is a squared normal
    limit = -2 * np.log(params.significance) if two else norm.isf(params.significance / 2) ** 2
    moving = bool(square > limit and speed >= params.minimum_speed_mm_yr)
    level = int(classify(np.array([speed]), params.speed_bounds_mm_yr)[0]) if moving else 0
    # none is said only of a body that is seen, and whose error leaves no room for a speed of level 1; low only of one
    # that is seen; and neither of one that left its course, whatever its speed was until then
    seen, slow = share >= params.minimum_known_share, speed + 1.96 * std < params.speed_bounds_mm_yr[0]
    if (level <= 1 and (has_left or not seen)) or (level == 0 and not slow):
        level = -1
    return {
        "velocity_up_mm_yr": motion.up, "velocity_up_std_mm_yr": float(np.sqrt(motion.covariance[1, 1])),
        "velocity_across_mm_yr": motion.across, "velocity_across_std_mm_yr": float(np.sqrt(motion.covariance[0, 0])),
        "speed_mm_yr": speed, "speed_std_mm_yr": std, "model": motion.model, "los": motion.los, "is_moving": moving,
        "level": level, "has_ring": motion.has_ring,
    }  # fmt: skip
