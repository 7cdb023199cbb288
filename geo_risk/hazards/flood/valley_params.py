"""Parameters of the flow that is run over the valleys of the map."""

from __future__ import annotations

from geo_risk.core.params import Params, parameter

_CHOICE = "choice of geo_risk"


class ValleyFlowParams(Params):
    """Two-dimensional flow over the map's valleys, where their bed is gentle; rating curves elsewhere."""

    cells_max: int = parameter(
        400_000, "Most cells of the coarse grid that is run; 0: rating curves alone. Where blocks of up to "
        "`block_max_m` do not bring the map below it, rating curves alone count.",
        source=f"{_CHOICE}: 1,440 km2 at 60 m, some minutes on two cores", ge=0, le=20_000_000,
    )  # fmt: skip
    block_max_m: float = parameter(
        120.0, "Largest cell of the coarse grid.", source=f"{_CHOICE}: the width of a county's river valley at least",
        gt=0, le=1000,
    )  # fmt: skip
    manning_n: float = parameter(
        0.05, "Roughness of channels and valley floors.", source="Chow (1959) table 5-6: floodplains with crops",
        gt=0, le=0.5,
    )  # fmt: skip
    lead_h: int = parameter(
        8, "Hours that are run before the wettest ones, so that water from upstream is on its way.",
        source=f"{_CHOICE}: 30 km of river at 1 m/s", ge=0, le=72,
    )  # fmt: skip
    after_h: int = parameter(
        4, "Hours that are run after the wettest ones, and after the crest of each river from beyond the map comes in.",
        source=f"{_CHOICE}: the wave's crest passes the map",
        ge=0, le=72,
    )  # fmt: skip
    hours_max: int = parameter(
        72, "Longest run; a storm that goes on longer, or a crest that comes later, is judged by rating curves.",
        source=f"{_CHOICE}: the longest storm of river.storm_h", ge=6, le=240,
    )  # fmt: skip
    local_share: float = parameter(
        0.5, "The run holds the wettest hours of every rain cell whose rain is at least this share of the greatest.",
        source=f"{_CHOICE}: half the rain makes well below half the runoff", gt=0, le=1,
    )  # fmt: skip
