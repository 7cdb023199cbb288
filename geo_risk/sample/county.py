"""The whole demo county: every input file, its truth, a configuration that runs, and the checksums.

The files of the analyst stand in the folder itself, what the generator knows in `truth/`. The same size, seed and
version give the same arrays.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from ruamel.yaml import YAML

from geo_risk.core.grid import Grid
from geo_risk.publish.atomic import disk_full, staged, write_text
from geo_risk.publish.frames import write_frame, write_json
from geo_risk.publish.raster import write_layer
from geo_risk.sample.bodies import with_slide_bodies
from geo_risk.sample.coherence import Coherence, make_coherence
from geo_risk.sample.cover import LANDCOVER
from geo_risk.sample.dem_faults import GivenDem, given_dem
from geo_risk.sample.ground import Ground, make_ground
from geo_risk.sample.insar import epochs, lost_after, make_scene, seen
from geo_risk.sample.insar_files import write_coherence, write_geometry, write_part, write_timeseries
from geo_risk.sample.life import write_life
from geo_risk.sample.look import ASCENDING, TRACKS, insar_grid
from geo_risk.sample.maps import admin_frame, geology_frame, soils_frame
from geo_risk.sample.mines import mining_frames, tailings_frame
from geo_risk.sample.motion import Motion, make_motion, movers_frame
from geo_risk.sample.people import make_people
from geo_risk.sample.placing import place_all
from geo_risk.sample.planned import write_planned

CHECKSUMS = "checksums.sha256"
OUTPUTS = "outputs"
Masks = dict[str, NDArray[np.bool_]]


def make_county(folder: Path, *, size: int = 500, seed: int = 7, insar_resolution_m: float = 60.0) -> None:
    """Write a demo county of `size` x `size` cells of 30 m into a folder, checksums last.

    Parameters
    ----------
    folder : is made where it is not there; files of the same names are replaced.
    size : cells along a side; counts of things grow with the area.
    seed : same seed, same county.
    insar_resolution_m : cell of the InSAR stacks, a multiple of 30 m.

    Raises
    ------
    ConfigError : a size, seed or resolution that cannot be made.
    DiskFullError : a file could not be written whole.
    """
    ground = make_ground(size, seed)
    grid = insar_grid(ground.grid, insar_resolution_m)
    coherence = make_coherence(ground, grid)
    sites, reference = place_all(ground, grid, coherence)
    ground = with_slide_bodies(ground, sites)
    motion = make_motion(grid, sites, reference=reference)
    people = make_people(ground)
    given = given_dem(ground, roads=people.roads, bridges=people.bridges, crossings=people.open_crossings)
    inputs = write_ground(folder, ground, given)
    masks, tracks = write_insar(folder, ground, motion, coherence)
    movers = movers_frame(motion, masks)
    inputs |= {"insar": tracks} | write_mines(folder, ground, motion)
    write_motion_truth(folder / "truth", motion, masks, movers)
    more, life = write_life(folder, ground=ground, people=people, movers=movers)
    inputs |= more
    if "settlements" in more:  # plots are laid out about them
        inputs |= write_planned(folder, seed=seed)
    truth = {
        "size": size,
        "seed": seed,
        "insar_resolution_m": insar_resolution_m,
        "reference": {"row": reference[0], "column": reference[1]},
        "dem": _dem_facts(given),
        "life": life,
    }
    write_json(truth, folder / "truth" / "truth.json")
    _write_config(folder, inputs, event_time=str(life["peak"]))
    write_checksums(folder)


def write_ground(folder: Path, ground: Ground, given: GivenDem) -> dict[str, Any]:
    """Write the DEM as given, the maps and the lines of the valley; return the configuration's inputs."""
    dem = (np.round(given.dem * 64) / 64).astype(np.float32)
    write_layer(ground.grid.layer(dem, units="m", long_name="ground elevation", name="dem"), folder / "dem.tif")
    cover = ground.grid.layer(ground.landcover, units="1", long_name="land cover class", name="landcover")
    write_layer(cover, folder / "landcover.tif")
    legend = ["code,name_en,name_zh", *(f"{code},{en},{zh}" for code, (en, zh) in LANDCOVER.items())]
    write_text(folder / "landcover.csv", "\n".join(legend) + "\n")
    frames = {
        "geology": geology_frame(ground), "soils": soils_frame(ground), "faults": ground.faults,
        "admin": admin_frame(ground), "rivers": _rivers(ground), "railways": _railways(ground),
        "culverts": given.culverts,
    }  # fmt: skip
    for name, frame in frames.items():
        write_frame(frame, folder / f"{name}.gpkg")
    return {"dem": "dem.tif", "landcover": "landcover.tif"} | {name: f"{name}.gpkg" for name in frames}


def _rivers(ground: Ground) -> gpd.GeoDataFrame:
    main = gpd.GeoDataFrame(
        {"river_id": ["R00000"], "name": ["示范河"], "class": ["river"], "width_m": [ground.river_width_m]},
        geometry=[ground.river], crs=ground.grid.crs,
    )  # fmt: skip
    ids = [s.replace("S", "R", 1) for s in ground.streams["stream_id"]]
    width = np.round(2.5 * np.sqrt(ground.streams["upslope_km2"].to_numpy()), 1)
    rest = gpd.GeoDataFrame(
        {"river_id": ids, "name": [f"{i[1:]}号沟" for i in ids], "class": "stream", "width_m": width},
        geometry=ground.streams.geometry.to_numpy(), crs=ground.grid.crs,
    )  # fmt: skip
    return gpd.GeoDataFrame(pd.concat([main, rest], ignore_index=True), crs=ground.grid.crs)


def _railways(ground: Ground) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {"railway_id": ["RW1"], "name": ["示范铁路"]}, geometry=[ground.railway], crs=ground.grid.crs
    )


def write_insar(
    folder: Path, ground: Ground, motion: Motion, coherence: Coherence
) -> tuple[Masks, list[dict[str, Any]]]:
    """Write both stacks, date by date; return what each track can see and the configuration's tracks."""
    masks: Masks = {}
    tracks: list[dict[str, Any]] = []
    for track in TRACKS:
        scene = make_scene(ground, motion.grid, coherence, track)
        lost = lost_after(scene, motion)
        masks[track.name] = seen(scene, motion, lost)
        place = folder / "insar" / track.name
        values = epochs(scene, motion, coherence, lost)
        write_timeseries(place / "timeseries.h5", scene, motion.reference, values)
        write_geometry(place / "geometryGeo.h5", scene, motion.reference)
        write_coherence(place / "avgSpatialCoh.h5", scene, motion.reference)
        names = {"files": "timeseries.h5", "geometry": "geometryGeo.h5", "coherence": "avgSpatialCoh.h5"}
        tracks.append({"track": track.name} | {k: f"insar/{track.name}/{v}" for k, v in names.items()})
        if track is ASCENDING:
            part = folder / "insar" / f"stack_{track.name}"
            write_part(part, scene, place / "timeseries.h5", motion.reference)
    return masks, tracks


def write_mines(folder: Path, ground: Ground, motion: Motion) -> dict[str, Any]:
    """Write licences, tailings ponds and the truth of the bowls; return the configuration's inputs."""
    mines, bowls = mining_frames(ground, motion)
    write_frame(mines, folder / "mines.gpkg")
    write_frame(tailings_frame(ground, motion), folder / "tailings_ponds.gpkg")
    write_frame(bowls, folder / "truth" / "bowls.gpkg")
    return {"mines": "mines.gpkg", "tailings_ponds": "tailings_ponds.gpkg"}


def write_motion_truth(folder: Path, motion: Motion, masks: Masks, movers: gpd.GeoDataFrame) -> None:
    """Write movers.gpkg and motion.nc: rates, yearly amplitude, labels and what each track can see."""
    write_frame(movers, folder / "movers.gpkg")
    coords = motion.grid.coords()
    dims = ("y", "x")
    data = xr.Dataset(coords={**coords, "spatial_ref": _reference(motion.grid)})
    for k, name in enumerate(("east", "north", "up")):
        values = (np.round(motion.velocity_mm_yr[k] * 64) / 64).astype(np.float32)
        data[name] = (dims, values, {"units": "mm/yr", "long_name": f"true mean velocity, {name}"})
    annual = (np.round(motion.annual_mm * 64) / 64).astype(np.float32)
    data["annual"] = (dims, annual, {"units": "mm", "long_name": "amplitude of the yearly wave"})
    data["moving"] = (dims, (motion.labels > 0).astype(np.int8), {"units": "1", "long_name": "the ground moves"})
    data["mover"] = (dims, motion.labels.astype(np.int32), {"units": "1", "long_name": "number in mover_id, 0 still"})
    for name, mask in masks.items():
        note = {"units": "1", "long_name": f"track {name} can see this moving ground"}
        data[f"seen_{name}"] = (dims, mask.astype(np.int8), note)
    packing = {str(name): {"zlib": True, "complevel": 6, "shuffle": True} for name in data.data_vars}
    path = folder / "motion.nc"

    def verify(written: Path) -> None:
        with xr.open_dataset(written, engine="h5netcdf") as back:
            if not all(np.array_equal(back[name].to_numpy(), data[name].to_numpy()) for name in data.data_vars):
                raise disk_full(path)

    with staged(path, verify=verify) as temporary:
        data.to_netcdf(temporary, engine="h5netcdf", encoding=packing)


def _reference(grid: Grid) -> xr.DataArray:
    layer = grid.layer(np.zeros(grid.shape, np.int8), units="1", long_name="grid")
    return xr.DataArray(0, attrs=layer.coords["spatial_ref"].attrs)


def _dem_facts(given: GivenDem) -> dict[str, Any]:
    return {
        "deck_ids": list(given.deck_ids),
        "culvert_ids": [str(i) for i in given.culverts["culvert_id"]],
        "void_cells": int(given.void.sum()),
        "seam_column": given.seam_column,
    }


def _write_config(folder: Path, inputs: dict[str, Any], *, event_time: str) -> None:
    """Write config.yaml: the whole pipeline on this county's files, as a hindcast of the storm's peak."""
    config = {
        "pipeline": "dual_control", "name": "示范县", "language": "zh", "inputs": inputs,
        "rainfall": {"event_time": event_time}, "output": OUTPUTS,
    }  # fmt: skip
    stream = io.StringIO()
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.dump(config, stream)
    head = "# The demo county. Made by `geo-risk sample`; run it with `geo-risk run config.yaml`.\n"
    write_text(folder / "config.yaml", head + stream.getvalue())


def write_checksums(folder: Path) -> None:
    """Write the SHA-256 of every file of the county (run outputs apart) in the format of sha256sum."""
    lines = []
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if (
            path.is_file()
            and path.name != CHECKSUMS
            and not path.name.startswith(".")
            and relative.parts[0] != "outputs"
        ):
            lines.append(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {relative.as_posix()}")
    write_text(folder / CHECKSUMS, "\n".join(lines) + "\n")
