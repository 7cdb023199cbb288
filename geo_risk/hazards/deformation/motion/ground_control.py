"""InSAR against levelling and GNSS: each point beside the cells around it, bias and RMSE by quantity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from dask import array as da
from numpy.typing import NDArray

from geo_risk.core.grid import Grid
from geo_risk.core.sentence import Sentence, chinese
from geo_risk.hazards.deformation.params import GroundControlParams

F64 = NDArray[np.float64]
Layer = NDArray[np.float32] | xr.DataArray

COMPONENTS = ("los", "up", "east", "north")
_ENU = ("east_mm_yr", "north_mm_yr", "up_mm_yr")
_NUMBERS = ("ground_mm_yr", "ground_std_mm_yr", "insar_mm_yr", "insar_std_mm_yr", "n_cells", "difference_mm_yr")
NEGLIGIBLE = 1e-6
"""A component of a look vector that is no larger shows nothing of the motion along it."""

LEAST_UP = 0.5
"""Least share of the vertical in a look vector for levelling to be projected onto it, horizontal motion taken as 0: no
radar satellite looks flatter than 60 degrees of incidence, and motion along the east says nothing of levelling."""

_Cells = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True)
class _Ground:
    """East, north, up and their errors [mm/yr], NaN where unknown; (track, value, error) along a line of sight."""

    enu: NDArray[np.float64]
    std: NDArray[np.float64]
    los: tuple[str, float, float] | None = None


@dataclass(frozen=True)
class TrackLayers:
    """Maps (y, x) of one track on the run grid: velocity and its standard error [mm/yr], line of sight [1]; lazy."""

    name: str
    velocity: Layer
    velocity_std: Layer
    los: tuple[Layer, Layer, Layer]


@dataclass(frozen=True)
class CellsAround:
    """Cells of a grid around points: those of point k are rows and columns from first[k] to first[k + 1]."""

    first: NDArray[np.int64]
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]

    def values(self, layer: Layer) -> F64:
        """Return the values (cells,) of a map; of a lazy one only the blocks around the points are read."""
        return _values(layer, self.rows, self.columns)

    def means(self, layer: Layer) -> F64:
        """Return the mean (points,) of a map over the known cells of each point; NaN where none is known."""
        values = self.values(layer)
        pairs = zip(self.first[:-1], self.first[1:], strict=True)
        return np.array([_mean(values[a:b]) for a, b in pairs], dtype=np.float64)

    def series(self, cube: xr.DataArray) -> list[F64]:
        """Return the series (time, cells) of a cube (time, y, x) around each point."""
        if not self.rows.size:
            return [np.zeros((cube.sizes["time"], 0)) for _ in self.first[1:]]
        data = cube.data if isinstance(cube.data, da.Array) else da.from_array(np.asarray(cube.data))
        found = np.asarray(data.vindex[:, self.rows, self.columns].compute(), dtype=np.float64)
        return [found[a:b].T for a, b in zip(self.first[:-1], self.first[1:], strict=True)]


def cells_around(points: gpd.GeoDataFrame, grid: Grid, radius_m: float) -> CellsAround:
    """Return the cells whose centre is within a radius of each point, the one it lies in at the least; none outside."""
    cells = [_cells(float(p.x), float(p.y), grid, radius_m) for p in points.geometry]
    first = np.cumsum([0, *(len(rows) for rows, _ in cells)])
    rows, columns = (np.concatenate([np.zeros(0, np.int64), *(c[i] for c in cells)]) for i in (0, 1))
    return CellsAround(first, rows, columns)


@dataclass(frozen=True)
class _Maps:
    """What all points need of all maps, by map: the cells of point k are those from first[k] to first[k + 1]."""

    first: NDArray[np.int64]
    values: dict[str, F64]

    def at(self, name: str, k: int) -> F64:
        return self.values[name][self.first[k] : self.first[k + 1]]


@dataclass(frozen=True)
class Comparison:
    """What `compare_ground_control` returns.

    Attributes
    ----------
    frame : one row for each point and quantity, with geometry.
    summary : one row for each quantity: n, bias_mm_yr, rmse_mm_yr, rmse_without_bias_mm_yr, inside_95.
    notes : English and Chinese.
    quarantine : {"id", "reason", "reason_zh"} of points that say nothing that can be compared.
    """

    frame: gpd.GeoDataFrame
    summary: pd.DataFrame
    notes: tuple[tuple[str, str], ...]
    quarantine: list[dict[str, str]]


def compare_ground_control(
    points: gpd.GeoDataFrame,
    tracks: Sequence[TrackLayers],
    grid: Grid,
    params: GroundControlParams,
    *,
    decomposed: Mapping[str, Layer] | None = None,
) -> Comparison:
    """Compare velocities measured on the ground with those of InSAR around each point.

    Parameters
    ----------
    points : Points in the grid's CRS; `point_id`, and either east_mm_yr, north_mm_yr, up_mm_yr (any of them, each with
        a standard error such as up_std_mm_yr), or velocity_mm_yr (+ velocity_std_mm_yr) with component "los" (and
        `track`), "up", "east" or "north".
    tracks : maps on the grid.
    grid : that grid.
    params : radius and fewest cells.
    decomposed : velocity_up, velocity_east and their `_std` (y, x) [mm/yr], where they are known.

    Of lazy maps only the blocks around the points are read, each once.

    Returns
    -------
    Comparison. Vectors that know all that a line of sight sees are projected onto it, l . v (up alone onto a vertical
    track, east alone onto an east one); up and east are held against the decomposed maps; a point that knows up alone
    is also projected where that makes LEAST_UP of the look or more (its horizontal motion taken as 0: quantity "los
    TRACK, up only"), which says how levelling fits where there is one track. The InSAR value is the mean of the known
    cells within `radius_m` (the nearest cell at least); its error is their mean error, as neighbours share their noise,
    with the scatter of the mean. Bias is InSAR - ground; as the reference of InSAR is its own, the RMSE is given with
    and without it. A point without enough known cells keeps its row, with missing values, and does not count.
    """
    rows: list[dict[str, object]] = []
    quarantine: list[dict[str, str]] = []
    maps = _read(points, tracks, grid, params.radius_m, decomposed=decomposed or {})
    names = [t.name for t in tracks]
    for k, (_, point) in enumerate(points.iterrows()):
        ground, why = _ground(point, names)
        found = _pairs(ground, names, maps, k)
        if not found:
            quarantine.append({"id": str(point["point_id"]), "reason": str(why), "reason_zh": chinese(why)})
        for quantity, (value, std), name in found:
            insar, error, n = _around(maps.at(name, k), maps.at(f"{name}_std", k), params.minimum_cells)
            numbers = (value, std, insar, error, n, insar - value)
            row = dict(zip(_NUMBERS, numbers, strict=True))
            rows.append({"point_id": str(point["point_id"]), "quantity": quantity, **row, "geometry": point.geometry})
    table = pd.DataFrame(rows, columns=["point_id", "quantity", *_NUMBERS, "geometry"])
    frame = gpd.GeoDataFrame(table, geometry="geometry", crs=grid.crs)
    summary = summarise(frame)
    return Comparison(frame, summary, tuple(_said(summary)), quarantine)


def summarise(frame: pd.DataFrame) -> pd.DataFrame:
    """Return n, bias, RMSE, RMSE without the bias [mm/yr] and the share inside 95 % intervals, by quantity.

    Parameters
    ----------
    frame : rows of `compare_ground_control`; rows without a difference do not count. inside_95 is the share whose
        difference, without the bias, is within 1.96 combined standard errors; NaN where no point has a standard error.
    """
    out = []
    for quantity, part in frame.groupby("quantity", sort=True):
        d = part["difference_mm_yr"].to_numpy(dtype=np.float64)
        known = np.isfinite(d)
        if not known.any():
            continue
        bias = float(d[known].mean())
        both = part[["ground_std_mm_yr", "insar_std_mm_yr"]].to_numpy(dtype=np.float64)
        sigma = np.hypot(both[:, 0], both[:, 1])
        judged = known & np.isfinite(sigma)
        inside = float((np.abs(d - bias)[judged] <= 1.96 * sigma[judged]).mean()) if judged.any() else float("nan")
        rest = d[known] - bias
        out.append({
            "quantity": quantity, "n": int(known.sum()), "bias_mm_yr": bias,
            "rmse_mm_yr": float(np.sqrt((d[known] ** 2).mean())),
            "rmse_without_bias_mm_yr": float(np.sqrt((rest**2).mean())), "inside_95": inside,
        })  # fmt: skip
    names = ["quantity", "n", "bias_mm_yr", "rmse_mm_yr", "rmse_without_bias_mm_yr", "inside_95"]
    return pd.DataFrame(out, columns=names)


_NOTHING = Sentence(
    "it knows nothing that these maps show (north alone, up alone along an east track, or no decomposed map)",
    "与现有图层无可比分量（仅有南北向、仅有垂直向而轨道为东西向，或缺少分解后的图层）",
)


def _ground(point: pd.Series, tracks: Sequence[str]) -> tuple[_Ground, Sentence]:
    """Return what a point knows, and why nothing where nothing can be compared."""
    enu = np.array([_number(point, c) for c in _ENU])
    std = np.array([_number(point, f"{c.removesuffix('_mm_yr')}_std_mm_yr") for c in _ENU])
    value, error = _number(point, "velocity_mm_yr"), _number(point, "velocity_std_mm_yr")
    component = str(point.get("component", "")).strip().lower()
    if not np.isfinite(value):
        return _Ground(enu, std), _NOTHING if np.isfinite(enu).any() else Sentence("no velocity", "无速率")
    if component in ("east", "north", "up"):
        k = ("east", "north", "up").index(component)
        enu[k], std[k] = value, error
        return _Ground(enu, std), _NOTHING
    track = str(point.get("track", "")).strip()
    if component == "los" and (track in tracks or (not track and len(tracks) == 1)):
        return _Ground(enu, std, (track or tracks[0], value, error)), _NOTHING
    if component == "los":
        names = ", ".join(tracks)
        return _Ground(enu, std), Sentence(
            f"a velocity along the line of sight needs its track, one of {names}",
            f"视线向速率须注明轨道（{names} 之一）",
        )
    known = ", ".join(COMPONENTS)
    return _Ground(enu, std), Sentence(
        f"component is {component!r}; one of {known} needed", f"component 为 {component!r}，应为 {known} 之一"
    )


def _number(point: pd.Series, name: str) -> float:
    return float(pd.to_numeric(point.get(name, np.nan), errors="coerce"))


def _read(
    points: gpd.GeoDataFrame, tracks: Sequence[TrackLayers], grid: Grid, radius_m: float, *,
    decomposed: Mapping[str, Layer],
) -> _Maps:  # fmt: skip
    """Read the cells around all points from every map; "TRACK velocity", "TRACK los 0" and the decomposed ones."""
    cells = cells_around(points, grid, radius_m)
    layers: dict[str, Layer] = dict(decomposed)
    for track in tracks:
        layers |= {f"{track.name} velocity": track.velocity, f"{track.name} velocity_std": track.velocity_std}
        layers |= {f"{track.name} los {k}": layer for k, layer in enumerate(track.los)}
    return _Maps(cells.first, {name: cells.values(layer) for name, layer in layers.items()})


def _values(layer: Layer, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> F64:
    data = layer.data if isinstance(layer, xr.DataArray) else layer
    found = data.vindex[rows, columns].compute() if isinstance(data, da.Array) and rows.size else data[rows, columns]
    return np.asarray(found, dtype=np.float64)


def _pairs(ground: _Ground, tracks: Sequence[str], maps: _Maps, k: int) -> list[tuple[str, tuple[float, float], str]]:
    """Return quantity, (ground value, its standard error) and the name of the map that point k is held against."""
    out = []
    for name, i in (("up", 2), ("east", 0)):
        if np.isfinite(ground.enu[i]) and f"velocity_{name}" in maps.values:
            out.append((name, (float(ground.enu[i]), float(ground.std[i])), f"velocity_{name}"))
    known = np.isfinite(ground.enu)
    only_up = bool(known[2] and not known[:2].any())
    for track in tracks:
        if ground.los is not None and ground.los[0] == track:
            out.append((f"los {track}", ground.los[1:], f"{track} velocity"))
            continue
        look = _look(maps, track, k)
        seen = np.abs(look) > NEGLIGIBLE
        # of a look that is not known only what is whole whatever it is has a row, with a missing value
        whole = known.all() or (np.isfinite(look).all() and known[seen].all())
        if whole or (only_up and not abs(look[2]) < LEAST_UP):
            used = seen & known
            value = float((look * ground.enu)[used].sum())
            std = float(np.sqrt(((look * ground.std)[used] ** 2).sum()))
            along = (value, std) if np.isfinite(look).all() else (float("nan"), float("nan"))
            out.append((f"los {track}" + ("" if whole else ", up only"), along, f"{track} velocity"))
    return out


def _look(maps: _Maps, track: str, k: int) -> F64:
    """Return the mean look vector of a track around point k, where it is not known that around all points; else NaN."""
    own = np.array([_mean(maps.at(f"{track} los {i}", k)) for i in range(3)])
    return own if np.isfinite(own).all() else np.array([_mean(maps.values[f"{track} los {i}"]) for i in range(3)])


def _cells(x: float, y: float, grid: Grid, radius_m: float) -> _Cells:
    row, column, inside = (v[0] for v in grid.index([x], [y]))
    if not inside:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    reach = int(radius_m / grid.resolution_m) + 1
    rows = np.arange(max(0, row - reach), min(grid.shape[0], row + reach + 1))
    columns = np.arange(max(0, column - reach), min(grid.shape[1], column + reach + 1))
    coords = grid.coords()
    distance = np.hypot(coords["y"][rows][:, None] - y, coords["x"][columns][None, :] - x)
    near = (distance <= radius_m) | ((rows == row)[:, None] & (columns == column)[None, :])
    r, c = np.nonzero(near)
    return rows[r], columns[c]


def _mean(values: F64) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")


def _around(values: F64, errors: F64, minimum: int) -> tuple[float, float, int]:
    known = np.isfinite(values) & np.isfinite(errors)
    n = int(known.sum())
    if n < minimum:
        return float("nan"), float("nan"), n
    scatter = values[known].std(ddof=1) / np.sqrt(n) if n > 1 else 0.0
    return float(values[known].mean()), float(np.hypot(errors[known].mean(), scatter)), n


def _said(summary: pd.DataFrame) -> list[tuple[str, str]]:
    out = []
    for row in summary.itertuples():
        bias, rmse, rest = row.bias_mm_yr, row.rmse_mm_yr, row.rmse_without_bias_mm_yr
        out.append((
            f"ground control, {row.quantity}: {row.n} points, InSAR - ground {bias:+.1f} mm/yr in the mean, RMSE "
            f"{rmse:.1f} mm/yr ({rest:.1f} without the mean)",
            f"地面监测对比（{row.quantity}）：{row.n} 个点，InSAR 减地面平均 {bias:+.1f} 毫米/年，"
            f"均方根误差 {rmse:.1f} 毫米/年（去除平均偏差后 {rest:.1f}）",
        ))  # fmt: skip
    return out or [("no ground control point lies on known cells", "无地面监测点落在有效像元上")]
