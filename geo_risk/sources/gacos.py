"""GACOS zenith delays taken off a displacement series, date by date, lazily."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import rasterio
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from rasterio.errors import RasterioError
from rasterio.windows import Window

from geo_risk.core.errors import (
    AmbiguousError,
    CorruptFileError,
    DataError,
    GridError,
    OverlapError,
    TimeError,
    UnitError,
)
from geo_risk.kernels.resample import sample_bilinear
from geo_risk.sources.insar import Frame, frame_of
from geo_risk.sources.longitudes import turned
from geo_risk.sources.stack import tif_frame

_NAME = re.compile(r"(\d{8})\.ztd(?:\.tiff?)?", re.IGNORECASE)
_PLAUSIBLE_M = (0.4, 3.5)
"""Zenith delays from the highest mountain to the sea; anything else is no zenith delay in metres."""

_LEAST_UP = 0.3
_SAMPLE_ROWS, _SAMPLE_COLUMNS = 8, 256


@dataclass(frozen=True)
class DelayMap:
    """One date's zenith total delay [m]: a raw float32 file with its .rsc header, or a GeoTIFF."""

    path: Path
    frame: Frame

    def window(self, rows: tuple[int, int], columns: tuple[int, int]) -> NDArray[np.float32]:
        """Return a window (y, x); NaN is missing. 0 is no delay (there is no place without air): it is missing too.

        Raises
        ------
        CorruptFileError : it cannot be read.
        """
        (r0, r1), (c0, c1) = rows, columns
        try:
            if self.path.suffix.lower() == ".ztd":
                whole = np.memmap(self.path, dtype="<f4", mode="r", shape=self.frame.shape)
                return _without_nodata(np.array(whole[r0:r1, c0:c1], dtype=np.float32), None)
            with rasterio.open(self.path, driver="GTiff") as source:
                values = source.read(1, window=Window(c0, r0, c1 - c0, r1 - r0)).astype(np.float32)
                nodata = source.nodata
        except (RasterioError, OSError, ValueError) as error:
            what = f"rows {r0}-{r1} cannot be read: {error}"
            raise CorruptFileError(what, where=str(self.path), fix="fetch the file again") from error
        return _without_nodata(values, nodata)


def _without_nodata(values: NDArray[np.float32], nodata: float | None) -> NDArray[np.float32]:
    gone = values == 0 if nodata is None else (values == 0) | (values == np.float32(nodata))
    return np.where(gone, np.float32(np.nan), values)


def delay_maps(folder: Path) -> dict[str, DelayMap]:
    """Return the delay maps of a folder by date (YYYYMMDD), from headers only.

    Raises
    ------
    DataError : not a folder, or none in it. AmbiguousError : two files of one date. GridError, CorruptFileError :
        a header that is missing, broken, or of another size than its file.
    """
    if not folder.is_dir():
        what = "the GACOS folder is not there"
        raise DataError(what, where=str(folder), fix="correct `gacos` of this track: the folder with the .ztd files")
    out: dict[str, DelayMap] = {}
    for path in sorted(folder.iterdir()):
        match = _NAME.fullmatch(path.name)
        if match is None or not path.is_file():
            continue
        day = match.group(1)
        if day in out:
            what = f"two delay maps for {day}: {out[day].path.name} and {path.name}"
            raise AmbiguousError(what, where=str(folder), fix="keep one of them")
        out[day] = DelayMap(path, turned(_raw_frame(path) if path.suffix.lower() == ".ztd" else tif_frame(path)))
    if not out:
        what = "the folder holds no YYYYMMDD.ztd and no YYYYMMDD.ztd.tif"
        raise DataError(what, where=str(folder), fix="unpack the GACOS files into it")
    return out


def _raw_frame(path: Path) -> Frame:
    header = path.with_name(path.name + ".rsc")
    if not header.is_file():
        what = f"{header.name} is not beside {path.name}"
        raise CorruptFileError(what, where=str(path), fix="copy the .rsc header of the file too")
    words = [line.split() for line in header.read_text(encoding="ascii", errors="replace").splitlines()]
    said = {w[0]: w[1] for w in words if len(w) >= 2}
    try:
        shape = (int(said["FILE_LENGTH"]), int(said["WIDTH"]))
        x, y, dx, dy = (float(said[k]) for k in ("X_FIRST", "Y_FIRST", "X_STEP", "Y_STEP"))
    except (KeyError, ValueError) as error:
        what = f"WIDTH, FILE_LENGTH, X_FIRST, Y_FIRST, X_STEP or Y_STEP is missing or no number: {error}"
        raise GridError(what, where=str(header), fix="fetch the header again") from error
    if not (dx > 0 > dy and min(shape) > 0):
        what = f"X_STEP {dx}, Y_STEP {dy}, shape {shape}; a north-up map needed"
        raise GridError(what, where=str(header), fix="fetch the header again")
    size = path.stat().st_size
    if size != 4 * shape[0] * shape[1]:
        what = f"the file has {size} bytes; {shape[0]} x {shape[1]} float32, as its header says, have "
        what += str(4 * shape[0] * shape[1])
        raise CorruptFileError(what, where=str(path), fix="fetch the file and its header again")
    return Frame("EPSG:4326", Affine(dx, 0, x, 0, dy, y), shape)


def corrected(dataset: xr.Dataset, folder: Path) -> xr.Dataset:
    """Take the delays off a series; stays lazy.

    A delay L = ztd / cos(incidence) makes the range longer, which looks like motion away from the satellite, so that
    a date t, relative to the first date 0, holds -(L_t - L_0): that difference is added. Its mean over a sample of rows
    is not: the level of a date is that of the product's reference, which GACOS does not know.

    Parameters
    ----------
    dataset : as `open_insar` makes it, with `displacement` and the look vector.
    folder : YYYYMMDD.ztd with YYYYMMDD.ztd.rsc, or YYYYMMDD.ztd.tif; metres; one for every date of the series.

    Returns
    -------
    The dataset, NaN where a delay map has no value, with a sentence in `audit` that says by how much the scatter of
    the dates went down; where it went up there is one in attribute `warnings` (English, Chinese) too.

    Raises
    ------
    DataError : a velocity instead of a series, or motion that is not along a line of sight. TimeError : dates without
    a delay map (all of them are listed; no date is left out or left uncorrected). UnitError : values that are no zenith
    delay in metres. OverlapError : the maps do not meet the frame.
    """
    if "displacement" not in dataset:
        what = "GACOS corrects a series, and this product is a velocity"
        raise DataError(what, where=str(folder), fix="give the series, or remove `gacos` of this track")
    chosen = _of_dates(delay_maps(folder), dataset["time"].to_numpy(), folder)
    frame = frame_of(dataset)
    level, sentences, warnings = _evidence(dataset, frame, chosen, folder)
    displacement, up = dataset["displacement"], dataset["los_up"]
    data = displacement.data if isinstance(displacement.data, da.Array) else da.from_array(displacement.data)
    looks = up.data if isinstance(up.data, da.Array) else da.from_array(up.data)

    def block(values: Any, look: Any, block_info: Any = None) -> NDArray[np.float32]:
        (t0, t1), rows, columns = block_info[None]["array-location"]
        x, y = np.meshgrid(frame.coords()["x"][slice(*columns)], frame.coords()["y"][slice(*rows)])
        first, *others = _delays([chosen[0], *chosen[t0:t1]], frame.crs, x, y)
        out = np.empty(values.shape, dtype=np.float32)
        for i, delay in enumerate(others):
            out[i] = values[i] + (delay - first) / look - level[t0 + i]
        return out

    done = da.map_blocks(block, data, looks.rechunk(data.chunks[1:]), dtype=np.float32, meta=np.empty((0, 0, 0), "f4"))
    said = [*dataset.attrs.get("audit", []), *sentences]
    noted = [*dataset.attrs.get("warnings", []), *warnings]
    out = dataset.assign(displacement=displacement.copy(data=done))
    return out.assign_attrs(audit=said, warnings=noted)


def _of_dates(maps: dict[str, DelayMap], times: NDArray[np.datetime64], folder: Path) -> list[DelayMap]:
    days = [str(t)[:10].replace("-", "") for t in times]
    lost = [d for d in days if d not in maps]
    if lost:
        what = f"{len(lost)} of {len(days)} dates have no delay map: {', '.join(lost[:20])}"
        what += " ..." if len(lost) > 20 else ""
        raise TimeError(what, where=str(folder), fix="fetch these dates, or give a series without them")
    return [maps[d] for d in days]


def _delays(
    maps: Sequence[DelayMap], crs: str, x: NDArray[np.float64], y: NDArray[np.float64]
) -> list[NDArray[np.float32]]:
    """Return the zenith delays (m, n) of maps at positions (m, n) in a CRS; bilinear, NaN outside a map."""
    places: dict[tuple[Any, ...], tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
    out = []
    for one in maps:
        key = (one.frame.crs, *one.frame.transform[:6])
        if key not in places:
            px, py = x, y
            if CRS(one.frame.crs) != CRS(crs):
                px, py = Transformer.from_crs(crs, one.frame.crs, always_xy=True).transform(x, y)
            column, row = ~one.frame.transform * (np.asarray(px), np.asarray(py))
            places[key] = (np.ascontiguousarray(row - 0.5), np.ascontiguousarray(column - 0.5))
        row, column = places[key]
        n_y, n_x = one.frame.shape
        near = (row > -1) & (row < n_y) & (column > -1) & (column < n_x)
        if not near.any():
            out.append(np.full(row.shape, np.nan, dtype=np.float32))
            continue
        r0, r1 = max(0, int(row[near].min())), min(n_y, int(row[near].max()) + 2)
        c0, c1 = max(0, int(column[near].min())), min(n_x, int(column[near].max()) + 2)
        window = one.window((r0, r1), (c0, c1))
        out.append(sample_bilinear(window, np.where(near, row - r0, -9.0), np.where(near, column - c0, -9.0)))
    return out


def _evidence(
    dataset: xr.Dataset, frame: Frame, maps: Sequence[DelayMap], folder: Path
) -> tuple[NDArray[np.float64], list[str], list[tuple[str, str]]]:
    """Return the mean of every date's correction [m], sentences of evidence, and warnings, from a sample of rows."""
    rows = np.unique(np.linspace(0, frame.shape[0] - 1, min(_SAMPLE_ROWS, frame.shape[0])).astype(int))
    step = max(1, frame.shape[1] // _SAMPLE_COLUMNS)
    coords = frame.coords()
    x, y = np.meshgrid(coords["x"][::step], coords["y"][rows])
    up = np.asarray(dataset["los_up"][rows, ::step], dtype=np.float64)
    if np.isfinite(up).any() and not float(np.nanmedian(up)) > _LEAST_UP:
        what = "the motion is not along a line of sight (east component): a delay cannot be taken off it"
        raise DataError(what, where=str(folder), fix="remove `gacos` of this track")
    series = np.asarray(dataset["displacement"][:, rows, ::step], dtype=np.float64)
    delays = np.stack(_delays(maps, frame.crs, x, y)).astype(np.float64)
    _check_delays(delays, maps)
    change = (delays - delays[0]) / up
    known = np.isfinite(series) & np.isfinite(change)
    level = np.array([float(c[k].mean()) if k.any() else 0.0 for c, k in zip(change, known, strict=True)])
    before, after = _scatter(series, known), _scatter(series + change, known)
    usable = np.isfinite(before) & (before > 0) & (np.arange(len(before)) > 0)
    sentences = [f"GACOS: ztd / cos(incidence) of {len(maps)} dates against {maps[0].path.name[:8]} was added"]
    outside = float(np.mean(~np.isfinite(delays[0])))
    if outside > 0:
        sentences.append(f"GACOS: the maps have no value on {outside:.0%} of the frame, which is missing now")
    warnings: list[tuple[str, str]] = []
    if usable.any():
        b, a = float(np.median(before[usable])) * 1000, float(np.median(after[usable])) * 1000
        better = int((after[usable] < before[usable]).sum())
        share = 1 - float((after[usable] ** 2).sum() / (before[usable] ** 2).sum())
        sentences.append(
            f"GACOS: the scatter of a date over the frame went from {b:.1f} to {a:.1f} mm (median), the variance "
            f"{'down' if share >= 0 else 'up'} by {abs(share):.0%}; smaller on {better} of {int(usable.sum())} dates"
        )
        if not share > 0:
            warnings.append((
                f"the GACOS correction makes the series noisier (variance up by {-share:.0%}): leave it out",
                f"GACOS 改正使时间序列噪声增大（方差增加 {-share:.0%}）：建议不使用",
            ))  # fmt: skip
    return level, sentences, warnings


def _check_delays(delays: NDArray[np.float64], maps: Sequence[DelayMap]) -> None:
    known = {one.path: values[np.isfinite(values)] for one, values in zip(maps, delays, strict=True)}
    # units first: a map of differences is 0, which counts as missing, on its first date
    for path, values in ((p, v) for p, v in known.items() if v.size):
        middle = float(np.median(values))
        if not _PLAUSIBLE_M[0] < middle < _PLAUSIBLE_M[1]:
            what = f"the median is {middle:.4g}; zenith delays are {_PLAUSIBLE_M[0]} to {_PLAUSIBLE_M[1]} m"
            raise UnitError(what, where=str(path), fix="give the total zenith delay in metres, not a difference")
    for path, values in known.items():
        if not values.size:
            what = "the map has no value on the frame of the track"
            raise OverlapError(what, where=str(path), fix="fetch GACOS maps of the track's area")


def _scatter(series: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the standard deviation over the known cells of each date; NaN below ten cells."""
    parts = [s[k] for s, k in zip(series, known, strict=True)]
    return np.array([float(p.std()) if p.size >= 10 else np.nan for p in parts])
