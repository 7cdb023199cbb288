"""Step of susceptibility: a model is fitted, judged on places kept out, compared with others, and mapped."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.landslide.fitting import Fit
    from geo_risk.hazards.landslide.params import LandslideParams
    from geo_risk.hazards.landslide.scores import Reliability
    from geo_risk.hazards.landslide.susceptibility.skill import Skill


def susceptibility(plan: Plan, factors: dict[str, Path]) -> None:
    """Add the steps that write susceptibility, hazard_landslide, the skill of the model, and its figures."""
    facts = plan.facts("landslide")
    plan.add(
        "landslide.susceptibility", write_susceptibility,
        reads={"events": plan.layer("landslide_events"), "slope_deg": plan.layer("slope_deg")}, optional=factors,
        writes={"susceptibility": plan.layer("susceptibility"), "hazard_landslide": plan.layer("hazard_landslide"),
                "validation": plan.frame("landslide_validation"), "facts": facts},
        params=plan.cfg.landslide,
    )  # fmt: skip
    plan.add(
        "landslide.figures", write_figures, reads={"model": facts}, optional={"lithology": plan.facts("lithology")},
        writes={"facts": plan.facts("figures_susceptibility"),
                "table": plan.out / "lists" / "susceptibility_models.csv"},
        language=plan.cfg.language,
    )  # fmt: skip


def write_susceptibility(
    *, events: Path, slope_deg: Path, susceptibility: Path, hazard_landslide: Path, validation: Path, facts: Path,
    params: LandslideParams, **factors: Path | None,
) -> None:  # fmt: skip
    """Write susceptibility [1], its level, and how well it ranks blocks kept out."""
    from geo_risk.core.grid import grid_of
    from geo_risk.hazards.landslide.compute import fit_later, predict, unknown, used_factors
    from geo_risk.hazards.landslide.validation import held_out_frame
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.layers import open_layer

    given = {"landslide_events": events, "slope_deg": slope_deg,
             **{k.replace("landcover_class", "landcover"): v for k, v in factors.items() if v is not None}}  # fmt: skip
    layers = {name: open_layer(path).rename(name) for name, path in given.items()}
    n_events = float(layers["landslide_events"].sum())
    names = used_factors(layers, params)
    if not n_events >= params.min_events:
        result, found, cells = unknown(layers["slope_deg"], params), _too_few(n_events, params), None
    else:
        fitted: Fit = fit_later(layers, params).compute()
        result, found, cells = predict(layers, params, fitted), model_facts(fitted, names, params), fitted.held_out
    write_layer(result.intensity, susceptibility)
    write_layer(result.level, hazard_landslide)
    write_frame(held_out_frame(cells, crs=grid_of(layers["slope_deg"]).crs), validation)
    write_json(found, facts)


def _too_few(n_events: float, params: LandslideParams) -> dict[str, Any]:
    note = {
        "level": "warning",
        "text_en": f"Susceptibility is unknown: {n_events:g} past landslides on the grid, {params.min_events} needed.",
        "text_zh": f"易发性未知：区内滑坡 {n_events:g} 个，至少需要 {params.min_events} 个。",
    }
    return {"notes": [note], "counts": {"events": int(n_events)}, "methods": []}


def model_facts(fitted: Fit, names: tuple[str, ...], params: LandslideParams) -> dict[str, Any]:
    """Return the model's card as plain values: method, data, skill, calibration, factors, limits, and notes."""
    from dataclasses import asdict

    from geo_risk.hazards.landslide.cards import method_card

    absent = {**{n: "no input" for n in params.factors if n not in names}, **fitted.left_out}
    models = [_row(fitted.name, fitted.spatial, fitted.random, fitted.reliability, fitted.brier)]
    models += [_row(c.name, c.spatial, c.random, c.reliability, c.brier) for c in fitted.compared]
    return {
        "notes": _notes(fitted, absent, params), "methods": [asdict(method_card(fitted.name))],
        "factors": list(fitted.factors), "left_out": absent,
        "counts": {"event_cells": fitted.n_events, "background_cells": fitted.n_background,
                   "applicable_share": round(fitted.applicable_share, 4)},
        "model": fitted.name, "chosen": list(fitted.chosen), "models": models,
        "auc_spatial": fitted.spatial.auc, "auc_folds": list(fitted.spatial.folds), "auc_fit": fitted.auc_fit,
        "level_bounds": list(fitted.level_bounds),
        "evaluation": {"block_m": params.block_m, "buffer_m": params.judged_buffer_m, "folds": params.folds,
                       "seed": params.seed, "level_event_shares": list(params.level_event_shares)},
        "road_bias": None if fitted.road_bias is None else fitted.road_bias.note(),
    }  # fmt: skip


def _row(name: str, spatial: Skill, at_random: Skill, found: Reliability, score: float) -> dict[str, Any]:
    return {
        "model": name, "auc_spatial": spatial.auc, "auc_low": spatial.low, "auc_high": spatial.high,
        "auc_random": at_random.auc, "brier": score, "calibration_slope": found.slope,
        "calibration_intercept": found.intercept,
        "reliability": {k: [float(v) for v in getattr(found, k)] for k in ("said", "seen", "low", "high")},
    }  # fmt: skip


def _notes(fitted: Fit, absent: dict[str, str], params: LandslideParams) -> list[dict[str, str]]:
    from geo_risk.publish.i18n import label
    from geo_risk.publish.model_card import left_out_reason, model_name

    s, r = fitted.spatial, fitted.reliability
    used = ", ".join(str(f["name"]) for f in fitted.factors)
    km, m = params.block_m / 1000, params.judged_buffer_m
    notes = [
        {
            "level": "info",
            "text_en": f"Susceptibility by {fitted.name} ranks blocks of {km:g} km kept out, with a buffer of {m:g} m, "
            f"with AUC {s.auc:.3f} (95 % {s.low:.3f}-{s.high:.3f}; at random {fitted.random.auc:.3f}, on its own data "
            f"{fitted.auc_fit:.3f}: both flatter). Calibration slope {r.slope:.2f}, Brier {fitted.brier:.3f}. "
            f"Factors: {used}.",
            "text_zh": f"易发性模型 {model_name(fitted.name, 'zh')}：空间分块（{km:g} 公里，缓冲 {m:g} 米）"
            f"交叉验证 AUC {s.auc:.3f}（95 % 区间 {s.low:.3f}–{s.high:.3f}；"
            f"随机验证 {fitted.random.auc:.3f}、拟合 {fitted.auc_fit:.3f}，均偏乐观）；"
            f"校准斜率 {r.slope:.2f}，Brier 评分 {fitted.brier:.3f}。",
        }
    ]
    if not s.low > 0.5:
        notes.append({
            "level": "warning",
            "text_en": f"On places kept out the model may rank no better than chance (95 % {s.low:.3f}-{s.high:.3f}): "
            "a low level is no statement of safety.",
            "text_zh": f"留出区排序能力可能不优于随机（95 % 区间 {s.low:.3f}–{s.high:.3f}）：低等级不代表安全。",
        })  # fmt: skip
    if params.only_where_applicable:
        share = fitted.applicable_share
        notes.append({
            "level": "info" if share > 0.95 else "warning",
            "text_en": f"{share:.1%} of the background resembles what the model has learned from; susceptibility is "
            "unknown elsewhere.",
            "text_zh": f"{share:.1%} 的背景区与训练样本相似；其余区域易发性为未知。",
        })  # fmt: skip
    if not 0.7 <= r.slope <= 1.4:
        sure, sure_zh = ("too sure of itself", "过于自信") if r.slope < 1 else ("too timid", "过于保守")
        notes.append({
            "level": "warning",
            "text_en": f"The model's probabilities are {sure} on places kept out (slope {r.slope:.2f}): use their "
            "order, not their size.",
            "text_zh": f"模型概率在留出区{sure_zh}（斜率 {r.slope:.2f}）：宜用其排序，不宜用其数值。",
        })  # fmt: skip
    if absent:
        text = "; ".join(f"{k} ({v})" for k, v in absent.items())
        text_zh = "；".join(f"{label(f'factor.{k}', 'zh')}（{left_out_reason(v, 'zh')}）" for k, v in absent.items())
        level = "warning" if any(v.startswith("is known on") for v in absent.values()) else "info"
        notes.append({"level": level, "text_en": f"Factors left out: {text}.",
                      "text_zh": f"未采用因子：{text_zh}。"})  # fmt: skip
    if fitted.road_bias is not None:
        notes.append(fitted.road_bias.note())
    return notes


def write_figures(*, model: Path, lithology: Path | None, facts: Path, table: Path, language: str) -> None:
    """Write the responses and the reliability diagram for the report, and the table of models compared."""
    import pandas as pd

    from geo_risk.publish.figures_skill import reliability_panel, response_panels
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.i18n import label
    from geo_risk.publish.lists import write_rows
    from geo_risk.publish.model_card import model_name
    from geo_risk.sources.layers import read_json

    found = read_json(model)
    models = found.get("models", [])
    rows = [{k: v for k, v in m.items() if k != "reliability"} | {"used": k == 0} for k, m in enumerate(models)]
    columns = ["model", "used", "auc_spatial", "auc_low", "auc_high", "auc_random", "brier", "calibration_slope",
               "calibration_intercept"]  # fmt: skip
    write_rows(pd.DataFrame(rows, columns=columns), table)
    drawn = []
    if models:
        legend = {} if lithology is None else read_json(lithology).get("legend", {})
        codes = {"lithology": {float(k): str(v) for k, v in legend.items()}}
        shown = {model_name(m["model"], language): m["reliability"] for m in models}
        for key, svg in (("figure.responses", response_panels(found["factors"], codes, language)),
                         ("figure.reliability", reliability_panel(shown, language))):  # fmt: skip
            drawn.append({"svg": svg, "caption_zh": label(key, "zh"), "caption_en": label(key, "en")})
    write_json({"figures": drawn, "notes": [], "counts": {"models": len(models)}, "quarantine": []}, facts)
