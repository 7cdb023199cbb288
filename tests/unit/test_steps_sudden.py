"""Ground that drops just before the record ends, from a product file to the blind map and the report's notes."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest

from geo_risk.core.errors import DataError
from geo_risk.core.grid import Grid
from geo_risk.flow.steps import deformation as steps
from geo_risk.flow.steps.deformation_lines import measured_vertical
from geo_risk.flow.steps.deformation_slope import SLOPE, write_slope
from geo_risk.hazards.deformation.motion.sudden import Patch, sudden_note
from geo_risk.hazards.deformation.params import DeformationParams, SlopeParams, VelocityParams
from geo_risk.publish.frames import write_json
from geo_risk.publish.raster import write_layer
from geo_risk.sources.layers import open_layer
from geo_risk.sources.native import native_facts, native_maps
from geo_risk.sources.options import NO_TRACK_OPTIONS
from tests.support.insar import CELL, LEFT, TOP, times, write_mintpy

N, SIDE = 60, 80
BODY = (slice(24, 56), slice(24, 56))
GRID = Grid.from_bounds((LEFT, TOP - SIDE * CELL, LEFT + SIDE * CELL, TOP), crs="EPSG:4546", resolution_m=CELL)
LAYERS = (*steps.PER_TRACK, "shadow", "sudden")


def velocity_of(folder, track, series):
    """Run the steps of a track; return the layers on the run grid by name."""
    paths = write_mintpy(folder / track, series, track=track)
    native = folder / f"{track}.h5"
    steps.write_velocity(
        files=[paths["files"]], geometry=[paths["geometry"]], coherence=None, gacos=None, out=native,
        facts=folder / f"{track}.json", correction=folder / f"{track}.nc", track=track, options=NO_TRACK_OPTIONS,
        params=VelocityParams(sample_pixels=1000), maximum_sigma_mm_yr=50,
    )  # fmt: skip
    written = {n: folder / f"{n}_{track}.tif" for n in LAYERS}
    steps.write_on_grid(native=native, grid=folder / "grid.json", track=track, resampling="bilinear",
                        facts=folder / f"grid_{track}.json", **written)  # fmt: skip
    return written


@pytest.mark.slow
@pytest.mark.parametrize("k", [1, 3])
def test_a_drop_before_the_end_is_not_called_seen_though_the_other_track_saw_none(tmp_path, k):
    write_json(GRID.to_dict(), tmp_path / "grid.json")
    rng = np.random.default_rng(5)
    asc, desc = (rng.normal(0, 0.003, (N, SIDE, SIDE)) for _ in range(2))
    asc[N - k :, *BODY] -= 0.04
    made = [velocity_of(tmp_path, track, s) for track, s in (("asc", asc), ("desc", desc))]
    for name, value, units in (("slope_deg", 0.0, "degree"), ("aspect_deg", np.nan, "degree"), ("dem", 500.0, "m")):
        layer = GRID.layer(np.full(GRID.shape, value, "f4"), units=units, long_name=name, name=name)
        write_layer(layer, tmp_path / f"{name}.tif")
    out = {n: tmp_path / f"{n}.tif" for n in (*SLOPE, "hidden_asc", "hidden_desc")}
    ground = {n: tmp_path / f"{n}.tif" for n in ("slope_deg", "aspect_deg", "dem")}
    write_slope(tracks=["asc", "desc"], params=SlopeParams(), facts=tmp_path / "slope.json",
                **{n: [m[n] for m in made] for n in LAYERS}, **ground, **out)  # fmt: skip
    codes = open_layer(out["blind_map"]).to_numpy()
    assert (codes[BODY] == 1).mean() > 0.98
    assert (codes[:12] == 0).mean() > 0.95
    notes = json.loads((tmp_path / "asc.json").read_text(encoding="utf-8"))["notes"]
    (told,) = [n for n in notes if "left the course" in n["text_en"]]
    assert told["level"] == "warning"
    assert f"since {str(times(N)[N - k])[:10]}" in told["text_en"]
    assert "不作稳定判定" in told["text_zh"]
    others = json.loads((tmp_path / "desc.json").read_text(encoding="utf-8"))["notes"]
    assert not any("left the course" in n["text_en"] for n in others)
    native = [tmp_path / f"{t}.h5" for t in ("asc", "desc")]
    vertical, _ = measured_vertical(native, ["asc", "desc"], tmp_path / "grid.json", DeformationParams())
    assert vertical.is_off(BODY).mean() > 0.98
    assert vertical.is_off((slice(0, 12), slice(0, SIDE))).mean() < 0.05
    with pytest.raises(DataError, match="no maps"):
        native_maps(tmp_path / "asc.h5", ("velocity", "nothing"))


@pytest.mark.slow
def test_gaps_between_dates_reach_the_facts_and_the_wavelength_the_maps(tmp_path):
    write_json(GRID.to_dict(), tmp_path / "grid.json")
    series = np.random.default_rng(6).normal(0, 0.003, (30, SIDE, SIDE))
    paths = write_mintpy(tmp_path / "asc", series, WAVELENGTH="0.2362")
    with h5py.File(paths["files"], "r+") as file:
        kept = np.delete(np.arange(30), [7, 8])
        for name in ("timeseries", "date"):
            values = file[name][:][kept]
            del file[name]
            file[name] = values
    steps.write_velocity(
        files=[paths["files"]], geometry=[paths["geometry"]], coherence=None, gacos=None, out=tmp_path / "asc.h5",
        facts=tmp_path / "asc.json", correction=tmp_path / "asc.nc", track="asc", options=NO_TRACK_OPTIONS,
        params=VelocityParams(sample_pixels=1000), maximum_sigma_mm_yr=50,
    )  # fmt: skip
    facts = json.loads((tmp_path / "asc.json").read_text(encoding="utf-8"))
    assert facts["counts"]["time_gaps"] == 1
    (told,) = [n for n in facts["notes"] if "time gaps" in n["text_en"]]
    assert told["level"] == "info"
    assert "(36 days)" in told["text_en"]
    assert "36 天" in told["text_zh"]
    assert native_facts(tmp_path / "asc.h5")["wavelength_m"] == 0.2362


def test_a_place_with_a_zone_number_in_its_easting_is_told_to_the_metre():
    told = sudden_note([Patch(9, 37_513_752.4, 4_151_065.0, -40.0, 60)], times(60))
    assert told is not None
    assert all("x, y 37513752.4, 4151065" in text for text in told)
