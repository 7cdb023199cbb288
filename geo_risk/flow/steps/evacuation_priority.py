"""What the report says of the ranks of the evacuation list: weights, their consistency, draws and what was assumed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import geopandas as gpd

    from geo_risk.products.params import EvacuationParams

_METHODS = {
    "weighted_sum": {"name": "weighted sum of criteria", "citation": "Fishburn 1967, Operations Research 15(3)",
                     "validity": "criteria that do not depend on one another; a low one can be made up by others"},
    "topsis": {"name": "TOPSIS", "citation": "Hwang & Yoon 1981, Multiple Attribute Decision Making",
               "validity": "scores depend on all rows: raising a value can lower its own row"},
    "entropy": {"name": "entropy weights", "citation": "Hwang & Yoon 1981, Multiple Attribute Decision Making",
                "validity": "what differs most weighs most, whatever it means; a third row can turn the order of two "
                            "round"},
    "ahp": {"name": "analytic hierarchy process", "citation": "Saaty 1977, Journal of Mathematical Psychology 15(3)",
            "validity": "consistency ratio up to 0.1"},
}  # fmt: skip


def with_ranks(
    facts: dict[str, Any], rows: gpd.GeoDataFrame, params: EvacuationParams, language: str
) -> dict[str, Any]:
    """Return the facts of the step with the notes, methods and figure of the ranks behind its own.

    Parameters
    ----------
    facts : of the step. rows : the list, with the columns of `priority.ranking` and
        `evacuation_draws.evacuation_stability`. params : how they were made. language : of the figure.
    """
    if not len(rows):
        return facts
    used = ["weighted_sum", "topsis", "entropy", *(["ahp"] if params.priority.pairwise else [])]
    return facts | {
        "notes": [*facts["notes"], *_weights(rows, params), *_draws(rows, params)],
        "methods": [*facts["methods"], *(_METHODS[m] for m in used)],
        "figures": [_figure(rows, language)],
    }


def _weights(rows: gpd.GeoDataFrame, params: EvacuationParams) -> list[dict[str, str]]:
    from geo_risk.products.pairwise import pairwise_weights
    from geo_risk.products.priority import criteria_of, weights_of
    from geo_risk.products.priority_params import CRITERIA
    from geo_risk.products.wording import note

    p = params.priority
    weights = weights_of(params, criteria_of(rows).values)
    said_en = ", ".join(f"{name} {w:.2f}" for name, w in zip(CRITERIA, weights, strict=True))
    said_zh = "、".join(f"{_ZH[name]} {w:.2f}" for name, w in zip(CRITERIA, weights, strict=True))
    out = [note(
        "info",
        f"The evacuation list is ranked by {_BY_EN[p.score_by]}, weights {_FROM_EN[p.weights_by]}: {said_en}. What is "
        "unknown was filled before: a level as 1.5 of 4, people as 31, vulnerable people as a quarter of the people, "
        "a cut-off between low and medium; never below low.",
        f"撤离清单按{_BY_ZH[p.score_by]}排序，权重{_FROM_ZH[p.weights_by]}：{said_zh}。未知值先行填补："
        "等级按 1.5（满分 4）、人数按 31 人、重点人群按人数的四分之一、道路中断按低与中之间计，均不低于“低”。",
    )]  # fmt: skip
    if p.pairwise:
        made = pairwise_weights(p.pairwise, CRITERIA)
        (a, b), told, fit = made.worst, made.worst_given, made.worst_expected
        out.append(note(
            "info",
            f"Consistency ratio of the pairwise comparisons: {made.ratio:.3f} (at most 0.1); farthest from the others: "
            f"{a} over {b}, given {told:.0f}, expected {fit:.1f}.",
            f"两两比较矩阵的一致性比率 CR = {made.ratio:.3f}（不超过 0.1）；偏差最大的一对："
            f"{_ZH[a]}相对{_ZH[b]}，给定 {told:.0f}，推算 {fit:.1f}。",
        ))  # fmt: skip
    if p.score_by == "topsis" or p.weights_by == "entropy":
        out.append(note(
            "warning",
            "With TOPSIS or entropy weights a row's score depends on all rows: what rises at a third one can turn the "
            "order of two round, and with TOPSIS a row can fall when its own level or people rise. Compare with the "
            "weighted sum before use.",
            "采用 TOPSIS 或熵权时，各行得分取决于全部行：第三行的变化可能使两行次序颠倒；"
            "采用 TOPSIS 时，某行自身等级或人数升高，位次反而可能下降。使用前请与加权和结果对照。",
        ))  # fmt: skip
    moved = rows["rank_weights_high"] - rows["rank_weights_low"]
    first = rows["rank"] <= 10
    kept = {m: int((rows.loc[first, f"rank_{m}"] <= 10).sum()) for m in ("entropy", "topsis", "weighted_sum", "ahp")
            if f"rank_{m}" in rows}  # fmt: skip
    out.append(note(
        "info",
        f"With one weight at a time {p.weight_change_share:.0%} less or more, ranks move by at most {int(moved.max())} "
        f"({int(moved[first].max())} among the first ten). Of the first {int(first.sum())} stay there: "
        + ", ".join(f"{n} by {_ALSO_EN[m]}" for m, n in kept.items()) + ".",
        f"单个权重增减 {p.weight_change_share:.0%} 时，位次最多变动 {int(moved.max())} 位（前十名内 "
        f"{int(moved[first].max())} 位）。前 {int(first.sum())} 名中仍居前十的："
        + "，".join(f"{_ALSO_ZH[m]} {n} 个" for m, n in kept.items()) + "。",
    ))  # fmt: skip
    return out


def _draws(rows: gpd.GeoDataFrame, params: EvacuationParams) -> list[dict[str, str]]:
    from geo_risk.products.wording import note

    p = params.priority
    if not p.n_draws:
        return []
    firm = int((rows["first10_share"] >= 0.9).sum())
    maybe = int(((rows["first10_share"] >= 0.1) & (rows["first10_share"] < 0.9)).sum())
    return [note(
        "info",
        f"Ranks were drawn {p.n_draws} times (seed {p.seed}), assuming: people lognormal with {p.people_error:.0%} "
        f"error, unknown ones anything up to 1000; each level one class higher with probability {p.level_up_p:.2f}, "
        f"lower with {p.level_down_p:.2f}, unknown ones anything from low up; cut-off risk one class off with "
        f"{p.cut_off_p:.2f} each way; weights within {p.weight_change_share:.0%}; rows independent of one another. "
        f"{firm} settlements are among the first ten in at least 90 % of the draws, {maybe} in 10 to 90 %.",
        f"位次经 {p.n_draws} 次抽样检验（随机种子 {p.seed}），假设：人数服从对数正态分布、误差 {p.people_error:.0%}，"
        f"未知人数在 0–1000 之间任取；各等级升一级的概率 {p.level_up_p:.2f}、降一级 {p.level_down_p:.2f}，"
        f"未知等级在低至最高间任取；道路中断风险上下各 {p.cut_off_p:.2f}；权重在 ±{p.weight_change_share:.0%} 内；"
        f"各居民点相互独立。{firm} 个居民点在至少 90% 的抽样中居前十，{maybe} 个在 10%–90% 之间。",
    )]  # fmt: skip


_ZH = {"warning": "预警", "risk": "风险", "people": "人数", "vulnerable": "重点人群", "cut_off": "道路中断"}
_BY_EN = {"weighted_sum": "a weighted sum", "topsis": "TOPSIS"}
_BY_ZH = {"weighted_sum": "加权和", "topsis": "TOPSIS"}
_FROM_EN = {"given": "as configured", "ahp": "from pairwise comparisons (AHP)", "entropy": "by entropy"}
_FROM_ZH = {"given": "由配置给定", "ahp": "由两两比较（AHP）得出", "entropy": "由熵权法得出"}
_ALSO_EN = {"entropy": "entropy weights", "topsis": "TOPSIS", "weighted_sum": "the weighted sum", "ahp": "AHP weights"}
_ALSO_ZH = {"entropy": "熵权法", "topsis": "TOPSIS", "weighted_sum": "加权和", "ahp": "AHP 权重"}


def _figure(rows: gpd.GeoDataFrame, language: str) -> dict[str, str]:
    from geo_risk.products.priority_params import CRITERIA
    from geo_risk.publish.figures_priority import priority_panels
    from geo_risk.publish.i18n import label

    ids = rows["settlement_id"].astype(str)
    names = rows["name"].astype("string").fillna(ids).astype(str) if "name" in rows else ids
    words = {c: label(f"figure.criterion_{c}", language) for c in CRITERIA}
    svg = priority_panels(rows, dict(zip(rows.index, names, strict=True)), words, language)
    return {"svg": svg, **{f"caption_{k}": label("figure.priority", k) for k in ("zh", "en")}}
