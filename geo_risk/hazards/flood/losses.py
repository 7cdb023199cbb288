"""What of the rain runs off: ground by land cover and soil, how wet it was, and the excess of each hour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo_risk.hazards.flood.runoff_params import RunoffParams
from geo_risk.hazards.flood.soils import GROUP_LETTERS, N_CODES, TEXTURES, group_of, soil_code
from geo_risk.kernels.green_ampt import green_ampt_excess_mm, green_ampt_interval_mm
from geo_risk.kernels.moisture import AVERAGE, DRY, WET, antecedent_class, moistened
from geo_risk.kernels.runoff import scs_runoff_mm

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Ground:
    """What rain falls on; arrays of one shape, NaN (0 for the soil) where unknown.

    Attributes
    ----------
    curve_number : of average moisture [1]. soil : codes of `soils.soil_code`.
    impervious_share : share of the cell from which all rain runs off [1], 0-1; the curve number has it in already.
    """

    curve_number: NDArray[Any]
    soil: NDArray[Any]
    impervious_share: NDArray[Any]


def impervious_shares(landcover: ArrayLike, table: dict[int, float]) -> Array:
    """Impervious share of each cell by its land-cover code, 0 for codes that the table lacks; NaN where missing."""
    cover = np.asarray(landcover, np.float64)
    out = np.where(np.isnan(cover), np.nan, 0.0)
    for code, share in table.items():
        out[cover == code] = share
    return out


def curve_numbers(landcover: ArrayLike, soil: ArrayLike, table: dict[int, tuple[float, float, float, float]]) -> Array:
    """Curve number of each cell, for average moisture, from land-cover codes and soil codes.

    Parameters
    ----------
    landcover : (y, x) codes, NaN unknown. soil : (y, x) codes of `soils.soil_code`; NaN or 0 is unknown.
    table : numbers for groups A to D by land-cover code.

    Returns
    -------
    (y, x) float64 [1]; NaN where a code is unknown or not in the table.
    """
    cover = np.asarray(landcover, np.float64)
    code = np.nan_to_num(np.asarray(soil, np.float64), nan=0.0)
    out = np.full(cover.shape, np.nan)
    group = np.array([group_of(k) for k in range(N_CODES)])[
        np.where((code >= 0) & (code < N_CODES), code, 0).astype(int)
    ]
    for number, row in table.items():
        for k, value in enumerate(row, 1):
            out[(cover == number) & (group == k)] = value
    return out


def fixed_condition(params: RunoffParams) -> float:
    """Return the antecedent condition that the parameters fix; average where it goes by the rain before."""
    return float({"dry": DRY, "wet": WET}.get(params.antecedent, AVERAGE))


def condition_of(
    before_mm: ArrayLike, known_share: ArrayLike, *, growing: bool, params: RunoffParams
) -> NDArray[np.float64]:
    """Antecedent condition of the ground before a storm: 1 dry, 2 average, 3 wet.

    Parameters
    ----------
    before_mm : rain of the five days before [mm] as far as it is known. known_share : of their hours [1].
    growing : whether the storm falls in the growing season.
    params : `antecedent` says where the condition comes from, and the limits of the rain.
    """
    before, known = np.broadcast_arrays(np.asarray(before_mm, np.float64), np.asarray(known_share, np.float64))
    if params.antecedent == "five_day_rain":
        limits = params.growing_limits_mm if growing else params.dormant_limits_mm
        return antecedent_class(before, limits, is_whole=known >= 1.0)
    return np.full(before.shape, fixed_condition(params))


def storm_excess_mm(
    rain_mm: ArrayLike, ground: Ground, condition: ArrayLike, params: RunoffParams, *, step_h: float = 1.0
) -> Array:
    """Rain of each interval of a storm that runs off [mm].

    Parameters
    ----------
    rain_mm : (t, ...) rain of each interval from the storm's beginning [mm].
    ground : arrays broadcastable to (...). condition : broadcastable, 1 dry, 2 average, 3 wet.
    params : `method`, and its numbers. step_h : length of an interval [h].

    Returns
    -------
    Array like rain_mm [mm], between 0 and the rain; NaN where the rain or the ground is not known, and after a gap.
    """
    rain = np.asarray(rain_mm, np.float64)
    if params.method == "green_ampt":
        return _green_ampt(rain, ground, condition, params, step_h)
    number = moistened(ground.curve_number, condition)
    so_far = np.cumsum(np.where(rain >= 0, rain, np.nan), axis=0)
    total = scs_runoff_mm(so_far, number, ia_ratio=params.ia_ratio)
    # rounding may make a step of an unchanged sum negative in the last digit
    out: Array = np.maximum(np.diff(total, axis=0, prepend=0.0), 0.0)
    return out


def storm_runoff_mm(*layers: NDArray[Any], n_hours: int, is_growing: bool, params: RunoffParams) -> NDArray[np.float32]:
    """Runoff depth of a storm [mm] on blocks of layers.

    Parameters
    ----------
    layers : `n_hours` of rain (one that holds the whole storm will do for curve numbers), the rain of the five days
        before [mm] and the share of its hours that is known, curve number, soil code and impervious share; (y, x) each.
    is_growing : whether the storm falls in the growing season.

    Returns
    -------
    (y, x) float32 [mm]; NaN where the rain is not known. Ground that is not known counts by `unknown_curve_number` and
    `unknown_soil_group`, on the wet side: a mean of known ground could hide a flood.
    """
    rain, (before, known, number, soil, sealed) = layers[:n_hours], layers[n_hours:]
    number = np.where(np.isnan(number), params.unknown_curve_number, number)
    soil = np.where(np.nan_to_num(soil) > 0, soil, soil_code(params.unknown_soil_group))
    sealed = np.nan_to_num(sealed)
    condition = condition_of(before, known, growing=is_growing, params=params)
    excess = storm_excess_mm(np.stack(rain), Ground(number, soil, sealed), condition, params)
    depth: NDArray[np.float32] = excess.sum(axis=0).astype(np.float32)
    return depth


@dataclass(frozen=True)
class Soaking:
    """How ground soaks up a storm by Green and Ampt, interval by interval; (y, x).

    Attributes
    ----------
    conductivity_mm_h, suction_mm, deficit : of the soil; NaN where not known. impervious_share : NaN where not known.
    """

    conductivity_mm_h: Array
    suction_mm: Array
    deficit: Array
    impervious_share: Array

    @classmethod
    def of(cls, ground: Ground, condition: ArrayLike, params: RunoffParams) -> Soaking:
        """Return the soaking of ground by its soil codes and how wet it was, broadcast against one another."""
        texture = np.array(
            [np.nan, *(TEXTURES.index(params.group_textures[g]) for g in GROUP_LETTERS), *range(len(TEXTURES))]
        )
        soil, state = np.broadcast_arrays(np.nan_to_num(np.asarray(ground.soil, np.float64)), np.asarray(condition))
        code = np.where((soil >= 0) & (soil < texture.size), soil, 0).astype(np.int64)
        row = texture[code]
        known = np.isfinite(row) & np.isin(state, (DRY, AVERAGE, WET))
        table = np.array([params.textures[name] for name in TEXTURES])
        conductivity, suction, porosity = np.moveaxis(table[np.where(known, row, 0).astype(np.int64)], -1, 0)
        wetness = np.array([np.nan, *params.saturations])[np.where(known, state, 0).astype(np.int64)]
        share = np.asarray(ground.impervious_share, np.float64)
        share = np.where((share >= 0) & (share <= 1), share, np.nan)
        return cls(np.where(known, conductivity, np.nan), suction, (1 - wetness) * porosity, share)

    def excess_mm(self, rain_mm: Array, infiltrated_mm: Array, *, step_h: float = 1.0) -> tuple[Array, Array]:
        """Return the rain of an interval that runs off and what has infiltrated after it, as `storm_excess_mm` has it.

        Parameters
        ----------
        rain_mm : (y, x). infiltrated_mm : (y, x) of pervious ground before the interval, 0 before the storm.
        """
        shape = rain_mm.shape
        pervious, after = green_ampt_interval_mm(
            rain_mm, np.broadcast_to(self.conductivity_mm_h, shape), np.broadcast_to(self.suction_mm, shape),
            np.broadcast_to(self.deficit, shape), infiltrated_mm, step_h=step_h,
        )  # fmt: skip
        return self.joined(rain_mm, pervious), after

    def joined(self, rain_mm: Array, pervious_mm: Array) -> Array:
        """Return the excess of sealed and pervious ground together."""
        share = self.impervious_share
        # where nothing infiltrates anyway the soil below need not be known
        sealed = np.broadcast_to(share >= 1, rain_mm.shape)
        return np.where(sealed, np.where(rain_mm >= 0, rain_mm, np.nan), share * rain_mm + (1 - share) * pervious_mm)


def _green_ampt(rain: Array, ground: Ground, condition: ArrayLike, params: RunoffParams, step_h: float) -> Array:
    soaking = Soaking.of(ground, condition, params)
    pervious = green_ampt_excess_mm(rain, soaking.conductivity_mm_h, soaking.suction_mm, soaking.deficit, step_h=step_h)
    return soaking.joined(rain, pervious)
