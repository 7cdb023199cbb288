"""Units of layers and numbers, through pint."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import pint
import xarray as xr

from geo_risk.core.errors import UnitError

_ALIASES = {
    "": None,
    "1": "dimensionless",
    "-": "dimensionless",
    "m3": "m**3",
    "m2": "m**2",
    "m3/s": "m**3/s",
    "mm/yr": "mm/year",
    "m/yr": "m/year",
    "cm/yr": "cm/year",
    "mm/yr2": "mm/year**2",
    "mm/h": "mm/hour",
    "mm/hr": "mm/hour",
    "m of water equivalent": "m",
    "毫米": "mm",
    "level": "dimensionless",
    "degrees": "degree",
}

_POWER = re.compile(r"(?<![\w.])([A-Za-z]+)(?:\^|\*\*)?([+-]?\d+)(?![\w.])")
"""A unit with its power as CF (UDUNITS) writes it: m-2, s-1, m^2, m2."""


_MULTIPLE = re.compile(r"^\s*(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)[\s*]+(?=[^\W\d])")
"""A number before a unit, as in 0.1 mm."""

_OWN = frozenset({"mm", "mm/h", "m", "degree", "1"})
"""Units that our own layers have: one of them is itself without the registry, which takes half a second to load."""


@lru_cache(maxsize=1)
def registry() -> pint.UnitRegistry[float]:
    """Return the unit registry: pint's own, a year of 365.25 days, and water's 1 kg m-2 = 1 mm."""
    units: pint.UnitRegistry[float] = pint.UnitRegistry(cache_folder=None)
    water = pint.Context("water")
    density = units.Quantity(1000.0, "kg/m**3")

    def to_depth(ureg: Any, value: Any, **kwargs: Any) -> Any:  # noqa: ARG001 - the signature is pint's
        return value / density

    def to_mass(ureg: Any, value: Any, **kwargs: Any) -> Any:  # noqa: ARG001 - the signature is pint's
        return value * density

    for per in ("", "/[time]"):
        water.add_transformation(f"[mass]/[length]**2{per}", f"[length]{per}", to_depth)
        water.add_transformation(f"[length]{per}", f"[mass]/[length]**2{per}", to_mass)
    units.add_context(water)
    return units


def _parse(unit: str | None, *, where: str, wanted: str) -> pint.Unit:
    text = None if unit is None else _ALIASES.get(unit.strip(), unit.strip())
    if not text:
        what = f"{where} has units {unit!r}; {wanted!r} needed"
        raise UnitError(what, where=where, fix=f"add `units: {wanted}` to this source, or the unit it really has")
    try:
        return registry().Unit(_POWER.sub(r"\1**\2", text))
    except (pint.errors.PintError, AttributeError, ValueError, TypeError, AssertionError) as error:
        what = f"{where} has units {unit!r}, which are not known; {wanted!r} needed"
        raise UnitError(what, where=where, fix=f"write a unit such as {wanted!r}") from error


def factor(from_unit: str | None, to_unit: str, *, where: str = "value") -> float:
    """Return the number that turns `from_unit` into `to_unit`; "0.1 mm" is a unit as well.

    Raises
    ------
    UnitError : units absent, unknown or incompatible (an offset unit such as degC counts as incompatible).
    """
    if from_unit == to_unit and to_unit in _OWN:
        return 1.0
    multiple = _MULTIPLE.match(from_unit or "")
    if multiple and from_unit:
        return float(multiple.group(1)) * factor(from_unit[multiple.end() :], to_unit, where=where)
    source = _parse(from_unit, where=where, wanted=to_unit)
    target = _parse(to_unit, where=where, wanted=to_unit)
    try:
        with registry().context("water"):
            return float(registry().Quantity(1.0, source).to(target).magnitude)
    except pint.errors.PintError as error:
        what = f"{where} has units {from_unit!r}, which cannot become {to_unit!r}"
        raise UnitError(what, where=where, fix=f"give a quantity in a unit that converts to {to_unit!r}") from error


def in_units(layer: xr.DataArray, unit: str) -> xr.DataArray:
    """Return the layer in `unit`; the input is not touched, lazy stays lazy.

    Parameters
    ----------
    layer : any dims, attr `units`.
    unit : the unit wanted.

    Raises
    ------
    UnitError : units absent, unknown or incompatible.
    """
    name = f"layer {str(layer.name or 'unnamed')!r}"
    have = layer.attrs.get("units")
    scale = factor(None if have is None else str(have), unit, where=name)
    out = layer if scale == 1.0 else layer * layer.dtype.type(scale) if layer.dtype.kind == "f" else layer * scale
    return out.assign_attrs({**layer.attrs, "units": unit})
