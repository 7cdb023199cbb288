"""Small datasets of named arrays (corrections, series of bodies) to NetCDF, verified before they get their name."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from geo_risk.publish.atomic import disk_full, staged


def write_dataset(dataset: xr.Dataset, path: Path) -> None:
    """Publish a dataset that fits into memory as NetCDF-4, with its coordinates and plain attributes.

    Parameters
    ----------
    dataset : arrays of numbers, texts or times; computed if lazy.

    Raises
    ------
    DiskFullError : the file did not read back as written.
    """
    plain = dataset.compute()

    def verify(written: Path) -> None:
        with xr.open_dataset(written, engine="h5netcdf") as found:
            if not found.equals(plain):
                raise disk_full(path)

    packed = {str(n): {"zlib": True, "complevel": 2} for n in plain.data_vars if plain[n].ndim and plain[n].size}
    packed = {n: e for n, e in packed.items() if plain[n].dtype.kind in "fiub"}
    times = {"time": {"units": "seconds since 2000-01-01", "dtype": "int64"}} if "time" in plain.coords else {}
    with staged(path, verify=verify) as temporary:
        plain.to_netcdf(temporary, engine="h5netcdf", encoding={**packed, **times})
