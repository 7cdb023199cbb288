"""What the report says of drawn ranks of hazard points and risk zones."""

from __future__ import annotations

from typing import Any

from geo_risk.products.rank_params import RankParams
from geo_risk.products.wording import note


def rank_notes(rows: Any, params: RankParams, *, en: str, zh: str) -> list[dict[str, str]]:
    """Return how ranks were drawn, and how many rows are firmly or perhaps among the first ten."""
    if not params.n_draws or not len(rows):
        return []
    firm = int((rows["first10_share"] >= 0.9).sum())
    maybe = int(((rows["first10_share"] >= 0.1) & (rows["first10_share"] < 0.9)).sum())
    return [note(
        "info",
        f"Ranks of {len(rows)} {en} were drawn {params.n_draws} times (seed {params.seed}), assuming: people lognormal "
        f"with {params.people_error:.0%} error, unknown ones anything up to 1000; each hazard level one class higher "
        f"with probability {params.level_up_p:.2f}, lower with {params.level_down_p:.2f}, unknown levels (of the "
        "vulnerability too) anything from low up; rows independent of one another. "
        f"{firm} are among the first ten in at least 90 % of the draws, {maybe} in 10 to 90 %.",
        f"{len(rows)} {zh}的位次经 {params.n_draws} 次抽样检验（随机种子 {params.seed}），假设：人数服从对数正态分布、"
        f"误差 {params.people_error:.0%}，未知人数在 0–1000 之间任取；危险性等级升一级的概率 {params.level_up_p:.2f}、"
        f"降一级 {params.level_down_p:.2f}，未知等级（含易损性）在低至最高间任取；各行相互独立。"
        f"{firm} 个在至少 90% 的抽样中居前十，{maybe} 个在 10%–90% 之间。",
    )]  # fmt: skip
