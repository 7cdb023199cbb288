"""Step that finds the town's waterlogging sites, merges the ledger, and places drains and pumps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import geopandas as gpd

    from geo_risk.core.grid import Grid
    from geo_risk.hazards.flood.params import SiteParams
    from geo_risk.hazards.flood.sites import Town

_COLUMNS: dict[str, tuple[str | None, str, tuple[str, ...]]] = {
    "roads": ("LineString", "", ("class?", "name?", "highway?", "fclass?")),
    "railways": ("LineString", "", ()),
    "underground_spaces": ("Point", "space_id", ("name?", "sill_height_m?", "people?")),
    "buildings": ("Polygon", "", ()),
    "drains": (None, "drain_id", ("capacity_m3_s?", "capacity_mm_h?", "site_id?")),
    "pumps": ("Point", "pump_id", ("capacity_m3_s", "site_id?")),
}

AREAS = ("Polygon", "MultiPolygon")
"""Types of the drains that are known by the area they serve."""


def read_features(
    path: Path | None, name: str, grid: Grid, *, options: dict[str, dict[str, Any]], aside: list[dict[str, str]]
) -> gpd.GeoDataFrame:
    """Return the features of an input that touch the town, with their columns; empty where it is not given.

    Rows set aside by the reader go to `aside`.
    """
    import geopandas as gpd

    from geo_risk.sources.options import ReadOptions
    from geo_risk.sources.road_classes import road_classes
    from geo_risk.sources.vectors import read_vector

    geometry, id_column, columns = _COLUMNS[name]
    if path is None:
        names = [c.removesuffix("?") for c in (*columns, id_column) if c]
        return gpd.GeoDataFrame({c: [] for c in names}, geometry=[], crs=grid.crs)
    read = read_vector(path, crs=grid.crs, where=f"inputs.{name}", geometry=geometry, id_column=id_column or None,
                       columns=columns, options=ReadOptions(**options.get(name, {})))  # fmt: skip
    aside += read.quarantine
    if name == "roads":
        read.frame["class"] = road_classes(read.frame)
    if name == "underground_spaces":
        read.frame[["sill_height_m", "people"]] = _entrance_numbers(read.frame, aside)
    left, bottom, right, top = grid.bounds
    frame = read.frame if geometry in ("Point", None) else read.frame.cx[left:right, bottom:top]
    return in_parts(frame)


def _entrance_numbers(frame: gpd.GeoDataFrame, aside: list[dict[str, str]]) -> Any:
    """Return sills [m] and people of entrances as numbers, missing where what is written is none: told in `aside`."""
    import pandas as pd

    from geo_risk.sources.written_lengths import metres

    people = pd.to_numeric(frame["people"], errors="coerce").astype("float64")
    out = pd.DataFrame({"sill_height_m": metres(frame["sill_height_m"]), "people": people.where(people >= 0)})
    zh = {"sill_height_m": "挡水高度", "people": "人数"}
    for column in out:
        lost = out[column].isna() & frame[column].notna() & (frame[column].astype("string").str.strip() != "")
        aside += [{"id": str(i), "reason": f"its {column} {str(v)[:20]!r} is no number: it counts as unknown",
                   "reason_zh": f"{zh[str(column)]}“{str(v)[:20]}”不是数值：按未知处理"}
                  for i, v in zip(frame.loc[lost, "space_id"], frame.loc[lost, column], strict=True)]  # fmt: skip
    return out


def in_parts(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return features with a row for each part; a capacity is the whole feature's.

    Its points share `capacity_m3_s` alike. An area that has one stays one row, for its rate goes by the whole area.
    """
    import geopandas as gpd
    import pandas as pd
    import shapely

    if "capacity_m3_s" not in frame or not len(frame):
        return frame.explode(index_parts=False).reset_index(drop=True)
    out = frame.copy()
    parts = shapely.get_num_geometries(out.geometry.to_numpy())
    is_shared = (out.geometry.geom_type == "MultiPoint").to_numpy() & (parts > 1)
    if is_shared.any():
        whole = pd.to_numeric(out["capacity_m3_s"], errors="coerce").astype("float64")
        out["capacity_m3_s"] = whole.where(~is_shared, whole / parts)
    is_area = (out.geometry.geom_type == "MultiPolygon").to_numpy()
    split = out[~is_area].explode(index_parts=False)
    both = pd.concat([split, out[is_area]]).sort_index(kind="stable")
    return gpd.GeoDataFrame(both, geometry=both.geometry.name, crs=out.crs).reset_index(drop=True)


def by_place(drains: gpd.GeoDataFrame, aside: list[dict[str, str]]) -> gpd.GeoDataFrame:
    """Return drains that are points; areas are another step's (`flood.drained`), lines are set aside."""
    kind = drains.geometry.geom_type
    lines = drains[~kind.isin(["Point", *AREAS])]
    aside += [{"id": str(i), "reason": f"drains are points or areas, this is a {k}: run as if it drained nothing",
               "reason_zh": "排水设施应为点或面：按不排水计算"}
              for i, k in zip(lines["drain_id"], kind[lines.index], strict=True)]  # fmt: skip
    return drains[kind == "Point"].reset_index(drop=True)


def write_sites(
    *,
    dem: Path,
    built: Path,
    run_grid: Path,
    waterlogging_sites: Path | None,
    drains: Path | None,
    pumps: Path | None,
    roads: Path | None,
    railways: Path | None,
    underground_spaces: Path | None,
    buildings: Path | None,
    town_sites: Path,
    town_devices: Path,
    labels: Path,
    facts: Path,
    options: dict[str, dict[str, Any]],
    params: SiteParams,
    hole_depth_m: float,
) -> None:
    """Write the sites, the devices and the labelled depressions of the town."""
    from geo_risk.core.grid import grid_of
    from geo_risk.hazards.flood.devices import more_than_comes, place_devices
    from geo_risk.hazards.flood.sites import Features, detect_sites, in_metres, merge_ledger, town_ground, with_streets
    from geo_risk.products.wording import note
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.layers import open_layer, read_grid

    height = open_layer(dem)
    grid = grid_of(height)
    area = both_areas(grid, read_grid(run_grid))
    ground = town_ground(grid, height.to_numpy(), params)
    aside: list[dict[str, str]] = []
    paths = {"roads": roads, "railways": railways, "underground_spaces": underground_spaces, "buildings": buildings,
             "drains": drains, "pumps": pumps}  # fmt: skip
    read = {name: read_features(p, name, grid, options=options, aside=aside) for name, p in paths.items()}
    is_built = open_layer(built).to_numpy() > 0
    features = Features(read["roads"], read["railways"], read["underground_spaces"], read["buildings"], is_built)
    detected = detect_sites(ground, features, params)
    ledger, said = _ledger(waterlogging_sites, grid, read["roads"], area=area, options=options, aside=aside)
    if ledger is not None:
        ledger, odd = in_metres(ledger, params)
        aside += odd
    sites, beyond = merge_ledger(detected, ledger, ground, params)
    sites = with_streets(sites, read["roads"], params)
    devices, bad = place_devices(by_place(read["drains"], aside), read["pumps"], sites, ground, params)
    write_frame(sites, town_sites)
    write_frame(devices, town_devices)
    write_layer(grid.layer(ground.found.labels, units="1", long_name="depressions of the town", name="town_labels"),
                labels)  # fmt: skip
    counts = {
        "depressions": int(ground.found.level.size), "sites": len(sites), "devices": len(devices),
        **{f"sites_{k}": int(v) for k, v in sites["source"].value_counts().items()},
    }  # fmt: skip
    notes = [*ground_notes(ground, hole_depth_m), *capacity_notes(more_than_comes(sites, devices)),
             *(note("info", text) for text in said)]  # fmt: skip
    write_json({"notes": notes, "counts": counts, "quarantine": [*aside, *beyond, *bad]}, facts)


def both_areas(town: Grid, run: Grid) -> tuple[float, float, float, float]:
    """Return left, bottom, right, top of the town and the run together: a ledger's site off the town's DEM stays.

    Where the run's grid is in another CRS, the town alone.
    """
    if run.crs != town.crs:
        return town.bounds
    a, b = town.bounds, run.bounds
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def ground_notes(ground: Town, hole_depth_m: float) -> list[dict[str, str]]:
    """Return what the report says of a town's DEM that has gaps, or holes deeper than hollows of towns are."""
    import numpy as np

    from geo_risk.products.wording import note

    notes = []
    n_missing = int(np.isnan(ground.elevation).sum())
    if n_missing:
        notes.append(note(
            "warning",
            f"The town's DEM has {n_missing} missing cells ({n_missing / ground.elevation.size:.1%}): nothing is known "
            "there, and hollows that reach into them are not found. They are walls to the water and the rain on them "
            "is lost: places below them may stand deeper than shown.",
            f"城区高程模型缺测 {n_missing} 个格网（{n_missing / ground.elevation.size:.1%}）："
            "该处情况未知，延伸至其中的洼地无法识别；水流不能通过，其上降雨未计入，下游水深可能偏小。",
        ))  # fmt: skip
    holes = ground.found.depth_max[ground.found.depth_max >= hole_depth_m]
    if holes.size:
        notes.append(note(
            "warning",
            f"The town's DEM has {holes.size} holes of {hole_depth_m:g} m and more, the deepest {holes.max():.0f} m: "
            "mines or errors; they swallow water, so that places below them may look drier than they are.",
            f"城区高程模型有 {holes.size} 处深度达 {hole_depth_m:g} 米以上的深坑，最深 {holes.max():.0f} 米："
            "可能为矿坑或错误，会截留来水，其下游水深可能偏小。",
        ))  # fmt: skip
    return notes


def capacity_notes(ids: list[str]) -> list[dict[str, str]]:
    """Return what the report says of sites whose devices are told to take more than can come."""
    from geo_risk.hazards.flood.devices import HEAVIEST_MM_H
    from geo_risk.products.wording import note

    if not ids:
        return []
    which = ", ".join(ids[:20]) + (" ..." if len(ids) > 20 else "")
    return [note(
        "warning",
        f"Drains and pumps of {len(ids)} sites are told to take more than {HEAVIEST_MM_H:g} mm/h from all ground that "
        f"drains there ({which}): check their unit (m3/s). Where it is wrong such a place is not as dry as shown.",
        f"{len(ids)} 处点位的排水能力超过其汇水面积上 {HEAVIEST_MM_H:g} 毫米/小时的全部来水（{which}）："
        "请核对单位（立方米/秒）；若有误，该处积水将深于所示。",
    )]  # fmt: skip


def _ledger(
    path: Path | None,
    grid: Grid,
    roads: gpd.GeoDataFrame,
    *,
    area: tuple[float, float, float, float],
    options: dict[str, dict[str, Any]],
    aside: list[dict[str, str]],
) -> tuple[gpd.GeoDataFrame | None, list[str]]:
    from geo_risk.sources.ledger import read_ledger
    from geo_risk.sources.ledger_tables import kinds_by_name
    from geo_risk.sources.options import ReadOptions

    if path is None:
        return None, []
    read = read_ledger(path, "waterlogging_sites", crs=grid.crs, where="inputs.waterlogging_sites", area=area,
                       reference=roads if len(roads) else None,
                       options=ReadOptions(**options.get("waterlogging_sites", {})))  # fmt: skip
    aside += read.quarantine
    frame = read.frame
    frame["kind"] = frame["kind"].fillna(kinds_by_name(frame["name"]))
    return frame, read.notes
