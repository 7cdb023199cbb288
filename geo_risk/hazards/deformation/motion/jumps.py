"""Patches of a date that stand off from all around them: unwrapping errors, left out of the fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import ndimage

from geo_risk.hazards.deformation.motion.correction import SceneCorrection, basis_fields
from geo_risk.kernels.lsq import Model, bisquare, fit_series, independent

Bool = NDArray[np.bool_]

_BLOCK = 4
_MAX_BLOCKS = 40_000
_HALF_WINDOW = 7
_SIGMAS = 4.0
_MINIMUM_M = 0.012
_MINIMUM_BLOCKS = 6
_MAX_SHARE = 0.2


@dataclass(frozen=True)
class Jumps:
    """Blocks of each date to leave out.

    Attributes
    ----------
    mask : (time, rows, columns) of blocks.
    block : cells along one side of a block.
    """

    mask: Bool
    block: int

    def cells(self, rows: tuple[int, int], columns: tuple[int, int]) -> Bool:
        """Return the mask of a window of cells (time, y, x)."""
        r = np.arange(*rows) // self.block
        c = np.arange(*columns) // self.block
        out: Bool = self.mask[:, r][:, :, c]
        return out

    def at_end(self) -> Bool:
        """Blocks (rows, columns) left out on the last date: nothing came after to show that the ground came back."""
        out: Bool = self.mask[-1] if len(self.mask) else np.zeros(self.mask.shape[1:], dtype=bool)
        return out

    def ends_open(self, rows: tuple[int, int], columns: tuple[int, int]) -> Bool:
        """Return the cells (y, x) of a window whose last date was left out."""
        r, c = (np.arange(*span) // self.block for span in (rows, columns))
        out: Bool = self.at_end()[r][:, c]
        return out

    @property
    def share(self) -> float:
        """Share of all block-dates that is left out."""
        return float(self.mask.mean()) if self.mask.size else 0.0


def find_jumps(dataset: xr.Dataset, design: NDArray[np.float64], correction: SceneCorrection) -> Jumps:
    """Find patches of single dates that are off by what atmosphere does not do.

    Parameters
    ----------
    dataset : `displacement` (time, y, x) [m], lazy.
    design : (time, p) motion model.
    correction : of the scene; taken off first.

    Returns
    -------
    Jumps. Means over blocks of cells (4 x 4, larger where the frame is large) are fitted with the motion model by
    bisquare; of each date's residuals the median of 15 x 15 blocks is taken off; a patch of at least six blocks beyond
    four robust sigma of that date and 12 mm (just below half of half a wavelength at C band) is a jump, with one block
    around it. A block that sinks or slides far faster than its surroundings is never one, nor is a date on which more
    than a fifth of the scene would be.
    """
    n_y, n_x = dataset.sizes["y"], dataset.sizes["x"]
    block = max(_BLOCK, int(np.ceil(np.sqrt(n_y * n_x / _MAX_BLOCKS))))
    means = _block_means(dataset["displacement"], block)
    fields = [_block_means(f, block) for f in basis_fields(dataset, correction)]
    basis = np.stack(fields).astype(np.float32) if fields else np.zeros((0, *means.shape[1:]), np.float32)
    rest = means - np.einsum("tq,qyx->tyx", correction.coefficients, basis.astype(np.float64)).astype(np.float32)
    model = Model(design, correction.weights, np.zeros((len(design), 0)))
    nothing = np.zeros((0, *rest.shape[1:]), np.float32)
    fitted = fit_series(rest, nothing, model, bisquare(4), independent(len(design)))[0]
    residual = rest - np.einsum("tp,pyx->tyx", design, fitted.astype(np.float64)).astype(np.float32)
    moving = _fast(fitted[1])
    return Jumps(np.stack([_patches(r, moving) for r in residual]), block)


def end_note(jumps: Jumps, dataset: xr.Dataset) -> tuple[str, str] | None:
    """Say where a patch of the last date was left out, English and Chinese: sudden motion looks like that too.

    Parameters
    ----------
    jumps : of `find_jumps`.
    dataset : the series they were found in.

    Returns
    -------
    Date, how many patches, and the middle of the largest (up to three) in the track's coordinates; None for none.
    """
    labels, n = ndimage.label(jumps.at_end(), np.ones((3, 3)))
    if not n:
        return None
    order = np.argsort(-np.bincount(labels.ravel())[1:], kind="stable")[:3] + 1
    places = []
    for row, column in ndimage.center_of_mass(labels > 0, labels, order):
        y = dataset["y"].to_numpy()[min(int((row + 0.5) * jumps.block), dataset.sizes["y"] - 1)]
        x = dataset["x"].to_numpy()[min(int((column + 0.5) * jumps.block), dataset.sizes["x"] - 1)]
        places.append(f"{x:.7g}, {y:.7g}")
    day, where = str(dataset["time"].to_numpy()[-1])[:10], "; ".join(places)
    return (
        f"left out on the last date, {day}, as unwrapping errors: {n} patch{'es' if n > 1 else ''} more than 12 mm off "
        f"all around; ground that suddenly moves looks the same until the next date: check x, y {where}",
        f"末期 {day} 有 {n} 处斑块相对周边偏离超过 12 毫米，已按解缠误差剔除；但突发位移在下一期之前与之无法区分，"
        f"请核查 x, y：{where}",
    )


def _block_means(layer: xr.DataArray, block: int) -> NDArray[np.float32]:
    coarse = layer.coarsen({"y": block, "x": block}, boundary="pad").mean()
    out: NDArray[np.float32] = np.ascontiguousarray(coarse.to_numpy(), dtype=np.float32)
    return out


def _fast(velocity: NDArray[np.float32]) -> Bool:
    off = np.abs(velocity - np.nanmedian(velocity))
    out: Bool = ~(off <= 6 * np.nanmedian(off) * 1.4826)
    return out


def _patches(residual: NDArray[np.float32], moving: Bool) -> Bool:
    known = np.isfinite(residual)
    if known.sum() < 4 * _MINIMUM_BLOCKS:
        return np.zeros(residual.shape, dtype=bool)
    filled = np.where(known, residual, np.float32(np.median(residual[known])))
    off = filled - ndimage.median_filter(filled, size=2 * _HALF_WINDOW + 1, mode="nearest")
    sigma = 1.4826 * float(np.median(np.abs(off[known])))
    labels, n = ndimage.label((np.abs(off) > max(_SIGMAS * sigma, _MINIMUM_M)) & known & ~moving)
    large = np.flatnonzero(np.bincount(labels.ravel(), minlength=n + 1) >= _MINIMUM_BLOCKS)
    jump = np.isin(labels, large[large > 0])
    if jump[known].mean() > _MAX_SHARE:
        return np.zeros(residual.shape, dtype=bool)
    out: Bool = ndimage.binary_dilation(jump, np.ones((3, 3), dtype=bool))
    return out
