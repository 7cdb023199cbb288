"""Isotropic random fields with a power-law spectrum."""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.typing import NDArray

Array = NDArray[np.float64]

ROUND_TO = 2.0**-20
"""Fields are rounded to this, so that the last bits of an FFT do not differ between platforms."""


def power_law_field(
    shape: tuple[int, int], rng: np.random.Generator, *, slope: float, outer_cells: float | None = None
) -> Array:
    """Return a field (y, x) of mean 0 and standard deviation 1 whose profiles have the spectrum k^-slope.

    Parameters
    ----------
    shape : rows and columns.
    rng : source of the white noise.
    slope : exponent of the one-dimensional spectrum (8/3 for a turbulent atmosphere, Hanssen 2001 ch. 4); the
        two-dimensional spectrum falls with slope + 1.
    outer_cells : wavelength in cells above which the spectrum is flat; None: the longer side.

    Returns
    -------
    float64, not periodic: it is cut from a field 1.25 times as large.
    """
    rows, columns = (scipy.fft.next_fast_len(int(np.ceil(1.25 * n)) + 2, real=True) for n in shape)
    white = scipy.fft.rfft2(rng.standard_normal((rows, columns)))
    wave = np.hypot(scipy.fft.fftfreq(rows)[:, None], scipy.fft.rfftfreq(columns)[None, :])
    floor = 1.0 / (outer_cells or max(shape))
    white *= np.maximum(wave, floor) ** (-(slope + 1) / 2)
    white[0, 0] = 0
    field = scipy.fft.irfft2(white, s=(rows, columns))[: shape[0], : shape[1]]
    field = (field - field.mean()) / field.std()
    return np.asarray(np.round(field / ROUND_TO) * ROUND_TO, dtype=np.float64)


def smooth_step(value: Array, low: float | Array, high: float | Array) -> Array:
    """Return 0 below `low`, 1 above `high`, a cubic between."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), dtype=np.float64)
