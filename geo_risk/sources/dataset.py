"""Read back the small datasets that the steps of a run keep for one another."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from geo_risk.core.errors import CorruptFileError


def read_dataset(path: Path) -> xr.Dataset:
    """Return a dataset of `publish.dataset.write_dataset`, whole in memory.

    Raises
    ------
    CorruptFileError : the file cannot be read.
    """
    try:
        with xr.open_dataset(path, engine="h5netcdf") as source:
            return source.load()
    except (OSError, ValueError) as error:
        what = f"the file cannot be read: {error}"
        raise CorruptFileError(what, where=str(path), fix="run the step that writes it again") from error
