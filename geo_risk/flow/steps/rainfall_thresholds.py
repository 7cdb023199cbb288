"""Step of intensity-duration thresholds: the rain events before past slides, and the curves through them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo_risk.flow.steps.past_storms import open_storms, past_reads, past_told, slide_options

if TYPE_CHECKING:
    import pandas as pd

    from geo_risk.core.grid import Grid
    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.rainfall.params import RainfallParams
    from geo_risk.hazards.rainfall.thresholds import RainEvents, Threshold
    from geo_risk.sources.options import ReadOptions
    from geo_risk.sources.rain_past import PastRain, PastStorms

HOURS = (1, 3, 6, 12, 24, 48, 72)
COLUMNS = ("curve", "quantile", "a_mm_h", "exponent", "c_mm_h", "check_loss", "shortest_h", "longest_h",
           *(f"{k}{h}h_mm_h" for h in HOURS for k in ("at_", "low_", "high_")))  # fmt: skip


def thresholds(plan: Plan) -> None:
    """Add the step that fits thresholds to past storms and slides, and writes the list rain_thresholds.csv."""
    plan.add(
        "rainfall.thresholds", write_thresholds, reads={**past_reads(plan), "grid": plan.facts("grid")},
        writes={"facts": plan.facts("rainfall_thresholds"), "table": plan.out / "lists" / "rain_thresholds.csv"},
        params=plan.cfg.rainfall, past_rain=past_told(plan), options=slide_options(plan), language=plan.cfg.language,
    )  # fmt: skip


def write_thresholds(
    *,
    rainfall_past_events: list[Path],
    past_slides: Path,
    grid: Path,
    facts: Path,
    table: Path,
    params: RainfallParams,
    past_rain: list[PastRain],
    options: ReadOptions | None,
    language: str,
) -> None:
    """Write both forms of the threshold at each quantile beside published ones, or why there are none."""
    from dataclasses import asdict

    import pandas as pd

    from geo_risk.hazards.rainfall.antecedent_fit import Refusal
    from geo_risk.hazards.rainfall.thresholds import CARD, fit_threshold
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.lists import write_rows
    from geo_risk.sources.layers import read_grid
    from geo_risk.sources.rain_past import read_past_slides

    target = read_grid(grid)
    storms = open_storms(rainfall_past_events, past_rain, target, limit_mm_h=params.rain_limit_mm_h,
                         max_bad_share=params.max_bad_share)  # fmt: skip
    read = read_past_slides(past_slides, target, storms=storms.ids, options=options)
    events, counts = slide_events(storms, read.frame, target, params)
    counts["slides_without_zone"] = read.n_without_zone
    found = [
        fit_threshold(events, params, quantile=q, with_offset=form)
        for q in params.threshold_quantiles
        for form in (False, True)
    ]
    good = [f for f in found if not isinstance(f, Refusal)]
    refused = [f for f in found if isinstance(f, Refusal)]
    write_rows(pd.DataFrame(_rows(good), columns=list(COLUMNS)), table)
    write_json(
        {"notes": _notes(good, refused, counts, params), "counts": counts, "quarantine": read.quarantine,
         "methods": [asdict(CARD)], "thresholds": [f.to_dict() for f in good],
         "figures": _figure(events, good, language)},
        facts,
    )  # fmt: skip


def slide_events(
    storms: PastStorms, slides: pd.DataFrame, target: Grid, params: RainfallParams
) -> tuple[RainEvents, dict[str, int]]:
    """Return one rain event for each storm, cell of its rain in which a slide fell, and time of it, and counts.

    The event is the wettest of the storm's series: up to the interval in which the slide fell where its time is known,
    else of all of it. Of a slide that fell when the storm's rain is not held it is unknown.
    """
    import numpy as np

    from geo_risk.hazards.rainfall.thresholds import RainEvents, event_before
    from geo_risk.sources.rain_past import steps_of
    from geo_risk.sources.rain_points import cell_numbers, series_at

    rows: list[tuple[float, float, str]] = []
    counts = {"slides": len(slides), "slides_with_time": int(slides["time"].notna().sum()), "events": 0,
              "unknown_events": 0, "events_of_daily_rain": 0}  # fmt: skip
    for storm in storms.storms:
        own = slides[slides["storm_id"] == storm.id]
        series = series_at(storm.rain, own.geometry.x, own.geometry.y, crs=target.crs)
        cells = cell_numbers(storm.rain, own.geometry.x, own.geometry.y, crs=target.crs)
        held = np.where(own["time"].notna(), steps_of(storm, own["time"]) + 1, len(series))
        for k in np.unique(np.column_stack([cells, held]), axis=0, return_index=True)[1]:
            hours, mean = event_before(series[: held[k], k], step_h=24 / storm.steps_per_day,
                                       dry_h=params.threshold_dry_h, wet_mm_h=params.threshold_wet_mm_h)  # fmt: skip
            if np.isnan(hours):
                counts["unknown_events"] += 1
                continue
            counts["events"] += 1
            counts["events_of_daily_rain"] += storm.steps_per_day == 1
            rows.append((hours, mean, storm.id))
    duration, intensity = (np.array([r[k] for r in rows], dtype=np.float64) for k in (0, 1))
    return RainEvents(duration, intensity, np.array([r[2] for r in rows], dtype=np.str_)), counts


def _rows(found: list[Threshold]) -> list[dict[str, Any]]:
    import numpy as np

    from geo_risk.hazards.rainfall.thresholds import PUBLISHED

    rows: list[dict[str, Any]] = []
    for f in found:
        row: dict[str, Any] = {
            "curve": "c + a D^b" if f.with_offset else "a D^b", "quantile": f.quantile, "a_mm_h": round(f.a, 3),
            "exponent": round(f.exponent, 4), "c_mm_h": round(f.c, 4), "check_loss": round(f.loss, 5),
            "shortest_h": round(f.shortest_h, 1), "longest_h": round(f.longest_h, 1),
        }  # fmt: skip
        for h in HOURS:
            # outside the durations of the events nothing is said
            if f.shortest_h <= h <= f.longest_h:
                for name, values in (("at", f.value), ("low", f.low), ("high", f.high)):
                    row[f"{name}_{h}h_mm_h"] = round(float(np.interp(np.log(h), np.log(f.durations_h), values)), 2)
        rows.append(row)
    for name, (a, exponent) in PUBLISHED.items():
        at = {f"at_{h}h_mm_h": round(a * h**exponent, 2) for h in HOURS}
        rows.append({"curve": name, "a_mm_h": a, "exponent": exponent, "c_mm_h": 0.0, **at})
    return rows


def _notes(
    found: list[Threshold], refused: list[Any], counts: dict[str, int], params: RainfallParams
) -> list[dict[str, str]]:
    from geo_risk.products.wording import note

    rule = (f"a rain event ends before {params.threshold_dry_h:g} h without {params.threshold_wet_mm_h:g} mm/h; the "
            "wettest event of each storm counts")  # fmt: skip
    rule_zh = (f"降雨事件以连续 {params.threshold_dry_h:g} 小时雨强不足 {params.threshold_wet_mm_h:g} 毫米/小时划分，"
               "取每场最大事件")  # fmt: skip
    daily = counts["events_of_daily_rain"]
    whole = f" {daily} of them are of daily rain: their durations are whole days, the intensities are means."
    whole_zh = f"其中 {daily} 个为日雨量，历时为整日。"
    untimed = counts["slides"] - counts["slides_with_time"]
    bare = counts["slides_without_zone"]
    late = (f" Of {untimed} of {counts['slides']} slides the time is not known ({bare} of the file state one without a "
            "zone): rain after the slide may count for them, so the thresholds are too high, and warn too late, if "
            "anything.") if untimed else ""  # fmt: skip
    late_zh = (f"{counts['slides']} 个滑坡中 {untimed} 个时间未知（文件中 {bare} 个未注明时区），滑坡之后的"
               "降雨可能计入，阈值只会偏高、预警只会偏迟。") if untimed else ""  # fmt: skip
    out = []
    if refused:
        out.append(note("warning", f"No threshold of intensity and duration: {refused[0].en} ({rule}).",
                        f"未拟合雨强—历时阈值：{refused[0].zh}（{rule_zh}）。"))  # fmt: skip
    if found:
        f = found[0]
        out.append(note(
            "info",
            f"Intensity-duration thresholds of {f.n_events} rain events of {f.n_storms} storms, {f.shortest_h:g} to "
            f"{f.longest_h:g} h ({rule}): {f.quantile:.0%} of events lie below {f.a:.2f} D^{f.exponent:.2f} mm/h."
            f"{whole if daily else ''}{late} They say nothing of rain that brought no slides.",
            f"由 {f.n_storms} 场降雨 {f.n_events} 个致滑事件（{f.shortest_h:g}–{f.longest_h:g} 小时，{rule_zh}）"
            f"拟合雨强—历时阈值：{f.quantile:.0%} 事件低于 {f.a:.2f} D^{f.exponent:.2f} 毫米/小时。"
            f"{whole_zh if daily else ''}{late_zh}阈值不反映未致滑的降雨。",
        ))  # fmt: skip
    return out


def _figure(events: RainEvents, found: list[Threshold], language: str) -> list[dict[str, str]]:
    from geo_risk.hazards.rainfall.thresholds import PUBLISHED
    from geo_risk.publish.figures_rain import threshold_panel
    from geo_risk.publish.i18n import label

    if not found:
        return []
    shown = [f.to_dict() for f in found if not f.with_offset]
    svg = threshold_panel(events.duration_h, events.intensity_mm_h, shown, PUBLISHED, language)
    return [{"svg": svg, **{f"caption_{k}": label("figure.thresholds", k) for k in ("zh", "en")}}]
