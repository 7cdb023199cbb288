"""What each published raster is, in both languages."""

from __future__ import annotations

import re

from geo_risk.publish.i18n import label, labels

_TRACK = re.compile(
    r"(?P<kind>velocity|velocity_std|hotspot_z|annual_amplitude|annual_amplitude_std|acceleration|acceleration_std"
    r"|series_class|series_acceleration|series_acceleration_std|break_date)_(?P<track>[A-Za-z0-9\-]+)"
)
_STEP = re.compile(r"(?P<kind>step|step_std)_(?P<date>\d{8})_(?P<track>[A-Za-z0-9\-]+)")
_HOURS = re.compile(r"(?P<kind>rain|warning)_(?P<h>\d+)h")


def raster_label(name: str, language: str) -> str:
    """Return what a published raster is, by its name without suffix; "" for one that the table does not know."""
    known = labels(language)
    for prefix in ("raster", "layer"):
        if f"{prefix}.{name}" in known:
            return known[f"{prefix}.{name}"]
    for pattern in (_STEP, _HOURS, _TRACK):
        found = pattern.fullmatch(name)
        if found is not None:
            values = found.groupdict()
            return label(f"raster.{values.pop('kind')}", language, **values)
    return ""
