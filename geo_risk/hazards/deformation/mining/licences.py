"""Whether a licence covers what a bowl says was mined, with the probability of that verdict."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from shapely.affinity import translate
from shapely.geometry import Polygon, box
from shapely.geometry.base import BaseGeometry

from geo_risk.hazards.deformation.mining.bowl import Bowl, bowl_outline
from geo_risk.hazards.deformation.mining.bowl_fit import BowlFit
from geo_risk.hazards.deformation.mining.params import MiningParams

VERDICTS = ("inside_licence", "across_boundary", "unlicensed")
"""What a comparison with licences can give; `no_verdict` gives "unknown" where there is nothing to compare with."""

END_COLUMNS = ("valid_until", "有效期止", "有效期至", "有效期截止")
"""Columns that may say until when a licence holds."""

START_COLUMNS = ("valid_from", "有效期起", "有效期始", "有效期开始")
"""Columns that may say from when a licence holds."""

_WIDENINGS = np.linspace(-2.0, 2.0, 9)
_OUTLINE_DRAWS = 200
"""Draws of the boundary of a bowl: the ends of a 95 % interval then rest on five draws each."""

_REACH_M = 3000.0
_DIP_SHARE = 0.7
_DATE = re.compile(r"^\s*(\d{4})(?:\D?(\d{1,2})(?:\D?(\d{1,2}))?)?(?:\D.*)?$")

F64 = NDArray[np.float64]
Said = tuple[str, str]


@dataclass(frozen=True)
class Verdict:
    """What the licences say of a bowl.

    Attributes
    ----------
    verdict : one of VERDICTS, or "unknown"; probability : of it.
    outside_share : of the working; low, high : its 95 % interval; NaN where unknown.
    licence_id : the licence that covers most of it; None where none does.
    influence_low_m, influence_high_m : 95 % interval of H cot(delta0).
    beyond_share : share of the bowl that lies beyond the licences grown by H cot(delta0), the mean of the draws.
    beyond_low, beyond_high : its 95 % interval.
    said : why, in English and Chinese.
    """

    verdict: str
    probability: float
    outside_share: float
    low: float
    high: float
    licence_id: str | None
    influence_low_m: float
    influence_high_m: float
    beyond_share: float
    beyond_low: float
    beyond_high: float
    said: tuple[Said, ...] = field(default_factory=tuple)


def licence_end(value: Any) -> np.datetime64 | None:
    """Return the last day a licence holds from a date or text such as 2027-03-28, 2027/3, 20270328, 2027年3月28日.

    A month or year alone means its last day. None where the value is missing or is no date.
    """
    if isinstance(value, pd.Timestamp | np.datetime64):
        return None if pd.isna(value) else np.datetime64(pd.Timestamp(value).date(), "D")
    if value is None or value is pd.NA or (isinstance(value, float) and not np.isfinite(value)):
        return None
    text = str(int(value)) if isinstance(value, float) else str(value)
    digits = re.fullmatch(r"\s*(\d{4})(\d{2})(\d{2})\s*", text)
    match = digits or _DATE.match(text)
    if match is None:
        return None
    year, month, day = (int(g) if g else 0 for g in match.groups())
    try:
        if day:
            return np.datetime64(f"{year:04d}-{month:02d}-{day:02d}", "D")
        following = np.datetime64(f"{year:04d}-{month or 12:02d}", "M") + np.timedelta64(1, "M")
    except ValueError:
        return None
    last: np.datetime64 = following.astype("datetime64[D]") - np.timedelta64(1, "D")
    return last


def licence_start(value: Any) -> np.datetime64 | None:
    """Return the first day a licence holds, from what `licence_end` reads; a month or year alone is its first day."""
    last = licence_end(value)
    if last is None or not isinstance(value, str | int | float):
        return last
    digits = re.findall(r"\d+", str(int(value)) if isinstance(value, float) else str(value))
    if len(digits[0]) == 8 or len(digits) > 2:
        return last
    first: np.datetime64 = last.astype(f"datetime64[{'M' if len(digits) > 1 else 'Y'}]").astype("datetime64[D]")
    return first


def _days(
    licences: gpd.GeoDataFrame, columns: Sequence[str], read: Callable[[Any], np.datetime64 | None]
) -> NDArray[np.datetime64]:
    """Return the first readable day of each row over some columns; NaT where there is none."""
    out = np.full(len(licences), np.datetime64("NaT"), dtype="datetime64[D]")
    for column in (c for c in columns if c in licences.columns):
        days = [read(v) for v in licences[column]]
        found = np.array([np.datetime64("NaT") if d is None else d for d in days], dtype="datetime64[D]")
        out = np.where(np.isnat(out), found, out)
    return out


def licence_ends(licences: gpd.GeoDataFrame) -> NDArray[np.datetime64]:
    """Return the last day of each licence (n,); NaT where no column of END_COLUMNS gives a readable one."""
    return _days(licences, END_COLUMNS, licence_end)


def in_force(licences: gpd.GeoDataFrame, since: str | None) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Return the licences that had not ended before a date (ISO), and those that had; without a date all are in force.

    A licence without a readable end counts as in force; `judge` says so of every one that bears on a verdict.
    """
    if since is None or not len(licences):
        return licences, licences.iloc[:0]
    over = licence_ends(licences) < np.datetime64(since, "D")
    return licences[~over], licences[over]


def judge(
    fit: BowlFit, licences: gpd.GeoDataFrame, params: MiningParams, *, since: str | None, rng: np.random.Generator
) -> Verdict:
    """Compare what was mined with the licences, over draws of everything that is not known well.

    A licence is for a working, not for the ground that sinks with it: what is compared is the fitted panel with the
    licence. The other way to say the same, the boundary of the bowl against the licence grown by H cot(delta0), is
    given beside it: it needs no panel, but takes the wide range of delta0 and tan(beta) into the answer.

    Parameters
    ----------
    fit : of the bowl.
    licences : polygons with `licence_id` and perhaps an end (END_COLUMNS) in the CRS of the bowl.
    params : errors and ranges.
    since : ISO date on which the motion began, or the first image; licences that ended before do not count.
    rng : of the draws.

    Returns
    -------
    Verdict. Each draw takes a bowl from the fit's covariance, a shift (error of the licence, and of a seam that dips
    by a few degrees) and a widening of the licence's boundary. Less than `tolerated_share` outside is inside, less
    than that inside is unlicensed, else across. Unlicensed needs `unlicensed_probability` of the draws and inside
    `inside_probability`; everything in doubt is across the boundary, with its probability. A licence whose end cannot
    be read, or that ended or began while the ground moved, counts, and the words say so.
    """
    valid, over = in_force(_near(licences, fit.bowl), since)
    shares = _outside_shares(fit, valid, params, rng)
    p_in = float(np.mean(shares < params.tolerated_share))
    p_out = float(np.mean(shares > 1 - params.tolerated_share))
    chances = {"inside_licence": p_in, "across_boundary": 1 - p_in - p_out, "unlicensed": p_out}
    verdict = "across_boundary"
    if p_out >= params.unlicensed_probability:
        verdict = "unlicensed"
    elif p_in >= params.inside_probability:
        verdict = "inside_licence"
    panel = fit.bowl.panel()
    whole = valid.geometry.union_all() if len(valid) else Polygon()
    share = float(np.clip(1 - panel.intersection(whole).area / panel.area, 0, 1))
    low, high = (float(np.clip(np.quantile(shares, q), 0, 1)) for q in (0.025, 0.975))
    reach, beyond = _beyond_influence(fit, whole, params, rng)
    best = _most_covering(valid, panel)
    out = Verdict(
        verdict, max(0.0, chances[verdict]), share, min(low, share), max(high, share), best, *reach, *beyond
    )  # fmt: skip
    said = [*_said(out, chances, valid, over, panel, since), *_said_of_dates(valid, panel, since, fit.bowl.span_yr)]
    return Verdict(**{**out.__dict__, "said": tuple(said)})


def influence_draws(bowls: Sequence[Bowl], params: MiningParams, rng: np.random.Generator) -> tuple[F64, F64]:
    """Return draws of depth H [m] and influence distance H cot(delta0) [m], over the published ranges (uniform)."""
    tangent = rng.uniform(*params.tan_beta_range, len(bowls))
    angle = np.deg2rad(rng.uniform(*params.boundary_angle_range_deg, len(bowls)))
    depth = np.array([b.influence_m for b in bowls]) * tangent
    return depth, depth / np.tan(angle)


def _near(licences: gpd.GeoDataFrame, bowl: Bowl) -> gpd.GeoDataFrame:
    """Return the licences within some kilometres of a bowl."""
    reach = _REACH_M + bowl.length_m + bowl.width_m
    window = box(bowl.x - reach, bowl.y - reach, bowl.x + reach, bowl.y + reach)
    return licences[licences.geometry.intersects(window).to_numpy(bool)] if len(licences) else licences


def _outside_shares(fit: BowlFit, valid: gpd.GeoDataFrame, params: MiningParams, rng: np.random.Generator) -> F64:
    bowls = fit.draws(params.n_draws, rng)
    if not len(valid):
        return np.ones(len(bowls))
    whole = valid.geometry.union_all()
    wider = [whole.buffer(float(w) * params.licence_error_m) for w in _WIDENINGS]
    steps = np.clip(np.rint(rng.standard_normal(len(bowls)) * 2) + 4, 0, len(wider) - 1).astype(int)
    depth = np.array([b.influence_m for b in bowls]) * params.tan_beta
    shift = rng.standard_normal((2, len(bowls))) * np.hypot(params.licence_error_m, _dip_shift_m(depth, params))
    out = []
    for bowl, step, dx, dy in zip(bowls, steps, *shift, strict=True):
        panel = translate(bowl.panel(), float(dx), float(dy))
        out.append(1 - panel.intersection(wider[step]).area / panel.area)
    return np.array(out)


def _dip_shift_m(depth_m: F64, params: MiningParams) -> F64:
    """Return how far a bowl lies beside its working where the seam dips: H tan(k dip), k = 0.7."""
    return np.asarray(depth_m * np.tan(np.deg2rad(_DIP_SHARE * params.seam_dip_deg)), dtype=np.float64)


def no_verdict(fit: BowlFit, params: MiningParams, *, rng: np.random.Generator) -> Verdict:
    """Return what is said of a bowl where there are no licences to compare it with: unknown, and never lawful.

    The influence distance H cot(delta0), which needs no licence, is given.
    """
    _, distance = influence_draws(fit.draws(_OUTLINE_DRAWS, rng), params, rng)
    low, high = (float(q) for q in np.quantile(distance, [0.025, 0.975]))
    nothing = float("nan")
    said = (
        "no licence to compare it with (inputs.mines): no verdict, which does not mean that it is licensed; "
        f"a licence {low:.0f}-{high:.0f} m away may account for it (influence distance H cot(delta0))",
        "无可供比对的矿权范围（inputs.mines），不作判定，不等于合法开采；"
        f"影响距离 H cot(δ0) 为 {low:.0f}-{high:.0f} 米，该距离内的采矿权可能与之有关",
    )
    return Verdict(
        "unknown", nothing, nothing, nothing, nothing, None, low, high, nothing, nothing, nothing, (said,)
    )  # fmt: skip


def _beyond_influence(
    fit: BowlFit, whole: BaseGeometry, params: MiningParams, rng: np.random.Generator
) -> tuple[tuple[float, float], tuple[float, float, float]]:
    """Return the 95 % interval of H cot(delta0), and the share of the bowl beyond licences grown by it.

    The share is the mean of the draws, with its 95 % interval; NaN where no draw has a boundary.
    """
    bowls = fit.draws(_OUTLINE_DRAWS, rng)
    _, distance = influence_draws(bowls, params, rng)
    beyond = []
    for bowl, reach in zip(bowls, distance, strict=True):
        outline = bowl_outline(bowl, params.boundary_mm).buffer(0)
        if outline.area > 0:
            beyond.append(1 - outline.intersection(whole.buffer(float(reach))).area / outline.area)
    low, high = (float(q) for q in np.quantile(distance, [0.025, 0.975]))
    if not beyond:
        return (low, high), (float("nan"),) * 3
    shares = np.clip(beyond, 0, 1)
    least, most = (float(q) for q in np.quantile(shares, [0.025, 0.975]))
    mean = float(shares.mean())
    return (low, high), (mean, min(least, mean), max(most, mean))


def _most_covering(valid: gpd.GeoDataFrame, panel: Polygon) -> str | None:
    covered = valid.geometry.intersection(panel).area.to_numpy() if len(valid) else np.zeros(0)
    return str(valid["licence_id"].iloc[int(np.argmax(covered))]) if covered.max(initial=0) > 0 else None


def _said(
    v: Verdict, chances: dict[str, float], valid: gpd.GeoDataFrame, over: gpd.GeoDataFrame, panel: Polygon,
    since: str | None,
) -> tuple[Said, ...]:  # fmt: skip
    inside, across, none = (chances[k] for k in VERDICTS)
    out: list[Said] = [
        (f"{v.outside_share:.0%} ({v.low:.0%}-{v.high:.0%}) of what was mined while it was watched lies outside "
         f"licences: inside {inside:.2f}, across {across:.2f}, unlicensed {none:.2f}",
         f"观测期内采动范围的 {v.outside_share:.0%}（{v.low:.0%}-{v.high:.0%}）位于采矿权范围外："
         f"界内概率 {inside:.2f}，越界 {across:.2f}，无证 {none:.2f}"),
        (f"{v.beyond_share:.0%} ({v.beyond_low:.0%}-{v.beyond_high:.0%}) of the bowl lies beyond licences grown "
         f"by the influence distance H cot(delta0) of {v.influence_low_m:.0f}-{v.influence_high_m:.0f} m",
         f"沉陷盆地的 {v.beyond_share:.0%}（{v.beyond_low:.0%}-{v.beyond_high:.0%}）超出按影响距离 H cot(δ0)"
         f"（{v.influence_low_m:.0f}-{v.influence_high_m:.0f} 米）外扩后的采矿权范围"),
    ]  # fmt: skip
    if v.verdict == "across_boundary" and none >= 0.5:
        out.append((f"more likely without a licence than across its boundary, but below what is called so ({none:.2f})",
                    f"更可能为无证开采，但概率（{none:.2f}）未达判定标准"))  # fmt: skip
    if v.verdict == "across_boundary" and inside >= 0.5:
        out.append((f"more likely inside its licence than across the boundary, but not surely so ({inside:.2f})",
                    f"更可能位于采矿权范围内，但概率（{inside:.2f}）不足以判定"))  # fmt: skip
    if v.licence_id is None and len(valid):
        away = valid.geometry.distance(panel).to_numpy()
        nearest = str(valid["licence_id"].iloc[int(np.argmin(away))])
        out.append((f"the nearest licence, {nearest}, is {away.min():.0f} m from the working",
                    f"最近的采矿权 {nearest} 距采动范围 {away.min():.0f} 米"))  # fmt: skip
    if v.licence_id is None and not len(valid):
        reach = f"{_REACH_M / 1000:.0f}"
        out.append((f"no licence in force within {reach} km", f"{reach} 公里内无有效采矿权"))
    for row in over[over.geometry.intersects(panel).to_numpy(bool)].itertuples() if len(over) else ():
        out.append((f"licence {row.licence_id} covers ground here but had ended before {since}",
                    f"采矿权 {row.licence_id} 覆盖此处，但在 {since} 前已到期，不计入"))  # fmt: skip
    return tuple(out)


def _said_of_dates(
    valid: gpd.GeoDataFrame, panel: Polygon, since: str | None, span_yr: float
) -> list[Said]:  # fmt: skip
    """Return what the dates of the licences that cover a working leave in doubt."""
    touching = valid[valid.geometry.intersects(panel).to_numpy(bool)] if len(valid) else valid
    if not len(touching):
        return []
    names = touching["licence_id"].astype(str).tolist()
    ends, starts = licence_ends(touching), _days(touching, START_COLUMNS, licence_start)
    out: list[Said] = []
    for name in (n for n, e in zip(names, ends, strict=True) if np.isnat(e)):
        out.append((f"licence {name} has no readable end date and is taken to be in force: check it",
                    f"采矿权 {name} 无可识别的有效期截止日期，按有效计入，请核实"))  # fmt: skip
    if since is None:
        out.append(("the product has no dates: whether the licences were in force then is not known",
                    "产品无日期，无法核对采矿权当时是否有效"))  # fmt: skip
        return out
    first = np.datetime64(since, "D")
    last = first + np.timedelta64(round(span_yr * 365.25), "D")
    for name, end, start in zip(names, ends, starts, strict=True):
        if end < last:
            out.append((f"licence {name} ended on {end}, while the ground still moved",
                        f"采矿权 {name} 于 {end} 到期，其后地面仍在移动"))  # fmt: skip
        if start > first:
            out.append((f"licence {name} began on {start}, after the ground began to move or was first seen ({since})",
                        f"采矿权 {name} 自 {start} 起有效，晚于变形开始或首次观测时间（{since}）"))  # fmt: skip
    return out
