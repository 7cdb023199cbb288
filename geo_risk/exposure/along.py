"""Points along lines, for all lines at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from geo_risk.kernels.along import piece_middles


def middles(lines: NDArray[Any], count: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the middles of `count` equal pieces of each line, line by line.

    Parameters
    ----------
    lines : (n,) LineStrings. count : (n,) >= 1.

    Returns
    -------
    (sum of count, 2) x, y, as `shapely.line_interpolate_point(line, (k + 0.5) / count, normalized=True)` gives them;
    NaN for a line without vertices.

    Raises
    ------
    ValueError : something is no LineString.
    """
    if not (shapely.get_type_id(lines) == _LINE).all():
        what = "pieces are made of LineStrings alone"
        raise ValueError(what)
    first = np.concatenate([[0], np.cumsum(shapely.get_num_coordinates(lines))]).astype(np.int64)
    xy = shapely.get_coordinates(lines)
    found: NDArray[np.float64] = piece_middles(xy, first, count)
    return found


_LINE = 1
