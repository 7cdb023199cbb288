"""The register handed out: GeoPackage, workbook or CSV, as a copy that may be edited and brought back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from geo_risk.core.errors import ConfigError
from geo_risk.flow.register_forms import styles
from geo_risk.products.register_merging import Takeover
from geo_risk.publish.escape import csv_value
from geo_risk.publish.frames import write_frames
from geo_risk.publish.i18n import label
from geo_risk.publish.register_book import write_book
from geo_risk.register.entry import State
from geo_risk.register.fields import CONTACTS, LAYERS
from geo_risk.register.proposals import Proposal
from geo_risk.register.store import Register

ABOUT = "register_export"
"""Table of a GeoPackage: which register, when."""


def columns_of(layer: str, *, with_contacts: bool) -> list[str]:
    """Return the columns of an export, the shape apart: id, version, fields, when it was last seen."""
    spec = LAYERS[layer]
    fields = [f for f in spec.fields if with_contacts or f not in CONTACTS]
    return [spec.id, "version", *fields, *spec.seen]


def book_columns(layer: str, *, with_contacts: bool) -> list[str]:
    """Return the columns of a sheet: without the reasons in the other languages, points with their place."""
    kept = [c for c in columns_of(layer, with_contacts=with_contacts) if not c.startswith("reasons_")]
    return [*kept, "x", "y"] if layer == "hazard_points" else kept


def about(register: Register, *, with_contacts: bool) -> dict[str, str]:
    """Return the facts that an export carries, by which it is known when it comes back."""
    return {"register_id": register.register_id, "crs": register.crs, "exported_at": register.now(),
            "with_contacts": "yes" if with_contacts else "no"}  # fmt: skip


def export(
    register: Register, out: Path, *, with_contacts: bool = False, language: str = "zh",
    layers: Sequence[str] = tuple(LAYERS), with_cancelled: bool = True,
) -> dict[str, int]:  # fmt: skip
    """Write the register as it stands to a .gpkg, .xlsx or .csv (one layer); return the rows by layer.

    Parameters
    ----------
    with_contacts : also the fields that name persons.

    Raises
    ------
    ConfigError : another type of file, a CSV of several layers, or the register's own file.
    """
    if out.exists() and register.database.label == str(out.resolve()):
        what = f"{out.name} is the register itself"
        raise ConfigError(what, where="--out", fix="name another file")
    with register.database.transaction(write=False):
        frames = {n: register.frame(n) for n in layers}
    if not with_cancelled:
        frames = {n: f[f["status"] != "cancelled"].reset_index(drop=True) for n, f in frames.items()}
    facts = about(register, with_contacts=with_contacts)
    kind = out.suffix.lower()
    if kind == ".gpkg":
        made = {n: f[[*columns_of(n, with_contacts=with_contacts), "geometry"]] for n, f in frames.items()}
        _write_package(made, out, facts, language)
    elif kind == ".xlsx":
        sheets = {n: (label(f"layer.{n}", language), _sheet(f, n, with_contacts)) for n, f in frames.items()}
        write_book(sheets, out, about=facts, language=language)
    elif kind == ".csv" and len(frames) == 1:
        layer, frame = next(iter(frames.items()))
        write_csv(_sheet(frame, layer, with_contacts), out)
    else:
        what = f"{out.name}: .gpkg, .xlsx, or .csv of one layer needed"
        raise ConfigError(what, where="--out", fix="name a .gpkg or .xlsx, or add --layer hazard_points")
    return {n: len(f) for n, f in frames.items()}


def _write_package(frames: Mapping[str, gpd.GeoDataFrame], out: Path, facts: Mapping[str, str], language: str) -> None:
    plain = {n: f.assign(**{c: f[c].astype("object").where(f[c].notna(), None) for c in f.columns
                            if pd.api.types.is_string_dtype(f[c].dtype)}) for n, f in frames.items()}  # fmt: skip
    tables: dict[str, pd.DataFrame] = dict(plain)
    tables["layer_styles"] = styles({n: list(f.columns) for n, f in frames.items()}, language=language)
    tables[ABOUT] = pd.DataFrame({"key": list(facts), "value": list(facts.values())})
    write_frames(tables, out)


def _sheet(frame: gpd.GeoDataFrame, layer: str, with_contacts: bool) -> pd.DataFrame:
    plain = pd.DataFrame(frame.drop(columns="geometry"))
    if layer == "hazard_points":
        plain = plain.assign(x=frame.geometry.x.round(2), y=frame.geometry.y.round(2))
    return plain[book_columns(layer, with_contacts=with_contacts)]


def write_csv(rows: pd.DataFrame, out: Path) -> None:
    """Publish rows as CSV for programs: UTF-8 with a mark, texts that look like formulas made plain."""
    import csv
    import io

    from geo_risk.publish.atomic import write_bytes

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(rows.columns)
    for row in rows.itertuples(index=False):
        writer.writerow([csv_value(v) for v in row])
    write_bytes(out, text.getvalue().encode("utf-8-sig"))


def overdue_frame(rows: Sequence[Mapping[str, Any]], *, with_contacts: bool) -> pd.DataFrame:
    """Return overdue rows as a table, without the fields that name persons unless they are asked for."""
    columns = ["layer", "object_id", "name", "kind", "hazard_level", "people", "loop_stage", "loop_due",
               "days_overdue", "next_step", "loop_unit", "loop_assignee", "counts_at_least"]  # fmt: skip
    kept = [c for c in columns if with_contacts or c not in CONTACTS]
    out = pd.DataFrame(list(rows), columns=columns)[kept]
    for c in ("people", "days_overdue", "hazard_level"):
        out[c] = pd.array(out[c].tolist(), dtype="Int64")
    return out


def proposals_frame(
    found: Sequence[Proposal], states: Mapping[str, State], merges: Mapping[int, Takeover | None], *, language: str
) -> pd.DataFrame:
    """Return proposals as a table to go through on paper: who is threatened now, and if it is confirmed.

    Parameters
    ----------
    states : of their objects by id. merges : what a merge moves, by number of the proposal.
    """
    zh = language == "zh"
    rows = []
    for p in found:
        values = {**(states[p.object_id].values if p.object_id in states else {})}
        merge = merges.get(p.number)
        rows.append({
            "proposal": p.name, "proposal_kind": p.kind, "layer": p.layer, "object_id": p.object_id,
            "name": p.after.get("name") or values.get("name"), "people": values.get("people"),
            "people_new": p.after.get("people", values.get("people")), "reasons": p.reason_zh if zh else p.reason_en,
            "merge_told": None if merge is None else (merge.told.zh if zh else str(merge.told)),
            "counts_at_least": values.get("counts_at_least"),
        })  # fmt: skip
    columns = [
        "proposal",
        "proposal_kind",
        "layer",
        "object_id",
        "name",
        "people",
        "people_new",
        "reasons",
        "merge_told",
        "counts_at_least",
    ]
    out = pd.DataFrame(rows, columns=columns)
    for c in ("people", "people_new"):
        out[c] = pd.array(out[c].tolist(), dtype="Int64")
    return out


def write_overdue(rows: pd.DataFrame, out: Path, *, language: str, title: str = "overdue") -> None:
    """Publish the overdue list, or that of the proposals (`title`), as .xlsx or .csv.

    Raises
    ------
    ConfigError : another type of file.
    """
    if out.suffix.lower() == ".csv":
        write_csv(rows, out)
    elif out.suffix.lower() == ".xlsx":
        write_book({title: (label(f"list.{title}", language), rows)}, out, about={}, language=language)
    else:
        what = f"{out.name}: .xlsx or .csv needed"
        raise ConfigError(what, where="--out", fix="name an .xlsx or a .csv")
