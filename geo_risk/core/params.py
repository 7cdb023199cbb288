"""The base of every parameter model."""

from __future__ import annotations

from math import inf
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Params(BaseModel):
    """Frozen, strict parameters; each field has a default, a unit in its name, bounds, a description and a source."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())


def parameter(default: Any, description: str, *, source: str, **bounds: Any) -> Any:
    """Declare a parameter: its default, what it means, where the value comes from, and its bounds.

    Parameters
    ----------
    default : the value used where the config says nothing.
    description : one sentence.
    source : paper, standard or "choice of geo_risk" with the reason.
    bounds : `gt`, `ge`, `lt`, `le`, `min_length`, ... as in pydantic's Field.
    """
    if isinstance(default, list | dict | set):
        return Field(
            default_factory=lambda: type(default)(default),
            description=f"{description} Source: {source}.",
            **bounds,
        )
    return Field(default=default, description=f"{description} Source: {source}.", **bounds)


def check_weights(name: str, weights: dict[str, float], parts: set[str]) -> None:
    """Refuse weights that are not numbers >= 0, one for each part, of which some is above 0.

    Raises
    ------
    ValueError : they are not; `name` is told.
    """
    good = set(weights) == parts and all(0 <= w < inf for w in weights.values()) and sum(weights.values()) > 0
    if not good:
        what = f"{name} is {weights}; numbers >= 0, not all 0, for {sorted(parts)} needed"
        raise ValueError(what)
