"""Registers, runs and objects for the tests."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyproj
import shapely
from odc.geo.geobox import GeoBox

from geo_risk.core.grid import Grid
from geo_risk.publish.frames import write_frames
from geo_risk.publish.raster import write_layer
from geo_risk.register.entry import Author, Change
from geo_risk.register.store import Register

CRS = "EPSG:4546"
EDITOR = Author("甲", "核实")
X, Y = 510_000.0, 4_050_000.0
POINT = {"name": "一号点", "kind": "landslide", "source": "inventory", "status": "existing", "activity": "unknown",
         "hazard_level": 3, "people": 12, "responsible": "责任人-001"}  # fmt: skip


class Clock:
    """A clock that goes a second further whenever it is asked."""

    def __init__(self, start=datetime(2026, 8, 1, tzinfo=UTC)):
        self.time = start

    def __call__(self):
        self.time += timedelta(seconds=1)
        return self.time


def new_register(url, clock=None):
    Register.create(str(url), crs=CRS).close()
    return Register.open(str(url), clock=clock or Clock())


def add_points(register, n=1, author=EDITOR, **values):
    with register.writing():
        ids = register.new_ids("hazard_points", n)
        register.apply(
            [Change("hazard_points", i, 0, "new", {**POINT, "geometry": shapely.Point(X + 500 * k, Y), **values},
                    is_there=True) for k, i in enumerate(ids)], author,
        )  # fmt: skip
    return ids


def change(register, object_id, author=EDITOR, base=None, **values):
    state = register.get([object_id])[object_id]
    with register.writing():
        base = state.version if base is None else base
        return register.apply([Change(state.layer, object_id, base, "edit", values)], author)[0]


def run_points(rows):
    """Return a frame of hazard points as a run publishes it; rows: (id, x, y, values)."""
    base = {"name": None, "kind": "landslide", "source": "insar", "status": "new", "velocity_mm_yr": -30.0,
            "velocity_std_mm_yr": 1.0, "activity": "steady", "hazard_level": 3, "people": 12.0, "zone_id": None,
            "confidence": 0.9, "reasons": "形变。", "reasons_zh": "形变。", "reasons_en": "It moves."}  # fmt: skip
    data = [{"point_id": i, **base, **v} for i, _, _, v in rows]
    return gpd.GeoDataFrame(data, geometry=[shapely.Point(x, y) for _, x, y, _ in rows], crs=CRS)


def run_zones(rows):
    """Return a frame of risk zones; rows: (id, shape, values)."""
    base = {"kind": "landslide", "hazard_level": 3, "vulnerability_level": 2, "risk_level": 3, "people": 10.0,
            "point_ids": None, "reasons": "区。", "reasons_zh": "区。", "reasons_en": "A zone."}  # fmt: skip
    data = [{"zone_id": i, **base, **v} for i, _, v in rows]
    return gpd.GeoDataFrame(data, geometry=[g for _, g, _ in rows], crs=CRS)


def write_run(out, points=None, zones=None, *, activity=0, hazard=1, radar="a", made_at="2026-08-01T00:00:00+00:00"):
    """Write what the register reads of a finished run: manifest, vector layers, two rasters of 60 x 60 cells of 30 m.

    activity, hazard : one value for all cells, or an array; None: the run has no such layer.
    """
    out = Path(out)
    frames = {n: f for n, f in (("hazard_points", points), ("risk_zones", zones)) if f is not None}
    write_frames(frames, out / "geo_risk.gpkg")
    crs = pyproj.CRS.from_user_input(CRS).to_wkt()
    grid = Grid(GeoBox((60, 60), _affine(), crs))
    files = ["geo_risk.gpkg"]
    for name, value, units in (("activity", activity, "1"), ("hazard_landslide", hazard, "level")):
        if value is not None:
            data = np.broadcast_to(np.asarray(value, dtype=np.int8), (60, 60)).copy()
            write_layer(grid.layer(data, units=units, long_name=name, name=name), out / "layers" / f"{name}.tif")
            files.append(f"layers/{name}.tif")
    rows = []
    for name in files:
        sha = hashlib.sha256((out / name).read_bytes()).hexdigest()
        rows.append(
            {"path": name, "sha256": sha, "content_sha256": hashlib.sha256((sha + made_at).encode()).hexdigest()}
        )
    inputs = [{"key": "inputs.insar[0].files[0]", "content_sha256": radar, "sha256": radar}] if radar else []
    manifest = {"name": "试", "written_at": made_at, "inputs": inputs, "outputs": rows}
    (out / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return out


def _affine():
    from affine import Affine

    return Affine(30, 0, X - 900, 0, -30, Y + 900)
