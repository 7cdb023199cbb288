"""How a bureau's own ledger is read: a YAML that maps its columns, units and words to ours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from geo_risk.core.errors import ConfigError
from geo_risk.core.params import Params
from geo_risk.flow.strictyaml import read_yaml
from geo_risk.sources.ledger_tables import TABLES, LedgerTable
from geo_risk.sources.options import ReadOptions


class LedgerMapping(Params):
    """What a ledger's columns and words mean; what is left out is as in the national forms."""

    layer: Literal["hazard_points", "risk_zones"] = Field("hazard_points", description="What the ledger lists.")
    columns: Mapping[str, tuple[str, ...]] = Field(
        default_factory=dict, description="For each column of ours, the headers of the ledger that mean it."
    )
    factors: Mapping[str, float] = Field(
        default_factory=dict, description="For each column of numbers, what brings the ledger's unit to ours."
    )
    values: Mapping[str, Mapping[str, str]] = Field(
        default_factory=dict, description="For each column of choices, the ledger's words and ours."
    )
    crs: str | None = Field(None, description="CRS of the file, or of its columns lon, lat; EPSG:nnnn.")
    sheet: str | None = Field(None, description="Sheet of a workbook, or layer of a file with several.")
    encoding: str | None = Field(None, description="Text encoding, such as gb18030, where it is not found.")
    gcj02: Literal["no", "yes"] = Field("no", description="Whether the coordinates are shifted (GCJ-02).")
    area: tuple[float, float, float, float] | None = Field(
        None, description="Left, bottom, right, top of the bureau's area in the CRS of the register [m]; default: the "
        "area that CRS is made for.",
    )  # fmt: skip

    def table(self) -> LedgerTable:
        """Return the table by which the ledger is read.

        Raises
        ------
        ConfigError : a column that the register does not have.
        """
        base = TABLES[self.layer]
        from geo_risk.register.fields import LAYERS

        known = {*base.columns, *LAYERS[self.layer].fields}
        strange = sorted({*self.columns, *self.factors, *self.values} - known)
        if strange:
            what = f"the register has no columns {strange}"
            raise ConfigError(what, where="mapping", fix=f"use some of: {', '.join(sorted(known))}")
        columns = {**base.columns, **{k: (*v, *base.columns.get(k, ())) for k, v in self.columns.items()}}
        columns.setdefault("note", ("备注", "说明"))
        mine = {alias for k, v in self.columns.items() for alias in v}
        columns = {k: tuple(a for a in v if a not in mine or a in self.columns.get(k, ())) for k, v in columns.items()}
        values = {**base.values, **{k: {**v, **base.values.get(k, {})} for k, v in self.values.items()}}
        return LedgerTable(base.id, columns, {**base.numbers, **self.factors}, values, base.lengths, base.is_numbered)

    def options(self) -> ReadOptions:
        """Return what the file does not say itself."""
        return ReadOptions(crs=self.crs, layer=self.sheet, encoding=self.encoding)


def read_mapping(path: Path | None, *, layer: str) -> LedgerMapping:
    """Return the mapping that a YAML file holds; without one, that of the national forms for a layer.

    Raises
    ------
    ConfigError : not strict YAML, or a key or value that does not fit.
    """
    if path is None:
        return LedgerMapping.model_validate({"layer": layer})
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        what = f"the mapping cannot be read: {error}"
        raise ConfigError(what, where=str(path), fix="give the path of a UTF-8 YAML file") from error
    values = read_yaml(text, where=str(path)).values
    for key in ("columns",):
        inner = values.get(key)
        if isinstance(inner, dict):
            values[key] = {k: [v] if isinstance(v, str) else v for k, v in inner.items()}
    try:
        return LedgerMapping.model_validate({"layer": layer, **values})
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ConfigError(problems, where=str(path), fix="see configs/register_ledger.yaml") from error
