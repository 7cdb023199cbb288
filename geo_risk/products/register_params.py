"""Parameters of the rules by which runs propose changes to the register."""

from __future__ import annotations

from geo_risk.core.params import Params, parameter

_CHOICE = "choice of geo_risk"


class RegisterParams(Params):
    """How a run is compared with the register, and how long each stage of a new point may take."""

    match_distance_m: float = parameter(
        120.0, "A point of a run is that of the register within this distance, where the kinds can be one.",
        source=f"{_CHOICE}: as risk.match_distance_m", gt=0, le=2000,
    )  # fmt: skip
    match_zone_iou: float = parameter(
        0.3, "A zone of a run is that of the register from this share of overlap in union.",
        source=f"{_CHOICE}: outlines of one slope from two runs differ", gt=0, le=1,
    )  # fmt: skip
    move_distance_m: float = parameter(
        60.0, "A new position of a known point is proposed from this distance.",
        source=f"{_CHOICE}: two cells of the run grid", gt=0, le=2000,
    )  # fmt: skip
    redraw_zone_iou: float = parameter(
        0.8, "A new outline of a known zone is proposed below this share of overlap in union.",
        source=f"{_CHOICE}: less is the raggedness of cells", gt=0, le=1,
    )  # fmt: skip
    people_change: int = parameter(
        5, "Counts of people, households and buildings that differ by less are not proposed; so many more people are, "
        "whatever share of all they are.",
        source=f"{_CHOICE}: a household", ge=0,
    )  # fmt: skip
    change_share: float = parameter(
        0.2, "Counts, areas, lengths and assets that differ by a smaller share are not proposed; more people are.",
        source=f"{_CHOICE}: the error of such figures", ge=0, le=1,
    )  # fmt: skip
    speed_change_mm_yr: float = parameter(
        5.0, "Velocities that differ by less, or by less than two of their common errors, are not proposed.",
        source=f"{_CHOICE} after the activity class of 5 mm/yr of Cigna 2012", ge=0, le=200,
    )  # fmt: skip
    dormant_after_runs: int = parameter(
        2, "Runs on different data that must see a place still, one after the other, before it is proposed dormant; "
        "runs that are blind there do not count.",
        source=f"{_CHOICE}: one series may end before a season that moves it", ge=1, le=50,
    )  # fmt: skip
    cancel_after_runs: int = parameter(
        2, "Further such runs before a dormant object is proposed to be cancelled.",
        source=f"{_CHOICE}: as above", ge=1, le=50,
    )  # fmt: skip
    dormant_max_level: int = parameter(
        1, "A still place is proposed dormant only where the hazard of its ground is known and at most this.",
        source=f"{_CHOICE}: low or none, as risk.dormant_max_level", ge=0, le=3,
    )  # fmt: skip
    still_share: float = parameter(
        0.8, "Share of the ground of a point or zone that the run must call stable, and none moving, to see it still.",
        source=f"{_CHOICE}: as risk.point_stable_share", gt=0, le=1,
    )  # fmt: skip
    point_radius_m: float = parameter(
        30.0, "Radius around a point in which a run is asked what it saw.",
        source=f"{_CHOICE}: as risk.point_radius_m", gt=0, le=2000,
    )  # fmt: skip
    duplicate_distance_m: float = parameter(
        30.0, "Two points of one kind closer than this are proposed to be merged.",
        source=f"{_CHOICE}: as risk.duplicate_distance_m", ge=0, le=500,
    )  # fmt: skip
    assign_within_days: int = parameter(
        7, "Days from the confirmation of a new or moving object until it must be assigned.",
        source=f"{_CHOICE}: set your bureau's terms", ge=0, le=3650,
    )  # fmt: skip
    inspect_within_days: int = parameter(
        15, "Days from assignment until the inspection is due, where none is given.",
        source=f"{_CHOICE}: set your bureau's terms", ge=0, le=3650,
    )  # fmt: skip
    measure_within_days: int = parameter(
        60, "Days from inspection until the measure is due, where none is given.",
        source=f"{_CHOICE}: set your bureau's terms", ge=0, le=3650,
    )  # fmt: skip
