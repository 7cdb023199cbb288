"""Rain of the demo county: showers, moving storm cells, past storms, and forecasts with their errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from geo_risk.core.names import STAGES_H
from geo_risk.sample.calendar import (
    ANTECEDENT_DAYS,
    OBSERVED_HOURS,
    OBSERVED_START,
    PAST_STORM_STARTS,
    STORM_HOURS,
    STORM_START,
)
from geo_risk.sample.fractal import power_law_field
from geo_risk.sample.streams import stream

CELL_M = 1000.0
WIDE_KM = 46
"""How far the true field reaches beyond the county: 30 km of forecast field, displaced by 15 km, and one cell."""
OBSERVED_KM = 2
FORECAST_KM = 30
BEYOND_H = 12
"""Hours that a forecast covers beyond its horizon."""
DISPLACEMENT_KM = {72: 15.0, 24: 8.0, 6: 4.0, 3: 2.0, 1: 1.0}
SCALE_ERROR = {72: 0.3, 24: 0.2, 6: 0.12, 3: 0.08, 1: 0.05}
TOTAL_MM = (88.0, 212.0)
"""Range of the storm total over the county before rounding (80-220 mm with room for caps and rounding)."""
HOURLY_CAP_MM = 58.0
PEAK_MM_H = 38.0
"""The strongest hour over the county reaches at least this (times the amplitude of a past storm)."""
HOURLY_SOURCES = (4, 7)
"""Numbers (from 1) of the past storms whose hourly rain is given: `a` and `b`."""
_SUBSTEPS = 4

Array = NDArray[np.float32]


@dataclass(frozen=True)
class RainField:
    """Rain on a 1 km grid.

    Attributes
    ----------
    rain_mm : (time, y, x) float32, sums over the intervals, rounded to 0.1 mm.
    times : (time,) datetime64[h], END of each interval, UTC.
    left, top : metres, the outer corner of the first cell.
    """

    rain_mm: Array
    times: NDArray[np.datetime64]
    left: float
    top: float

    @property
    def x(self) -> NDArray[np.float64]:
        """Cell centres, metres east."""
        return np.asarray(self.left + CELL_M * (np.arange(self.rain_mm.shape[2]) + 0.5), dtype=np.float64)

    @property
    def y(self) -> NDArray[np.float64]:
        """Cell centres, metres north, falling."""
        return np.asarray(self.top - CELL_M * (np.arange(self.rain_mm.shape[1]) + 0.5), dtype=np.float64)

    def crop(self, cells: int, *, hours: slice = slice(None)) -> RainField:
        """Return the field without `cells` cells at each side, of some hours."""
        inner = slice(cells, -cells or None)
        return RainField(
            np.ascontiguousarray(self.rain_mm[hours, inner, inner]),
            self.times[hours],
            self.left + cells * CELL_M,
            self.top - cells * CELL_M,
        )

    def at(self, values: NDArray[np.floating], x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return a (y, x) map on this grid at points, bilinear; beyond the border the border's value."""
        column = (np.asarray(x) - self.left) / CELL_M - 0.5
        row = (self.top - np.asarray(y)) / CELL_M - 0.5
        out: NDArray[np.float64] = ndimage.map_coordinates(
            np.asarray(values, dtype=np.float64), [row, column], order=1, mode="nearest"
        )
        return out


@dataclass(frozen=True)
class RainTruth:
    """All rain that fell, and the forecasts that were issued.

    Attributes
    ----------
    wide : 720 hours, county + 46 km.
    peak : END of the hour with the largest county mean.
    forecasts : by stage in hours; fields reach 30 km beyond the county.
    past : daily rain of S1..S8 (15 days), county + 2 km.
    past_hourly : the same hour by hour (360 hours, the storm's 72 at the end).
    decay : K of the true effective rain, per day.
    """

    wide: RainField
    peak: np.datetime64
    forecasts: dict[int, RainField]
    past: tuple[RainField, ...]
    past_hourly: tuple[RainField, ...]
    decay: float

    @property
    def observed(self) -> RainField:
        """The 720 hours on the county + 2 km."""
        return self.wide.crop(WIDE_KM - OBSERVED_KM)

    def storm(self) -> RainField:
        """Return the 72 storm hours on the county + 2 km."""
        first = int((STORM_START - OBSERVED_START).astype(int))
        return self.wide.crop(WIDE_KM - OBSERVED_KM, hours=slice(first, first + STORM_HOURS))


def make_rain(bounds: tuple[float, float, float, float], *, seed: int) -> RainTruth:
    """Make the rain of a county.

    Parameters
    ----------
    bounds : left, bottom, right, top of the county, metres.
    seed : of the county.
    """
    left, bottom, right, top = bounds
    size = (int(np.ceil((top - bottom) / CELL_M)), int(np.ceil((right - left) / CELL_M)))
    wide = _observed_month(size, left, top, stream(seed, "rain.month"))
    first = int((STORM_START - OBSERVED_START).astype(int))
    county = wide.rain_mm[first : first + STORM_HOURS, WIDE_KM:-WIDE_KM, WIDE_KM:-WIDE_KM]
    peak = wide.times[first + int(county.mean(axis=(1, 2)).argmax())]
    rng = stream(seed, "rain.forecast")
    forecasts = {s: _forecast(wide, peak, s, rng) for s in STAGES_H}
    past = [_past_storm(size, left, top, k, stream(seed, f"rain.past.{k}")) for k in range(len(PAST_STORM_STARTS))]
    decay = float(np.round(stream(seed, "rain.decay").uniform(0.78, 0.88), 3))
    return RainTruth(wide, peak, forecasts, tuple(p[0] for p in past), tuple(p[1] for p in past), decay)


def effective_rain_mm(rain: RainField, *, decay: float, end: int, hours_per_step: int) -> NDArray[np.float64]:
    """Return the effective rain (y, x) [mm] at the end of step `end`: sum of decay^n times the rain of day n before.

    Parameters
    ----------
    rain : hourly or daily field.
    decay : K per day, applied to whole 24 h windows that end with step `end` (day 0 counts fully), 10 days back.
    end : index of the last step that has fallen.
    hours_per_step : 1 or 24.
    """
    steps = 24 // hours_per_step
    total = np.zeros(rain.rain_mm.shape[1:])
    for day in range(11):
        stop = end + 1 - day * steps
        window = rain.rain_mm[max(0, stop - steps) : max(0, stop)]
        total += decay**day * window.sum(axis=0, dtype=np.float64)
    return total


def _observed_month(size: tuple[int, int], left: float, top: float, rng: np.random.Generator) -> RainField:
    shape = (size[0] + 2 * WIDE_KM, size[1] + 2 * WIDE_KM)
    first = int((STORM_START - OBSERVED_START).astype(int))
    rain = showers(shape, OBSERVED_HOURS, rng, days=9)
    rain[first - 6 : first + STORM_HOURS + 6] = 0.0
    rain[first : first + STORM_HOURS] = storm_cells(shape, rng, core=WIDE_KM, total_mm=TOTAL_MM)
    times = OBSERVED_START + np.arange(1, OBSERVED_HOURS + 1).astype("timedelta64[h]")
    return RainField(rounded(rain), times, left - WIDE_KM * CELL_M, top + WIDE_KM * CELL_M)


def _past_storm(
    size: tuple[int, int], left: float, top: float, number: int, rng: np.random.Generator
) -> tuple[RainField, RainField]:
    margin = 6
    shape = (size[0] + 2 * margin, size[1] + 2 * margin)
    middle = (60.0, 85.0, 105.0, 75.0, 150.0, 110.0, 130.0, 95.0)[number]
    spread = rng.uniform(0.3, 0.45)
    storm = storm_cells(shape, rng, core=margin, total_mm=(middle * (1 - spread), middle * (1 + spread)))
    before = showers(shape, ANTECEDENT_DAYS * 24, rng, days=int(rng.integers(1, 8)))
    inner = slice(margin - OBSERVED_KM, -(margin - OBSERVED_KM))
    hourly = rounded(np.concatenate([before, storm])[:, inner, inner])
    daily = rounded(hourly.reshape(-1, 24, *hourly.shape[1:]).sum(axis=1))
    first = PAST_STORM_STARTS[number] - np.timedelta64(24 * ANTECEDENT_DAYS, "h")
    corner = (left - OBSERVED_KM * CELL_M, top + OBSERVED_KM * CELL_M)
    hours = first + np.arange(1, len(hourly) + 1).astype("timedelta64[h]")
    return RainField(daily, hours[23::24], *corner), RainField(hourly, hours, *corner)


def rounded(rain_mm: NDArray[np.floating]) -> Array:
    """Return rain rounded to tenths of a millimetre, as gauges and products give it."""
    out: Array = (np.round(np.asarray(rain_mm) * 10) / 10).astype(np.float32)
    return out


def showers(shape: tuple[int, int], hours: int, rng: np.random.Generator, *, days: int) -> Array:
    """Return hourly showers (hours, y, x) [mm] on some afternoons (06-13 UTC), a few short-lived cells each."""
    rain = np.zeros((hours, *shape), dtype=np.float32)
    area = shape[0] * shape[1]
    wet = rng.choice(hours // 24, size=min(days, hours // 24), replace=False)
    for day in np.sort(wet):
        strength = rng.uniform(0.4, 1.6)
        for _ in range(max(1, rng.poisson(strength * area / 400))):
            _add_cell(
                rain,
                birth_h=24 * day + rng.uniform(6, 12),
                life_h=rng.uniform(0.7, 2.0),
                place=(rng.uniform(0, shape[0]), rng.uniform(0, shape[1])),
                drift=(rng.normal(0, 6), rng.normal(8, 6)),
                shape=(rng.uniform(2, 9), rng.uniform(1.5, 5)),
            )
    return rain


def storm_cells(shape: tuple[int, int], rng: np.random.Generator, *, core: int, total_mm: tuple[float, float]) -> Array:
    """Return 72 hours of a storm (hour, y, x) [mm]: a moving rain sheet and cells with peaks of 35-60 mm/h.

    Parameters
    ----------
    shape : rows and columns of 1 km.
    rng : the stream.
    core : width of the rim around the county, cells; the totals are those of the county inside it.
    total_mm : smallest and largest three-day total over the county.
    """
    pulses = np.sort(rng.uniform(8, 64, 3))
    main = float(rng.uniform(30, 44))
    steering = (rng.normal(-8, 4), rng.uniform(14, 26))
    background = _sheet(shape, [*pulses, main], steering, rng)
    amplitude = float(np.clip(np.mean(total_mm) / 150, 0.45, 1.0))
    for _ in range(round(shape[0] * shape[1] * 0.018) + 6):
        centre = main if rng.random() < 0.45 else float(rng.choice(pulses))
        _add_cell(
            background,
            birth_h=float(np.clip(rng.normal(centre, 4), 1, 68)),
            life_h=rng.uniform(1.5, 4.0),
            place=(rng.uniform(-15, shape[0] + 15), rng.uniform(-40, shape[1] + 15)),
            drift=(steering[0] + rng.normal(0, 3), steering[1] + rng.normal(0, 3)),
            shape=(amplitude * rng.uniform(35, 60), rng.uniform(2.5, 5.5)),
        )
    core_storm = _main_cells(shape, main, steering, amplitude, rng)
    for damping in 0.75 ** np.arange(12):
        rain = _fit_totals(_capped((damping * background + core_storm).astype(np.float32)), core, total_mm)
        if rain[:, core:-core, core:-core].max() >= PEAK_MM_H * amplitude:
            break
    return rain


def _main_cells(
    shape: tuple[int, int], main_h: float, steering: tuple[float, float], amplitude: float, rng: np.random.Generator
) -> Array:
    """Return the hours of the two slow cells that pass over the middle of the county and make the storm's peak."""
    rain = np.zeros((STORM_HOURS, *shape), dtype=np.float32)
    middle = (shape[0] / 2 + rng.normal(0, 2), shape[1] / 2 + rng.normal(0, 2))
    slow, life = (0.35 * steering[0], 0.35 * steering[1]), 3.0
    for lead in (0.0, 1.5):
        _add_cell(
            rain,
            birth_h=main_h - life / 2 + lead,
            life_h=life,
            place=(middle[0] - slow[0] * life / 2, middle[1] - slow[1] * life / 2),
            drift=slow,
            shape=(amplitude * rng.uniform(52, 62), rng.uniform(4.0, 5.5)),
        )
    return rain


def _sheet(
    shape: tuple[int, int], pulses: list[float], steering: tuple[float, float], rng: np.random.Generator
) -> Array:
    hours = np.arange(STORM_HOURS) + 0.5
    envelope = sum(np.exp(-0.5 * ((hours - p) / 7.0) ** 2) for p in pulses)
    envelope = envelope / np.max(envelope)
    pattern = np.exp(0.5 * power_law_field(shape, rng, slope=3.0, outer_cells=30))
    rain = np.empty((STORM_HOURS, *shape), dtype=np.float32)
    for h, strength in enumerate(envelope):
        moved = (round(0.3 * steering[0] * h), round(0.3 * steering[1] * h))
        rain[h] = 2.2 * strength * np.roll(pattern, moved, axis=(0, 1))
    return rain


def _add_cell(
    rain: Array,
    *,
    birth_h: float,
    life_h: float,
    place: tuple[float, float],
    drift: tuple[float, float],
    shape: tuple[float, float],
) -> None:
    """Add one cell to hourly sums in place: grows and dies as a half sine, drifts at `drift` km/h, Gaussian section."""
    peak_mm_h, radius_km = shape
    reach = 3.0 * radius_km
    for step in range(int(np.ceil(life_h * _SUBSTEPS))):
        age = (step + 0.5) / _SUBSTEPS
        hour = int(birth_h + age)
        if age >= life_h or not 0 <= hour < rain.shape[0]:
            continue
        row, column = place[0] + drift[0] * age, place[1] + drift[1] * age
        rows = np.arange(max(0, int(row - reach)), min(rain.shape[1], int(row + reach) + 1))
        columns = np.arange(max(0, int(column - reach)), min(rain.shape[2], int(column + reach) + 1))
        if not (rows.size and columns.size):
            continue
        section = np.exp(-0.5 * ((rows + 0.5 - row) / radius_km) ** 2)[:, None] * np.exp(
            -0.5 * ((columns + 0.5 - column) / radius_km) ** 2
        )
        strength = peak_mm_h * np.sin(np.pi * age / life_h) / _SUBSTEPS
        rain[hour, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] += (strength * section).astype(np.float32)


def _capped(rain: Array) -> Array:
    """Bend hourly sums above 40 mm softly below the cap: cells do not add up without end."""
    room = HOURLY_CAP_MM - 40.0
    return np.where(rain > 40.0, 40.0 + room * (1 - np.exp(-(rain - 40.0) / room)), rain).astype(np.float32)


def _fit_totals(rain: Array, core: int, total_mm: tuple[float, float]) -> Array:
    """Scale each cell's hours so that the county's totals span `total_mm`; outside the line is kept within bounds."""
    low, high = total_mm
    for _ in range(3):
        total = rain.sum(axis=0, dtype=np.float64)
        county = total[core:-core, core:-core]
        share = (total - county.min()) / max(float(np.ptp(county)), 1e-6)
        wanted = np.clip(low + share * (high - low), 0.4 * low, 1.25 * high)
        rain = _capped((rain * (wanted / np.maximum(total, 1e-6))).astype(np.float32))
    return rain


def _forecast(wide: RainField, peak: np.datetime64, stage_h: int, rng: np.random.Generator) -> RainField:
    """Return the forecast issued `stage_h` before the peak: the truth, displaced, scaled, and blurred with lead."""
    start = int(np.searchsorted(wide.times, peak)) - stage_h + 1
    hours = slice(start, min(start + stage_h + BEYOND_H, wide.rain_mm.shape[0]))
    bearing = rng.uniform(0, 2 * np.pi)
    distance = DISPLACEMENT_KM[stage_h]
    moved = (distance * np.cos(bearing), distance * np.sin(bearing))
    scale = 1 + SCALE_ERROR[stage_h] * rng.choice([-1.0, 1.0]) * rng.uniform(0.8, 1.0)
    shape = (wide.rain_mm.shape[1], wide.rain_mm.shape[2])
    texture = np.exp(0.5 * SCALE_ERROR[stage_h] * power_law_field(shape, rng, slope=3.0, outer_cells=25))
    margin = WIDE_KM - FORECAST_KM
    out = []
    for hour in wide.rain_mm[hours]:
        shifted = ndimage.shift(hour.astype(np.float64), moved, order=1, mode="nearest")
        out.append((scale * texture * shifted)[margin:-margin, margin:-margin])
    corner = (wide.left + margin * CELL_M, wide.top - margin * CELL_M)
    return RainField(rounded(np.array(out)), wide.times[hours], *corner)
