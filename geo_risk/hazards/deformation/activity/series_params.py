"""Parameters of the series of bodies."""

from __future__ import annotations

from geo_risk.core.params import Params, parameter


class SeriesParams(Params):
    """From the pixels of a body to its one series against stable ground around it."""

    minimum_coherence: float = parameter(
        0.25, "Cells with a lower mean coherence have no say (where coherence is given)", ge=0, lt=1,
        source="as of velocities",
    )  # fmt: skip
    minimum_known_share: float = parameter(
        0.8, "A cell takes part where it is known on this share of the dates of the body's longest series",
        gt=0.5, le=1,
        source="choice of geo_risk: any two such cells share most dates, so a cell lost part way cannot bend the mean",
    )  # fmt: skip
    body_pixels: int = parameter(
        2000, "Most cells of a body that are read (evenly spaced beyond it)", ge=10, le=1_000_000,
        source="choice of geo_risk: common noise, not their number, limits a mean of so many",
    )  # fmt: skip
    ring_gap_m: float = parameter(
        100.0, "Cells closer to a body than this may move with it", ge=0, le=10_000, source="choice of geo_risk",
    )  # fmt: skip
    ring_reach_m: float = parameter(
        1500.0, "Farthest stable ground that a body is held against", gt=0, le=50_000,
        source="choice of geo_risk: beyond it the atmosphere is another",
    )  # fmt: skip
    ring_pixels: int = parameter(
        200, "How many of the nearest stable cells are the local reference", ge=10, le=10_000,
        source="choice of geo_risk: enough for their own noise to vanish, near enough to share the atmosphere",
    )  # fmt: skip
    minimum_ring_pixels: int = parameter(
        20, "With fewer stable cells around there is no local reference, only that of the scene", ge=3, le=10_000,
        source="choice of geo_risk",
    )  # fmt: skip
    stable_factor: float = parameter(
        2.5, "Stable ground moves at most this many robust standard deviations of the scene's velocities", gt=0, le=10,
        source="as of the scene correction",
    )  # fmt: skip
