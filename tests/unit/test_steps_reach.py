"""The step writes what `runout_layers` and `reach_layers` find, and their highest level."""

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from geo_risk.core.grid import Grid
from geo_risk.flow.steps.reach import write_reach
from geo_risk.hazards.runout.params import RunoutParams
from geo_risk.products.params import EvacuationParams
from geo_risk.products.threat import reach_layers
from geo_risk.products.warned import runout_layers
from geo_risk.publish.frames import write_json
from geo_risk.publish.raster import write_layer
from geo_risk.sources.layers import open_layer, read_json

GRID = Grid(GeoBox((40, 30), Affine(30, 0, 510_000, 0, -30, 4_065_000), "EPSG:4546"))
STAGES = [{"hours": 72, "issued": "2024-07-22T08:00:00+00:00"}, {"hours": 24, "issued": "2024-07-24T08:00:00+00:00"}]


@pytest.mark.slow
@pytest.mark.parametrize("threat_by", ["runout", "line_of_sight"])
def test_layers_of_each_warning_and_their_highest(tmp_path, threat_by):
    height = np.repeat(np.maximum(0, 20 - np.arange(40.0))[:, None], 30, axis=1) * 20
    dem = GRID.layer(height, units="m", long_name="dem", name="dem")
    day, days = np.zeros((40, 30), np.int8), np.full((40, 30), -1, np.int8)
    day[6, 10], days[6, 20] = 3, 4
    warnings = {n: GRID.layer(v, units="level", long_name=n, name=n)
                for n, v in (("warning_72h", days), ("warning_24h", day))}  # fmt: skip
    for name, value in {"dem": dem, **warnings}.items():
        write_layer(value, tmp_path / f"{name}.tif")
    write_json({"stages": STAGES}, tmp_path / "stages.json")
    params = EvacuationParams(threat_by=threat_by, superseded_after_h=72)
    files = {n: tmp_path / f"{n}.tif" for n in ("dem", "warning_72h", "warning_24h", "reach_72h", "reach_24h")}
    write_reach(**files, stages=tmp_path / "stages.json", reach_level=tmp_path / "reach_level.tif",
                facts=tmp_path / "reach.json", params=params, runout=RunoutParams())  # fmt: skip

    if threat_by == "runout":
        wanted = runout_layers(dem, warnings, params=RunoutParams())
    else:
        wanted = reach_layers(dem, warnings, params=params)
    got = {s: open_layer(tmp_path / f"reach_{s}h.tif").to_numpy() for s in (72, 24)}
    for s, found in got.items():
        assert (found == wanted[f"warning_{s}h"].to_numpy()).all()
    assert (open_layer(tmp_path / "reach_level.tif").to_numpy() == np.maximum(got[72], got[24])).all()
    assert (got[24][12, 10], got[72][12, 20]) == (3, 4)
    assert len(read_json(tmp_path / "reach.json")["methods"]) == 1
