"""The tiny county of `warned` with past storms and their slides, so that its warnings come from a fitted model."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np

from geo_risk.publish.cube import write_cube
from tests.support.warned import CONFIG, PIPELINE, cube, save, write_county

STORMS = 5

_PAST = """    past_events:
{events}
  past_slides: slides.gpkg
"""


def write_stormy_county(folder: Path) -> Path:
    """Write the county, rain and slides of past storms, and three forecasts; return the configuration."""
    write_county(folder)
    rng = np.random.default_rng(5)
    inventory = gpd.read_file(folder / "inventory.gpkg").geometry
    shapes, ids, listed = [], [], []
    for k in range(STORMS):
        # showers, not a steady rain: that would be taken for running totals
        storm = cube(f"{2015 + k}-07-01T01", 24 * 8, 0.0, storm_id=f"S{k}")
        wet = np.where(np.arange(24 * 8) < 24 * 5, 0.3, 0.6 + 0.5 * k)[:, None, None]
        values = wet * rng.gamma(0.8, 1.2, storm.shape) * np.linspace(0.6, 1.4, 6)[None, None, :]
        write_cube(storm.copy(data=values.astype("float32")), folder / f"storm_{k}.nc")
        n = 4 + 9 * k
        shapes += list(inventory.sample(n, random_state=k).to_numpy())
        ids += [f"S{k}"] * n
        listed.append(f"      - {{storm_id: S{k}, file: storm_{k}.nc}}")
    save(folder / "slides.gpkg", {"storm_id": ids}, shapes)
    for hour, mm in ((1, 12.0), (2, 1.0)):
        write_cube(cube(f"2024-07-20T{hour + 1:02}", 12, mm), folder / f"forecast_{hour}.nc")
    forecasts = "\n".join(f'      - {{issued: "2024-07-20T{h:02}:00:00Z", file: forecast_{h}.nc}}' for h in (1, 2))
    first = '{issued: "2024-07-20T00:00:00Z", file: forecast.nc}\n'
    more = _PAST.format(events="\n".join(listed))
    text = CONFIG.replace(first, f"{first}{forecasts}\n{more}").replace("durations_h: [6]", "durations_h: [24]")
    text = text.replace("landslide: {", "landslide: {min_past_slides: 15, ")
    (folder / "config.yaml").write_text(text, encoding="utf-8")
    drawn = PIPELINE.replace("terrain, rainfall", "terrain, hydrology, slope_units, rainfall").replace(
        "from geo_risk.flow.steps.landslide import",
        "from geo_risk.flow.steps.hydrology import hydrology\nfrom geo_risk.flow.steps.slope_units import slope_units\n"
        "from geo_risk.flow.steps.landslide import",
    )
    (folder / "tiny.py").write_text(drawn, encoding="utf-8")
    return folder / "config.yaml"
