"""Look vectors from angles."""

from __future__ import annotations

import numpy as np


def look_vector(incidence_deg: float, heading_deg: float) -> tuple[float, float, float]:
    """Return the unit vector (east, north, up) from ground to a right-looking satellite.

    Parameters
    ----------
    incidence_deg : from the vertical. heading_deg : flight direction, clockwise from north.
    """
    incidence, heading = np.deg2rad(incidence_deg), np.deg2rad(heading_deg)
    # it looks 90 degrees right of its heading; the vector back from the ground points to the left of it
    bearing = heading - np.pi / 2
    horizontal = np.sin(incidence)
    return float(horizontal * np.sin(bearing)), float(horizontal * np.cos(bearing)), float(np.cos(incidence))
