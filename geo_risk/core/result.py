"""What every hazard returns, and the card of the method behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import xarray as xr

from geo_risk.core.errors import UnitError
from geo_risk.core.units import in_units


@dataclass(frozen=True)
class MethodCard:
    """Name, citation and range of validity of a method, printed in the report."""

    name: str
    citation: str
    validity: str
    limits: tuple[str, ...] = ()


@dataclass(frozen=True)
class HazardResult:
    """Intensity in its native unit, level -1..4, confidence 0..1, and the method card.

    All layers are (y, x), lazy, on one Grid. `extra` holds further named layers of the hazard.
    """

    intensity: xr.DataArray
    level: xr.DataArray
    confidence: xr.DataArray
    card: MethodCard
    extra: Mapping[str, xr.DataArray] = field(default_factory=dict)


def declared(layers: Mapping[str, xr.DataArray], units: Mapping[str, str]) -> dict[str, xr.DataArray]:
    """Return just the layers a hazard declares, each in its declared unit.

    Parameters
    ----------
    layers : by name.
    units : the declared inputs, name to unit; a name that ends in "?" is optional.

    Raises
    ------
    UnitError : a unit is absent or incompatible, or a declared layer is missing.
    """
    out: dict[str, xr.DataArray] = {}
    for key, unit in units.items():
        name = key.removesuffix("?")
        if name in layers:
            out[name] = in_units(layers[name].rename(name), unit)
        elif not key.endswith("?"):
            what = f"layer {name!r} [{unit}] is missing; given: {sorted(layers)}"
            raise UnitError(what, where=name, fix=f"pass a layer named {name!r}")
    return out
