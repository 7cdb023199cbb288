"""Parameters of the rainfall hazard."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Self

from pydantic import AwareDatetime, model_validator

from geo_risk.core.names import RAIN_HOURS, STAGES_H
from geo_risk.core.params import Params, parameter


class RainfallParams(Params):
    """How rain is accumulated, weighted, graded and divided into warning stages."""

    issued: AwareDatetime | None = parameter(
        None,
        "Time at which the warning is issued, with its zone; empty: the newest forecast's issue time, and without a "
        "forecast the end of the observations.",
        source="choice of geo_risk: a warning is made from what was known when it was issued",
    )
    event_time: AwareDatetime | None = parameter(
        None,
        "For hindcasts: the time of the event, with its zone; stage s is then issued at event_time - s hours.",
        source="choice of geo_risk: it shows what each stage would have said before the same event",
    )
    durations_h: tuple[int, ...] = parameter(
        RAIN_HOURS,
        "Durations of the accumulations in hours, 1 to 240; those beside 1, 3, 6, 12, 24 and 72 go to the work folder.",
        source="CONTRACT.md, names of the published rasters",
    )
    stages_h: tuple[int, ...] = parameter(
        STAGES_H, "Warning stages in hours before the event.", source="stages known as 31631; a configurable table"
    )
    accumulation: Literal["maximum", "ending"] = parameter(
        "maximum",
        "`maximum`: the largest sum of a running window within the analysis period; `ending`: the one window that ends "
        "at the end of the period.",
        source="choice of geo_risk: the storm's worst hours matter, not the hour at which it is looked at",
    )
    lookback_h: int = parameter(
        72,
        "Hours before the issue time that belong to the analysis period of the accumulations.",
        source="choice of geo_risk: the longest published duration",
        ge=1,
        le=2400,
    )
    min_known_share: float = parameter(
        0.9,
        "Least share of windows without a gap for a running maximum to be known.",
        source="choice of geo_risk: a maximum over fewer windows may have missed the storm",
        gt=0,
        le=1,
    )
    decay_per_day: float = parameter(
        0.84,
        "K of the effective antecedent rain Re = sum K^n R_n.",
        source="0.84 is the usual daily recession; 0.79-0.90 rank events alike (South Tyrol: AUC .883-.885)",
        ge=0,
        lt=1,
    )
    antecedent_days: int = parameter(
        10,
        "Days in the sum of the effective antecedent rain; day 0 is the last 24 hours.",
        source="choice of geo_risk: with K = 0.84 the days left out carry less than a fifth of the weight; 10-day rain "
        "was also used in Jiangxi",
        ge=1,
        le=60,
    )
    antecedent: Literal["configured", "fitted"] = parameter(
        "configured",
        "Which K and window the effective rain is made with: `configured` (decay_per_day, antecedent_days), or those "
        "`fitted` to inputs.rainfall.past_events and inputs.past_slides; the run stops where they cannot be fitted. "
        "The report gives both in any case.",
        source="choice of geo_risk: a fitted value changes every warning, so it is never used unasked",
    )
    fit_days_max: int = parameter(
        15,
        "Longest window that is tried when K and window are fitted [days]; never longer than what nearly all past "
        "storms' rain holds before its wettest spells.",
        source="choice of geo_risk: windows in print run from 3 to 15 days",
        ge=1,
        le=60,
    )
    fit_cells: int = parameter(
        4000,
        "Places that did not slide, over all storms, that K, window and thresholds are fitted against.",
        source="choice of geo_risk: more than ten times the slides of most counties, so that they add no noise",
        ge=100,
        le=20_000,
    )
    fit_seed: int = parameter(
        11, "Seed of the places drawn for fits and of bootstraps.", source="choice of geo_risk: a run repeats", ge=0
    )
    return_min_years: int = parameter(
        20,
        "Fewest years of annual maxima that a return period is taken from.",
        source="choice of geo_risk: with fewer, the 95 % band of the 20-year rain spans a factor of two and more",
        ge=10,
        le=200,
    )
    return_multiple: float = parameter(
        2.0,
        "Return periods beyond this many times the years of the record are unknown (and said to be rarer than that).",
        source="choice of geo_risk: beyond twice the record the value rests on the fitted shape alone",
        ge=1,
        le=10,
    )
    return_resamples: int = parameter(
        500,
        "Resampled records behind the bands of return periods.",
        source="choice of geo_risk: 12 of them lie beyond each end of a 95 % band",
        ge=100,
        le=10_000,
    )
    threshold_dry_h: float = parameter(
        24.0,
        "Dry spell that parts two rain events, for thresholds of intensity and duration [h].",
        source="choice of geo_risk: rules in print run from 3 to 96 h; a day works for hourly and daily rain alike",
        ge=1,
        le=240,
    )
    threshold_wet_mm_h: float = parameter(
        0.1,
        "Mean intensity below which a step of a series is dry [mm/h].",
        source="choice of geo_risk: the least amount that gauges tell, 0.1 mm, in an hour",
        gt=0,
        le=5,
    )
    threshold_quantiles: tuple[float, ...] = parameter(
        (0.05, 0.2, 0.5),
        "Shares of past events that lie below the thresholds of intensity and duration.",
        source="Jiangxi warns by 5, 20, 50 and 80 % of past slides; the highest says little of triggers",
    )
    threshold_min_events: int = parameter(
        30,
        "Fewest rain events with slides that a threshold is fitted to.",
        source="choice of geo_risk: the 5 % threshold then has more than one event below it",
        ge=10,
        le=1000,
    )
    threshold_min_storms: int = parameter(
        5, "Fewest storms among them.", source="choice of geo_risk: bands come from resampling storms", ge=3, le=1000
    )
    threshold_resamples: int = parameter(
        200, "Resamples behind the bands of thresholds.",
        source="choice of geo_risk: 5 of them lie beyond each end of a 95 % band", ge=50, le=5000,
    )  # fmt: skip
    spi_months: int = parameter(
        3, "Months of the sum behind the drought index (SPI).", source="choice of geo_risk: a season of growth",
        ge=1, le=48,
    )  # fmt: skip
    spi_min_years: int = parameter(
        30,
        "Fewest years of daily rain that a drought index is taken from.",
        source="choice of geo_risk: the length of climate normals",
        ge=10,
        le=200,
    )
    rain_limit_mm_h: float = parameter(
        500.0,
        "An hourly value above this is taken for a fault and masked.",
        source="the largest hourly rain on record is about 400 mm (WMO archive of extremes lists 305 mm in 42 min)",
        gt=0,
        le=2000,
    )
    max_bad_share: float = parameter(
        0.01,
        "Largest share of negative, infinite or impossible values that is masked and counted; more stops the run.",
        source="choice of geo_risk: a file with more faults than this is not what it says it is",
        ge=0,
        le=1,
    )

    gauge_cell_m: float = parameter(
        1000.0,
        "Cell of the grid that rain at gauges is interpolated onto [m].",
        source="choice of geo_risk: as fine as gridded rain comes; gauges tell no more",
        ge=100,
        le=10_000,
    )
    gauge_reach_m: float = parameter(
        25_000.0,
        "Cells further than this from every gauge with a value are unknown [m].",
        source="choice of geo_risk: hourly storm rain has forgotten itself at some 20 km",
        ge=1000,
        le=200_000,
    )
    gauge_neighbours: int = parameter(
        12,
        "Nearest gauges that a cell is interpolated from.",
        source="choice of geo_risk: gauges behind these are screened by them",
        ge=3,
        le=50,
    )

    @model_validator(mode="after")
    def _sensible_tables(self) -> Self:
        for name in ("durations_h", "stages_h"):
            values = getattr(self, name)
            if not values or len(set(values)) != len(values) or not all(1 <= v <= 240 for v in values):
                what = f"{name} must hold different whole hours from 1 to 240, got {list(values)}"
                raise ValueError(what)
        if not self.threshold_quantiles or not all(0 < q < 1 for q in self.threshold_quantiles):
            what = f"threshold_quantiles must lie between 0 and 1, got {list(self.threshold_quantiles)}"
            raise ValueError(what)
        if self.issued is not None and self.event_time is not None:
            what = "give either issued (one warning) or event_time (a hindcast of all stages), not both"
            raise ValueError(what)
        for name in ("issued", "event_time"):
            time = getattr(self, name)
            if time is not None and not is_whole_hour(time):
                what = f"{name} must be a whole hour, as rain is told by hours; got {time.isoformat()}"
                raise ValueError(what)
        return self

    def stage_issued(self, stage_h: int, default: datetime) -> datetime:
        """Return when stage `stage_h` is issued; `default` where the parameters do not say."""
        from datetime import timedelta

        if self.event_time is not None:
            return self.event_time - timedelta(hours=stage_h)
        return self.issued or default


def is_whole_hour(time: datetime) -> bool:
    """Return whether an aware time is a whole hour of UTC: between two hours no stage has any rain."""
    return time.timestamp() % 3600 == 0
