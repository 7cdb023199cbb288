"""Values of single-band GeoTIFFs: windows of them, marks of missing, and the same windows of every date."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.windows import Window

from geo_risk.core.errors import CorruptFileError
from geo_risk.sources.marks import FIX_TIF, check_marks, counted_marks

_SIDE = 32
_WHOLE = 9 * _SIDE
_COARSE = 8
_MAX_SCAN_CELLS = 2**28
"""Frames of more cells are not looked through for their moving ground: windows at fixed places are taken."""

_MAX_SAMPLE = 2**23


def read_values(
    path: Path, windows: Sequence[Window], *, refuses_marks: bool = False, out_shape: tuple[int, int] | None = None
) -> list[NDArray[np.float32]]:
    """Return windows of band 1 as float32, scaled as the file says, declared nodata as NaN; the file is opened once.

    Parameters
    ----------
    refuses_marks : marks of missing that the file does not declare are an error; of whole numbers with a declared
        factor only the lowest of their type are marks.
    out_shape : every k-th cell of a window is taken, so that it has this shape.

    Raises
    ------
    CorruptFileError : a window cannot be read. DataError : a mark of missing, where those are refused.
    """
    found = []
    with rasterio.open(path, driver="GTiff") as source:
        nodata, scale, offset = source.nodata, source.scales[0], source.offsets[0]
        for w in windows:
            place = f"rows {w.row_off}-{w.row_off + w.height}, columns {w.col_off}-{w.col_off + w.width}"
            try:
                out: NDArray[np.float32] = source.read(1, window=w, out_shape=out_shape).astype(np.float32)
            except RasterioError as error:
                what = f"{place} cannot be read: {error}"
                raise CorruptFileError(what, where=str(path), fix="fetch or write the file again") from error
            if nodata is not None and not np.isnan(nodata):
                out = np.where(out == np.float32(nodata), np.float32(np.nan), out)
            is_scaled = (scale, offset) != (1.0, 0.0)
            if refuses_marks:
                marks = counted_marks(source.dtypes[0]) if is_scaled else None
                check_marks(out, where=f"{path}, {place}", marks=marks, fix=FIX_TIF)
            found.append(out * np.float32(scale) + np.float32(offset) if is_scaled else out)
    return found


def sampled_dates(paths: Sequence[Path], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return the same cells of every file, (file, cell), in the order of rows of each window.

    Frames of up to 288 cells a side are taken whole. Of others six windows of 32 x 32 cells are: the four that stand
    out most from the frame on the last date (ground that moves), and the first and the last that are known best. They
    are found on every 8th cell of one file, so that a stack of many large files costs six blocks a file.

    Raises
    ------
    DataError : a mark of missing, such as -9999, that a file does not declare. CorruptFileError : one cannot be read.
    """
    if max(shape) <= _WHOLE:
        # every k-th row where the whole would not fit: the marks were looked for in all of them
        step = -(-len(paths) * shape[0] * shape[1] // _MAX_SAMPLE)
        windows = [Window(0, 0, shape[1], shape[0])]
    else:
        step, windows = 1, _windows(paths, shape)

    def cells(path: Path) -> NDArray[np.float32]:
        return np.concatenate([w[::step].ravel() for w in read_values(path, windows, refuses_marks=True)])

    with ThreadPoolExecutor(4) as pool:
        return np.stack(list(pool.map(cells, paths)))


def _windows(paths: Sequence[Path], shape: tuple[int, int]) -> list[Window]:
    side = [min(_SIDE, n) for n in shape]
    corners = [np.linspace(0, n - s, 3).astype(int) for n, s in zip(shape, side, strict=True)]
    fixed = [Window(c, r, side[1], side[0]) for r in corners[0] for c in corners[1]]
    if shape[0] * shape[1] > _MAX_SCAN_CELLS:
        return fixed
    coarse = (-(-shape[0] // _COARSE), -(-shape[1] // _COARSE))
    for path in (paths[-1], paths[len(paths) // 2], paths[0]):
        (scan,) = read_values(path, [Window(0, 0, shape[1], shape[0])], out_shape=coarse)
        if np.isfinite(scan).any():
            return _telling(scan, shape, side)
    return fixed


def _telling(scan: NDArray[np.float32], shape: tuple[int, int], side: Sequence[int]) -> list[Window]:
    """Return the windows that stand out most and those that are known best, by every 8th cell of a frame."""
    k = _SIDE // _COARSE
    rows, columns = (-(-n // k) for n in scan.shape)
    padded = np.full((rows * k, columns * k), np.nan)
    padded[: scan.shape[0], : scan.shape[1]] = scan
    tiles = padded.reshape(rows, k, columns, k).transpose(0, 2, 1, 3).reshape(rows * columns, k * k)
    known = np.isfinite(tiles)
    count = known.sum(axis=1)
    middle = np.where(known, tiles, 0).sum(axis=1) / np.maximum(count, 1)
    out_by = np.where(count * 2 >= count.max(), np.abs(middle - np.median(scan[np.isfinite(scan)])), -1.0)
    best = np.flatnonzero(count == count.max())
    chosen = dict.fromkeys([*np.argsort(-out_by, kind="stable")[:4], best[0], best[-1]])
    at = [(min(int(i) // columns * _SIDE, shape[0] - side[0]), min(int(i) % columns * _SIDE, shape[1] - side[1]))
          for i in chosen]  # fmt: skip
    return [Window(c, r, side[1], side[0]) for r, c in at]
