"""Files of an OPERA series in another unit than the others, and the windows in which that is looked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from geo_risk.core.errors import AmbiguousError
from geo_risk.sources.insar import open_insar
from geo_risk.sources.opera import read_series
from geo_risk.sources.opera_sample import check_files, telling_windows
from geo_risk.sources.options import NO_TRACK_OPTIONS
from tests.support.insar_files import days, write_granule, write_look

SHAPE = (40, 50)
N = 12
DAYS = days(N)
PAIRS = (*((0, k) for k in range(1, 5)), *((4, k) for k in range(5, 9)), *((8, k) for k in range(9, N)))
ROWS, COLUMNS = np.mgrid[: SHAPE[0], : SHAPE[1]]
BOWL = np.exp(-((ROWS - 18) ** 2 + (COLUMNS - 30) ** 2) / (2 * 6.0**2))


def scene(course_m: np.ndarray, *, noise_m: float = 0.002, seed: int = 3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    out = course_m[:, None, None] * BOWL + rng.normal(0, noise_m, (N, *SHAPE))
    return out - out[0]


STEADY = -0.02 * np.arange(N)


def write(folder: Path, series: np.ndarray, *, factors: dict[int, float] | None = None) -> Path:
    """Write the files of a chain; `factors` multiply what the file of a date holds."""
    for a, b in PAIRS:
        write_granule(folder, (series[b] - series[a]) * (factors or {}).get(b, 1.0), (DAYS[a], DAYS[b]))
    return folder


def read(folder: Path) -> None:
    read_series(sorted(folder.glob("*.nc")), NO_TRACK_OPTIONS)


@pytest.mark.parametrize("date", [3, 4, 6, 9])
@pytest.mark.parametrize("factor", [1e3, 1e-3])
def test_one_file_in_another_unit_is_named_whether_others_refer_to_it_or_not(tmp_path, date, factor):
    folder = write(tmp_path / "nc", scene(STEADY), factors={date: factor})
    with pytest.raises(AmbiguousError, match="are these dates in another unit") as caught:
        open_insar(folder, track="asc", geometry=write_look(tmp_path / "look", SHAPE))
    assert (
        f"{np.datetime64(f'{DAYS[date][:4]}-{DAYS[date][4:6]}-{DAYS[date][6:]}')} (1 of 11 dates)" in caught.value.what
    )
    assert "fetch the files of these dates again" in caught.value.fix


COURSES = {
    "still": 0 * STEADY, "steady": STEADY, "yearly": 0.05 * np.sin(np.arange(N) * 12 / 365.25 * 2 * np.pi),
    "earthquake": -1.5 * (np.arange(N) >= 6), "on a reference date": STEADY - 1.5 * (np.arange(N) >= 4),
    "at the end": STEADY - 0.8 * (np.arange(N) >= N - 1),
}  # fmt: skip


@pytest.mark.parametrize("course", COURSES)
@pytest.mark.parametrize("noise_m", [0.001, 0.01])
def test_what_the_ground_may_do_is_read(tmp_path, course, noise_m):
    read(write(tmp_path, scene(COURSES[course], noise_m=noise_m)))


class Frames:
    """Products of a large frame of which the windows that are read are kept."""

    def __init__(self, values: np.ndarray) -> None:
        self.values, self.granules, self.asked = values, [0, 1, 2], []
        self.frame = type("Frame", (), {"shape": values.shape})

    def single(self, granule: int, window: tuple[slice, slice]) -> np.ndarray:
        self.asked.append((granule, window))
        return self.values[window]


def test_few_windows_are_read_and_they_hold_what_moves():
    values = np.random.default_rng(0).normal(0, 0.002, (900, 1200))
    values[:200] = np.nan
    values[600:760, 300:520] -= 0.3
    series = Frames(values)
    windows = telling_windows(series)
    assert len(series.asked) == 64
    assert len(windows) == 4
    assert sum(np.nanmedian(values[w]) < -0.2 for w in windows) >= 1
    assert all(np.isfinite(values[w]).all() for w in windows)
    series.asked.clear()
    check_files(series, np.array(["2020-01-13", "2020-01-25", "2020-02-06"], "datetime64[ns]"), where="x")
    assert len(series.asked) == 64 + 3 * 4


def test_a_frame_without_a_value_in_any_window_says_nothing():
    series = Frames(np.full((900, 1200), np.nan))
    check_files(series, np.array(["2020-01-13", "2020-01-25", "2020-02-06"], "datetime64[ns]"), where="x")
