"""Trigger rain of a place: the effective rain from which it reaches each warning level, whatever rule made it.

A level is then the highest one whose trigger the rain reaches, a margin the rain that is left before the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.errors import DataError
from geo_risk.core.grid import grid_of, same_grid
from geo_risk.core.levels import Level
from geo_risk.core.units import in_units
from geo_risk.hazards.landslide.params import LandslideParams
from geo_risk.kernels.warning import CERTAIN, cell_levels
from geo_risk.terrain.slope import blocks

UNSEEN, STEADY, MOVING, ACCELERATING = -1, 0, 1, 2
"""Codes of a layer of moving slopes: nobody knows, none seen, moving, accelerating."""


class TriggerRule(Protocol):
    """What gives trigger rain: a fitted `WarningModel` or `MatrixTriggers`."""

    def trigger_mm(self, susceptibility: NDArray[Any]) -> NDArray[np.float64]:
        """Return the effective rain [mm] from which a place is level 1, 2, 3, 4, as (level, ...); NaN where unknown."""
        ...


@dataclass(frozen=True)
class MatrixTriggers:
    """Trigger rain of the matrix of hazard level (rows) and class of effective rain (columns).

    Attributes
    ----------
    rain_bounds_mm : lower bounds of the classes 1-4. matrix : warning level, never falling along rows and columns.
    """

    rain_bounds_mm: tuple[float, ...]
    matrix: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, params: LandslideParams) -> MatrixTriggers:
        """Return the rule of the configured matrix."""
        return cls(params.rain_bounds_mm, params.warning_matrix)

    def trigger_mm(self, susceptibility: NDArray[Any]) -> NDArray[np.float64]:
        """Return the trigger rain of hazard levels: 0 where no rain is needed, inf where no rain reaches the level.

        Parameters
        ----------
        susceptibility : hazard level -1..4 (what the matrix knows of a place); -1 and NaN give NaN.

        Raises
        ------
        DataError : a hazard level outside -1..4.
        """
        hazard = np.asarray(susceptibility)
        known = np.isfinite(hazard) & (hazard != Level.UNKNOWN)
        row = np.where(known, hazard, 0).astype(np.int64)
        if row.size and not (row.min() >= 0 and row.max() <= Level.VERY_HIGH):
            what = f"hazard levels run from {row.min()} to {row.max()}; -1..4 needed"
            raise DataError(what, where="hazard_landslide", fix="use -1 for unknown")
        edges = np.array([0.0, *self.rain_bounds_mm])
        table = np.full((4, 5), np.inf)
        for level in range(1, 5):
            for h, levels in enumerate(self.matrix):
                reached = [edges[c] for c, found in enumerate(levels) if found >= level]
                table[level - 1, h] = min(reached, default=np.inf)
        return np.where(known, table[:, row], np.nan)


def moving_triggers(
    rule: TriggerRule, ground: NDArray[Any], motion: NDArray[Any], factors: tuple[float, float]
) -> NDArray[np.float64]:
    """Return the trigger rain (level, ...) of ground that may move [mm]; NaN where the ground is unknown.

    By a matrix, ground that is seen to move has at least the triggers of hazard level 2: level 0 has none that rain
    could reach, and a slope that moves is no such ground (choice of geo_risk: the lowest level that yellow stands for).

    Parameters
    ----------
    rule, ground : and what it judges (...). motion : (...) codes. factors : as `lowered` takes them.
    """
    if isinstance(rule, MatrixTriggers):
        values = np.asarray(ground)
        ground = np.where((motion > STEADY) & (values >= 0), np.maximum(values, Level.MEDIUM), values)
    return lowered(rule.trigger_mm(ground), motion, factors)


def lowered(trigger_mm: NDArray[Any], motion: NDArray[Any], factors: tuple[float, float]) -> NDArray[np.float64]:
    """Return trigger rain lowered where the slope moves.

    Parameters
    ----------
    trigger_mm : (level, ...) [mm]. motion : (...) -1 unseen, 0 steady or not seen to move, 1 moving, 2 accelerating;
        only the last two lower anything.
    factors : of moving and of accelerating slopes, in (0, 1]; a trigger that is not positive stays.
    """
    table = np.array([1.0, *factors])
    codes = np.asarray(motion, dtype=np.int64)
    moves = codes > STEADY  # few: the rest is copied as it is
    out = np.array(trigger_mm, dtype=np.float64)
    part = out[:, moves]
    out[:, moves] = np.where(part > 0, part * table[codes[moves]], part)
    return out


@dataclass(frozen=True)
class RainField:
    """Rain fields of the stages, and where the cells of the run grid lie in them.

    Attributes
    ----------
    rain_mm : (stage, Y, X) effective rain [mm]; all NaN where a stage has no forecast.
    lattice, step : as `kernels.warning.cell_levels` takes them.
    least_mm : as `rain_mm`, its lower bound where hours are missing; None: where it is unknown nothing is known of it.
    within : (shorter, longer) numbers of stages of one issue, the shorter first: what is to come within the shorter's
        hours comes within the longer's too.
    """

    rain_mm: NDArray[np.float64]
    lattice: NDArray[np.float64]
    step: int
    least_mm: NDArray[np.float64] | None = None
    within: tuple[tuple[int, int], ...] = ()


def warning_levels(
    ground: xr.DataArray,
    rule: TriggerRule,
    rain: RainField,
    *,
    names: tuple[str, ...],
    motion: xr.DataArray | None = None,
    factors: tuple[float, float] = (1.0, 1.0),
) -> dict[str, xr.DataArray]:
    """Warning level of each cell at every stage, from one reading of the ground.

    Parameters
    ----------
    ground : (y, x) susceptibility [1] for a model, hazard level for a matrix.
    rule : gives the trigger rain of the ground. rain : of the stages, in the order of `names`.
    motion, factors : codes of moving slopes on the same grid, and what their triggers are multiplied with.

    Returns
    -------
    (y, x) int8 levels by name, lazy; computed together, the ground is read and its triggers are made once. -1 where
    ground or rain is unknown, but for what is certain all the same (`certain`, `least_mm`); never falls as rain or
    susceptibility rise.

    Raises
    ------
    GridError : ground and motion are on different grids. ValueError : the names are not as many as the fields.
    """
    if len(names) != len(rain.rain_mm):
        msg = f"{len(names)} names for {len(rain.rain_mm)} fields"
        raise ValueError(msg)
    data = blocks(in_units(ground, "1"))
    grid = grid_of(ground)
    others = []
    if motion is not None:
        same_grid(ground, motion)
        others = [blocks(motion).rechunk(data.chunks)]
    level = partial(_levels, rule=rule, rain=rain, factors=factors)
    stack = da.map_blocks(
        level, data, *others, new_axis=0, dtype=np.int8, chunks=((len(names),), *data.chunks),
        meta=np.empty((0, 0, 0), np.int8),
    )  # fmt: skip
    return {
        name: grid.layer(stack[i], units="level", long_name="landslide warning level", name=name)
        for i, name in enumerate(names)
    }


def _levels(
    ground: NDArray[Any], *motion: NDArray[Any], rule: TriggerRule, rain: RainField, factors: tuple[float, float],
    block_info: Any = None,
) -> NDArray[np.int8]:  # fmt: skip
    (r0, _), (c0, _) = block_info[0]["array-location"]
    trigger = moving_triggers(rule, ground, motion[0], factors) if motion else rule.trigger_mm(ground)
    made = cell_levels(trigger, rain.rain_mm, rain.lattice, step=rain.step, origin=(r0, c0), least_mm=rain.least_mm)
    for shorter, longer in rain.within:
        np.copyto(made[longer], made[shorter], where=certain(made[shorter], made[longer]))
    return made


def certain(shorter: NDArray[Any], longer: NDArray[Any]) -> NDArray[np.bool_]:
    """Return where the level of a shorter stage stands for the longer one that holds its hours.

    That is where it is higher, and the longer one is known or the level is public anyway (yellow): below that, unknown
    hours are graver.
    """
    out: NDArray[np.bool_] = (shorter > longer) & ((longer >= 0) | (shorter >= CERTAIN))
    return out


def rule_of(model: Mapping[str, Any] | None, params: LandslideParams) -> tuple[TriggerRule, str]:
    """Return the rule a run warns by, and the name of the layer it judges: the fitted model, else the matrix.

    Parameters
    ----------
    model : plain values of `WarningModel.to_dict`, None where none was fitted.
    """
    from geo_risk.hazards.landslide.warning import WarningModel

    if model is None:
        return MatrixTriggers.of(params), "hazard_landslide"
    return WarningModel.from_dict(dict(model)), "susceptibility"
