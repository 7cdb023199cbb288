"""Places in the town where water stands: underpasses, dips, courts, entrances, carved into the ground."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from geo_risk.kernels.stream_power import drainage, upslope_area
from geo_risk.sample.streams import stream
from geo_risk.sample.town import BLOCK, COURT, FARMLAND, RAILWAY, RIVER, STREET, carve_bowl, carve_box

if TYPE_CHECKING:
    from geo_risk.sample.ground import Ground

DIPS, COURTS, ENTRANCES = 18, 16, 10
"""Places that are carved; more than are needed, since not each of them floods."""
APART_M = 120.0
DRY_PLACES = 12
"""High places that may enter the ledger though they never flood."""
LOCAL_M = 150.0
_FILL_STEP_M = 0.0005

Array = NDArray[np.float64]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Sites:
    """The town with its low places.

    Attributes
    ----------
    dem : (y, x) float32 [m], 5 m: the true ground without chance hollows, with the low places carved.
    even : the same before carving.
    table : kind, street_class, road, x, y (as carved), azimuth_deg (NaN: round), length_m, width_m, carved_m,
        sill_height_m, and of the lowest cell row, column, site_x, site_y, catchment_m2, local_m2.
    """

    dem: Floats
    even: Floats
    table: pd.DataFrame


def make_sites(ground: Ground) -> Sites:
    """Find underpasses, road dips, courts and underground entrances where enough water comes by, and carve them."""
    town = ground.town
    even, area = _drained(_opened_bank(town.dem.astype(np.float64), town.cover), town.cover)
    rows: list[dict[str, object]] = []
    rng = stream(ground.seed, "water.sites")
    _underpasses(ground, rows, rng)
    _dips(ground, rows, rng, area)
    for kind, number in (("low_lying", COURTS), ("underground_space", ENTRANCES)):
        _hollows(ground, rows, rng, area, kind=kind, number=number)
    _dry_places(ground, rows, rng, area)
    return carve_sites(ground, even.astype(np.float32), pd.DataFrame(rows))


def carve_sites(ground: Ground, even: Floats, table: pd.DataFrame) -> Sites:
    """Return the town with these sites carved into its even ground, each site on its lowest cell.

    Parameters
    ----------
    even : (y, x) float32 [m], ground without hollows.
    table : kind, street_class, road, x, y, azimuth_deg, length_m, width_m, carved_m, sill_height_m.
    """
    town = ground.town
    dem = even
    for site in table.to_dict("records"):
        at = {"x": float(site["x"]), "y": float(site["y"]), "depth_m": float(site["carved_m"])}
        if at["depth_m"] <= 0:
            continue
        if np.isnan(site["azimuth_deg"]):
            dem = carve_bowl(dem, town.grid, radius_m=float(site["length_m"]) / 2, **at)
        else:
            shape = {"azimuth_deg": float(site["azimuth_deg"]), "length_m": float(site["length_m"])}
            dem = carve_box(dem, town.grid, width_m=float(site["width_m"]), **shape, **at)
    out = _at_lowest(table, dem, ground)
    _, catchment = _drained(dem.astype(np.float64), town.cover)
    out["catchment_m2"] = [_largest(catchment, r, c) for r, c in zip(out["row"], out["column"], strict=True)]
    out["local_m2"] = np.minimum(out["catchment_m2"], np.pi * LOCAL_M**2 / 2)
    return Sites(dem, even, out)


def _drained(dem: Array, cover: NDArray[np.uint8]) -> tuple[Array, Array]:
    """Return the ground with every hollow filled to its spill, and the upslope area [m2]; river and rim are outlets."""
    base = cover == RIVER
    base[[0, -1], :] = True
    base[:, [0, -1]] = True
    filled, receiver, order = drainage(dem, base, _FILL_STEP_M)
    return filled, upslope_area(receiver, order, 25.0)


def _opened_bank(dem: Array, cover: NDArray[np.uint8]) -> Array:
    """Return the ground with the railway bank open (culverts) wherever more than a hectare drains through it."""
    bank = ndimage.binary_dilation(cover == RAILWAY, iterations=2)
    nearest = ndimage.distance_transform_edt(bank, return_distances=False, return_indices=True)
    without = np.where(bank, ndimage.gaussian_filter(dem[tuple(nearest)], 2.0), dem)
    filled, area = _drained(without, cover)
    passage = ndimage.binary_dilation(bank & (area > 1.0e4)) & bank
    return np.where(passage, np.minimum(dem, filled), dem)


def _largest(values: Array, row: int, column: int, reach: int = 2) -> float:
    return float(values[max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1].max())


def _street_at(ground: Ground, x: float, y: float) -> tuple[str, str, float, float]:
    """Return id, class and width of the nearest street, and its azimuth there [degree]."""
    import shapely

    streets = ground.town.streets
    point = shapely.Point(x, y)
    k = int(np.argmin(shapely.distance(streets.geometry.to_numpy(), point)))
    line = streets.geometry.iloc[k]
    at = line.project(point)
    a, b = line.interpolate(max(at - 8, 0)), line.interpolate(min(at + 8, line.length))
    azimuth = float(np.degrees(np.arctan2(b.x - a.x, b.y - a.y)) % 360)
    row = streets.iloc[k]
    return str(row["street_id"]), str(row["class"]), float(row["width_m"]), azimuth


def _far(rows: list[dict[str, object]], x: float, y: float, apart: float = APART_M) -> bool:
    return all(np.hypot(x - float(str(r["x"])), y - float(str(r["y"]))) >= apart for r in rows)


def _underpasses(ground: Ground, rows: list[dict[str, object]], rng: np.random.Generator) -> None:
    for x, y, azimuth, _ in ground.town.crossings:
        road, road_class, width, _ = _street_at(ground, x, y)
        if _far(rows, x, y, 60.0):
            size = (azimuth, float(rng.uniform(60, 80)), width + 1)
            rows.append(_row("underpass", (road, road_class), (x, y), size, float(rng.uniform(0.9, 1.7))))


def _row(
    kind: str, road: tuple[str, str], at: tuple[float, float], size: tuple[float, float, float], carved: float
) -> dict[str, object]:
    return {
        "kind": kind, "road": road[0], "street_class": road[1], "x": at[0], "y": at[1], "azimuth_deg": size[0],
        "length_m": size[1], "width_m": size[2], "carved_m": carved, "sill_height_m": np.nan,
    }  # fmt: skip


def _candidates(
    ground: Ground, rng: np.random.Generator, area: Array, codes: tuple[int, ...], least_m2: float
) -> list[tuple[float, float]]:
    """Return cells of these covers that enough water passes, in random order, off the rim and the river."""
    town = ground.town
    good = np.isin(town.cover, codes) & (area >= least_m2) & (area < 2.5e5)
    rim = 24
    good[:rim] = good[-rim:] = False
    good[:, :rim] = good[:, -rim:] = False
    rows, columns = np.nonzero(good)
    x, y = town.grid.transform * (columns + 0.5, rows + 0.5)
    away = _river_distance(ground, x, y) > 110
    order = rng.permutation(np.flatnonzero(away))
    return [(float(x[k]), float(y[k])) for k in order]


def _river_distance(ground: Ground, x: Array, y: Array) -> Array:
    import shapely

    out: Array = shapely.distance(shapely.points(x, y), ground.river)
    return out


def _dips(ground: Ground, rows: list[dict[str, object]], rng: np.random.Generator, area: Array) -> None:
    made = 0
    for x, y in _candidates(ground, rng, area, (STREET,), 4000.0):
        if made == DIPS:
            break
        if not _far(rows, x, y):
            continue
        road, road_class, width, azimuth = _street_at(ground, x, y)
        size = (azimuth, float(rng.uniform(55, 95)), width + 2)
        rows.append(_row("road_dip", (road, road_class), (x, y), size, float(rng.uniform(0.35, 0.85))))
        made += 1


def _hollows(
    ground: Ground, rows: list[dict[str, object]], rng: np.random.Generator, area: Array, *, kind: str, number: int
) -> None:
    made = 0
    for x, y in _candidates(ground, rng, area, (BLOCK, COURT), 3000.0):
        if made == number:
            break
        if not _far(rows, x, y):
            continue
        road, road_class, _, _ = _street_at(ground, x, y)
        is_entrance = kind == "underground_space"
        size = (np.nan, 2 * float(rng.uniform(12, 18) if is_entrance else rng.uniform(15, 27)), np.nan)
        row = _row(kind, (road, road_class if is_entrance else "none"), (x, y), size, float(rng.uniform(0.35, 0.9)))
        row["sill_height_m"] = round(float(rng.uniform(0.1, 0.35)), 2) if is_entrance else np.nan
        rows.append(row)
        made += 1


def _dry_places(ground: Ground, rows: list[dict[str, object]], rng: np.random.Generator, area: Array) -> None:
    """Add places that look like sites in a ledger but lie high: nothing is carved there."""
    town = ground.town
    good = (town.cover != FARMLAND) & (town.cover != RIVER) & (area < 300)
    good[:24] = good[-24:] = False
    good[:, :24] = good[:, -24:] = False
    at_rows, at_columns = np.nonzero(good & np.isin(town.cover, (STREET, BLOCK, COURT)))
    made = 0
    for k in rng.permutation(at_rows.size):
        x, y = town.grid.transform * (at_columns[k] + 0.5, at_rows[k] + 0.5)
        if made == DRY_PLACES:
            break
        if _far(rows, x, y):
            road, road_class, _, _ = _street_at(ground, x, y)
            kind = ("road_dip", "low_lying")[made % 2]
            road_class = road_class if kind == "road_dip" else "none"
            rows.append(_row(kind, (road, road_class), (float(x), float(y)), (np.nan, np.nan, np.nan), 0.0))
            made += 1


def _at_lowest(table: pd.DataFrame, dem: Floats, ground: Ground) -> pd.DataFrame:
    """Move each carved site to the lowest cell within 15 m; add row and column."""
    at_rows, at_columns, _ = ground.town.grid.index(table["x"], table["y"])
    for k in np.flatnonzero(table["carved_m"] > 0):
        r0, c0 = max(0, at_rows[k] - 3), max(0, at_columns[k] - 3)
        window = dem[r0 : at_rows[k] + 4, c0 : at_columns[k] + 4]
        dr, dc = np.unravel_index(int(np.argmin(window)), window.shape)
        at_rows[k], at_columns[k] = r0 + dr, c0 + dc
    x, y = ground.town.grid.transform * (at_columns + 0.5, at_rows + 0.5)
    return table.assign(row=at_rows, column=at_columns, site_x=np.round(x, 1), site_y=np.round(y, 1))
