"""The register's layers as QGIS shows and edits them: symbols, headings and forms, in the file and in its copies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from geo_risk.core.schema import LEVEL
from geo_risk.core.schemas import SCHEMAS
from geo_risk.publish.register_styles import FormSpec, register_styles
from geo_risk.register.fields import LAYERS
from geo_risk.register.migration import Migrated, migrate
from geo_risk.register.store import Register

_LOCKED = frozenset({"merged_into", "merged_counts", "counts_at_least"})
"""Merging has its own command, which moves the people."""

_NEW: Mapping[str, str | int] = {"status": "new", "source": "inventory", "activity": "unknown"}
"""What somebody draws by hand is, unless they say more; its levels are unknown."""


def form_of(layer: str, columns: Sequence[str] | None = None) -> FormSpec:
    """Return what a form must know of a layer; `columns`: of a copy that has not all of them."""
    spec = LAYERS[layer]
    fields = {**spec.fields, **spec.seen}
    kept: Mapping[str, str] = {k: v for k, v in fields.items() if columns is None or k in columns}
    required = frozenset(SCHEMAS[layer].required) & set(kept) - {"reasons"}
    locked = _LOCKED | set(spec.seen) | {"reasons", "reasons_zh", "reasons_en", "zone_id", "point_ids", "origin"}
    levels: dict[str, str | int] = {n: -1 for n, kind in kept.items() if kind == LEVEL}
    defaults = {n: v for n, v in {**_NEW, **levels}.items() if n in kept}
    return FormSpec(layer, spec.id, kept, spec.choices, frozenset(locked), required, defaults)


def styles(layers: Mapping[str, Sequence[str] | None], *, language: str) -> pd.DataFrame:
    """Return the rows of `layer_styles` for layers with the columns that a file has of them (None: all)."""
    return register_styles([form_of(n, columns) for n, columns in layers.items()], language=language)


def make_register(url: str, *, crs: str, language: str = "zh") -> None:
    """Make an empty register with its forms; where one is already, leave it as it is.

    Raises
    ------
    As `Register.create`.
    """
    Register.create(url, crs=crs, styles=_style_rows(language)).close()


def migrate_register(url: str, *, who: str, language: str = "zh") -> Migrated:
    """Bring a register of an earlier format up to this version, with forms where its file has none; a copy is kept.

    Raises
    ------
    As `register.migration.migrate`.
    """
    return migrate(url, who=who, styles=_style_rows(language))


def _style_rows(language: str) -> list[dict[str, Any]]:
    rows = styles(dict.fromkeys(LAYERS), language=language).to_dict("records")
    return [{str(k): v for k, v in r.items()} for r in rows]
