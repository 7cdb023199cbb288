"""What the figures of motion are drawn from: a body's series with its fitted course, a section across an area."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from shapely.geometry.base import BaseGeometry

from geo_risk.core.grid import grid_of
from geo_risk.hazards.deformation.activity.curve import course_curve
from geo_risk.hazards.deformation.activity.joint import BodySeries, fit_course, usable
from geo_risk.hazards.deformation.activity.params import ActivityParams
from geo_risk.hazards.deformation.activity.verdict import iso_date
from geo_risk.hazards.deformation.geometry.section import inside_span, points_along, section_line, values_at
from geo_risk.publish.figures import Section, SeriesLine, SeriesPanel
from geo_risk.publish.i18n import label

_EAST_UP = {"velocity_east": "figure.east", "velocity_up": "figure.up"}


def course_panel(
    title: str, series: Sequence[BodySeries], params: ActivityParams, *, language: str, break_date: str = ""
) -> SeriesPanel | None:
    """Return the series of a body in every track, with the course of motion that is fitted to all of them together.

    Parameters
    ----------
    title : above the panel.
    series : of the body, one a track (`activity.joint.without_gaps`, times by `activity.verdict.years_since_origin`).
    params : of activity, by which the course is chosen; tracks with too few dates are drawn without one.
    language : of the words in the panel.
    break_date : ISO day that is marked as a change, "" for none.

    Returns
    -------
    The panel for `figures.series_panels`; None where there is no series.
    """
    shown = [s for s in series if len(s.t)]
    if not shown:
        return None
    fitted = [s for s in shown if usable(s, params)]
    curves = {}
    if fitted:
        course, fits = fit_course(fitted, params)
        curves = {f.series.track: course_curve(f, course) for f in fits}
    lines = [
        SeriesLine(
            track_title(s.track, language), np.array([iso_date(t) for t in s.t], dtype="datetime64[D]"),
            s.displacement_mm, s.std, curves.get(s.track),
        )
        for s in shown
    ]  # fmt: skip
    is_date = break_date[:2] in {"19", "20"}
    marks = [(np.datetime64(break_date), f"{break_date} {label('figure.break', language)}")] if is_date else []
    return SeriesPanel(title, lines, marks)


def area_section(
    title: str, area: BaseGeometry, layers: Mapping[str, xr.DataArray], *, tracks: Sequence[str], language: str
) -> Section:
    """Return the motion along a line across an area: every track's line of sight, east and up, over the ground.

    Parameters
    ----------
    title : above the panel.
    area : polygon in the CRS of the layers.
    layers : (y, x) by name on one grid: velocity_TRACK of every track; and where there are, velocity_std_TRACK,
        velocity_east, velocity_up, each with its `_std` [mm/yr], and dem [m]. Lazy: only the line is read.
    tracks : their names, in the order of the colours.
    language : of the names in the legend.

    Returns
    -------
    The section for `figures.section_panels`.
    """
    grid = grid_of(layers[f"velocity_{tracks[0]}"])
    line = section_line(area)
    distance, x, y = points_along(line, grid.resolution_m)
    names = {f"velocity_{t}": (track_title(t, language), f"velocity_std_{t}") for t in tracks}
    names |= {n: (label(key, language), f"{n}_std") for n, key in _EAST_UP.items()}
    velocity, std = {}, {}
    for name, (drawn, error) in names.items():
        if name in layers:
            velocity[drawn] = values_at(layers[name], x, y)
            if error in layers:
                std[drawn] = values_at(layers[error], x, y)
    height = values_at(layers["dem"], x, y) if "dem" in layers else None
    shown = None if height is None or not np.isfinite(height).any() else height
    return Section(title, distance, velocity, std, shown, inside_span(area, line))


def track_title(track: str, language: str) -> str:
    """Return how a track is named in a figure."""
    return label("figure.track", language, track=track)
