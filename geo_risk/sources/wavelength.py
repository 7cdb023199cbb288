"""The wavelength of the radar of a track, by its product or by the configuration."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from geo_risk.core.errors import AmbiguousError
from geo_risk.sources.options import TrackOptions

SENTINEL_1_M = 0.05546576
"""Wavelength of Sentinel-1, 5.405 GHz."""


def with_wavelength(dataset: xr.Dataset, options: TrackOptions, path: Path) -> xr.Dataset:
    """Return the dataset with the attribute `wavelength_m` by the product, else by the configuration, if by either.

    Raises
    ------
    AmbiguousError : they differ by more than a hundredth.
    """
    own, said = dataset.attrs.get("wavelength_m"), options.wavelength_m
    if own is not None and said is not None and not abs(own / said - 1) <= 0.01:
        what = f"the product's wavelength is {own:g} m, the config says {said:g}"
        raise AmbiguousError(what, where=str(path), fix="remove `wavelength_m` from this track, or mend the file")
    known = own if own is not None else said
    return dataset if known is None else dataset.assign_attrs(wavelength_m=known)


def wavelength_of(attrs: dict[str, str]) -> dict[str, float]:
    """Return the wavelength of the radar [m] as `wavelength_m`; nothing where the file states none of sense."""
    try:
        value = float(attrs.get("WAVELENGTH") or attrs["wavelength"])
    except (KeyError, ValueError):
        return {}
    return {"wavelength_m": value} if 0.01 < value < 1 else {}
