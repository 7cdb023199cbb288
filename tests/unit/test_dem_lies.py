"""What in a DEM is not ground: each kind planted in rough ground, found at its place and told; no false ones."""

from __future__ import annotations

import json
from pathlib import Path

import dask.array as da
import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import box

from geo_risk.core.grid import Grid
from geo_risk.flow.steps.dem_lies import write_dem_lies
from geo_risk.kernels.dem_lies import lone_heights, seam_steps
from geo_risk.kernels.priority_flood import fill
from geo_risk.products.dem_lies import KINDS, lies_facts, lies_rows
from geo_risk.publish.raster import write_layer
from geo_risk.sources.options import ReadLimits, ReadOptions
from geo_risk.terrain import dem_lies as module
from geo_risk.terrain.dem_lies import Lies, dem_lies
from geo_risk.terrain.params import DemLiesParams
from geo_risk.terrain.patches import patches

SHAPE = (600, 620)
GRID = Grid.from_bounds(
    (500_010, 4_000_020, 500_010 + 620 * 30, 4_000_020 + 600 * 30), crs="EPSG:4546", resolution_m=30
)
PARAMS = DemLiesParams()


def hills(seed: int = 3) -> np.ndarray:
    """Fractal relief of some ten metres on a slope, with noise, all above 400 m."""
    rng = np.random.default_rng(seed)
    f = np.hypot(*np.meshgrid(np.fft.fftfreq(SHAPE[1]), np.fft.fftfreq(SHAPE[0])))
    f[0, 0] = 1
    z = np.real(np.fft.ifft2(np.fft.fft2(rng.normal(size=SHAPE)) / f**1.8))
    slope = 0.6 * np.arange(SHAPE[0])[:, None]
    return (z / z.std() * 20 + 500 + slope + rng.normal(0, 0.3, SHAPE)).astype(np.float32)


def look(z: np.ndarray, chunks: tuple[int, int] = (600, 620), **more: object) -> Lies:
    lazy = {name: GRID.layer(da.from_array(values, chunks=chunks), units="m", long_name=name, name=name)
            for name, values in (("dem", z), ("dem_filled", fill(z)))}  # fmt: skip
    return dem_lies(lazy["dem"], lazy["dem_filled"], params=PARAMS, **more)


def of(found: Lies, kind: str) -> pd.DataFrame:
    return found.table[found.table["kind"] == kind].reset_index(drop=True)


def at(row: int, column: int) -> tuple[float, float]:
    return float(GRID.coords()["x"][column]), float(GRID.coords()["y"][row])


def english(found: Lies) -> str:
    facts = lies_facts(found, params=PARAMS)
    assert all(note["text_en"] and note["text_zh"] for note in facts["notes"])
    return " ".join(note["text_en"] for note in facts["notes"])


@pytest.mark.slow
@pytest.mark.parametrize("seed", [3, 4, 5])
def test_hills_hold_no_lie(seed: int) -> None:
    found = look(hills(seed))
    assert len(found.table) == 0
    assert "Nothing was found" in english(found)
    assert (found.n_missing, found.n_below_sea, found.rounded_m) == (0, 0, 0.0)


@pytest.mark.slow
def test_every_planted_lie_is_found_at_its_place_in_any_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    z = hills()
    z[100:110, 200:230] = np.nan  # a void
    z[300:] += 4.0  # a seam below row 299 over the whole width
    z[50, 60] += 300.0  # a spike
    z[500, 500] -= 500.0  # a pit, 500 m deep
    z[400:404, 100:105] -= 500.0  # a hole of twenty cells
    z[200:202, 300:302] = z[199:203, 299:303].min() - 5  # a house cut out of the ground, and one that is not
    built = np.zeros(SHAPE, np.uint8)
    built[200:202, 300:302] = built[220:222, 300:302] = 1
    z[560:, 580:] = 0.0  # sea in the corner: 40 x 40 cells, 1.4 km2
    found = look(z, built=da.from_array(built, chunks=(600, 620)))
    void, seam, spike, pit, hole, houses, sea = (of(found, kind) for kind in KINDS)
    assert houses["n_cells"].tolist() == [4]
    assert (houses.loc[0, "x"], houses.loc[0, "y"]) == at(200, 300)
    assert houses.loc[0, "value_m"] > 3
    assert void["n_cells"].tolist() == [300]
    assert (void.loc[0, "x"], void.loc[0, "y"]) == at(100, 200)
    assert found.n_missing == 300
    straight = seam[(seam["y"] - (at(299, 0)[1] - 15)).abs() < 1]
    assert straight["length_m"].sum() >= 512 * 30
    assert straight["value_m"].to_numpy() == pytest.approx(4.0, abs=0.3)
    assert spike["value_m"].max() == pytest.approx(300, abs=15)
    assert (spike.loc[0, "x"], spike.loc[0, "y"]) == at(50, 60)
    assert pit["value_m"].to_numpy() == pytest.approx([500], abs=15)
    assert (pit.loc[0, "x"], pit.loc[0, "y"]) == at(500, 500)
    assert sorted(hole["n_cells"]) == [1, 20]
    assert sea["n_cells"].tolist() == [1600]
    told = english(found)
    for words in ("gaps", "straight lines", "stand up", "swallow", "exactly 0 m"):
        assert words in told
    for language in ("zh", "en"):
        rows = lies_rows(found, language=language)
        assert set(rows["kind"]) == set(KINDS)
        assert rows["reasons"].str.len().min() > 5
    monkeypatch.setattr(module, "CHUNK", 256)
    small = look(z, (97, 113), built=da.from_array(built, chunks=(50, 70)))
    pd.testing.assert_frame_equal(small.table, found.table)
    assert small[1:-3] == found[1:-3]


@pytest.mark.slow
def test_seams_are_found_along_columns_too() -> None:
    z = hills()
    z[:, 333:] -= 5.0
    seam = of(look(z), "seam")
    assert (seam["x"] - (at(0, 332)[0] + 15)).abs().max() < 1
    assert seam["length_m"].sum() >= 512 * 30


@pytest.mark.slow
def test_heights_in_feet_rounded_or_stepped_are_told() -> None:
    z = hills()
    assert "whole feet" in english(look((np.round(z / 0.3048) * 0.3048).astype(np.float32)))
    assert "rounded to 1.0 m" in english(look(np.round(z)))
    coarse = np.repeat(np.repeat(z[:150, :155], 4, axis=0), 4, axis=1)
    assert "enlarged without interpolation" in english(look(coarse))
    steep = look((z + 80 * np.arange(SHAPE[0])[:, None]).astype(np.float32))  # 70 degrees
    assert "in feet, or too large" in english(steep)
    low = look(z - 600)
    assert low.n_below_sea == int((z - 600 < 0).sum())
    assert "below 0 m" in english(low)


@pytest.mark.slow
@pytest.mark.parametrize(("factor", "told"), [(1.0, False), (3.28084, True), (0.3048, True)])
def test_a_town_in_feet_is_told(factor: float, told: bool) -> None:
    z = hills()
    fine = Grid.from_bounds((505_005, 4_005_000, 506_005, 4_006_000), crs="EPSG:4546", resolution_m=10)
    rows, columns, _ = GRID.index(*(v.ravel() for v in np.meshgrid(fine.coords()["x"], fine.coords()["y"])))
    own = (z[rows, columns].reshape(fine.shape) * factor).astype(np.float32)
    found = look(z, town=fine.layer(own, units="m", long_name="town", name="town"))
    assert found.town_ratio == pytest.approx(factor, rel=1e-3)
    assert ("one of them is in feet" in english(found)) is told


@pytest.mark.slow
def test_a_town_is_read_window_by_window(monkeypatch: pytest.MonkeyPatch) -> None:
    z = np.random.default_rng(2).uniform(400, 900, SHAPE).astype(np.float32)
    fine = Grid.from_bounds((503_005, 4_003_000, 514_505, 4_015_000), crs="EPSG:4546", resolution_m=10)
    own = np.random.default_rng(3).uniform(400, 900, fine.shape).astype(np.float32)
    own[100:300] = np.nan
    dem = GRID.layer(z, units="m", long_name="dem", name="dem")
    town = fine.layer(da.from_array(own, chunks=(128, 128)), units="m", long_name="town", name="town")
    x, y = np.meshgrid(dem["x"].to_numpy(), dem["y"].to_numpy())
    row, column, inside = fine.index(x.ravel(), y.ravel())
    there = own[row[inside], column[inside]]
    good = np.isfinite(there)
    want = float(np.median(there[good] / z.ravel()[inside][good]))
    assert module._ratio(dem, town) == want
    sizes = []
    whole = type(town).to_numpy
    monkeypatch.setattr(type(town), "to_numpy", lambda a: sizes.append(a.size) or whole(a))
    for chunk in (64, 97):
        monkeypatch.setattr(module, "CHUNK", chunk)
        assert module._ratio(dem, town) == want
    assert max(sizes) <= (2 * 97 + 3) ** 2
    monkeypatch.setattr(module, "RATIOS_MAX", 10_000)
    assert module._ratio(dem, town) == pytest.approx(1.0, abs=0.05)


@pytest.mark.slow
def test_the_step_writes_list_and_facts(tmp_path: Path) -> None:
    z = hills()
    z[50, 60] += 300.0
    for name, values in (("dem", z), ("dem_filled", fill(z))):
        write_layer(GRID.layer(values, units="m", long_name=name, name=name), tmp_path / f"{name}.tif")
    house = gpd.GeoDataFrame(geometry=[box(505_000, 4_005_000, 505_100, 4_005_100)], crs=GRID.crs)
    house.to_file(tmp_path / "houses.gpkg")
    write_dem_lies(dem=tmp_path / "dem.tif", dem_filled=tmp_path / "dem_filled.tif", dem_town=None,
                   table=tmp_path / "dem_lies.csv", facts=tmp_path / "facts.json", options=ReadOptions(),
                   buildings=tmp_path / "houses.gpkg", building_options=ReadOptions(),
                   limits=ReadLimits(), params=PARAMS, language="zh")  # fmt: skip
    rows = pd.read_csv(tmp_path / "dem_lies.csv")
    assert rows["kind"].tolist() == ["spike"]
    assert json.loads((tmp_path / "facts.json").read_text(encoding="utf-8"))["counts"]["spike_places"] == 1


def test_a_map_without_heights_ends_clearly() -> None:
    empty = GRID.layer(np.full(SHAPE, np.nan, np.float32), units="m", long_name="dem", name="dem")
    found = dem_lies(empty, empty, params=PARAMS)
    assert found.n_missing == found.n_cells
    assert of(found, "void")["n_cells"].tolist() == [found.n_cells]
    assert np.isnan(found.lowest_m)


def test_kernels_find_a_step_and_a_lone_cell() -> None:
    z = np.tile(np.arange(8.0)[:, None], (1, 300))
    z[4:] += 3.0
    step, share = seam_steps(z)
    assert step.shape == (5, 2)
    assert step[:, 0].tolist() == [0.0, -1.5, 3.0, -1.5, 0.0]
    assert share[2, 0] == 1.0
    assert np.isnan(step[2, 1])  # 44 cells are too few
    lone = lone_heights(np.pad(np.array([[1.0, 1, 1], [1, 9, 1], [1, 1, 1]]), 1, constant_values=np.nan))
    assert lone[1, 1] == 8.0
    assert lone[0, 0] == 0.0


def test_patches_join_over_corners_and_blocks() -> None:
    mask = np.zeros((6, 7), bool)
    mask[[1, 2, 3], [1, 2, 3]] = True
    mask[5, 0] = True
    first, n = patches(da.from_array(mask, chunks=(2, 3)))
    assert first.tolist() == [8, 35]
    assert n.tolist() == [3, 1]
    assert patches(da.from_array(mask, chunks=(2, 3)), cells_min=2)[0].tolist() == [8]
