"""Where it is not known whether anything comes: what may start, or go on over missing ground, and how far it could."""

from __future__ import annotations

from functools import partial
from typing import Any

import dask.array as da
import numpy as np
from numpy.typing import NDArray

from geo_risk.hazards.runout.params import KINDS, RunoutParams
from geo_risk.kernels.may_reach import lines_into_gaps, may_be_reached
from geo_risk.kernels.runout import Friction

Array = NDArray[np.float64]


def may_come(
    dem: da.Array, unit: da.Array, energy_m: da.Array, gap_kinds: da.Array, *, cell_m: float, params: RunoutParams
) -> da.Array:
    """Return where the releases are unknown, and where something could come from there or over missing ground.

    Parameters
    ----------
    dem : (y, x) [m], NaN where missing. unit : NaN where the releases are unknown; they are taken for landslides.
    energy_m, gap_kinds : planes of `tiles.run_tiles`: greatest energy head [m], and the kinds (bits) whose paths run
        into missing ground.
    cell_m, params : cell side, and the friction of each kind.

    Returns
    -------
    (y, x) bool, lazy, in the blocks of `dem`; the same in any blocks.
    """
    out = _reached(dem, da.where(da.isnan(unit), dem, np.nan), params.friction(KINDS[0]), cell_m=cell_m)
    out |= da.isnan(unit)
    kinds = gap_kinds.astype(np.uint8)
    for code, name in enumerate(KINDS):
        line = da.where(kinds & (1 << code) > 0, dem + energy_m, np.nan)
        out |= _reached(dem, line, params.friction(name), cell_m=cell_m, into_gaps=True)
    return out


def _reached(dem: da.Array, line: da.Array, friction: Friction, *, cell_m: float, into_gaps: bool = False) -> da.Array:
    n = int(friction.reach_m / cell_m + 1e-9) + 1
    depth = {axis: min(n, size) for axis, size in enumerate(dem.shape)}
    padded = [da.overlap.overlap(a.astype(np.float64), depth=depth, boundary=np.nan, allow_rechunk=True)
              for a in (dem, line)]  # fmt: skip
    inner = tuple(tuple(c - 2 * depth[k] for c in axis) for k, axis in enumerate(padded[0].chunks))
    made: da.Array = da.map_blocks(
        partial(_reached_in, friction=friction, cell_m=cell_m, n_steps=n - 1, into_gaps=into_gaps,
                halo=(depth[0], depth[1])),
        *padded, dtype=np.bool_, chunks=inner, meta=np.empty((0, 0), np.bool_),
    )  # fmt: skip
    return made.rechunk(dem.chunks)


def _reached_in(
    z: Array, line: Array, *, friction: Friction, cell_m: float, n_steps: int, into_gaps: bool, halo: tuple[int, int]
) -> NDArray[Any]:
    inside = (slice(halo[0], z.shape[0] - halo[0]), slice(halo[1], z.shape[1] - halo[1]))
    if np.isnan(line).all():
        return np.zeros(z[inside].shape, np.bool_)
    if into_gaps:
        line = lines_into_gaps(z, line, alpha_deg=friction.alpha_deg, cell_m=cell_m)
    found = may_be_reached(z, line, alpha_deg=friction.alpha_deg, cap_m=friction.cap_m, cell_m=cell_m, n_steps=n_steps)
    return found[inside]
