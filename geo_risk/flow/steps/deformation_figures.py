"""Figures of the deformation: maps of velocity, series of the areas that matter most, sections across them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import geopandas as gpd
    import xarray as xr

    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.deformation.activity.params import ActivityParams
    from geo_risk.publish.figures import SeriesPanel

N_SECTIONS = 2
"""Sections that are drawn, across the fastest areas of a quality that can be relied on."""

N_SERIES = 6
"""Areas whose series are drawn."""

_WORST_QUALITY = 3


def deformation_figures(plan: Plan) -> None:
    """Add the step that draws what the report shows of the moving areas."""
    tracks = [t.track for t in plan.cfg.inputs.insar]
    if not tracks:
        return
    layers = {f"{name}_{t}": plan.layer(f"{name}_{t}") for t in tracks for name in ("velocity", "velocity_std")}
    series = [plan.cube(f"series_{t}") for t in tracks]
    more = ("velocity_east", "velocity_up", "velocity_east_std", "velocity_up_std", "dem")
    plan.add(
        "deformation.figures", write_figures,
        reads={**layers, "active_deformation": plan.frame("active_deformation"),
               "series": series},
        optional={name: plan.layer(name) for name in more},
        writes={"facts": plan.facts("figures_deformation")}, tracks=tracks, language=plan.cfg.language,
        params=plan.cfg.deformation.activity,
    )  # fmt: skip


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
    from geo_risk.publish.figures_motion import area_section, track_title
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.i18n import value_label
    from geo_risk.sources.dataset import read_dataset
    from geo_risk.sources.layers import open_layer, read_frame

    known = {name: open_layer(path) for name, path in layers.items() if path is not None}
    areas = read_frame(active_deformation)
    maps = {track_title(t, language): known[f"velocity_{t}"] for t in tracks}
    for name, key in (("velocity_east", "figure.east"), ("velocity_up", "figure.up")):
        if name in known:
            maps[_label(key, language)] = known[name]
    drawn = [figure_facts("figure.maps", figures.velocity_maps(maps, areas, language=language))]
    known_series = {track: read_dataset(path) for track, path in zip(tracks, series, strict=True)}
    panels = [p for row in _worst(areas) if (p := _panel(row, known_series, params, language)) is not None]
    if panels:
        drawn.append(figure_facts("figure.series", figures.series_panels(panels, language=language)))
    sections = [
        area_section(
            f"{row.area_id}  {value_label(str(row.kind), language)}", row.geometry, known, tracks=tracks,
            language=language,
        )
        for row in _fastest(areas)
    ]  # fmt: skip
    if sections:
        drawn.append(figure_facts("figure.sections", figures.section_panels(sections, language=language)))
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
    from geo_risk.hazards.deformation.activity.judged import series_of
    from geo_risk.publish.figures_motion import course_panel
    from geo_risk.publish.i18n import value_label

    words = (str(row.area_id), value_label(str(row.kind), language), value_label(str(row.activity), language))
    when = str(getattr(row, "break_date", None) or "")
    return course_panel(
        "  ".join(words), series_of(str(row.area_id), series), params, language=language, break_date=when
    )


def _label(key: str, language: str) -> str:
    from geo_risk.publish.i18n import label

    return label(key, language)


def figure_facts(key: str, svg: str) -> dict[str, str]:
    """Return a figure as the facts of a step hold it, with its caption in both languages."""
    return {"svg": svg, "caption_zh": _label(key, "zh"), "caption_en": _label(key, "en")}
