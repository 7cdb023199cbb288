"""The step that looks at the ground around the town, from files to files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from geo_risk.core.errors import CorruptFileError
from geo_risk.core.grid import Grid
from geo_risk.flow.steps.flood_surroundings import unpacked, write_surroundings
from geo_risk.flow.steps.flood_town_storm import come_in
from geo_risk.hazards.flood.params import TownFlowParams
from geo_risk.hazards.flood.runoff_params import RunoffParams
from geo_risk.kernels.accumulation import accumulate
from geo_risk.kernels.d8 import drainage_order, flow_direction
from geo_risk.kernels.priority_flood import fill
from geo_risk.publish.cube import write_cube
from geo_risk.publish.raster import write_layer
from geo_risk.sources.state import read_state
from tests.support.warned import cube

CRS = "EPSG:4546"
FAR = 300
"""Cells of a county that goes on far to the west of what drains into the town."""
COUNTY = Grid.from_bounds((500_010, 4_000_020, 500_910, 4_000_920), crs=CRS, resolution_m=30)
TOWN = Grid.from_bounds((500_310, 4_000_320, 500_610, 4_000_620), crs=CRS, resolution_m=5)
RAIN = Grid.from_bounds((499_000, 3_999_000, 502_000, 4_002_000), crs=CRS, resolution_m=1000)


def files(folder: Path, *, missing_north: bool = False, county: Grid = COUNTY) -> dict[str, Path]:
    """Write a plane that falls to the south, a clay of curve number 90, and 12 hours of rain of which 3 are wet."""
    z = 100 + 0.01 * (county.coords()["y"][:, None] - 4_000_000) + np.zeros(county.shape)
    made = {"dem": z, "flow_direction": flow_direction(fill(z)).astype(float), "curve_number": np.full(z.shape, 90.0),
            "soil_code": np.full(z.shape, 4.0), "impervious_share": np.zeros(z.shape)}  # fmt: skip
    made["curve_number"][:2] = np.nan  # unknown ground runs as the wet side has it
    codes = flow_direction(fill(z))
    made["flow_accumulation"] = accumulate(codes, drainage_order(codes), np.full(z.shape, 900.0))
    paths = {}
    for name, values in made.items():
        paths[name] = folder / f"{name}.tif"
        write_layer(county.layer(values.astype(np.float32), units="1", long_name=name, name=name), paths[name])
    paths["town_dem"] = folder / "town_dem.tif"
    height = 100 + 0.01 * (TOWN.coords()["y"][:, None] - 4_000_000) + np.zeros(TOWN.shape)
    write_layer(TOWN.layer(height.astype(np.float32), units="m", long_name="dem", name="town_dem"), paths["town_dem"])
    rain = cube("2024-07-25T01:00", 12, 1.0, grid=RAIN)
    rain[6:9] = 40.0
    if missing_north:
        rain[7, :1] = np.nan
    paths["rain"] = folder / "rain.nc"
    write_cube(rain, paths["rain"])
    return paths


def run(
    folder: Path, *, missing_north: bool = False, county: Grid = COUNTY, **params: object
) -> tuple[Path, dict[str, object]]:
    out, facts = folder / "inflows.npz", folder / "facts.json"
    given = files(folder, missing_north=missing_north, county=county)
    write_surroundings(**given, inflows=out, facts=facts, runoff=RunoffParams(),
                       params=TownFlowParams(window_h=3, **params))  # type: ignore[arg-type]  # fmt: skip
    return out, json.loads(facts.read_text())


@pytest.mark.slow
def test_rain_alone_lets_nothing_in_and_says_what_is_missing(tmp_path: Path) -> None:
    out, facts = run(tmp_path)
    assert come_in(out) == []
    assert facts["counts"]["drains_in_to_own_area"] == pytest.approx(1.0)
    assert [note["level"] for note in facts["notes"]] == ["warning"]
    assert facts["notes"][0]["text_zh"]
    kept = read_state(out)
    assert kept is not None
    # ten columns of the county end in the town's upper row, each with the ten rows above: in the lowest cells there
    assert kept["entry_m2"].tolist() == [10 * 900.0] * 10
    assert set((kept["entry_cells"] // TOWN.shape[1]).tolist()) == {5}


@pytest.mark.slow
@pytest.mark.parametrize("runoff_hours_before", [0, 6])
def test_county_lets_in_the_water_that_comes_down(tmp_path: Path, runoff_hours_before: int) -> None:
    out, facts = run(tmp_path, boundary="county", county_lead_h=runoff_hours_before)
    inflows = come_in(out)
    by_side = {"north": 0.0, "south": 0.0, "west": 0.0, "east": 0.0}
    for inflow in inflows:
        by_side[str(inflow.side)] += float(np.dot(inflow.flow_m3_s, np.diff(inflow.time_s)))
    volume = sum(by_side.values())
    assert by_side["north"] > 0.99 * volume  # the plane falls to the south
    assert volume == pytest.approx(facts["counts"]["inflow_m3"])
    # 9 ha above the town under 120 mm, most of which runs off; some is still on its way, some fell before
    assert 0.5 * 90_000 * 0.120 < volume < 90_000 * 0.126
    assert inflows[0].time_s[0] == 0.0
    assert inflows[0].time_s[-1] == 3 * 3600.0
    assert facts["notes"][0]["level"] == "info"
    kept = read_state(out)
    assert kept is not None
    np.testing.assert_allclose(kept["entry_m2"], 0.0, atol=1e-6)  # all of it was run


@pytest.mark.slow
def test_rain_that_is_missing_around_the_town_is_told(tmp_path: Path) -> None:
    _, facts = run(tmp_path, missing_north=True, boundary="county", county_lead_h=0)
    said = [note for note in facts["notes"] if "An hour of the storm's rain is missing" in note["text_en"]]
    assert [note["level"] for note in said] == ["warning"]
    assert "部分时次降雨缺测" in said[0]["text_zh"]


def test_torn_inflows_stop_the_town_and_are_not_taken_for_none(tmp_path: Path) -> None:
    path = tmp_path / "inflows.npz"
    path.write_bytes(b"PK torn")
    assert read_state(path) is None
    with pytest.raises(CorruptFileError, match="cannot be read"):
        come_in(path)
    assert come_in(None) == []
    assert unpacked({"first": np.zeros(1, int), "cells": [], "side": [], "flow_m3_s": [], "time_s": []}) == []


@pytest.mark.slow
def test_the_window_around_the_town_may_lie_anywhere_in_the_county(tmp_path: Path) -> None:
    left, bottom, right, top = COUNTY.bounds
    wide = Grid.from_bounds((left - FAR * 30, bottom, right, top), crs=CRS, resolution_m=30)
    (tmp_path / "near").mkdir()
    (tmp_path / "far").mkdir()
    near = come_in(run(tmp_path / "near", boundary="county")[0])
    far = come_in(run(tmp_path / "far", boundary="county", county=wide)[0])
    volumes = [sum(float(np.dot(i.flow_m3_s, np.diff(i.time_s))) for i in each) for each in (near, far)]
    assert volumes[1] == pytest.approx(volumes[0], rel=0.02)
