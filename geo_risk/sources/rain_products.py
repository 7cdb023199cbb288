"""The rain products that can be read: how each is recognised, and who opens it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from geo_risk.core.errors import AmbiguousError, DataError, RefusedFileError
from geo_risk.sources.files import is_zarr_store
from geo_risk.sources.options import RainOptions
from geo_risk.sources.rain_opened import Area, Opened


class Opener(Protocol):
    """Opens the files of one series."""

    def __call__(self, paths: Sequence[Path], *, options: RainOptions, area: Area | None) -> Opened: ...  # noqa: D102


@dataclass(frozen=True)
class RainProduct:
    """One kind of rain product.

    Attributes
    ----------
    name : stable, shown to users, such as imerg_hdf5.
    files : which files to give, in a few words, for messages.
    is_it : whether files are this product, told from their content.
    opens : makes the series of them.
    takes : fields of `RainOptions` that the product leaves open; any other that the configuration gives is refused.
    """

    name: str
    files: str
    is_it: Callable[[Sequence[Path]], bool]
    opens: Opener
    takes: frozenset[str]


ALL = frozenset({"units", "crs", "nodata", "stamp", "time_zone", "kind", "interval_h"})

FOLDER_SUFFIXES = (
    *((".hdf5", ".h5"), (".nc", ".nc4"), (".grib", ".grib1", ".grib2", ".grb", ".grb1", ".grb2")),
    *((".tif", ".tiff", ".cog"), (".csv",)),
)
"""What is taken of a folder: the files of the first group that is there at all, else every file (MICAPS has no suffix
of its own)."""


def products() -> tuple[RainProduct, ...]:
    """Return every product, the more particular before the more general: the first that recognises files has them."""
    from geo_risk.sources import rain_cf, rain_ecmwf, rain_grib, rain_imerg, rain_micaps, rain_satellite, rain_tif

    return (
        RainProduct("imerg_hdf5", "3B-HHR*.HDF5 of IMERG", rain_imerg.is_hdf5, rain_imerg.open_hdf5, frozenset()),
        RainProduct("imerg_geotiff", "3B-HHR*.30min.tif (also 3hr, 1day) of IMERG GIS", rain_imerg.is_tif,
                    rain_imerg.open_tif, frozenset()),
        RainProduct("ecmwf_netcdf", "ERA5 or ERA5-Land, variable tp", rain_ecmwf.is_netcdf, rain_ecmwf.open_netcdf,
                    frozenset({"units", "kind"})),
        RainProduct("chirps_netcdf", "chirps-v*.days_p05.nc", rain_satellite.is_chirps, rain_satellite.open_chirps,
                    frozenset()),
        RainProduct("chirps_geotiff", "chirps-v*.YYYY.MM.DD.tif", rain_tif.is_chirps, rain_tif.open_chirps,
                    frozenset()),
        RainProduct("cmorph", "CMORPH_V1.0_ADJ_*.nc", rain_satellite.is_cmorph, rain_satellite.open_cmorph,
                    frozenset()),
        RainProduct("cmpas", "Z_SURF_C_BABJ_*_CMPA_*_HOR-PRE-*.GRB2", rain_grib.is_cmpas, rain_grib.open_cmpas,
                    frozenset({"time_zone"})),
        RainProduct("grib", "GRIB 1 or 2, total precipitation", rain_grib.is_grib, rain_grib.open_grib,
                    frozenset({"kind", "interval_h"})),
        RainProduct("micaps_diamond4", "MICAPS Diamond 4 texts", rain_micaps.is_it, rain_micaps.open_micaps,
                    frozenset({"encoding", "stamp", "time_zone", "interval_h", "units", "kind"})),
        RainProduct("cf_netcdf", "any CF NetCDF", rain_cf.is_netcdf, rain_cf.open_netcdf, ALL),
        RainProduct("cf_zarr", "any CF Zarr store", rain_cf.is_zarr, rain_cf.open_zarr, ALL),
        RainProduct("geotiff_series", "GeoTIFFs with a time in each name", rain_tif.is_series, rain_tif.open_series,
                    ALL),
    )  # fmt: skip


def product_of(paths: Sequence[Path], options: RainOptions) -> RainProduct:
    """Return the product that files are.

    Raises
    ------
    RefusedFileError : none of them. AmbiguousError : the configuration says what the product states itself.
    """
    known = products()
    found = next((p for p in known if p.is_it(paths)), None)
    if found is None:
        what = f"{paths[0].name} is no rain series that is known: {'; '.join(p.files for p in known)}"
        raise RefusedFileError(what, where=str(paths[0]), fix="convert the files to CF NetCDF-4")
    said = {k: v for k, v in options.said().items() if k not in found.takes and k != "encoding"}
    if said:
        what = f"{found.name} states this itself; {said} in the configuration contradicts it"
        raise AmbiguousError(what, where=str(paths[0]), fix=f"remove {', '.join(said)} from this source")
    return found


def listed(path: Path) -> list[Path]:
    """Return the files of a series by name: the file itself, a Zarr store as it is, or those of a folder.

    Raises
    ------
    DataError : it is not there, or a folder without a file.
    """
    if path.is_file() or is_zarr_store(path):
        return [path]
    if not path.is_dir():
        what = f"{path.name} is not there"
        raise DataError(what, where=str(path), fix="check the path and its permissions")
    inside = sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
    groups = [[p for p in inside if p.suffix.lower() in suffixes] for suffixes in FOLDER_SUFFIXES]
    found = next((g for g in groups if g), inside)
    if not found:
        what = f"the folder {path.name} holds no file"
        raise DataError(what, where=str(path), fix="name the folder that holds the series")
    return found
