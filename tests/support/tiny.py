"""A tiny pipeline whose steps are quick, so that faults of the flow itself can be tested."""

from pathlib import Path

PIPELINE = '''
"""Two rasters and a page from one raster; `gate` can hold a step or fail it."""

import os
import signal
from pathlib import Path

from geo_risk.core.errors import DataError
from geo_risk.publish.atomic import write_text
from geo_risk.publish.frames import write_json
from geo_risk.publish.raster import write_layer
from geo_risk.sources.layers import open_layer, read_grid
from geo_risk.flow.steps.grid import grid


def double(*, dem, out, gate, factor):
    mode = gate.read_text() if gate else ""
    layer = open_layer(dem)
    twice = (layer * factor).rename("twice").assign_attrs(units="m", long_name="twice the height")
    if mode == "kill before":
        os.kill(os.getpid(), signal.SIGKILL)
    if mode == "kill inside":
        from geo_risk.publish.atomic import staged
        with staged(out, verify=lambda p: None) as temporary:
            temporary.write_bytes(b"half a file")
            os.kill(os.getpid(), signal.SIGKILL)
    write_layer(twice, out)
    if mode == "kill after":
        os.kill(os.getpid(), signal.SIGKILL)


def page(*, twice, out, facts, gate, word):
    mode = gate.read_text() if gate else ""
    if mode == "bug":
        raise ZeroDivisionError("by design")
    if mode == "data":
        raise DataError("by design", where="tiny", fix="none")
    values = open_layer(twice)
    write_text(out, f"<p>{word} {float(values.max()):.1f}</p>")
    write_json({"notes": [{"level": "warning", "text_en": "watch out", "text_zh": "x"}]}, facts)


def build(plan):
    grid(plan)
    here = Path(__file__).parent
    one, two = here / "gate_double", here / "gate_page"
    plan.add("double", double, reads={"dem": plan.layer("dem")}, optional={"gate": one if one.exists() else None},
             writes={"out": plan.layer("slope_deg")}, factor=plan.cfg.rainfall.decay_per_day * 2)
    plan.add("page", page, reads={"twice": plan.layer("slope_deg")}, optional={"gate": two if two.exists() else None},
             writes={"out": plan.out / "map.html", "facts": plan.facts("page")}, word=plan.cfg.name)
    plan.add("roads", page, reads={"roads": plan.input("roads")}, writes={"out": plan.frame("roads")})
    plan.add("road_page", page, reads={"roads": plan.frame("roads")}, writes={"out": plan.out / "roads.html"})
'''


def make(folder: Path, *, cells: int = 40, name: str = "tiny") -> Path:
    """Write a DEM, the pipeline and its configuration; return the configuration's path."""
    import numpy as np

    from geo_risk.core.grid import Grid
    from geo_risk.publish.raster import write_layer

    folder.mkdir(parents=True, exist_ok=True)
    left, top = 510_000, 4_110_000
    grid = Grid.from_bounds((left, top - 30 * cells, left + 30 * cells, top), crs="EPSG:4546", resolution_m=30)
    heights = np.random.default_rng(1).normal(1000, 50, grid.shape).astype("float32")
    heights[3, 4] = np.nan
    write_layer(grid.layer(heights, units="m", long_name="height", name="dem"), folder / "dem.tif")
    (folder / "tiny.py").write_text(PIPELINE, encoding="utf-8")
    config = folder / "run.yaml"
    config.write_text(f"pipeline: tiny\nname: {name}\ninputs: {{dem: dem.tif}}\noutput: out\n", encoding="utf-8")
    return config


def contents(output: Path) -> dict[str, str]:
    """Return the content hash of every output that the manifest lists."""
    from geo_risk.flow.manifest import read_manifest

    manifest = read_manifest(output)
    assert manifest is not None
    return {row["path"]: row["content_sha256"] for row in manifest["outputs"]}
