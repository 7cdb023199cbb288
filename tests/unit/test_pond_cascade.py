"""The town's hollows as people read of them, and the step that makes them from files."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from shapely.geometry import Point

from geo_risk.core.grid import Grid
from geo_risk.flow.steps.flood_cascade import write_cascade
from geo_risk.hazards.flood.params import SiteParams, TownFlowParams
from geo_risk.hazards.flood.runoff_params import RunoffParams
from geo_risk.products.pond_cascade import cascade_facts, pond_cascade
from geo_risk.publish.cube import write_cube
from geo_risk.publish.frames import write_frame
from geo_risk.publish.raster import write_layer
from geo_risk.sources.layers import read_frame, read_json

GRID = Grid.from_bounds((510_400, 4_060_400, 510_600, 4_060_500), crs="EPSG:4546", resolution_m=5)


def table(**changes) -> gpd.GeoDataFrame:
    row = {"pond_id": ["PD-1", "PD-2", "PD-3"], "site_ids": ["S1", None, None], "name": ["下穿通道", None, None],
           "volume_m3": 50.0, "catchment_m2": 1000.0, "fill_share": [1.0, 1.0, 0.4],
           "first_spill_h": [2.0, 0.5, np.nan],
           "spills_into": [pd.NA, "PD-1", "PD-1"], "spilled_m3": [50.0, 80.0, 0.0], "added_m3": [50.0, 80.0, np.nan],
           "saved_m3": [0.0, 30.0, np.nan]}  # fmt: skip
    return gpd.GeoDataFrame(row | changes, geometry=[Point(510_450 + k, 4_060_450) for k in range(3)], crs="EPSG:4546")


def test_those_that_spill_first_come_first_and_say_what_storage_would_buy() -> None:
    made = pond_cascade(table(), language="zh")
    assert made["pond_id"].tolist() == ["PD-2", "PD-1", "PD-3"]
    assert made["reasons_en"].tolist() == [
        "Full after 0.5 h; then it spills 80 m3 into PD-1 下穿通道. Storage of 80 m3 here would keep 30 m3 from the "
        "sites below (38% of it).",
        "Full after 2.0 h; then 50 m3 leave the town.",
        "Not full in this storm: 40% of 50 m3.",
    ]
    assert "下游点位少积水 30 立方米" in made["reasons"].iloc[0]
    notes = cascade_facts(made)["notes"]
    assert "PD-2: 80 m3 there keep 30 m3" in notes[1]["text_en"]
    nothing = cascade_facts(pond_cascade(table(saved_m3=[0.0, 0.0, np.nan])))["notes"]
    assert "own catchments" in nothing[1]["text_en"]


def test_a_hollow_whose_rain_is_missing_is_not_said_to_hold() -> None:
    made = pond_cascade(table(fill_share=[1.0, 1.0, np.nan]), language="zh").set_index("pond_id")
    assert made.loc["PD-3", "reasons_en"] == "Rain is missing in its catchment: not known to hold (50 m3)."
    assert "未知" in made.loc["PD-3", "reasons"]
    assert "Full after" in made.loc["PD-1", "reasons_en"]


def test_a_cascade_without_the_water_from_around_says_so() -> None:
    made = pond_cascade(table(), language="zh")
    alone, more = (cascade_facts(made, lets_in=lets_in)["notes"] for lets_in in (False, True))
    assert [n["level"] for n in more] == [*(n["level"] for n in alone), "warning"]
    assert "may fill earlier" in more[-1]["text_en"]
    assert "不代表安全" in more[-1]["text_zh"]


def run_step(folder: Path, z: np.ndarray, sites: gpd.GeoDataFrame, rain_mm: np.ndarray, devices: pd.DataFrame):
    """Run the step over ground that sheds all rain; rain_mm is (t, 2, 2)."""
    names = {"town_dem": z, "town_curve_number": np.full(z.shape, 100.0), "town_manning": np.full(z.shape, 0.03),
             "town_soil": np.full(z.shape, 2.0), "town_sealed": np.ones(z.shape),
             "town_drained": np.zeros(z.shape)}  # fmt: skip
    for name, values in names.items():
        units = "m" if name == "town_dem" else "1"
        layer = GRID.layer(values.astype("float32"), units=units, long_name=name, name=name)
        write_layer(layer, folder / f"{name}.tif")
    coarse = Grid.from_bounds((510_000, 4_060_000, 511_000, 4_061_000), crs="EPSG:4546", resolution_m=500)
    base = coarse.layer(np.zeros(coarse.shape, "float32"), units="mm", long_name="rain", name="rain")
    times = np.datetime64("2024-07-25T01:00", "ns") + np.arange(len(rain_mm)) * np.timedelta64(1, "h")
    rain = xr.DataArray(rain_mm.astype("float32"), dims=("time", "y", "x"), name="rain",
                        coords={"time": times, **{c: base.coords[c] for c in ("y", "x", "spatial_ref")}},
                        attrs={"units": "mm", "interval_h": 1.0})  # fmt: skip
    write_cube(rain, folder / "rain.nc")
    write_frame(sites, folder / "sites.gpkg")
    write_frame(devices, folder / "devices.gpkg")
    write_cascade(
        town_sites=folder / "sites.gpkg", town_devices=folder / "devices.gpkg", rain=folder / "rain.nc",
        findings=None, out=folder / "out.gpkg", facts=folder / "facts.json", params=TownFlowParams(),
        runoff=RunoffParams(), sites=SiteParams(), language="en", **{n: folder / f"{n}.tif" for n in names},
    )  # fmt: skip
    return read_frame(folder / "out.gpkg").set_index("pond_id")


def two_hollows() -> np.ndarray:
    """Return a plane that falls east with two hollows in a row between walls."""
    z = np.tile(900 - 0.05 * np.arange(40.0), (20, 1))
    z[[0, 5, -1]] = 910.0
    z[6:19, 8:14] -= 1.0
    z[6:19, 24:30] -= 1.0
    return z


def a_site() -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"site_id": ["A"], "name": ["道路"], "label": [2], "cell": [12 * 40 + 26]},
                            geometry=[Point(510_532.5, 4_060_437.5)], crs=GRID.crs)  # fmt: skip


def drains(*cells: int) -> pd.DataFrame:
    n = len(cells)
    return pd.DataFrame({"device_id": [f"D{k}" for k in range(n)], "kind": ["drain"] * n, "site_id": [None] * n,
                         "capacity_m3_s": [0.01] * n, "cell": np.array(cells, np.int64)})  # fmt: skip


@pytest.mark.slow
def test_the_step_follows_the_water_of_the_hours_from_hollow_to_hollow(tmp_path: Path) -> None:
    """A plane that falls east with two hollows in a row between walls; the western one has a drain."""
    rain = np.full((2, 2, 2), 200.0)
    made = run_step(tmp_path, two_hollows(), a_site(), rain, drains(12 * 40 + 10))
    assert len(made) == 2
    west, east = (made[made.geometry.x.round(1) < 510_500].iloc[0], made[made.geometry.x > 510_500].iloc[0])
    assert west["spills_into"] == east.name
    assert east["site_ids"] == "A"
    # all rain on the catchment runs off; the drain takes 0.01 m3/s while there is water
    fallen = west["catchment_m2"] * 0.4
    assert west["spilled_m3"] == pytest.approx(fallen - west["volume_m3"] - 0.01 * 7200, rel=1e-3)
    # until the first spill the rate is constant: to the five minutes of a step
    rate_h = west["catchment_m2"] * 0.2 - 36.0
    assert west["first_spill_h"] == pytest.approx(west["volume_m3"] / rate_h, abs=1 / 12)
    assert west["saved_m3"] <= west["added_m3"] + 1e-6
    assert read_json(tmp_path / "facts.json")["counts"] == {"hollows": 2, "hollows_spilling": 2}


@pytest.mark.slow
def test_hollows_under_rain_that_is_missing_in_an_hour_are_unknown_unless_they_spill(tmp_path: Path) -> None:
    rain = np.array([200.0, np.nan, 1.0])[:, None, None] * np.ones((3, 2, 2))
    made = run_step(tmp_path, two_hollows(), a_site(), rain, drains(12 * 40 + 10))
    spills = made["first_spill_h"].notna()
    assert made["fill_share"].notna().tolist() == spills.tolist()
    weak = run_step(tmp_path, two_hollows(), a_site(), rain / 20, drains(12 * 40 + 10))
    assert weak["fill_share"].isna().all()
    assert weak["reasons"].str.contains("not known to hold").all()


@pytest.mark.slow
def test_a_town_without_a_hollow_has_an_empty_list(tmp_path: Path) -> None:
    plane = np.tile(900 - 0.05 * np.arange(40.0), (20, 1))
    made = run_step(tmp_path, plane, a_site().assign(label=0), np.full((2, 2, 2), 20.0), drains(3))
    assert made.empty
    assert read_json(tmp_path / "facts.json")["counts"] == {"hollows": 0, "hollows_spilling": 0}
