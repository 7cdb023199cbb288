"""What kind of motion an area shows: clues weighed for and against each kind, with the numbers in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from geo_risk.hazards.deformation.areas.evidence import Evidence
from geo_risk.hazards.deformation.params import DeformationParams

KIND_ZH: Mapping[str, str] = {
    "mining_subsidence": "采空沉陷", "groundwater_subsidence": "地下水沉降", "landslide": "滑坡",
    "structure_settlement": "构筑物沉降", "unknown": "类型未定",
}  # fmt: skip
"""Kinds that `classify_area` returns, in Chinese."""

_MINE, _WATER, _SLIDE, _BUILD = "mining_subsidence", "groundwater_subsidence", "landslide", "structure_settlement"
_MUCH_LOST = 0.1
_MOST_LEAD = 4.0
_KINDS = (_MINE, _WATER, _SLIDE, _BUILD)
_STRUCTURE_ZH = {"tailings_ponds": "尾矿库", "embankments": "堤防或路堤", "railways": "铁路", "roads": "道路",
                 "buildings": "房屋"}  # fmt: skip
_STRUCTURE_EN = {"tailings_ponds": "a tailings pond", "embankments": "an embankment", "railways": "a railway",
                 "roads": "a road", "buildings": "buildings"}  # fmt: skip


@dataclass(frozen=True)
class Clue:
    """One finding: how much it speaks for (positive) or against each kind, in units of log-odds, and its words."""

    weights: Mapping[str, float]
    english: str
    chinese: str


def classify_area(evidence: Evidence, params: DeformationParams) -> tuple[str, tuple[str, str], float]:
    """Return kind, the evidence for it in words (English, Chinese), and the index of how clear it is (`clearness`).

    The weights of all clues are added up for each kind; "unknown" stands at `kinds.unknown_weight`. The kind with the
    largest sum is given, or "unknown" where it does not lead the next by `kinds.minimum_lead`. The words name the clues
    for the kind, the strongest first, then the strongest against it and the next likely kind.
    """
    clues = [c for part in _PARTS for c in part(evidence, params)]
    sums = {k: sum(c.weights.get(k, 0.0) for c in clues) for k in _KINDS}
    sums["unknown"] = params.kinds.unknown_weight
    ranked = sorted(sums, key=lambda k: -sums[k])
    kind = ranked[0] if sums[ranked[0]] - sums[ranked[1]] >= params.kinds.minimum_lead else "unknown"
    lead = sums[kind] - max(v for k, v in sums.items() if k != kind)
    return kind, _words(kind, clues, ranked, sums), clearness(lead)


def clearness(lead: float) -> float:
    """Return 1 / (1 + exp(-lead / 2)) of the lead of a kind over the next, from 0.5 (none) to 0.88 (a lead of 4 on).

    An index, no hit rate: the weights of the clues are choices, not fitted to known cases. Clues of one body are not
    independent either (fast, small, and lost in its middle is one finding, not three), so that the log-odds are
    halved, as an average of dependent opinions does (Genest and Zidek 1986, Statist. Sci. 1:114), and no lead counts
    more than the most that one clue is believed with.
    """
    return float(1 / (1 + np.exp(-np.clip(lead, 0.0, _MOST_LEAD) / 2)))


def _words(kind: str, clues: list[Clue], ranked: list[str], sums: Mapping[str, float]) -> tuple[str, str]:
    if kind == "unknown":
        first, second = [k for k in ranked if k != "unknown"][:2]
        told = sorted(clues, key=lambda c: -max(abs(w) for w in c.weights.values()))[:4]
        return (
            f"points to no one kind (nearest {first} {sums[first]:+.1f}, {second} {sums[second]:+.1f}): "
            + ", ".join(c.english for c in told),
            f"不足以判定类型（最接近{KIND_ZH[first]} {sums[first]:+.1f}、{KIND_ZH[second]} {sums[second]:+.1f}）："
            + "，".join(c.chinese for c in told),
        )
    speak = sorted((c for c in clues if c.weights.get(kind, 0) > 0), key=lambda c: -c.weights[kind])[:5]
    against = sorted((c for c in clues if c.weights.get(kind, 0) < 0), key=lambda c: c.weights[kind])[:1]
    english = ", ".join(c.english for c in speak)
    chinese = "，".join(c.chinese for c in speak)
    for c in against:
        english, chinese = f"{english}; against: {c.english}", f"{chinese}；不利证据：{c.chinese}"
    other = next(k for k in ranked if k != kind)
    if other != "unknown" and sums[kind] - sums[other] < 2:
        english = f"{english}; else {other.replace('_', ' ')}"
        chinese = f"{chinese}；其次可能为{KIND_ZH[other]}"
    return english, chinese


def _size(e: Evidence, params: DeformationParams) -> Iterator[Clue]:
    """Speed over size: the strain of a body tells a mined panel from a pumped plain."""
    m, radius, rate = params.mining, e.radius_m, e.rate_mm_yr
    strain = rate / 1000 / max(radius, 1.0)
    text = (f"{rate:.0f} mm/yr within a radius of {radius:.0f} m ({strain:.1e} a year)",
            f"半径 {radius:.0f} 米内最大 {rate:.0f} 毫米/年（应变 {strain:.1e}/年）")  # fmt: skip
    fast = rate >= m.minimum_subsidence_mm_yr and strain >= m.minimum_strain_per_yr
    if e.seasonal:
        return
    if e.sinks and fast and 100 <= radius <= m.maximum_radius_m:
        more = 1.0 if rate >= 3 * m.minimum_subsidence_mm_yr else 0.0
        yield Clue({_MINE: 2.0 + more, _WATER: -2.0, _BUILD: -0.5 - 1.5 * more}, *text)
    elif e.sinks and radius >= params.kinds.wide_radius_m and strain < m.minimum_strain_per_yr:
        yield Clue({_WATER: 2.5, _MINE: -1.0, _BUILD: -2.5, _SLIDE: -1.0}, *text)
    elif radius <= params.kinds.small_radius_m:
        yield Clue({_BUILD: 1.0, _MINE: -1.0, _WATER: -2.5}, *text)
    else:
        yield Clue({_MINE: -0.5, _WATER: -0.5, _BUILD: -0.5}, *text)


def _ground(e: Evidence, params: DeformationParams) -> Iterator[Clue]:
    """Slope: what can slide, and what is built or pumped on."""
    slope = e.median("slope_deg")
    if not np.isfinite(slope):
        return
    text = (f"slope {slope:.0f} degrees", f"坡度 {slope:.0f} 度")
    if slope < params.slope.minimum_slope_deg:
        yield Clue({_SLIDE: -3.0, _WATER: 0.5, _BUILD: 1.0}, *text)
    elif slope < 2 * params.slope.minimum_slope_deg:
        yield Clue({_SLIDE: 0.5, _BUILD: 0.0}, *text)
    else:
        yield Clue({_SLIDE: 1.5, _WATER: -2.0, _BUILD: -1.0}, *text)


def _direction(e: Evidence, params: DeformationParams) -> Iterator[Clue]:
    """Down the slope or straight down, by all tracks together; flow inwards; drift to one side."""
    vertical = e.along((0.0, 0.0, -1.0))
    unit = "mm" if e.seasonal else "mm/yr"
    if not e.seasonal and vertical.speed < 0 and vertical.misfit < 0.5:
        yield Clue(dict.fromkeys(_KINDS, -2.0), f"rises {-vertical.speed:.0f} mm/yr",
                   f"上升 {-vertical.speed:.0f} 毫米/年")  # fmt: skip
    if e.near_share("tailings_ponds", _reach(e, params)) >= 0.5:
        return  # a dam creeps down its own face, which is a slope too
    slope = e.median("slope_deg")
    slide = e.along(e.downhill())
    if slope >= params.slope.minimum_slope_deg and np.isfinite(slide.misfit):
        ratio = e.downhill_over_vertical()
        text = (
            f"{slide.speed:.0f} {unit} down the slope leaves {slide.misfit:.0%} of what the tracks see, straight down "
            f"{vertical.misfit:.0%}",
            f"沿坡 {slide.speed:.0f} {'毫米' if e.seasonal else '毫米/年'}残差 {slide.misfit:.0%}，"
            f"竖直运动残差 {vertical.misfit:.0%}",
        )
        if not e.seasonal and slide.speed < 0:
            yield Clue({_SLIDE: -3.0}, *text)
        elif abs(ratio) >= 0.5:
            yield Clue({_SLIDE: ratio * 0.75, **dict.fromkeys((_MINE, _WATER, _BUILD), -ratio * 0.5)}, *text)
        elif slide.misfit < 0.3 and e.n_looks > 1:
            yield Clue({_SLIDE: 0.5}, *text)
    yield from _east(e, params)


def _east(e: Evidence, params: DeformationParams) -> Iterator[Clue]:
    """Bowls draw the ground in from both sides, slides carry it one way."""
    (both, inwards), east, up = e.inflow(), e.weighted("velocity_east"), e.weighted("velocity_up")
    if both >= 0.1 and inwards >= 0.5 and e.sinks and e.rate_mm_yr >= params.mining.minimum_subsidence_mm_yr:
        weight = 2.5 if inwards >= 0.8 else 1.5
        yield Clue({_MINE: weight, _SLIDE: -weight, _BUILD: -0.5},
                   f"flows in from east and west ({inwards:.0%} inwards, {both:.0%} both ways)",
                   f"东西两侧向内移动（向内 {inwards:.0%}，双向 {both:.0%}）")  # fmt: skip
        return
    if e.lost_share >= _MUCH_LOST:
        return
    clear = max(abs(east), abs(up)) >= 3 * max((v.std for v in e.looks.values()), default=np.inf)
    if clear and up < 0 and abs(east) >= params.mining.maximum_east_share * abs(up) and not e.seasonal:
        yield Clue({_MINE: -1.5, _WATER: -1.0, _BUILD: -1.0, _SLIDE: 0.5},
                   f"drifts {east:+.0f} mm/yr east while it sinks {-up:.0f}",
                   f"下沉 {-up:.0f} 毫米/年的同时东西向 {east:+.0f} 毫米/年")  # fmt: skip


def _outline(e: Evidence, params: DeformationParams) -> Iterator[Clue]:
    """Length and width, and a middle that radar lost because it moved too fast."""
    length, width = e.elongation()
    text = (f"{width:.0f} m wide, length/width {length:.1f}", f"宽 {width:.0f} 米，长宽比 {length:.1f}")
    if length >= 3 and width <= params.kinds.narrow_width_m:
        yield Clue({_BUILD: 1.0, _MINE: -1.5, _WATER: -1.5}, *text)
    if e.lost_share >= _MUCH_LOST and e.rate_mm_yr >= params.mining.minimum_subsidence_mm_yr and length < 3:
        yield Clue({_MINE: 1.0, _BUILD: -1.0, _WATER: -1.0}, f"radar lost {e.lost_share:.0%} of it and its rim",
                   f"本体及边缘 {e.lost_share:.0%} 像元失相干")  # fmt: skip


def _rock(e: Evidence, _: DeformationParams) -> Iterator[Clue]:
    """Rock: pumped aquifers need loose sediment; loess and mudstone slide; coal is mined."""
    loose, weak, coal = e.share("compressible"), e.share("slipping"), e.share("coal")
    if loose >= 0.5:
        yield Clue({_WATER: 1.0, _BUILD: 0.5, _SLIDE: -0.5}, f"{loose:.0%} on loose sediment",
                   f"{loose:.0%} 位于松散沉积层")  # fmt: skip
    elif loose <= 0.1:
        yield Clue({_WATER: -1.0}, f"{loose:.0%} on loose sediment", f"松散沉积层仅占 {loose:.0%}")
    if weak >= 0.5:
        yield Clue({_SLIDE: 0.5}, f"{weak:.0%} on rock that slides", f"{weak:.0%} 位于易滑地层")
    if coal >= 0.3:
        yield Clue({_MINE: 0.5}, f"{coal:.0%} on coal-bearing rock", f"{coal:.0%} 位于含煤地层")


def _use(e: Evidence, params: DeformationParams) -> Iterator[Clue]:
    """Land use and known structures: what stands there to settle."""
    built = e.share("built")
    slow = e.rate_mm_yr <= params.kinds.settlement_rate_mm_yr
    small = e.radius_m <= params.kinds.wide_radius_m
    if built >= 0.5 and slow and small:
        yield Clue({_BUILD: 1.5, _SLIDE: -0.5}, f"{built:.0%} built-up land", f"{built:.0%} 为建设用地")
    near = _reach(e, params)
    for name in ("tailings_ponds", "embankments", "railways", "roads", "buildings"):
        share = e.near_share(name, near)
        line = name in ("embankments", "railways", "roads")
        if not share >= (0.7 if line else 0.5) or not slow or not small:
            continue
        length, _ = e.elongation()
        weight = {"tailings_ponds": 4.0, "buildings": 1.5}.get(name, 2.5 if length >= 2.5 else 0.0)
        if weight > 0:
            yield Clue({_BUILD: weight, _SLIDE: -weight / 2},
                       f"{share:.0%} of it within {near:.0f} m of {_STRUCTURE_EN[name]}",
                       f"{share:.0%} 距{_STRUCTURE_ZH[name]}不足 {near:.0f} 米")  # fmt: skip


def _reach(e: Evidence, params: DeformationParams) -> float:
    return params.kinds.structure_distance_m + e.grid.resolution_m / 2


_PARTS = (_size, _ground, _direction, _outline, _rock, _use)
