"""A small county as files, its rain, slides, people and water: what is there, what fits, and what is not given away."""

from __future__ import annotations

import hashlib
import json
from types import SimpleNamespace

import numpy as np
import openpyxl
import pandas as pd
import pyogrio
import pytest
import rasterio
import shapely

from geo_risk.flow.config import load_config
from geo_risk.sample import county as module
from geo_risk.sample.life import write_life

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def county(tmp_path_factory):
    """Make a whole county once, as its flood takes a minute, and keep what its half of life was made of."""
    folder, kept = tmp_path_factory.mktemp("county"), {}

    def spy(place, *, ground, people, movers):
        inputs, facts = write_life(place, ground=ground, people=people, movers=movers)
        kept.update(ground=ground, inputs=inputs, facts=facts)
        return inputs, facts

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "write_life", spy)
        module.make_county(folder, size=240, seed=3, insar_resolution_m=90)
    return SimpleNamespace(folder=folder, **kept)


def _frame(county, name):
    return pyogrio.read_dataframe(county.folder / f"{name}.gpkg")


def test_every_input_named_is_there(county):
    files = [v for v in county.inputs.values() if isinstance(v, str)]
    rain = county.inputs["rainfall"]
    files += [rain["observed"], *(f["file"] for f in rain["forecast"]), *(e["file"] for e in rain["past_events"])]
    assert [f for f in files if not (county.folder / f).is_file()] == []
    assert not list(county.folder.rglob("*.part*"))
    size = sum(f.stat().st_size for f in county.folder.rglob("*") if f.is_file() and "insar" not in f.parts)
    assert size < 5_000_000


def test_the_county_is_whole_and_its_configuration_loads(county):
    files = load_config(county.folder / "config.yaml").files()
    assert len(files) > 40
    assert [name for name, path in files.items() if not path.exists()] == []
    truth = json.loads((county.folder / "truth" / "truth.json").read_text())
    assert (truth["size"], truth["seed"], truth["insar_resolution_m"]) == (240, 3, 90.0)
    for line in (county.folder / "checksums.sha256").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((county.folder / name).read_bytes()).hexdigest() == digest


def test_unknown_people_are_missing_and_not_zero(county):
    given = _frame(county, "settlements").set_index("settlement_id")
    unknown = county.facts["unknown_people_ids"]
    assert given.loc[unknown, "people"].isna().all()
    assert given.drop(unknown)["people"].notna().all()
    truth = pd.read_csv(county.folder / "truth" / "settlements.csv").set_index("settlement_id")
    assert truth.loc[unknown, "people"].min() > 0
    assert truth["people"].sum() == county.facts["people_total"]


def test_every_building_and_bridge_points_to_something(county):
    settlements = set(_frame(county, "settlements")["settlement_id"])
    assert set(_frame(county, "buildings")["settlement_id"]) == settlements
    roads = _frame(county, "roads")
    assert set(_frame(county, "bridges")["road_id"]) <= set(roads["road_id"])
    assert set(roads["bridge_id"].dropna()) == set(_frame(county, "bridges")["bridge_id"])


def test_nothing_hidden_is_given_away(county):
    truth = pd.read_csv(county.folder / "truth" / "site_depths.csv")
    unlisted = set(truth.loc[~truth["in_ledger"], "site_id"])
    book = openpyxl.load_workbook(county.folder / "waterlogging_sites.xlsx")
    rows = list(book.worksheets[0].values)
    assert len(rows) == 1 + truth["in_ledger"].sum()
    assert not unlisted & {str(r[0]) for r in rows}
    for name in ("drains", "pumps"):
        frame = _frame(county, name)
        assert not unlisted & set(frame["site_id"].dropna())
        assert set(frame.columns) == {f"{name[:-1]}_id", "site_id", "capacity_m3_s", "geometry"}
    assert set(_frame(county, "shelters").columns) == {"shelter_id", "name", "capacity", "kind", "geometry"}
    assert set(pd.read_csv(county.folder / "past_depths.csv").columns) == {"storm_id", "site_id", "depth_m"}


def test_shelters_in_harms_way_stand_in_water_or_in_a_run_out(county):
    table = pd.read_csv(county.folder / "truth" / "shelters.csv")
    hit = pyogrio.read_dataframe(county.folder / "truth" / "hit.gpkg")
    with rasterio.open(county.folder / "truth" / "flooded.tif") as source:
        depth = np.array([v[0] for v in source.sample(table[["x", "y"]].to_numpy())])
    swept = shapely.intersects(shapely.points(table["x"], table["y"]), shapely.union_all(hit.geometry.to_numpy()))
    in_danger = (depth > 0) | swept
    assert in_danger.sum() == 2
    assert (in_danger == table["in_danger"]).all()
    assert set(table.loc[table["in_danger"], "shelter_id"]) == set(county.facts["shelters_in_danger"])


def test_hit_people_are_part_of_the_people(county):
    hits = pd.read_csv(county.folder / "truth" / "settlements_hit.csv")
    assert (hits["hit_people"] <= hits["people"]).all()
    assert (hits["hit_people"] >= hits[["hit_by_slide", "hit_by_flood"]].max(axis=1)).all()
    assert hits["hit_people"].sum() == county.facts["hit_people"] > 0


def test_truth_rasters_fit_their_grids(county):
    for name, grid in (("susceptibility", county.ground.grid), ("flooded", county.ground.grid),
                       ("town_depth", county.ground.town.grid)):  # fmt: skip
        with rasterio.open(county.folder / "truth" / f"{name}.tif") as source:
            assert source.shape == grid.shape
            assert source.transform == grid.transform
            values = source.read(1)
        assert np.isfinite(values).all()
        assert values.min() >= 0
        assert values.max() <= (1 if name == "susceptibility" else 10)
