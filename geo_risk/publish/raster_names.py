"""What each published raster is, in both languages."""

from __future__ import annotations

import re

from geo_risk.core.names import design_raster, track_raster
from geo_risk.publish.i18n import label, labels

_HOURS = re.compile(r"(?P<kind>rain|warning)_(?P<h>\d+)h")


def raster_label(name: str, language: str) -> str:
    """Return what a published raster is, by its name without suffix; "" for one that the table does not know."""
    known = labels(language)
    for prefix in ("raster", "layer"):
        if f"{prefix}.{name}" in known:
            return known[f"{prefix}.{name}"]
    found = _HOURS.fullmatch(name)
    values = design_raster(name) or track_raster(name) if found is None else found.groupdict()
    return "" if values is None else label(f"raster.{values.pop('kind')}", language, **values)
