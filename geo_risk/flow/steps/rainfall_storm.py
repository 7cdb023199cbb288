"""Step of the storm formula: the table of intensities, design storms, and how rare the analysed rain is by it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from geo_risk.flow.inputs import StormFormula
    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.rainfall.storm import IntensityFormula

MINUTES = (5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 360, 720, 1440)
YEARS = (1, 2, 3, 5, 10, 20, 30, 50, 100)


def storm_formula(plan: Plan) -> None:
    """Add the step that writes the list storm_intensity.csv and what the formula says of the analysed rain."""
    idf = plan.cfg.inputs.rainfall.idf
    needs: Any = {"rainfall.idf": None} if idf is None else {}
    rain = {f"rain_{h}h": plan.layer(f"rain_{h}h") for h in (1, 3, 6)}
    plan.add(
        "rainfall.storm", write_storm, reads=needs, optional=rain,
        writes={"facts": plan.facts("rainfall_storm"), "table": plan.out / "lists" / "storm_intensity.csv"}, idf=idf,
        language=plan.cfg.language,
    )  # fmt: skip


def write_storm(*, facts: Path, table: Path, idf: StormFormula, language: str, **rain: Path | None) -> None:
    """Write intensities and depths within the formula's validity, a design storm, and the rain's return period."""
    from dataclasses import asdict

    import pandas as pd

    from geo_risk.hazards.rainfall.storm import storm_depth, storm_intensity, storm_intensity_mm_h
    from geo_risk.products.wording import note
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.lists import write_rows

    formula = idf.formula
    rows = [
        {"years": p, "minutes": t, "l_s_ha": round(storm_intensity(formula, years=p, minutes=t), 1),
         "mm_h": round(storm_intensity_mm_h(formula, years=p, minutes=t), 2),
         "depth_mm": round(storm_depth(formula, years=p, minutes=t), 2)}
        for p in YEARS if formula.valid_years[0] <= p <= formula.valid_years[1]
        for t in MINUTES if formula.valid_minutes[0] <= t <= formula.valid_minutes[1]
    ]  # fmt: skip
    write_rows(pd.DataFrame(rows, columns=["years", "minutes", "l_s_ha", "mm_h", "depth_mm"]), table)
    first = note("info", f"Storm intensity by the formula of {formula.source}, {formula.card().validity}.",
                 f"暴雨强度公式：{formula.source}"
                 f"（适用历时 {formula.valid_minutes[0]:g}–{formula.valid_minutes[1]:g} 分钟，"
                 f"重现期 {formula.valid_years[0]:g}–{formula.valid_years[1]:g} 年）。")  # fmt: skip
    notes = [first, *(_said(formula, int(k[5:-1]), p) for k, p in rain.items() if p is not None)]
    write_json({"notes": [n for n in notes if n], "counts": {"rows": len(rows)}, "quarantine": [],
                "methods": [asdict(formula.card())], "figures": _figure(idf, language)}, facts)  # fmt: skip


def _said(formula: IntensityFormula, hours: int, path: Path) -> dict[str, str] | None:
    """Return how rare the highest rain of a duration is; None where the formula does not hold for the duration."""
    import numpy as np

    from geo_risk.hazards.rainfall.storm import storm_depth, storm_years
    from geo_risk.products.wording import note
    from geo_risk.sources.layers import open_layer

    low, high = formula.valid_minutes
    mm = float(open_layer(path).max())
    if not (low <= 60 * hours <= high and formula.c > 0 and np.isfinite(mm)):
        return None
    years = storm_years(formula, mm=mm, minutes=60 * hours)
    if np.isfinite(years):
        return note("info", f"Highest {hours} h rain {mm:.1f} mm: return period {years:.1f} years by the formula.",
                    f"最大 {hours} 小时雨量 {mm:.1f} 毫米：按公式重现期约 {years:.1f} 年。")  # fmt: skip
    above = mm > storm_depth(formula, years=formula.valid_years[1], minutes=60 * hours)
    limit = formula.valid_years[1] if above else formula.valid_years[0]
    word, zh = ("rarer", "大于") if above else ("more common", "小于")
    return note("warning" if above else "info",
                f"Highest {hours} h rain {mm:.1f} mm: {word} than {limit:g} years, where the formula ends.",
                f"最大 {hours} 小时雨量 {mm:.1f} 毫米：重现期{zh} {limit:g} 年，超出公式适用范围。")  # fmt: skip


def _figure(idf: StormFormula, language: str) -> list[dict[str, str]]:
    """Return a design storm of two hours, or the longest the formula holds for; none without a place of the peak."""
    from geo_risk.hazards.rainfall.storm import chicago_storm
    from geo_risk.publish.figures_rain import storm_panel
    from geo_risk.publish.i18n import label

    formula = idf.formula
    if idf.peak_ratio is None:
        return []
    minutes = min(120.0, formula.valid_minutes[1] // 5 * 5)
    shown = [p for p in (2, 10, 50) if formula.valid_years[0] <= p <= formula.valid_years[1]]
    if minutes < max(formula.valid_minutes[0], 5) or not shown:
        return []
    storms = {p: chicago_storm(formula, years=p, minutes=minutes, step_min=5, peak_ratio=idf.peak_ratio) for p in shown}
    svg = storm_panel(storms, 5, language)
    values = {"minutes": f"{minutes:g}", "source": formula.source}
    return [{"svg": svg, **{f"caption_{k}": label("figure.storm", k, **values) for k in ("zh", "en")}}]
