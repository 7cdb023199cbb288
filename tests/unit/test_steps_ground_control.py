"""The comparison with levelling as a step: from files to table, report facts and nothing lost."""

import json

import numpy as np
import pandas as pd
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from geo_risk.core.grid import Grid
from geo_risk.flow.steps.deformation_ground_control import write_ground_control
from geo_risk.hazards.deformation.params import GroundControlParams
from geo_risk.publish.frames import write_json
from geo_risk.publish.raster import write_layer
from geo_risk.sources.options import ReadOptions

GRID = Grid(GeoBox((20, 20), Affine(30, 0, 500000, 0, -30, 4000600), "EPSG:4546"))
LOS = {"los_east": -0.6, "los_north": -0.1, "los_up": 0.79}


@pytest.mark.slow
def test_one_point_gives_a_table_and_facts_without_a_spread(tmp_path):
    values = {"velocity": -7.9, "velocity_std": 0.5, **LOS}
    paths = {}
    for name, value in values.items():
        paths[name] = [tmp_path / f"{name}_asc.tif"]
        unit = "1" if name.startswith("los") else "mm/yr"
        write_layer(GRID.layer(np.full(GRID.shape, value, np.float32), units=unit, long_name=name), paths[name][0])
    write_json(GRID.to_dict(), tmp_path / "grid.json")
    (tmp_path / "gc.csv").write_text("point_id,x,y,up_mm_yr\nL1,500300,4000300,-10\n", encoding="utf-8")
    write_ground_control(
        ground_control=tmp_path / "gc.csv", grid=tmp_path / "grid.json", out=tmp_path / "gc.gpkg",
        table=tmp_path / "gc_table.csv", facts=tmp_path / "facts.json", tracks=["asc"],
        options=ReadOptions(crs="EPSG:4546"), params=GroundControlParams(), **paths,
    )  # fmt: skip
    table = pd.read_csv(tmp_path / "gc_table.csv")
    assert table["point_id"].tolist() == ["L1"]
    assert table[["x", "y"]].to_numpy().tolist() == [[500300, 4000300]]
    counts = json.loads((tmp_path / "facts.json").read_text(encoding="utf-8"))["counts"]
    assert counts["points"] == 1
    assert counts["quantities"]
