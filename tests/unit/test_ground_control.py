"""InSAR beside levelling and GNSS: projection, bias, gaps, and files of every accepted kind."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from dask import array as da
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Point

from geo_risk.core.errors import SchemaError
from geo_risk.core.grid import Grid
from geo_risk.hazards.deformation.motion.ground_control import TrackLayers, compare_ground_control, summarise
from geo_risk.hazards.deformation.params import GroundControlParams
from geo_risk.sources.ground_control import read_ground_control
from tests.support.insar import LOS

GRID = Grid.from_bounds((510_000, 4_050_000, 511_200, 4_051_200), crs="EPSG:4546", resolution_m=60)
PLACES = [Point(510_100, 4_050_100), Point(510_700, 4_050_500), Point(511_000, 4_051_000)]


def full(value: float) -> np.ndarray:
    return np.full(GRID.shape, value, np.float32)


def tracks(east: float, north: float, up: float, bias: float = 0.0) -> list[TrackLayers]:
    out = []
    for name, los in LOS.items():
        unit = np.array(los) / np.linalg.norm(los)
        value = float(unit @ [east, north, up]) + bias
        out.append(TrackLayers(name, full(value), full(0.5), tuple(full(v) for v in unit)))
    return out


def points(**columns: object) -> gpd.GeoDataFrame:
    rows = {"point_id": [f"G{i}" for i in range(len(PLACES))], **columns}
    return gpd.GeoDataFrame(pd.DataFrame(rows), geometry=PLACES, crs=GRID.crs)


def test_full_vectors_are_projected_onto_each_line_of_sight():
    ground = points(east_mm_yr=4.0, north_mm_yr=-7.0, up_mm_yr=-20.0, up_std_mm_yr=1.0, east_std_mm_yr=0.3,
                    north_std_mm_yr=0.3)  # fmt: skip
    got = compare_ground_control(ground, tracks(4, -7, -20, bias=2.0), GRID, GroundControlParams())
    assert list(got.summary["quantity"]) == ["los asc", "los desc"]
    assert got.summary["bias_mm_yr"].to_numpy() == pytest.approx([2.0, 2.0], abs=1e-4)
    assert got.summary["rmse_without_bias_mm_yr"].to_numpy() == pytest.approx([0, 0], abs=1e-4)
    assert list(got.summary["inside_95"]) == [1.0, 1.0]
    e, n, u = np.array(LOS["asc"]) / np.linalg.norm(LOS["asc"])
    want = np.sqrt((0.3 * e) ** 2 + (0.3 * n) ** 2 + (1.0 * u) ** 2)
    assert got.frame["ground_std_mm_yr"].iloc[0] == pytest.approx(want, rel=1e-5)
    assert "+2.0" in got.notes[0][0]
    assert "+2.0 毫米/年" in got.notes[0][1]


def test_levelling_is_held_against_up_and_says_it_knows_no_horizontal_motion():
    maps = {"velocity_up": full(-9), "velocity_up_std": full(1), "velocity_east": full(0), "velocity_east_std": full(1)}
    ground = points(velocity_mm_yr=-10.0, component="up", velocity_std_mm_yr=0.5)
    got = compare_ground_control(ground, tracks(0, 0, -10), GRID, GroundControlParams(), decomposed=maps)
    summary = got.summary.set_index("quantity")
    assert summary.loc["up", "bias_mm_yr"] == pytest.approx(1.0)
    assert summary.loc["los asc, up only", "bias_mm_yr"] == pytest.approx(0.0, abs=1e-4)


def test_single_components_are_held_against_the_tracks_that_see_them_alone():
    looks = {"up": (0.0, 0.0, 1.0), "east": (1.0, 0.0, 0.0), "flat": (-0.9, -0.1, 0.42)}
    layers = [TrackLayers(n, full(3.0), full(0.5), tuple(full(v) for v in look)) for n, look in looks.items()]
    ground = points(velocity_mm_yr=[-10.0, 4.0, 2.0], component=["up", "east", "north"], velocity_std_mm_yr=0.5)
    got = compare_ground_control(ground, layers, GRID, GroundControlParams())
    # up says nothing of an east track, and too little of a very flat look; it is all of a vertical one
    assert got.frame[["point_id", "quantity"]].to_numpy().tolist() == [["G0", "los up"], ["G1", "los east"]]
    assert got.frame["difference_mm_yr"].tolist() == pytest.approx([13.0, -1.0])
    assert got.frame["ground_std_mm_yr"].tolist() == pytest.approx([0.5, 0.5])
    assert [q["id"] for q in got.quarantine] == ["G2"]
    assert "east track" in got.quarantine[0]["reason"]
    layers[1].los[0][:8] = np.nan  # a gap does not make an east track another one
    layers[1].velocity[:8] = np.nan
    got = compare_ground_control(points(velocity_mm_yr=-10.0, component="up"), layers, GRID, GroundControlParams())
    assert set(got.frame["quantity"]) == {"los up"}


def test_line_of_sight_needs_its_track_and_unusable_points_are_set_aside_by_name():
    ground = points(velocity_mm_yr=[1.0, 2.0, np.nan], component=["los", "sideways", "up"], track=["desc", "", ""])
    got = compare_ground_control(ground, tracks(0, 0, 0), GRID, GroundControlParams())
    assert list(got.frame["quantity"]) == ["los desc"]
    assert got.frame["difference_mm_yr"].iloc[0] == pytest.approx(-1.0)
    assert [q["id"] for q in got.quarantine] == ["G1", "G2"]
    assert "sideways" in got.quarantine[0]["reason"]
    with_two = compare_ground_control(points(velocity_mm_yr=1.0, component="los"), tracks(0, 0, 0), GRID,
                                      GroundControlParams())  # fmt: skip
    assert len(with_two.frame) == 0
    assert "asc, desc" in with_two.quarantine[0]["reason"]
    assert "asc, desc 之一" in with_two.quarantine[0]["reason_zh"]
    # every reason is said in Chinese too
    assert all(any("一" <= c <= "鿿" for c in q["reason_zh"]) for q in got.quarantine)


def test_a_point_on_gaps_keeps_its_row_and_does_not_count():
    layers = tracks(0, 0, -5)
    layers[0].velocity[:8] = np.nan  # the north, where the last point lies
    got = compare_ground_control(points(velocity_mm_yr=-5.0, component="up"), layers, GRID, GroundControlParams())
    part = got.frame[got.frame["quantity"] == "los asc, up only"]
    assert list(part["n_cells"] > 0) == [True, True, False]
    assert np.isnan(part["difference_mm_yr"].iloc[2])
    assert int(got.summary.set_index("quantity").loc["los asc, up only", "n"]) == 2


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-50, 50), min_size=1, max_size=20))
def test_rmse_parts_add_up(differences):
    frame = pd.DataFrame({"quantity": "up", "difference_mm_yr": differences, "ground_std_mm_yr": np.nan,
                          "insar_std_mm_yr": np.nan})  # fmt: skip
    row = summarise(frame).iloc[0]
    total = row["bias_mm_yr"] ** 2 + row["rmse_without_bias_mm_yr"] ** 2
    assert row["rmse_mm_yr"] ** 2 == pytest.approx(total, rel=1e-9, abs=1e-9)
    assert np.isnan(row["inside_95"])


@pytest.mark.parametrize("kind", ["csv", "xlsx", "gpkg"])
def test_tables_workbooks_and_geopackages_read_alike(tmp_path, kind):
    frame = points(velocity_mm_yr=[-1.0, -2.0, -3.0], component="up")
    path = tmp_path / f"levelling.{kind}"
    lonlat = frame.to_crs(4326)
    table = pd.DataFrame(frame.drop(columns="geometry")).assign(lon=lonlat.geometry.x, lat=lonlat.geometry.y)
    if kind == "csv":
        table.to_csv(path, index=False)
    elif kind == "xlsx":
        table.to_excel(path, index=False)
    else:
        frame.to_file(path, driver="GPKG")
    read = read_ground_control(path, crs=GRID.crs)
    assert list(read.frame["point_id"]) == ["G0", "G1", "G2"]
    assert list(read.frame["velocity_mm_yr"].astype(float)) == [-1, -2, -3]
    assert read.frame.geometry.x.to_numpy() == pytest.approx([p.x for p in PLACES], abs=0.01)


def test_velocities_that_are_none_are_set_aside_by_name(tmp_path):
    path = tmp_path / "points.csv"
    path.write_text(
        "point_id,lon,lat,up_mm_yr,east_mm_yr,up_std_mm_yr\nA,113,36,-9999,,1\nB,113,36,-5,20000,1\n"
        "C,113,36,-2500,3,-9999\nD,113,36,,,1\n"
    )
    read = read_ground_control(path, crs=GRID.crs)
    assert list(read.frame["point_id"]) == ["B", "C", "D"]
    assert read.frame["up_mm_yr"].tolist()[:2] == [-5, -2500]
    assert np.isnan(read.frame["east_mm_yr"].to_numpy(dtype=float)[0])
    assert np.isnan(read.frame["up_std_mm_yr"].to_numpy(dtype=float)[1])
    assert [q["id"] for q in read.quarantine] == ["B", "A", "C"]
    assert [w in q["reason"] for w, q in zip(("10 m a year", "-9999", "no standard error"), read.quarantine,
                                             strict=True)] == [True] * 3  # fmt: skip
    assert all("个" in q["reason_zh"] for q in read.quarantine)


def test_a_table_without_velocities_is_refused(tmp_path):
    path = tmp_path / "points.csv"
    path.write_text("point_id,lon,lat,rate\nA,113,36,2\n")
    with pytest.raises(SchemaError, match="velocity_mm_yr"):
        read_ground_control(path, crs=GRID.crs)
    path.write_text("point_id,lon,lat,velocity_mm_yr\nA,113,36,2\n")
    with pytest.raises(SchemaError, match="component"):
        read_ground_control(path, crs=GRID.crs)


def test_of_lazy_maps_only_the_blocks_around_the_points_are_read_and_once():
    read: list[tuple[str, tuple[int, int]]] = []

    def lazy(name: str, value: float) -> xr.DataArray:
        def block(block_info=None):
            (r0, r1), (c0, c1) = block_info[None]["array-location"]
            read.append((name, (r0, c0)))
            return np.full((r1 - r0, c1 - c0), value + r0, np.float32)

        data = da.map_blocks(block, chunks=((5,) * 4, (5,) * 4), dtype=np.float32, meta=np.empty((0, 0), np.float32))
        return GRID.layer(data, units="mm/yr", long_name=name, name=name)

    # the first two lie in one block; the third has no cell at all
    places = [Point(510_090, 4_050_090), Point(510_150, 4_050_150), Point(400_000, 4_050_150)]
    frame = gpd.GeoDataFrame({"point_id": ["A", "B", "C"], "up_mm_yr": -9.0}, geometry=places, crs=GRID.crs)
    look = [lazy(f"los_{k}", v) for k, v in enumerate((-0.6, -0.1, 0.79))]
    layers = [TrackLayers("asc", lazy("velocity", -7.0), lazy("std", 0.5), tuple(look))]
    got = compare_ground_control(frame, layers, GRID, GroundControlParams(radius_m=60))
    assert sorted(read) == [(n, (15, 0)) for n in ("los_0", "los_1", "los_2", "std", "velocity")]
    assert got.frame["insar_mm_yr"].tolist() == pytest.approx([8.0, 8.0, np.nan], nan_ok=True)
    assert got.frame["n_cells"].tolist() == [5, 5, 0]
