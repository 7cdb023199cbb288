"""Reads the state of a computation that was broken off."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def read_state(path: Path) -> dict[str, NDArray[Any]] | None:
    """Return the arrays that `publish.state.write_state` kept; None where there is no whole file.

    A state only saves time: one that cannot be read is as good as none.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
        return None
