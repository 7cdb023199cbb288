"""The card of a susceptibility model in words: what it is, what it learned from, how good it is, what it is not for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from geo_risk.publish.i18n import label, labels

Facts = Mapping[str, Mapping[str, Any]]

_STEADY = 0.05
"""Share of its way that a response may go back and is still said to rise or to fall (choice of geo_risk)."""


def model_card(facts: Facts, language: str) -> list[tuple[str, str]]:
    """Return (heading, text) rows of the card; none where no model was fitted.

    The headings follow Mitchell et al. (2019), Model cards for model reporting, sec. 4.

    Parameters
    ----------
    facts : of the steps `landslide`, `landslide_inventory` and `lithology`, by name; the latter two may be absent.
    language : "zh" or "en".
    """
    found = facts.get("landslide", {})
    if "model" not in found:
        return []
    rows = {
        "method": _method(found["model"], language),
        "use": label("model_card.use_text", language),
        "not_for": label("model_card.not_for_text", language),
        "data": _data(found["counts"], facts.get("landslide_inventory", {}).get("counts", {}), language),
        "factors": _factors(found["factors"], facts.get("lithology", {}).get("legend", {}), language),
        "left_out": _left_out(found["left_out"], language),
        "skill": _skill(found, language),
        "compared": _compared(found["models"][1:], language),
        "calibration": _calibration(found["models"][0], language),
        "applicability": label("model_card.applicability_text", language,
                               share=f"{found['counts']['applicable_share']:.1%}"),
        "bias": _bias(found.get("road_bias"), language),
        "levels": _levels(found["level_bounds"], found["evaluation"]["level_event_shares"], language),
        "limits": label("model_card.limits_text", language),
    }  # fmt: skip
    return [(label(f"model_card.{key}", language), text) for key, text in rows.items() if text]


def model_name(name: str, language: str) -> str:
    """Return the name of a model with its settings, the method in words: "logistic (regularisation 1)"."""
    method, _, settings = name.partition(" ")
    words = labels(language).get(f"model.{method}", method)
    return f"{words} {settings}".strip()


def _method(name: str, language: str) -> str:
    method = name.split(" ", maxsplit=1)[0]
    return f"{model_name(name, language)}{_stop(language)}{label(f'model_text.{method}', language)}"


def _data(counts: Mapping[str, Any], inventory: Mapping[str, Any], language: str) -> str:
    text = label("model_card.data_text", language, events=f"{counts['event_cells']:,}",
                 background=f"{counts['background_cells']:,}")  # fmt: skip
    if inventory:
        said = {k: f"{inventory.get(k, 0):,}" for k in ("duplicates", "quarantined", "misplaced")}
        text += label("model_card.inventory_text", language, **said)
    return text


def _factors(factors: Sequence[Mapping[str, Any]], rocks: Mapping[str, str], language: str) -> str:
    """Return the factors that matter most first, each with what susceptibility does as it grows."""
    shown = sorted((f for f in factors if f.get("response")), key=lambda f: -float(f["importance"]))
    total = sum(float(f["importance"]) for f in shown) or 1.0
    parts = [
        label("model_card.factor_text", language, name=label(f"factor.{f['name']}", language),
              share=f"{float(f['importance']) / total:.0%}", answer=_answer(f, rocks, language))
        for f in shown
    ]  # fmt: skip
    return ("；" if language == "zh" else "; ").join(parts) + _stop(language)


def _answer(factor: Mapping[str, Any], rocks: Mapping[str, str], language: str) -> str:
    answer = factor["response"]
    at, mean = np.asarray(answer["at"], dtype=np.float64), np.asarray(answer["mean"], dtype=np.float64)
    top = float(at[int(np.argmax(mean))])
    if answer["kind"] == "sector":
        return label("model_card.highest", language, at=label(f"figure.sector_{int(top)}", language))
    if answer["kind"] == "category":
        code = label("model_card.code", language, code=f"{top:g}")
        known = rocks.get(f"{top:g}", code) if factor["name"] == "lithology" else code
        return label("model_card.highest", language, at=known)
    step = np.diff(mean)
    up, down = float(step[step > 0].sum()), float(-step[step < 0].sum())
    if up + down == 0:
        return label("model_card.flat", language)
    if min(up, down) <= _STEADY * (up + down):
        return label("model_card.rises" if up > down else "model_card.falls", language)
    return label("model_card.highest_near", language, at=f"{top:.3g}")


def _left_out(absent: Mapping[str, str], language: str) -> str:
    parts = [f"{labels(language).get(f'factor.{k}', k)} ({left_out_reason(v, language)})" for k, v in absent.items()]
    return ("；" if language == "zh" else "; ").join(parts)


def left_out_reason(reason: str, language: str) -> str:
    """Return why a factor is left out in the language."""
    if language == "en":
        return reason
    if reason.startswith("is known on"):
        return f"仅 {reason.removeprefix('is known on ').split(' ')[0]} 的区域有值"
    return {"no input": "无输入数据", "is constant or all unknown": "全区为常数或全部未知"}.get(reason, reason)


def _skill(found: Mapping[str, Any], language: str) -> str:
    best, how = found["models"][0], found["evaluation"]
    known = [f for f in found["auc_folds"] if f == f and f is not None]  # noqa: PLR0124  # NaN
    text = label(
        "model_card.skill_text", language, auc=f"{best['auc_spatial']:.3f}", low=f"{best['auc_low']:.3f}",
        high=f"{best['auc_high']:.3f}", worst=f"{min(known):.3f}", best=f"{max(known):.3f}",
        random=f"{best['auc_random']:.3f}", fit=f"{found['auc_fit']:.3f}", block=f"{how['block_m'] / 1000:g}",
        buffer=f"{how['buffer_m']:g}", folds=how["folds"], seed=how["seed"],
    )  # fmt: skip
    if found["chosen"]:
        names = sorted({model_name(n, language) for n in found["chosen"]})
        text += label("model_card.chosen_text", language, names=("、" if language == "zh" else ", ").join(names))
    return text


def _compared(models: Sequence[Mapping[str, Any]], language: str) -> str:
    parts = [f"{model_name(m['model'], language)} {m['auc_spatial']:.3f} ({m['auc_low']:.3f}-{m['auc_high']:.3f})"
             for m in models]  # fmt: skip
    return ("；" if language == "zh" else "; ").join(parts)


def _calibration(model: Mapping[str, Any], language: str) -> str:
    slope = float(model["calibration_slope"])
    kind = "good" if 0.7 <= slope <= 1.4 else ("sure" if slope < 1 else "timid")
    return label(
        "model_card.calibration_text", language, slope=f"{slope:.2f}",
        intercept=f"{model['calibration_intercept']:.2f}", brier=f"{model['brier']:.3f}",
        advice=label(f"model_card.calibration_{kind}", language),
    )  # fmt: skip


def _bias(bias: Mapping[str, Any] | None, language: str) -> str:
    if bias is None:
        return label("model_card.bias_unchecked", language)
    return str(bias[f"text_{language}"])


def _levels(bounds: Sequence[float], shares: Sequence[float], language: str) -> str:
    parts = [label("model_card.level_text" if k < len(bounds) else "model_card.level_top", language,
                   level=label(f"level.{k}", language), bound=f"{b:.2f}", share=f"{s:.0%}")
             for k, (b, s) in enumerate(zip(bounds, shares, strict=True), 1)]  # fmt: skip
    return ("；" if language == "zh" else "; ").join(parts) + _stop(language)


def _stop(language: str) -> str:
    return "。" if language == "zh" else ". "
