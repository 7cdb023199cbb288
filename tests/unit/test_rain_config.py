"""Rain sources in a configuration: their keys, and what `check` finds of them."""

from __future__ import annotations

import numpy as np
import pytest

from geo_risk.core.errors import ConfigError
from geo_risk.flow.check import check
from geo_risk.flow.config import load_config
from tests.support.rain_files import storm, write_chirps, write_diamond4, write_imerg

TEXT = """pipeline: warning
name: rain
inputs:
  rainfall:
    observed: imerg
    gauges: {file: gauges.csv, stamp: end, time_zone: "+08:00"}
    forecast:
    - {issued: 2024-07-20T00:00:00Z, file: forecast.txt, stamp: start, interval_h: 3}
    past_events:
    - {file: chirps.nc, storm_id: S1}
output: out
"""


def written(folder, text=TEXT):
    for k in range(2):
        write_imerg(
            folder / "imerg", storm(2)[k], str(np.datetime64("2024-07-20T00:00", "s") + k * np.timedelta64(30, "m"))
        )
    write_diamond4(folder / "forecast.txt", storm(1)[0], "2024-07-20T08", lead=3, title="rain")
    write_chirps(folder / "chirps.nc", storm(3), "2024-07-01")
    rows = ["station_id,lon,lat,time,rain_mm"]
    rows += [f"{g},{112 + g / 10},37,2024-07-20 {8 + h:02d}:00,{g + h}" for g in range(3) for h in range(3)]
    (folder / "gauges.csv").write_text("\n".join(rows), encoding="utf-8")
    (folder / "run.yaml").write_text(text, encoding="utf-8")
    return folder / "run.yaml"


def test_keys_of_rain_sources_reach_the_reader(tmp_path):
    rain = load_config(written(tmp_path)).inputs.rainfall
    assert rain.gauges.rain.said() == {"stamp": "end", "time_zone": "+08:00"}
    assert rain.forecast[0].rain.said() == {"stamp": "start", "interval_h": 3.0}
    assert rain.observed.rain.said() == {}
    assert rain.past_events[0].id == "S1"
    with pytest.raises(ConfigError, match="stamp"):
        load_config(written(tmp_path, TEXT.replace("stamp: end", "stamp: middle")))


@pytest.mark.slow
def test_check_says_what_each_series_is(tmp_path):
    found = {f.key.removeprefix("inputs.rainfall."): f for f in check(written(tmp_path)).inputs}
    products = {key: facts.product for key, facts in found.items()}
    assert products == {"observed": "imerg_hdf5", "gauges": "rain gauges", "forecast[0]": "micaps_diamond4",
                        "past_events[0]": "chirps_netcdf"}  # fmt: skip
    assert not any(f.problems for f in found.values())
    assert found["forecast[0]"].dates.startswith("2024-07-20T03:00:00Z")
    doubt = check(written(tmp_path, TEXT.replace(", stamp: start, interval_h: 3", "")))
    problems = {f.key: f.problems for f in doubt.inputs if f.problems}
    assert list(problems) == ["inputs.rainfall.forecast[0]"]
    assert "`stamp: start`" in problems["inputs.rainfall.forecast[0]"][0][1]
