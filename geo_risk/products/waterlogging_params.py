"""Parameters of the waterlogging list."""

from __future__ import annotations

from itertools import pairwise

from pydantic import model_validator

from geo_risk.core.params import Params, check_weights, parameter

_CHOICE = "choice of geo_risk"


class WaterloggingParams(Params):
    """How waterlogging sites are classed and ranked, and how their cause is told."""

    depth_classes_m: tuple[float, ...] = parameter(
        (0.15, 0.27, 0.40, 0.50), "Lower bounds of the depth classes 1, 2, 3, ...; they differ by city.",
        source="depth classes 15/27/40/50 cm, METHODS.md section 4", min_length=1, max_length=8,
    )  # fmt: skip
    depth_scale_m: float = parameter(
        1.0, "Depth at which the depth part of the score reaches 63 %.",
        source=f"{_CHOICE}: still tells half a metre from one", gt=0, le=5,
    )  # fmt: skip
    unknown_depth_m: float = parameter(
        0.27, "Depth with which sites of unknown depth are ranked.",
        source=f"{_CHOICE}: the second class; unknown is not safe", ge=0, le=5,
    )  # fmt: skip
    weights: dict[str, float] = parameter(
        {"depth": 0.94, "people": 0.02, "traffic": 0.02, "duration": 0.02},
        "Weights of the score that ranks the list; they are scaled to one.",
        source=f"{_CHOICE}: the deepest first; people, traffic and duration part sites of like depth",
    )  # fmt: skip
    close_class: int = parameter(
        2, "Depth class at which a road is closed; the highest where the profile has fewer.",
        source="27 cm: near the 25 cm (Shenyang) and 30 cm (Chengdu tunnels) of METHODS.md section 4", ge=1, le=8,
    )  # fmt: skip
    owner_date: str | None = parameter(
        None, "Day for which the expiry of responsibilities is judged, such as 2026-06-01; by default that of the "
        "newest forecast, else of the end of the storm.",
        source=f"{_CHOICE}: a run gives the same result on any day", pattern=r"^\d{4}-\d{2}-\d{2}$",
    )  # fmt: skip
    expiry_notice_days: int = parameter(
        30, "Responsibilities that end within so many days are told.", source=f"{_CHOICE}: a month to renew", ge=0,
        le=3650,
    )  # fmt: skip
    report_snap_m: float = parameter(
        60.0, "A report without a site's id belongs to the nearest site within this distance; others within it of one "
        "another are one place.", source=f"{_CHOICE}: a junction, and the error of a hand-held position", ge=0, le=1000,
    )  # fmt: skip
    report_after_h: float = parameter(
        12.0, "A report of water up to so many hours after the end of the town's run is of its storm.",
        source=f"{_CHOICE}: an underpass is pumped out by then; later water is of another rain", ge=0, le=240,
    )  # fmt: skip
    silence_is_dry: bool = parameter(
        False, "A site that nobody reported counts as dry, where reports are known to be complete.",
        source=f"{_CHOICE}: unknown is not dry",
    )  # fmt: skip
    close_storms: int = parameter(
        2, "A ledger site that was reported dry in so many storms, and wet in none, is proposed to be closed or looked "
        "at.", source=f"{_CHOICE}: once may be chance", ge=1, le=50,
    )  # fmt: skip
    pumps_per_site: int = parameter(
        3, "Most mobile pumps that are sent to one site.", source=f"{_CHOICE}: room for vehicles and hoses", ge=1, le=6
    )
    travel_max_min: float = parameter(
        60.0, "Mobile pumps are not sent farther than this.", source=f"{_CHOICE}: the hour before a short storm", gt=0,
        le=1440,
    )  # fmt: skip
    allocation_sites_max: int = parameter(
        60, "First wet sites of the list to which pumps may be sent.", source=f"{_CHOICE}: seconds of solving", ge=1,
        le=1000,
    )  # fmt: skip
    coarse_cell_m: float = parameter(
        10.0, "On a terrain model of larger cells no listed site is called dry.",
        source=f"{_CHOICE}: the width of an underpass", gt=0, le=1000,
    )  # fmt: skip
    sill_margin_m: float = parameter(
        0.10, "Water less than this below a sill is called near it.",
        source=f"{_CHOICE}: the standard deviation of modelled depths", ge=0, le=2,
    )  # fmt: skip
    cause_min_m: float = parameter(
        0.02, "A change that would lower the water by less is no explanation.", source=_CHOICE, ge=0, le=1
    )
    upstream_share_max: float = parameter(
        0.5, "Where neither change helps, water is called upstream water if at most this share falls nearby.",
        source=f"{_CHOICE}: most of it", ge=0, le=1,
    )  # fmt: skip

    @model_validator(mode="after")
    def _profile_and_weights(self) -> WaterloggingParams:
        bounds = self.depth_classes_m
        if not (bounds[0] > 0 and all(a < b for a, b in pairwise(bounds))):
            what = f"depth_classes_m is {bounds}; increasing depths above 0 needed"
            raise ValueError(what)
        check_weights("weights", self.weights, {"depth", "people", "traffic", "duration"})
        return self
