"""The state of a long computation on its way, kept so that a run that is broken off can go on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_risk.publish.atomic import disk_full, staged


def write_state(state: Mapping[str, NDArray[Any]], path: Path) -> None:
    """Write named arrays as one file; what stood there stays until the new file is whole.

    Parameters
    ----------
    state : arrays of numbers by name. path : ends in .npz.

    Raises
    ------
    DiskFullError : the disk is full or the file did not read back as written.
    """

    def verify(written: Path) -> None:
        with np.load(written, allow_pickle=False) as file:
            whole = set(file.files) == set(state) and all(file[k].shape == v.shape for k, v in state.items())
        if not whole:
            raise disk_full(path)

    with staged(path, verify=verify) as temporary:
        np.savez(temporary, allow_pickle=False, **state)


def drop_state(path: Path) -> None:
    """Remove a state that is no longer needed, if it is there."""
    path.unlink(missing_ok=True)
