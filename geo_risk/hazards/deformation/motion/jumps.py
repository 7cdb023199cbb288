"""Patches of one date that stand off from all around them and come back: unwrapping errors, left out of the fit."""

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
_BACK = 0.5
"""A block is back where it is off by less than this share of what it was: nearer to where it had been (choice of
geo_risk)."""


@dataclass(frozen=True)
class Jumps:
    """Blocks of each date to leave out.

    Attributes
    ----------
    mask : (time, rows, columns) of blocks.
    block : cells along one side of a block.
    last : (rows, columns) last date on which each block is known, -1 for none; None: all are on the last date.
    """

    mask: Bool
    block: int
    last: NDArray[np.int16] | None = None

    def cells(self, rows: tuple[int, int], columns: tuple[int, int]) -> Bool:
        """Return the mask of a window of cells (time, y, x)."""
        return self._at(self.mask, rows, columns)

    def settled(self, rows: tuple[int, int], columns: tuple[int, int]) -> Bool:
        """Return the mask of a window of cells (time, y, x) without what lies on the last date of a block."""
        out = self.cells(rows, columns)
        if len(out):
            before = np.arange(len(out))[:, None, None] < self._last()
            out &= self._at(before, rows, columns)
        return out

    def at_end(self) -> Bool:
        """Blocks (rows, columns) left out on their last date: nothing came after to show that the ground came back."""
        if not len(self.mask):
            return np.zeros(self.mask.shape[1:], dtype=bool)
        last = self._last()
        out: Bool = np.take_along_axis(self.mask, np.maximum(last, 0)[None].astype(np.int64), axis=0)[0] & (last >= 0)
        return out

    def ends_open(self, rows: tuple[int, int], columns: tuple[int, int]) -> Bool:
        """Return the cells (y, x) of a window whose last date was left out."""
        return self._at(self.at_end(), rows, columns)

    def _last(self) -> NDArray[np.int16]:
        if self.last is not None:
            return self.last
        return np.full(self.mask.shape[1:], len(self.mask) - 1, dtype=np.int16)

    def _at(self, blocks: Bool, rows: tuple[int, int], columns: tuple[int, int]) -> Bool:
        r, c = (np.arange(*span) // self.block for span in (rows, columns))
        out: Bool = blocks[..., r, :][..., c]
        return out

    @property
    def share(self) -> float:
        """Share of all block-dates that is left out."""
        return float(self.mask.mean()) if self.mask.size else 0.0


def find_jumps(dataset: xr.Dataset, design: NDArray[np.float64], correction: SceneCorrection) -> Jumps:
    """Find patches that are off on one date alone, by what atmosphere does not do.

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
    around it, where each block is off by less than half as much on its known dates before and after: what stays off
    has moved, or is an error that lasts, and no date of it is left out. On the last known date of a block nothing comes
    after: such a patch is left out, and `Jumps.at_end` says where. A block that sinks or slides far faster than its
    surroundings is never one, nor is a date on which more than a fifth of the scene would be.
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
    off = np.stack([_standing_off(r) for r in residual])
    far = np.stack([_patches(r, o, moving) for r, o in zip(residual, off, strict=True)])
    known = np.isfinite(residual)
    alone = far & _back(off, known, forward=False) & _back(off, known, forward=True)
    around = np.ones((1, 3, 3), dtype=bool)
    mask = ndimage.binary_dilation(alone, around) & ~(far & ~alone)
    last = np.where(known.any(axis=0), len(known) - 1 - known[::-1].argmax(axis=0), -1)
    return Jumps(mask, block, last.astype(np.int16))


def _back(off: NDArray[np.float32], known: Bool, *, forward: bool) -> Bool:
    """Return where a block (time, rows, columns) is near its place on the next known date, or on the one before.

    True too where there is none: an end says nothing.
    """
    step = slice(None, None, -1 if forward else 1)
    out = np.ones(off.shape, dtype=bool)
    other = np.zeros(off.shape[1:], dtype=np.float32)
    for here, value, there in zip(out[step], off[step], known[step], strict=True):
        here[:] = np.abs(other) < _BACK * np.abs(value)
        np.copyto(other, value, where=there)
    return out


def _block_means(layer: xr.DataArray, block: int) -> NDArray[np.float32]:
    coarse = layer.coarsen({"y": block, "x": block}, boundary="pad").mean()
    out: NDArray[np.float32] = np.ascontiguousarray(coarse.to_numpy(), dtype=np.float32)
    return out


def _fast(velocity: NDArray[np.float32]) -> Bool:
    off = np.abs(velocity - np.nanmedian(velocity))
    out: Bool = ~(off <= 6 * np.nanmedian(off) * 1.4826)
    return out


def _standing_off(residual: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return by how much each block of a date is off from the median around it; 0 where too few are known."""
    known = np.isfinite(residual)
    if known.sum() < 4 * _MINIMUM_BLOCKS:
        return np.zeros(residual.shape, dtype=np.float32)
    filled = np.where(known, residual, np.float32(np.median(residual[known])))
    out: NDArray[np.float32] = filled - ndimage.median_filter(filled, size=2 * _HALF_WINDOW + 1, mode="nearest")
    return out


def _patches(residual: NDArray[np.float32], off: NDArray[np.float32], moving: Bool) -> Bool:
    known = np.isfinite(residual)
    nothing = np.zeros(residual.shape, dtype=bool)
    if known.sum() < 4 * _MINIMUM_BLOCKS:
        return nothing
    sigma = 1.4826 * float(np.median(np.abs(off[known])))
    labels, n = ndimage.label((np.abs(off) > max(_SIGMAS * sigma, _MINIMUM_M)) & known & ~moving)
    large = np.flatnonzero(np.bincount(labels.ravel(), minlength=n + 1) >= _MINIMUM_BLOCKS)
    jump = np.isin(labels, large[large > 0])
    return nothing if jump[known].mean() > _MAX_SHARE else jump
