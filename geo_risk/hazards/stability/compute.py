"""The stability hazard: probability of failure of shallow slopes under the ranges given, and its level."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import Grid, same_grid
from geo_risk.core.levels import Level, classify
from geo_risk.core.result import HazardResult, MethodCard, declared
from geo_risk.hazards.stability.draws import draw_table, middle_table, storm_arrays
from geo_risk.hazards.stability.params import StabilityParams
from geo_risk.kernels.infinite_slope import (
    COLUMNS,
    critical_rain,
    factor_of_safety,
    failing_share,
    failing_share_storm,
    steady_wetness,
    storm_wetness,
)
from geo_risk.terrain.slope import blocks

INPUTS = {"slope_deg": "degree", "flow_accumulation": "m2", "material": "1", "area_is_partial?": "1"}
"""Slope; upslope area, the cell itself included; number of the material, 1 for the first of `params.materials`; where
the upslope area is a lower bound (1, as `terrain.hydrology` marks it)."""

CARD = MethodCard(
    name="Infinite slope with steady wetness (SHALSTAB, SINMAP) and transient pressure (Iverson), under ranges",
    citation="Montgomery & Dietrich 1994 (Water Resour. Res. 30(4)); Pack et al. 1998; Iverson 2000 (Water Resour. "
    "Res. 36(7))",
    validity="shallow translational slides of soil over a firmer base; slip surface along the slope; cells of 5-30 m",
    limits=(
        "the probability is the share of the user's ranges that fails, not a frequency in time",
        "suction, side friction and earthquakes are not counted; rock, deep and rotational slides are not this model",
    ),
)

FS_MAX = 100.0
"""Factors of safety are cut off here in the layer: on level ground they have no bound."""

_TITLES = {
    "failure_probability": ("1", "share of the ranges in which the slope fails at steady wetness"),
    "factor_of_safety": ("1", "factor of safety at the middle of the ranges, steady wetness"),
    "steady_wetness": ("1", "steady wetness at the middle of the ranges"),
    "critical_rain_mm_d": ("mm/day", "least steady rain that makes the slope fail, middle of the ranges"),
    "failure_probability_storm": ("1", "share of the ranges in which the slope fails in the storm"),
}


def compute(layers: Mapping[str, xr.DataArray], params: StabilityParams) -> HazardResult:
    """Reckon the stability of every cell.

    Parameters
    ----------
    layers : as in INPUTS, on one grid.

    Returns
    -------
    Intensity `failure_probability` [1]; level by `level_probability`; confidence 0.5 where the level is known, else 0.
    `extra`: `factor_of_safety`, `steady_wetness`, `critical_rain_mm_d` (cut off at `critical_rain_max_mm_d`) at the
    middle of the ranges and, where a storm is given, `failure_probability_storm`. NaN and level -1 where slope, area or
    material is unknown, or the material is not in the table (in the storm also: it has no conductivity or diffusivity).
    Where the upslope area is a lower bound more water may come: the probability is a lower bound too, and so unknown
    unless it is of the highest level already; what else rests on the area is unknown there. Lazy; the same bits for any
    chunks.

    Raises
    ------
    UnitError, GridError : a layer is missing, in the wrong unit, or on another grid.
    """
    given = declared(layers, INPUTS)
    grid = same_grid(*given.values())
    slope = blocks(given["slope_deg"])
    area = blocks(given["flow_accumulation"]).rechunk(slope.chunks)
    material = blocks(given["material"]).rechunk(slope.chunks)
    planes = _planes((slope, area, material), grid, params)
    if "area_is_partial" in given:
        is_whole = blocks(given["area_is_partial"]).rechunk(slope.chunks) == 0
        for name in ("failure_probability", "factor_of_safety", "steady_wetness", "critical_rain_mm_d"):
            stays = is_whole
            if name == "failure_probability":
                stays = is_whole | (planes[name] >= params.level_probability[-1])
            planes[name] = da.where(stays, planes[name], np.float32(np.nan))
    made = {
        name: grid.layer(values, units=_TITLES[name][0], long_name=_TITLES[name][1], name=name)
        for name, values in planes.items()
    }
    p = planes["failure_probability"]
    level = da.map_blocks(classify, p, lower_bounds=params.level_probability, dtype=np.int8)
    return HazardResult(
        made.pop("failure_probability"),
        grid.layer(level, units="level", long_name="slope stability hazard level", name="hazard_stability"),
        grid.layer(da.where(level > Level.UNKNOWN, np.float32(0.5), np.float32(0)), units="1",
                   long_name="confidence of the slope stability", name="confidence"),
        CARD, made,
    )  # fmt: skip


def _planes(arrays: tuple[da.Array, da.Array, da.Array], grid: Grid, params: StabilityParams) -> dict[str, da.Array]:
    """Return the layers by name, lazy."""
    slope, _, material = arrays
    draws, middle = draw_table(params), middle_table(params)
    empty: dict[str, Any] = {"dtype": np.float32, "meta": np.empty((0, 0), np.float32)}
    out = {
        "failure_probability": da.map_blocks(_failing, *arrays, cell_m=grid.resolution_m, draws=draws, **empty),
    }
    highest = params.critical_rain_max_mm_d
    for name, middle_of in (("factor_of_safety", _safety), ("steady_wetness", _wetness),
                            ("critical_rain_mm_d", partial(_critical, highest_mm_d=highest))):  # fmt: skip
        out[name] = da.map_blocks(middle_of, *arrays, cell_m=grid.resolution_m, table=middle[:, 0], **empty)
    if params.storm is not None:
        wetness = storm_wetness(draws, storm_arrays(params.storm))
        out["failure_probability_storm"] = da.map_blocks(
            failing_share_storm, slope, material, draws=draws, wetness=wetness, **empty
        )
    return out


Plane = NDArray[Any]
Table = NDArray[np.float64]


def _failing(slope: Plane, area: Plane, material: Plane, *, cell_m: float, draws: Table) -> Plane:
    return failing_share(slope, area / cell_m, material, draws)


def _of_material(material: Plane, table: Table, *columns: str) -> list[Plane]:
    """Return columns of the table of each cell's material; NaN where the material is unknown."""
    known = (material >= 1) & (material <= len(table)) & (material == np.floor(material))
    row = np.where(known, material, 1).astype(np.int64) - 1
    return [np.where(known, table[row, COLUMNS.index(name)], np.nan) for name in columns]


def _strength(material: Plane, table: Table) -> dict[str, Plane]:
    names = ("tan_friction", "cohesion_ratio", "water_ratio")
    return dict(zip(names, _of_material(material, table, *names), strict=True))


def _wetness(slope: Plane, area: Plane, material: Plane, *, cell_m: float, table: Table) -> Plane:
    (wet,) = _of_material(material, table, "wetness_per_m")
    return steady_wetness(slope, area / cell_m, wetness_per_m=wet).astype(np.float32)


def _safety(slope: Plane, area: Plane, material: Plane, *, cell_m: float, table: Table) -> Plane:
    (wet,) = _of_material(material, table, "wetness_per_m")
    m = steady_wetness(slope, area / cell_m, wetness_per_m=wet)
    safe = factor_of_safety(slope, m, **_strength(material, table))
    return np.minimum(safe, FS_MAX).astype(np.float32)


def _critical(
    slope: Plane, area: Plane, material: Plane, *, cell_m: float, table: Table, highest_mm_d: float
) -> Plane:  # fmt: skip
    (transmissivity,) = _of_material(material, table, "transmissivity_m2_d")
    rain_m_d = critical_rain(slope, area / cell_m, transmissivity=transmissivity, **_strength(material, table))
    return np.minimum(1000 * rain_m_d, highest_mm_d).astype(np.float32)
