"""The earthquake hazard: the share of the area in landslides that a shaking sets off, and its level."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import same_grid
from geo_risk.core.levels import classify
from geo_risk.core.result import HazardResult, MethodCard, declared
from geo_risk.hazards.earthquake.params import EarthquakeParams
from geo_risk.kernels.shaking import slide_coverage, slide_probability
from geo_risk.terrain.slope import blocks

INPUTS = {"pgv": "cm/s", "slope_deg": "degree", "lithology_term": "1", "landcover_term": "1", "cti": "1"}
"""Peak ground velocity; slope at the scale of the model (`terrain.coarse`); terms of the logit (`terms`); compound
topographic index."""

CARD = MethodCard(
    name="Landslides set off by shaking: global statistical model, in the form the USGS runs it",
    citation="Nowicki Jessee et al. 2018, J. Geophys. Res. Earth Surf. 123, 1835-1859; usgs/groundfailure jessee_2018",
    validity="first hours after an earthquake, areas of many square kilometres; PGV up to 211 cm/s (above: as 211)",
    limits=(
        "an expected share of the area, not the chance that a given slope fails",
        "fitted to earthquakes of the whole world: rock and land cover count by broad classes only",
        "aftershocks, rain before or after, and damage by earlier shaking are not counted",
    ),
)


def compute(layers: Mapping[str, xr.DataArray], params: EarthquakeParams) -> HazardResult:
    """Expected share of each cell's area in landslides.

    Parameters
    ----------
    layers : as in INPUTS, on one grid.

    Returns
    -------
    Intensity `earthquake_landslide`, areal coverage [1], 0 to 0.256, 0 where the slope is at most 2 degrees. Level by
    `level_coverage`; confidence 0.5 where it is known, else 0. `extra`: `earthquake_probability`, the model's
    probability [1]. NaN and level -1 where a layer is unknown, also beyond the ShakeMap. Lazy; the same bits for any
    chunks.

    Raises
    ------
    UnitError, GridError : a layer is missing, in the wrong unit, or on another grid.
    """
    given = declared(layers, INPUTS)
    grid = same_grid(*given.values())
    slope = blocks(given["slope_deg"])
    names = ("pgv", "slope_deg", "lithology_term", "landcover_term", "cti")
    arrays = [blocks(given[n]).rechunk(slope.chunks) for n in names]
    empty: dict[str, Any] = {"dtype": np.float32, "meta": np.empty((0, 0), np.float32)}
    coverage = da.map_blocks(_coverage, *arrays, **empty)
    probability = da.map_blocks(_probability, *arrays, **empty)
    level = da.map_blocks(classify, coverage, lower_bounds=params.level_coverage, dtype=np.int8)
    return HazardResult(
        grid.layer(coverage, units="1", long_name="share of the area in landslides set off by the earthquake",
                   name="earthquake_landslide"),
        grid.layer(level, units="level", long_name="earthquake landslide hazard level", name="hazard_earthquake"),
        grid.layer(da.where(level >= 0, np.float32(0.5), np.float32(0)), units="1",
                   long_name="confidence of the earthquake landslides", name="confidence"),
        CARD,
        {"earthquake_probability": grid.layer(probability, units="1", name="earthquake_probability",
                                              long_name="probability of earthquake landslides by the model")},
    )  # fmt: skip


def _probability(*arrays: NDArray[Any]) -> NDArray[np.float32]:
    pgv, slope, rock, cover, cti = arrays
    return slide_probability(pgv, slope, rock, cover, cti).astype(np.float32)


def _coverage(*arrays: NDArray[Any]) -> NDArray[np.float32]:
    pgv, slope, rock, cover, cti = arrays
    return slide_coverage(slide_probability(pgv, slope, rock, cover, cti), slope)
