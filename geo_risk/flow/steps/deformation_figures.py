"""Figures of the deformation: maps of velocity, series of the areas that matter most, sections across them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import geopandas as gpd
    import xarray as xr

    from geo_risk.core.grid import Grid
    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.deformation.activity.params import ActivityParams
    from geo_risk.publish.figures import Section, SeriesPanel

N_SECTIONS = 2
"""Sections that are drawn, across the fastest areas of a quality that can be relied on."""

N_SERIES = 6
"""Areas whose series are drawn."""

_WORST_QUALITY = 3


def deformation_figures(plan: Plan) -> None:
    """Add the steps that draw what the report shows of the motion, and list the series behind it."""
    tracks = [t.track for t in plan.cfg.inputs.insar]
    if not tracks:
        return
    layers = {f"{name}_{t}": plan.layer(f"{name}_{t}") for t in tracks for name in ("velocity", "velocity_std")}
    series = [plan.cube(f"series_{t}") for t in tracks]
    plan.add(
        "deformation.series_table", write_series_table, reads={"series": series},
        writes={"out": plan.out / "lists" / "deformation_series.csv"}, tracks=tracks,
    )  # fmt: skip
    more = ("velocity_east", "velocity_up", "velocity_east_std", "velocity_up_std", "dem")
    plan.add(
        "deformation.figures", write_figures,
        reads={**layers, "active_deformation": plan.frame("active_deformation"),
               "series": series},
        optional={name: plan.layer(name) for name in more},
        writes={"facts": plan.facts("figures_deformation")}, tracks=tracks, language=plan.cfg.language,
        params=plan.cfg.deformation.activity,
    )  # fmt: skip


def write_series_table(*, series: list[Path], out: Path, tracks: list[str]) -> None:
    """Write the series of all areas as one long table, for whoever draws or models them elsewhere."""
    from geo_risk.hazards.deformation.activity.series_table import series_table
    from geo_risk.publish.lists import write_rows
    from geo_risk.sources.dataset import read_dataset

    write_rows(series_table({t: read_dataset(p) for t, p in zip(tracks, series, strict=True)}), out)


def write_figures(
    *,
    active_deformation: Path,
    series: list[Path],
    facts: Path,
    tracks: list[str],
    language: str,
    params: ActivityParams,
    **layers: Path | None,
) -> None:
    """Write the figures as SVG texts with their captions, for the report."""
    from geo_risk.publish import figures
    from geo_risk.publish.frames import write_json
    from geo_risk.sources.dataset import read_dataset
    from geo_risk.sources.layers import open_layer, read_frame

    known = {name: open_layer(path) for name, path in layers.items() if path is not None}
    areas = read_frame(active_deformation)
    maps = {_track_title(t, language): known[f"velocity_{t}"] for t in tracks}
    for name, key in (("velocity_east", "figure.east"), ("velocity_up", "figure.up")):
        if name in known:
            maps[_label(key, language)] = known[name]
    drawn = [_figure("figure.maps", figures.velocity_maps(maps, areas, language=language))]
    known_series = {track: read_dataset(path) for track, path in zip(tracks, series, strict=True)}
    panels = [p for row in _worst(areas) if (p := _panel(row, known_series, params, language)) is not None]
    if panels:
        drawn.append(_figure("figure.series", figures.series_panels(panels, language=language)))
    sections = [_section(row, known, tracks, language) for row in _fastest(areas)]
    if sections:
        drawn.append(_figure("figure.sections", figures.section_panels(sections, language=language)))
    write_json(
        {"figures": drawn, "notes": [], "counts": {"figures": len(drawn)}, "quarantine": [], "methods": []}, facts
    )


def _fastest(areas: gpd.GeoDataFrame) -> list[Any]:
    """Return the fastest areas of a usable quality, fastest first; area_id settles ties."""
    usable = areas[areas["quality"] <= _WORST_QUALITY]
    speed = usable["velocity_max_mm_yr"].abs()
    order = usable.assign(speed=speed).sort_values(["speed", "area_id"], ascending=[False, True])
    return list(order.head(N_SECTIONS).itertuples())


def _worst(areas: gpd.GeoDataFrame) -> list[Any]:
    """Return the areas whose series matter most: those that accelerate, then the fastest."""
    calm, speed = areas["activity"] != "accelerating", areas["velocity_max_mm_yr"].abs()
    order = areas.assign(calm=calm, speed=speed).sort_values(
        ["calm", "speed", "area_id"], ascending=[True, False, True]
    )
    return list(order.head(N_SERIES).itertuples())


def _panel(row: Any, series: dict[str, xr.Dataset], params: ActivityParams, language: str) -> SeriesPanel | None:
    """Return the series of an area in every track with the course that was chosen; None where it has none."""
    import numpy as np

    from geo_risk.hazards.deformation.activity.curve import course_curve
    from geo_risk.hazards.deformation.activity.joint import fit_course, usable
    from geo_risk.hazards.deformation.activity.judged import series_of
    from geo_risk.hazards.deformation.activity.verdict import iso_date
    from geo_risk.publish.figures import SeriesLine, SeriesPanel
    from geo_risk.publish.i18n import label, value_label

    found = series_of(str(row.area_id), series)
    fitted = [s for s in found if usable(s, params)]
    curves = {}
    if fitted:
        course, fits = fit_course(fitted, params)
        curves = {f.series.track: course_curve(f, course) for f in fits}
    lines = [
        SeriesLine(
            _track_title(s.track, language), np.array([iso_date(t) for t in s.t], dtype="datetime64[D]"),
            s.displacement_mm, s.std, curves.get(s.track),
        )
        for s in found
    ]  # fmt: skip
    if not lines:
        return None
    when = str(getattr(row, "break_date", None) or "")
    marks = [(np.datetime64(when), f"{when} {label('figure.break', language)}")] if when[:2] in {"19", "20"} else []
    words = (str(row.area_id), value_label(str(row.kind), language), value_label(str(row.activity), language))
    return SeriesPanel("  ".join(words), lines, marks)


def _section(row: Any, known: dict[str, Any], tracks: list[str], language: str) -> Section:
    import numpy as np

    from geo_risk.core.grid import grid_of
    from geo_risk.hazards.deformation.geometry.section import inside_span, points_along, section_line, values_at
    from geo_risk.publish.figures import Section
    from geo_risk.publish.i18n import value_label

    grid: Grid = grid_of(known[f"velocity_{tracks[0]}"])
    line = section_line(row.geometry)
    distance, x, y = points_along(line, grid.resolution_m)
    names = {f"velocity_{t}": _track_title(t, language) for t in tracks}
    names |= {n: _label(k, language) for n, k in (("velocity_east", "figure.east"), ("velocity_up", "figure.up"))}
    velocity, std = {}, {}
    for name, title in names.items():
        if name in known:
            velocity[title] = values_at(known[name], x, y)
            error = name.replace("velocity_", "velocity_std_") if name not in ("velocity_east", "velocity_up") else (
                f"{name}_std"
            )  # fmt: skip
            if error in known:
                std[title] = values_at(known[error], x, y)
    height = values_at(known["dem"], x, y) if "dem" in known else None
    title = f"{row.area_id}  {value_label(str(row.kind), language)}"
    shown = None if height is None or not np.isfinite(height).any() else height
    return Section(title, distance, velocity, std, shown, inside_span(row.geometry, line))


def _track_title(track: str, language: str) -> str:
    from geo_risk.publish.i18n import label

    return label("figure.track", language, track=track)


def _label(key: str, language: str) -> str:
    from geo_risk.publish.i18n import label

    return label(key, language)


def _figure(key: str, svg: str) -> dict[str, str]:
    return {"svg": svg, "caption_zh": _label(key, "zh"), "caption_en": _label(key, "en")}
