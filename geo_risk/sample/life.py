"""Rain, slides, people and water of the demo county as files, with their truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo_risk.core.vectorize import rasterize
from geo_risk.publish.atomic import write_text
from geo_risk.publish.frames import write_frame
from geo_risk.publish.raster import write_layer
from geo_risk.sample.buildings import make_buildings
from geo_risk.sample.facilities import facilities_frame
from geo_risk.sample.floods import CountyFlood, county_flood
from geo_risk.sample.ground import Ground
from geo_risk.sample.ledger import Ledger, make_ledger
from geo_risk.sample.people import People
from geo_risk.sample.rain import RainTruth, make_rain
from geo_risk.sample.rain_files import write_rain
from geo_risk.sample.sheets import site_sheet, write_sheet
from geo_risk.sample.shelters import make_shelters, shelter_frame
from geo_risk.sample.slides import Slides, make_slides
from geo_risk.sample.stocks import stock_frame
from geo_risk.sample.streams import stream
from geo_risk.sample.susceptibility import Susceptibility, make_susceptibility
from geo_risk.sample.water import Water, make_water

HIT_DEPTH_M = 0.5
"""Water at a house that counts as a hit."""


@dataclass(frozen=True)
class Life:
    """Everything that lives, falls and flows in a county; see the modules for the columns."""

    buildings: gpd.GeoDataFrame
    rain: RainTruth
    hidden: Susceptibility
    slides: Slides
    flood: CountyFlood
    water: Water
    shelters: pd.DataFrame
    ledger: Ledger
    hits: pd.DataFrame


def make_life(ground: Ground, people: People, movers: gpd.GeoDataFrame) -> Life:
    """Make rain, slides, floods, shelters and ledgers on a ground with its people.

    Parameters
    ----------
    movers : moving ground: mover_id, kind, visible_asc, visible_desc, Polygon.
    """
    buildings = make_buildings(ground, people.settlements)
    rain = make_rain(ground.grid.bounds, seed=ground.seed)
    hidden = make_susceptibility(ground, people.roads, buildings)
    slides = make_slides(ground, hidden, rain)
    flood = county_flood(ground, rain.storm(), rain.peak)
    water = make_water(ground, rain)
    hits = _hits(ground, people, buildings, slides, flood)
    swept = rasterize([(g, 1.0) for g in slides.hit.geometry], ground.grid, fill=0, dtype="uint8", all_touched=True)
    unsafe = (swept > 0) | (flood.depth_m > 0)
    shelters = make_shelters(ground, people, danger=_danger(ground, people, slides, flood), unsafe=unsafe)
    ledger = make_ledger(ground, hidden, slides, movers, buildings)
    return Life(buildings, rain, hidden, slides, flood, water, shelters, ledger, hits)


def _hits(
    ground: Ground, people: People, buildings: gpd.GeoDataFrame, slides: Slides, flood: CountyFlood
) -> pd.DataFrame:
    """Return settlement_id, people, hit_people, hit_by_slide, hit_by_flood: people by the households of houses hit."""
    middle = buildings.geometry.centroid
    rows, columns, _ = ground.grid.index(middle.x, middle.y)
    wet = flood.depth_m[rows, columns] >= HIT_DEPTH_M
    tree = shapely.STRtree(slides.hit.geometry.to_numpy())
    slid = np.zeros(len(buildings), dtype=bool)
    slid[np.unique(tree.query(buildings.geometry.to_numpy(), predicate="intersects")[0])] = True
    table = people.settlements.set_index("settlement_id")
    per_household = table["people"] / table["households"]
    who = buildings["households"].to_numpy() * per_household.loc[buildings["settlement_id"]].to_numpy()
    owner = buildings["settlement_id"].to_numpy()

    def people_in(mask: NDArray[np.bool_]) -> pd.Series[Any]:
        return pd.Series(who * mask).groupby(owner).sum().reindex(table.index, fill_value=0.0)

    return pd.DataFrame(
        {
            "settlement_id": table.index,
            "people": table["people"].to_numpy(),
            "hit_people": np.ceil(people_in(wet | slid).to_numpy() - 1e-9).astype(np.int64),
            "hit_by_slide": np.ceil(people_in(slid).to_numpy() - 1e-9).astype(np.int64),
            "hit_by_flood": np.ceil(people_in(wet).to_numpy() - 1e-9).astype(np.int64),
        }
    )


def _danger(ground: Ground, people: People, slides: Slides, flood: CountyFlood) -> NDArray[np.float64]:
    """Return places for shelters in harm's way: in the run-out nearest to a road node, and in deep water by a road."""
    nodes = shapely.points(people.network.nodes)
    tree = shapely.STRtree(nodes)
    areas = slides.hit.geometry.to_numpy()
    _, away = tree.query_nearest(areas, return_distance=True, all_matches=False)
    ends = [shapely.get_coordinates(areas[k].representative_point())[0] for k in np.argsort(away, kind="stable")[:30]]
    rows, columns = np.nonzero((flood.depth_m >= HIT_DEPTH_M) & (ground.river_distance_m > 0.8 * ground.river_width_m))
    if not rows.size:
        return np.array(ends).reshape(-1, 2)
    x, y = ground.grid.transform * (columns + 0.5, rows + 0.5)
    _, away = tree.query_nearest(shapely.points(x, y), return_distance=True, all_matches=False)
    wet = np.column_stack([x, y])[np.argsort(away, kind="stable")[:60]]
    wet = wet[stream(ground.seed, "people.danger").permutation(len(wet))]
    return np.concatenate([np.array(ends[:1]).reshape(-1, 2), wet, np.array(ends[1:]).reshape(-1, 2)])


def write_life(
    folder: Path, *, ground: Ground, people: People, movers: gpd.GeoDataFrame
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Make and write rain, slides, people and water with their truth.

    Returns
    -------
    the entries of the configuration's `inputs`, and the facts for truth.json.
    """
    life = make_life(ground, people, movers)
    crs = ground.grid.crs
    inputs: dict[str, Any] = {"rainfall": write_rain(life.rain, folder, crs=crs)}
    inputs |= _write_people(life, people, folder, ground)
    inputs |= _write_slides(life, folder)
    inputs |= _write_water(life, ground, folder, crs)
    _write_truth(life, ground, people, folder / "truth")
    return inputs, _facts(life, people)


def _write_people(life: Life, people: People, folder: Path, ground: Ground) -> dict[str, str]:
    table, crs = people.settlements, ground.grid.crs
    columns = ["settlement_id", "name", "kind", "people", "vulnerable_people", "households", "township", "responsible"]
    known = table[columns].copy()
    for column in ("people", "vulnerable_people"):
        known[column] = known[column].astype("Int64").mask(~table["is_people_known"])
    geometry = gpd.points_from_xy(np.round(table["x"], 1), np.round(table["y"], 1))
    frames = {
        "settlements": gpd.GeoDataFrame(known, geometry=geometry, crs=crs),
        "buildings": life.buildings,
        "roads": people.roads,
        "bridges": people.bridges,
        "shelters": shelter_frame(life.shelters, crs),
        "facilities": facilities_frame(table, life.buildings, seed=ground.seed),
        "stocks": stock_frame(
            table.assign(x=np.round(table["x"], 1), y=np.round(table["y"], 1)), crs, size=ground.size, seed=ground.seed
        ),
    }
    for name, frame in frames.items():
        write_frame(frame, folder / f"{name}.gpkg")
    return {name: f"{name}.gpkg" for name in frames}


def _write_slides(life: Life, folder: Path) -> dict[str, str]:
    write_sheet(life.ledger.sheet, folder / "hazard_points.xlsx", title="隐患点台账")
    write_frame(life.slides.inventory, folder / "landslide_inventory.gpkg")
    write_frame(life.slides.past, folder / "past_slides.gpkg")
    return {
        "hazard_points": "hazard_points.xlsx", "landslide_inventory": "landslide_inventory.gpkg",
        "past_slides": "past_slides.gpkg",
    }  # fmt: skip


def _write_water(life: Life, ground: Ground, folder: Path, crs: str) -> dict[str, str]:
    water = life.water
    town = ground.town.grid
    write_layer(town.layer(water.given_dem, units="m", long_name="town ground elevation", name="dem_town"),
                folder / "dem_town.tif")  # fmt: skip
    write_sheet(site_sheet(water.sites, water.drains, crs), folder / "waterlogging_sites.xlsx", title="积水点台账")
    write_text(folder / "past_depths.csv", water.past[["storm_id", "site_id", "depth_m"]].to_csv(index=False))
    listed = set(water.sites.loc[water.sites["in_ledger"], "site_id"])
    owner = water.drains["site_id"]
    shown = water.drains.assign(site_id=owner.where(owner.isin(listed), None))
    for name, is_pump, id_ in (("drains", False, "drain_id"), ("pumps", True, "pump_id")):
        part = shown[shown["is_pump"] == is_pump].rename(columns={"outlet_id": id_})
        frame = gpd.GeoDataFrame(
            part[[id_, "site_id", "capacity_m3_s"]].reset_index(drop=True),
            geometry=gpd.points_from_xy(part["x"], part["y"]), crs=crs,
        )  # fmt: skip
        write_frame(frame, folder / f"{name}.gpkg")
    write_frame(_spaces(water, crs, ground.seed), folder / "underground_spaces.gpkg")
    return {
        "dem_town": "dem_town.tif", "waterlogging_sites": "waterlogging_sites.xlsx", "past_depths": "past_depths.csv",
        "drains": "drains.gpkg", "pumps": "pumps.gpkg", "underground_spaces": "underground_spaces.gpkg",
    }  # fmt: skip


def _spaces(water: Water, crs: str, seed: int) -> gpd.GeoDataFrame:
    """Return every underground entrance of the town, whether or not a ledger has it."""
    found = water.sites[water.sites["kind"] == "underground_space"].reset_index(drop=True)
    rng = stream(seed, "water.spaces")
    label = ("地下车库", "地下商场", "地下通道")
    return gpd.GeoDataFrame(
        {
            "space_id": [f"US{k:03d}" for k in range(1, len(found) + 1)],
            "name": [f"{label[k % 3]}{k + 1}" for k in range(len(found))],
            "kind": [("garage", "mall", "passage")[k % 3] for k in range(len(found))],
            "sill_height_m": found["sill_height_m"],
            "people": rng.integers(5, 60, len(found)) * 5,
        },
        geometry=gpd.points_from_xy(found["x"], found["y"]),
        crs=crs,
    )


def _write_truth(life: Life, ground: Ground, people: People, folder: Path) -> None:
    write_frame(life.slides.storm, folder / "storm_slides.gpkg")
    write_frame(life.slides.hit, folder / "hit.gpkg")
    grids = {
        "susceptibility": (ground.grid, np.round(life.hidden.probability * 1024) / 1024, "1", "true susceptibility"),
        "flooded": (ground.grid, np.round(life.flood.depth_m * 64) / 64, "m", "deepest water, 0 below 0.3 m"),
        "town_depth": (ground.town.grid, np.round(life.water.depth_m * 256) / 256, "m", "deepest water"),
    }
    for name, (grid, values, units, label) in grids.items():
        layer = grid.layer(np.asarray(values, dtype=np.float32), units=units, long_name=label, name=name)
        write_layer(layer, folder / f"{name}.tif")
    sites = life.water.sites.drop(columns=["row", "column"])
    tables = {
        "site_depths": sites[["site_id", "in_ledger", "kind", "x", "y", "depth_m", "floods", "cause", "hidden_defect",
                              "sill_height_m", "catchment_m2"]],
        "drains": life.water.drains.drop(columns=["row", "column"]),
        "past_depths": life.water.past,
        "settlements_hit": life.hits,
        "settlements": people.settlements.drop(columns=["township_number"]),
        "shelters": life.shelters,
        "hazard_points": life.ledger.truth,
        "inventory_events": life.slides.events,
        "inventory_faults": life.slides.faults,
    }  # fmt: skip
    for name, table in tables.items():
        write_text(folder / f"{name}.csv", table.round(3).to_csv(index=False))


def _facts(life: Life, people: People) -> dict[str, Any]:
    reached = people.stops >= 0
    return {
        "peak": f"{life.rain.peak}:00:00Z",
        "decay_per_day": life.rain.decay,
        "people_total": int(people.settlements["people"].sum()),
        "people_off_network": int(people.settlements["people"].to_numpy()[~reached].sum()),
        "unknown_people_ids": people.settlements.loc[~people.settlements["is_people_known"], "settlement_id"].tolist(),
        "off_network_ids": list(people.off_network_ids),
        "cut_off_ids": list(people.cut_off_ids),
        "critical_bridge": people.critical_bridge,
        "shelters_in_danger": life.shelters.loc[life.shelters["in_danger"], "shelter_id"].tolist(),
        "storm_slides": len(life.slides.storm),
        "hit_people": int(life.hits["hit_people"].sum()),
        "hit_settlements": int((life.hits["hit_people"] > 0).sum()),
        "flooded_cells": int((life.flood.depth_m > 0).sum()),
        "town_mass_error_m3": life.water.mass_error_m3,
        "town_rain_m3": life.water.rain_m3,
    }
