"""Whether the signs of tracks agree: on flat ground that moves, all radars see the same up or down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import xarray as xr

from geo_risk.core.errors import AmbiguousError, GeoRiskError, raise_all
from geo_risk.core.grid import same_grid
from geo_risk.core.units import in_units
from geo_risk.hazards.deformation.geometry.decomposition import Track
from geo_risk.hazards.deformation.motion.sign_params import SignParams


@dataclass(frozen=True)
class Agreement:
    """How alike two tracks move on flat moving ground.

    Attributes
    ----------
    first, second : names of the tracks.
    n_cells : cells that took part.
    value : sum(a b) / sqrt(sum(a^2) sum(b^2)) of their velocities, -1 to 1; NaN where too few cells took part.
    mean_first, mean_second : mean velocities there [mm/yr]; NaN where no cell took part.
    """

    first: str
    second: str
    n_cells: int
    value: float
    mean_first: float
    mean_second: float


def sign_agreement(tracks: Sequence[Track], slope_deg: xr.DataArray | None, params: SignParams) -> list[Agreement]:
    """Compare every pair of tracks where flat ground moves clearly in both.

    Parameters
    ----------
    tracks : on one grid, positive toward the satellite.
    slope_deg : (y, x) [degree]; None lets slopes take part.
    params : what takes part.

    Returns
    -------
    One result a pair. Vertical motion u U is seen with one sign by all (u > 0); so a value near -1 on flat ground means
    that one track has the wrong sign. Cells where anything is missing, or u is below `minimum_up`, do not take part.
    Computed by blocks.

    Raises
    ------
    GridError : different grids. UnitError : no speed, no angle.
    """
    layers = [layer for t in tracks for layer in (t.velocity, t.velocity_std)]
    same_grid(*layers, *([] if slope_deg is None else [slope_deg]))
    flat = None if slope_deg is None else in_units(slope_deg, "degree") <= params.maximum_slope_deg
    moving = {}
    for t in tracks:
        velocity, std = in_units(t.velocity, "mm/yr").astype("f8"), in_units(t.velocity_std, "mm/yr")
        fast = (abs(velocity) >= params.minimum_speed_mm_yr) & (abs(velocity) >= params.minimum_ratio * std)
        fast = fast & (in_units(t.los_up, "1") >= params.minimum_up)
        moving[t.name] = (velocity, fast if flat is None else fast & flat)
    return [_pair(a, b, moving, params) for a, b in combinations(moving, 2)]


def _pair(a: str, b: str, moving: dict[str, tuple[xr.DataArray, xr.DataArray]], params: SignParams) -> Agreement:
    (va, fast_a), (vb, fast_b) = moving[a], moving[b]
    both = fast_a & fast_b
    x, y = va.where(both, 0.0), vb.where(both, 0.0)
    sums = xr.Dataset({"n": both.sum(), "a": x.sum(), "b": y.sum(), "aa": (x * x).sum(), "bb": (y * y).sum(),
                       "ab": (x * y).sum()}).compute()  # fmt: skip
    n = int(sums["n"])
    value = float(sums["ab"] / np.sqrt(sums["aa"] * sums["bb"])) if n >= params.minimum_cells else np.nan
    means = [float(sums[k]) / n if n else np.nan for k in ("a", "b")]
    return Agreement(a, b, n, value, means[0], means[1])


def sign_note(found: Agreement, params: SignParams, *, is_flat: bool) -> tuple[str, tuple[str, str]]:
    """Return the level ("info" or "warning") and the sentence in English and Chinese of one comparison.

    Parameters
    ----------
    found : of `sign_agreement`.
    params : the bound of agreement.
    is_flat : slopes were left out; where they were not, opposite motion is no proof, and the warning says so.
    """
    pair, n = f"{found.first}, {found.second}", found.n_cells
    if not np.isfinite(found.value):
        return "info", (
            f"Signs of {pair} could not be compared, so they are not verified: only {n} cells of flat ground move "
            "clearly in both.",
            f"轨道 {pair} 的符号无法互相检验，未经核实：两轨均明显运动的平地仅 {n} 个像元。",
        )
    r = f"{found.value:+.2f}"
    both = f"{found.mean_first:+.1f}, {found.mean_second:+.1f}"
    means, means_zh = f"{both} mm/yr", f"{both} 毫米/年"
    if found.value >= params.minimum_agreement:
        return "info", (
            f"Signs of {pair} agree on flat moving ground (agreement {r}, {n} cells, means {means}).",
            f"轨道 {pair} 在运动的平地上符号一致（一致度 {r}，{n} 个像元，均值 {means_zh}）。",
        )
    if found.value <= -params.minimum_agreement and not is_flat:
        return "warning", (
            f"{pair} move oppositely (agreement {r}, {n} cells, means {means}): either slopes slide sideways there, or "
            "one track has the wrong sign; without `inputs.dem` this cannot be told: give one, or check the signs.",
            f"轨道 {pair} 运动方向相反（一致度 {r}，{n} 个像元，均值 {means_zh}）：可能为斜坡侧向滑动，"
            "也可能其中一轨符号有误；缺少 `inputs.dem` 无法判别，请提供 DEM 或核对符号。",
        )
    if found.value > -params.minimum_agreement:
        ground = "flat moving ground" if is_flat else "moving ground (slopes could not be left out)"
        place = "运动的平地" if is_flat else "运动区（未能排除斜坡）"
        return "info", (
            f"Signs of {pair} are not settled by {ground} (agreement {r}, {n} cells, means {means}).",
            f"轨道 {pair} 的符号无法由{place}判定（一致度 {r}，{n} 个像元，均值 {means_zh}）。",
        )
    suspect = _suspect(found)
    if {found.first, found.second} <= set(params.verified):
        return "warning", (
            f"{pair} move oppositely on flat ground (agreement {r}, {n} cells, means {means}); the configuration says "
            "that both signs are verified, so the ground moves sideways there.",
            f"轨道 {pair} 在平地上运动方向相反（一致度 {r}，{n} 个像元，均值 {means_zh}）；配置说明两轨符号均已核实，"
            "故按地面侧向运动处理。",
        )
    return "warning", (
        f"{pair} move oppositely on flat ground (agreement {r}, {n} cells, means {means}): one may have the "
        f"wrong sign. Flat ground that moves mostly subsides, which is negative: look at {suspect} first, and turn "
        "`positive` of the wrong one.",
        f"轨道 {pair} 在平地上运动方向相反（一致度 {r}，{n} 个像元，均值 {means_zh}）：其中一轨的符号可能有误。"
        f"平地运动多为沉降（负值），请先检查 {suspect}，并改变有误轨道的 `positive`。",
    )


def _suspect(found: Agreement) -> str:
    return found.first if found.mean_first > found.mean_second else found.second


def check_signs(found: Sequence[Agreement], params: SignParams, *, cell_m2: float) -> None:
    """Stop where two tracks contradict one another: nothing may be made of them before the sign is settled.

    Parameters
    ----------
    found : of `sign_agreement`, slopes left out.
    params : the bound of agreement, the smallest area that stops, and whose signs are verified.
    cell_m2 : area of a cell.

    Raises
    ------
    AmbiguousError : pairs that move oppositely on enough flat ground, unless both are verified; all are named.
    """
    problems: list[GeoRiskError] = []
    for f in found:
        is_opposite = f.value <= -params.minimum_agreement and f.n_cells * cell_m2 >= params.stopping_area_m2
        if not is_opposite or {f.first, f.second} <= set(params.verified):
            continue
        what = f"tracks {f.first} and {f.second} move oppositely on flat ground: agreement {f.value:+.2f} over "
        what += (
            f"{f.n_cells} cells, means {f.mean_first:+.1f} and {f.mean_second:+.1f} mm/yr; has one of them the wrong "
        )
        what += f"sign? Flat ground that moves mostly subsides, which is negative: look at {_suspect(f)} first"
        fix = "set `positive: away` of the wrong track (`toward` where it is `away`); or, where the ground does move "
        fix += f"sideways there, `deformation.signs.verified: [{f.first}, {f.second}]`"
        problems.append(AmbiguousError(what, where="inputs.insar[].positive", fix=fix))
    raise_all(problems)


def alone_note(track: str) -> tuple[str, str]:
    """Say of the only track of a run that nothing bears its sign out, English and Chinese."""
    return (
        f"The sign of {track} is not verified: there is no second track to hold it against.",
        f"轨道 {track} 的符号未经核实：没有第二条轨道可供互相检验。",
    )
