"""Steps of the run-out: where it can start, how far it comes, and whom it reaches."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo_risk.flow.steps.exposure import options_of
from geo_risk.flow.steps.points import merged
from geo_risk.flow.steps.zones import read_roads

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.runout.params import RunoutParams
    from geo_risk.products.params import RiskParams
    from geo_risk.products.releases import Releases
    from geo_risk.sources.options import ReadOptions

LAYERS = ("runout_energy", "hazard_runout", "runout_velocity", "runout_flux", "runout_length", "runout_angle_min",
          "runout_angle_max", "runout_paths", "runout_flags")  # fmt: skip
"""Rasters that the step writes; runout_energy is published."""


def runout(plan: Plan) -> None:
    """Add the steps that write runout_energy, runout_zones, runout_hits and runout_ways, after `zones`.

    Called before `points`, the points name the run-out at their place; the run-out names the points whenever.
    """
    merged(plan)
    layers = {"hazard": plan.layer("hazard_landslide"), "slope": plan.layer("slope_deg")}
    frames = {"areas": plan.frame("active_deformation"), "points": plan.frame("points_merged")}
    needs: dict[str, Any] = {"grid": plan.facts("grid")}
    if plan.cfg.debris_flow.as_releases:
        frames["channels"] = plan.frame("debris_flow_channels")
    if not any(plan.has(path) for path in (layers["hazard"], *frames.values())):
        needs["hazard"] = layers.pop("hazard")
    plan.add(
        "runout.releases", write_releases, reads=needs,
        optional={"channels": None, **layers, **frames, "zones": plan.frame("zones_drawn")},
        writes={"units": plan.layer("release_units"), "kinds": plan.layer("release_kind"),
                "table": plan.frame("release_units"), "facts": plan.facts("releases")},
        params=plan.cfg.runout, risk=plan.cfg.risk,
    )  # fmt: skip
    plan.add(
        "runout.follow", write_runout,
        reads={"dem": plan.layer("dem"), "units": plan.layer("release_units"), "kinds": plan.layer("release_kind"),
               "table": plan.frame("release_units"), "grid": plan.facts("grid")},
        optional={"houses": plan.frame("houses"), "roads": plan.input("roads")},
        writes={**{name: plan.layer(name) for name in LAYERS}, "zones": plan.frame("runout_found"),
                "hits": plan.frame("runout_hits"), "ways": plan.frame("runout_ways"),
                "stack": plan.between / "runout_layers.h5", "facts": plan.facts("runout")},
        params=plan.cfg.runout, risk=plan.cfg.risk, language=plan.cfg.language, options=options_of(plan, "roads"),
    )  # fmt: skip
    plan.add(
        "runout.link", write_runout_zones, reads={"zones": plan.frame("runout_found")},
        optional={"points": plan.frame("points_merged")}, writes={"out": plan.frame("runout_zones")},
        language=plan.cfg.language, risk=plan.cfg.risk,
    )  # fmt: skip


def write_runout_zones(*, zones: Path, points: Path | None, out: Path, language: str, risk: RiskParams) -> None:
    """Write the footprints with the hazard points that they start at or reach."""
    from geo_risk.core.schemas import conform
    from geo_risk.products.cross_links import in_language, runout_links, with_points
    from geo_risk.publish.frames import write_frame
    from geo_risk.sources.layers import read_frame

    made = read_frame(zones)
    if points is not None:
        links = runout_links(read_frame(points), made, risk)
        made = in_language(with_points(made, links, column="point_ids", sentence="runout_points"), language)
    write_frame(conform(made, "runout_zones"), out)


def write_releases(
    *,
    grid: Path,
    hazard: Path | None,
    slope: Path | None,
    areas: Path | None,
    points: Path | None,
    zones: Path | None,
    channels: Path | None,
    units: Path,
    kinds: Path,
    table: Path,
    facts: Path,
    params: RunoutParams,
    risk: RiskParams,
) -> None:
    """Write the release units as layers, their table, and how many there are of each source."""
    from geo_risk.products.releases import ReleaseGround, release_units
    from geo_risk.products.wording import note
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.layers import open_layer, read_frame, read_grid

    ground = ReleaseGround(
        hazard=None if hazard is None else open_layer(hazard).compute(),
        slope=None if slope is None else open_layer(slope).compute(),
        zones=None if zones is None else _sources(zones),
        areas=None if areas is None else read_frame(areas),
        points=None if points is None else read_frame(points),
        channels=None if channels is None else read_frame(channels),
    )
    made = release_units(ground, read_grid(grid), params=params, risk=risk)
    write_layer(made.units, units)
    write_layer(made.kinds, kinds)
    write_frame(made.table, table)
    counts = {str(k): int(n) for k, n in made.table.groupby("source").size().items()}
    unknown = int(made.units.isnull().sum())
    said = [note(
        "info", f"Run-out starts from {len(made.table)} release units; on {unknown} cells it is not known whether "
        "anything can start.", f"运动范围分析共 {len(made.table)} 个物源单元；另有 {unknown} 个像元是否为物源未知。",
    )]  # fmt: skip
    cells = int(made.table["n_cells"].sum())
    write_json({"notes": said, "counts": {**counts, "release_cells": cells, "cells_unknown": unknown},
                "quarantine": [], "methods": []}, facts)  # fmt: skip


def _sources(path: Path) -> Any:
    """Return the zones by the ground that can fail, without what runs out from it."""
    from geo_risk.products.zone_runout import sources_of
    from geo_risk.sources.layers import read_frame

    zones = read_frame(path)
    return zones.set_geometry(sources_of(zones))


def write_runout(
    *,
    dem: Path,
    units: Path,
    kinds: Path,
    table: Path,
    grid: Path,
    houses: Path | None,
    roads: Path | None,
    zones: Path,
    hits: Path,
    ways: Path,
    stack: Path,
    facts: Path,
    params: RunoutParams,
    risk: RiskParams,
    language: str,
    options: ReadOptions,
    **layers: Path,
) -> None:
    """Write the layers of the run-out, the footprints with what they reach, and who is hit by what."""
    from geo_risk.products.runout import Exposed, run_out_products
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.sources.layers import open_layer, read_frame, read_grid

    lines, notes, quarantine = read_roads(roads, read_grid(grid), options)
    exposed = Exposed(None if houses is None else read_frame(houses), lines)
    releases = _releases(units, kinds, table)
    made = run_out_products(open_layer(dem), releases, exposed, params=params, risk=risk, language=language)
    counts = _write_layers(made.layers, layers, stack)
    write_frame(made.zones, zones)
    write_frame(made.hits, hits)
    write_frame(made.ways, ways)
    write_json(_facts({**made.counts, **counts}, notes, quarantine), facts)


def _write_layers(layers: Mapping[str, xr.DataArray], paths: Mapping[str, Path], stack: Path) -> dict[str, int]:
    """Write the layers, all of a band of rows together so that its paths are run once; return what they count."""
    import xarray as xr

    from geo_risk.core.grid import grid_of
    from geo_risk.publish.native import write_native
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.layers import open_layer
    from geo_risk.sources.native import onto_grid

    grid = grid_of(layers["runout_energy"])
    whole = xr.Dataset({n: v.drop_vars("spatial_ref").astype("float32") for n, v in layers.items()})
    write_native(whole.assign_attrs(crs=grid.crs, transform=list(grid.transform)[:6]), stack)
    for name, path in paths.items():
        layer = layers[name]
        found = onto_grid(stack, name, grid, method="nearest").data.astype(layer.dtype)
        write_layer(grid.layer(found, name=name, **layer.attrs), path)
    paths_, flags, level = (open_layer(paths[n]) for n in ("runout_paths", "runout_flags", "hazard_runout"))
    return {"cells_reached": int((paths_ > 0).sum()), "cells_unknown_beyond": int((flags > 0).sum()),
            "cells_unknown": int((level < 0).sum())}  # fmt: skip


def _releases(units: Path, kinds: Path, table: Path) -> Releases:
    from geo_risk.products.releases import Releases
    from geo_risk.sources.layers import open_layer, read_frame

    return Releases(open_layer(units), open_layer(kinds), read_frame(table))


def _facts(counts: dict[str, int], notes: list[str], quarantine: list[dict[str, str]]) -> dict[str, Any]:
    from dataclasses import asdict

    from geo_risk.hazards.runout.compute import CARD
    from geo_risk.products.wording import note

    said = [note("info", text) for text in notes]
    said.append(note(
        "info", f"Run-out of {counts['release_units']} release units reaches {counts['houses_reached']} houses of "
        f"{counts['settlements_reached']} settlements.",
        f"{counts['release_units']} 个物源单元的运动范围波及 {counts['settlements_reached']} 个居民点的 "
        f"{counts['houses_reached']} 处房屋。",
    ))  # fmt: skip
    if counts["cells_unknown_beyond"] or counts["release_cells_on_unknown_ground"]:
        said.append(note(
            "warning", f"On {counts['cells_unknown_beyond']} cells a path runs into unknown ground, off the map or "
            f"beyond the reach followed, and {counts['release_cells_on_unknown_ground']} release cells stand on "
            "unknown ground: what lies beyond is not known to be safe.",
            f"有 {counts['cells_unknown_beyond']} 个像元的运动路径进入高程未知区、图幅以外或超出计算范围，另有 "
            f"{counts['release_cells_on_unknown_ground']} 个物源像元高程未知：其外不等于安全。",
        ))  # fmt: skip
    if counts["cells_unknown"]:
        said.append(note(
            "info", f"On {counts['cells_unknown']} cells it is not known whether anything comes: no height, or below "
            "ground that may fail or not, or beyond a gap of the DEM. They have no energy, not an energy of 0.",
            f"{counts['cells_unknown']} 个像元是否受运动波及未知（无高程、上方坡体是否失稳未知或位于高程缺测区之后）："
            "能量为空值，不是 0。",
        ))  # fmt: skip
    return {"notes": said, "counts": counts, "quarantine": quarantine, "methods": [asdict(CARD)]}
