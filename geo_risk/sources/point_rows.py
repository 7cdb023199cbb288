"""Rows of a table of points, a batch at a time: their ids, series and maps, and which of them cannot be used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_risk.sources.insar import LOS_TOLERANCE
from geo_risk.sources.point_cells import TEXT, SetAside
from geo_risk.sources.point_ids import named
from geo_risk.sources.point_maps import BESIDE
from geo_risk.sources.point_marks import (
    CONSTANT,
    EMPTY,
    MARKED,
    RATE_MARKED,
    RATE_ZERO,
    STEPPED,
    ZEROS,
    marked,
    stepped,
    unmoved,
)
from geo_risk.sources.point_tables import PointTable, first_text, numbers

if TYPE_CHECKING:
    from geo_risk.sources.points import Layout

LOOK_NAMES = ("los_east", "los_north", "los_up")


def batches(
    tables: Sequence[PointTable], columns: Sequence[str], layout: Layout
) -> Iterator[tuple[pd.DataFrame, NDArray[Any]]]:
    """Give batches with the ids of their rows: those of the table, else the file's name and the number of the row.

    A null or a blank is no id.
    """
    wanted = list(dict.fromkeys([*columns, *([layout.id] if layout.id else [])]))
    for table in tables:
        start = 0
        for batch in table.batches(wanted):
            ids = np.array([f"{table.path.name} row {start + i}" for i in range(len(batch))], dtype=object)
            yield batch, named(batch[layout.id].to_numpy(dtype=object), ids) if layout.id else ids
            start += len(batch)


def sifted(
    batch: pd.DataFrame, names: NDArray[Any], layout: Layout, cells: NDArray[np.int64], aside: SetAside
) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]]]:
    """Return series [m] (rows, dates) and needed maps of a batch; what cannot be used is counted, its cells become -1.

    A text in the product's own velocity counts too: without that number nothing proves the unit and sign of the row.
    """
    days = [c for c, _ in layout.dates]
    needed = {name: column for name, column in layout.maps.items() if name not in BESIDE}
    series, wrong = numbers(batch, days)
    maps, odd = numbers(batch, list(needed.values()))
    own = [layout.velocity] if layout.velocity else []
    text = wrong | odd | numbers(batch, own)[1]
    aside.show(TEXT, first_text(batch, [*days, *needed.values(), *own], text & (cells >= 0)))
    values = dict(zip(needed, maps.T, strict=True))
    aside.show(STEPPED, "" if layout.fixes_unit else "are these millimetres called metres? then correct `units`")
    zero, constant = unmoved(series)
    reasons = {
        TEXT: text,
        EMPTY: (~np.isfinite(series)).all(axis=1) if days else ~np.isfinite(values["velocity"]),
        MARKED: marked(series),
        STEPPED: stepped(series * layout.scale),
        ZEROS: zero,
        CONSTANT: constant,
    }
    if not days:
        reasons[RATE_MARKED] = marked(values["velocity"][:, None])
        reasons[RATE_ZERO] = values["velocity"] == 0
    if isinstance(layout.look[0], str):
        length = np.sqrt(sum(values[n] ** 2 for n in LOOK_NAMES))
        off = ~(np.abs(length - 1) <= LOS_TOLERANCE)
        reasons["with a line-of-sight vector that is not of unit length"] = off
    for reason, rows in reasons.items():
        aside.add(names, rows & (cells >= 0), reason)
        cells[rows] = -1
    series[np.isinf(series)] = np.nan
    return series * layout.scale, values
