"""Independent random streams: one per named part, so that changing a part shifts no other."""

from __future__ import annotations

import zlib

import numpy as np

from geo_risk.core.errors import ConfigError

DEFAULT_SIZE = 500
MIN_SIZE, MAX_SIZE = 120, 20000


def stream(seed: int, name: str) -> np.random.Generator:
    """Return the generator of the part called `name`.

    Parameters
    ----------
    seed : the county's seed, >= 0.
    name : the part, such as "ground.relief"; two names give independent streams.

    Raises
    ------
    ConfigError : a negative seed.
    """
    if not seed >= 0:
        what = f"the seed is {seed}; zero or more needed"
        raise ConfigError(what, where="--seed", fix="give a whole number such as 7")
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(zlib.crc32(name.encode()),)))


def count(number: int, size: int, *, at_least: int = 1) -> int:
    """Return how many of a thing a county of `size` cells a side has, where the default county has `number`."""
    return max(at_least, round(number * (size / DEFAULT_SIZE) ** 2))


def check_size(size: int) -> None:
    """Refuse a county too small to hold its town or too large to make.

    Raises
    ------
    ConfigError : size outside MIN_SIZE..MAX_SIZE.
    """
    if not MIN_SIZE <= size <= MAX_SIZE:
        what = f"a county of {size} cells a side was asked for; {MIN_SIZE} to {MAX_SIZE} can be made"
        raise ConfigError(what, where="--size", fix="use 500 for the default county")
