"""Parameters of the warnings of places, of their ladder, and of what is sent out."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from geo_risk.core.params import Params, parameter

_CHOICE = "choice of geo_risk"


class CapParams(Params):
    """Who sends the CAP message, and as what; nothing goes out as Actual unless the configuration says so."""

    sender: str = parameter(
        "geo-risk@example.invalid", "Identifier of the sender, without spaces, commas, < or &; set your bureau's.",
        source="OASIS CAP 1.2, element sender", min_length=1, max_length=200, pattern=r"^[^\s,<&]+$",
    )  # fmt: skip
    sender_name: str | None = parameter(
        None, "Name of the sender as people read it.", source="OASIS CAP 1.2, element senderName"
    )
    status: Literal["Actual", "Exercise", "System", "Test", "Draft"] = parameter(
        "Draft", "Status of the message; Actual only where you mean the public to act on it.",
        source="OASIS CAP 1.2, element status; Draft is the choice of geo_risk: a test must not go out as a warning",
    )  # fmt: skip
    scope: Literal["Public", "Restricted", "Private"] = parameter(
        "Restricted", "Whom the message is for.", source="OASIS CAP 1.2, element scope; Restricted is the choice"
    )
    restriction: str = parameter(
        "For the duty officers of the bureau only.", "Rule of a Restricted message.",
        source="OASIS CAP 1.2, element restriction", min_length=1, max_length=500,
    )  # fmt: skip
    addresses: str = parameter(
        "duty-officers", "Recipients of a Private message, blank-separated.",
        source="OASIS CAP 1.2, element addresses", min_length=1, max_length=500,
    )  # fmt: skip
    least_level: int = parameter(
        2, "Warnings from this level on make an alert: 1 blue, 2 yellow, 3 orange, 4 red.",
        source="warnings are public from yellow up (METHODS.md section 3)", ge=1, le=4,
    )  # fmt: skip


class WarningParams(Params):
    """How moving slopes lower triggers, when a warning may be lowered, and what the bulletin says."""

    moving_trigger_factor: float = parameter(
        0.8, "Trigger rain of slopes that radar sees move is multiplied with this.",
        source=f"{_CHOICE}: a slope that moves has less reserve; no measured value was found, set your own",
        gt=0, le=1,
    )  # fmt: skip
    accelerating_trigger_factor: float = parameter(
        0.6, "The same for slopes whose motion accelerates.", source=f"{_CHOICE}: as above, twice the step",
        gt=0, le=1,
    )  # fmt: skip
    point_area_share: float = parameter(
        0.5, "A hazard point has the highest warning level that at least this share of the ground around it reaches.",
        source=f"{_CHOICE}: the median, as for its hazard level", gt=0, le=1,
    )  # fmt: skip
    lower_margin_mm: float = parameter(
        10.0, "A warning is lowered at once where the rain is at least this far below the trigger of its level.",
        source=f"{_CHOICE}: forecasts of one storm differ by more than this from hour to hour", ge=0, le=500,
    )  # fmt: skip
    lower_after_issues: int = parameter(
        2, "It is lowered too when this many issues in a row judge it lower.",
        source=f"{_CHOICE}: one issue may be an outlier", ge=1, le=24,
    )  # fmt: skip
    gap_level: int = parameter(
        3, "Zones of at least this risk or warning level without a hazard point are listed as gaps.",
        source=f"{_CHOICE}: high", ge=1, le=4,
    )  # fmt: skip
    cap: CapParams = CapParams()

    @model_validator(mode="after")
    def _accelerating_is_graver(self) -> Self:
        if self.accelerating_trigger_factor > self.moving_trigger_factor:
            what = "accelerating_trigger_factor must not be above moving_trigger_factor"
            raise ValueError(what)
        return self

    @property
    def factors(self) -> tuple[float, float]:
        """Factors of moving and of accelerating slopes."""
        return self.moving_trigger_factor, self.accelerating_trigger_factor
