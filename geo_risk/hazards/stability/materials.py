"""Which material of the user's table each cell is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import grid_of
from geo_risk.hazards.stability.params import StabilityParams
from geo_risk.terrain.slope import blocks


def material_layer(codes: xr.DataArray, legend: Mapping[int, str], params: StabilityParams) -> xr.DataArray:
    """Return the number of the material of each cell, 1 for the first of the table.

    Parameters
    ----------
    codes : (y, x) codes 1, 2, ...; NaN where no polygon lies. legend : name of each code.

    Returns
    -------
    (y, x) float32 [1], lazy; NaN where no class lies or the table does not have it.
    """
    grid = grid_of(codes)
    number = {m.name: k for k, m in enumerate(params.materials, 1)}
    of_code = np.full(max(legend, default=0) + 1, np.nan, np.float32)
    for code, name in legend.items():
        of_code[code] = number.get(name, np.nan)
    data = blocks(codes).map_blocks(_numbers, of_code, dtype=np.float32, meta=np.empty((0, 0), np.float32))
    return grid.layer(data, units="1", long_name="number of the material in the table", name="material")


def _numbers(codes: NDArray[Any], of_code: NDArray[np.float32]) -> NDArray[np.float32]:
    known = ~np.isnan(codes)
    out: NDArray[np.float32] = np.where(known, of_code[np.where(known, codes, 0).astype(np.int64)], np.float32(np.nan))
    return out


def material_facts(material: xr.DataArray, legend: Mapping[int, str], params: StabilityParams) -> dict[str, Any]:
    """Return what the report says: classes of the map without material, materials without ground, unknown cells."""
    names = {m.name for m in params.materials}
    lacking, unused = sorted(set(legend.values()) - names), sorted(names - set(legend.values()))
    unknown = int(material.isnull().sum())
    notes = []
    if lacking:
        text = ", ".join(lacking)
        notes.append({
            "level": "warning", "text_en": f"Stability is unknown on classes that the table of materials lacks: "
                                           f"{text}.",
            "text_zh": f"材料表未列出的类别，其稳定性未知：{text}。",
        })  # fmt: skip
    if unused:
        text = ", ".join(unused)
        notes.append({
            "level": "warning", "text_en": f"Materials that no ground of the map has: {text}. Check their names.",
            "text_zh": f"图中不存在的材料：{text}，请核对名称。",
        })  # fmt: skip
    return {"notes": notes, "counts": {"materials": len(names), "cells_without_material": unknown}}
