"""Ledgers brought into the register: as proposals, with what could not be read set aside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import pyproj
import shapely

from geo_risk.core.errors import SchemaError
from geo_risk.core.sentence import Sentence
from geo_risk.flow.register_mapping import LedgerMapping
from geo_risk.flow.register_report import ImportReport
from geo_risk.products.params import RiskParams
from geo_risk.products.register_joined import join_merged, never_fewer, never_milder
from geo_risk.products.register_merging import COUNTS, LOWER_BOUNDS, settled
from geo_risk.products.register_rules import is_known
from geo_risk.register import proposals, runs
from geo_risk.register.entry import State, Values
from geo_risk.register.fields import GEOMETRY, LAYERS, Layer, plain
from geo_risk.register.merging import survivors
from geo_risk.register.proposals import Offer
from geo_risk.register.store import Register
from geo_risk.sources.ledger import read_ledger, read_polygons
from geo_risk.sources.vectors import Bounds, VectorRead


def import_ledger(register: Register, path: Path, mapping: LedgerMapping) -> ImportReport:
    """Propose what a ledger says: new objects under their own numbers, changes of known ones; in one transaction.

    Raises
    ------
    As `sources.ledger.read_ledger`: a ledger without a header row, ids or places ends here; single bad rows are set
    aside.
    """
    layer = LAYERS[mapping.layer]
    table = mapping.table()
    area = mapping.area or area_of_use(register.crs)
    report = ImportReport(path.name)
    if layer.shape == "Point":
        read = read_ledger(path, table, crs=register.crs, where="import", area=area, gcj02=mapping.gcj02,
                           options=mapping.options())  # fmt: skip
    else:
        read = read_polygons(path, table, crs=register.crs, where="import", options=mapping.options())
    report.notes += read.notes
    report.rows[layer.name] = len(read.frame) + len(read.quarantine)
    _say_without_kind(layer, read, report)
    for row in read.quarantine:
        report.aside(layer.name, row["id"], Sentence(row["reason"], row.get("reason_zh", row["reason"])))
    with register.writing():
        offers = _ledger_offers(register, layer, read, report)
        made = proposals.propose(register, offers, source="file", run_id=None)
        report.add(made.counts)
        report.numbers += made.numbers
        others = {str(o.own_id): i for o, i in zip(offers, made.ids, strict=True) if o.own_id and o.own_id != i}
        runs.add_aliases(register, runs.LEDGER, layer.name, others)
    return report


def _ledger_offers(register: Register, layer: Layer, read: VectorRead, report: ImportReport) -> list[Offer]:
    known = runs.aliases(register, runs.LEDGER, layer.name)
    frame, elsewhere, merged = _joined(register, layer, read.frame, known, report)
    ids = frame[layer.id].astype(str)
    known_columns = {*layer.fields, layer.id, "geometry", "row", "lon", "lat", "x", "y", "coordinate_note",
                     "coordinate_confidence"}  # fmt: skip
    lost = [str(c) for c in read.frame.columns if c not in known_columns and read.frame[c].notna().any()]
    if lost:
        report.notes.append(Sentence(f"Columns that the register does not keep: {', '.join(lost)}",
                                     f"登记库不保存的列：{'、'.join(lost)}"))  # fmt: skip
    there = register.get(sorted({known.get(i, i) for i in ids}))
    offers: list[Offer] = []
    for k, (own_id, row) in enumerate(zip(ids, frame.to_dict("records"), strict=True)):
        object_id = known.get(own_id, own_id)
        state = there.get(object_id)
        if state is not None and state.layer != layer.name:
            state = None  # a point and a zone may have one number: the later one gets an id of the register
        values = {k: v for k, v in row.items() if k in layer.fields and is_known(v)}
        if k in elsewhere:  # the row of what was merged, without one of its own: of the object only the counts
            values = {n: v for n, v in values.items() if n in COUNTS[layer.name]}
        else:
            values[GEOMETRY] = row["geometry"]
        try:
            values = {k: plain(layer, k, v, where=f"row {row['row']}") for k, v in values.items()}
        except SchemaError as error:
            report.aside(layer.name, own_id, Sentence(error.what, error.what))
            continue
        if state is None or not state.is_there:
            values.setdefault("status", "existing")
            if layer.name == "hazard_points":
                values.setdefault("source", "inventory")
                values.setdefault("kind", "unstable_slope")
                values.setdefault("activity", "unknown")
            held = None if state is None else object_id  # the number was kept by a proposal, or taken back
            offers.append(Offer("new", layer.name, held, values, f"台账 {report.file} 第 {row['row']} 行。",
                                f"Ledger {report.file}, row {row['row']}.", own_id=own_id))  # fmt: skip
        elif state.values["merged_into"] is not None:
            _merged_row(layer, own_id, values, state, report)
        else:
            _drop_hair(values, state)
            if state.object_id in merged.unjudged:
                _drop_milder(layer, own_id, values, state, report)
            if state.object_id in merged.partial:
                _drop_fewer(layer, own_id, values, state, report, apart=state.object_id in merged.apart)
            else:
                values |= settled(state.values, [n for n in COUNTS[layer.name] if n in values])
            reason = Sentence(f"Ledger {report.file}, row {row['row']}.", f"台账 {report.file} 第 {row['row']} 行。")
            offers.append(Offer("edit", layer.name, state.object_id, values, reason.zh, str(reason)))
    return offers


def _say_without_kind(layer: Layer, read: VectorRead, report: ImportReport) -> None:
    if layer.name == "hazard_points" and (n := int(read.frame["kind"].isna().sum()) if "kind" in read.frame else 0):
        report.add({"without_kind": n})
        report.notes.append(Sentence(f"{n} rows have no kind that is known: they are taken as unstable_slope",
                                     f"{n} 行类型缺失或无法识别：按不稳定斜坡登记"))  # fmt: skip


@dataclass(frozen=True)
class _Merged:
    """Points in force into which others were merged.

    `partial`: the ledger has no row of those others; `apart`: a person said that they are other people; `unjudged`: a
    row of them, or its own, is missing.
    """

    partial: frozenset[str] = frozenset()
    apart: frozenset[str] = frozenset()
    unjudged: frozenset[str] = frozenset()


def _drop_milder(layer: Layer, own_id: str, values: Values, state: State, report: ImportReport) -> None:
    """Take away levels and an activity milder than those of the point with all that was merged into it; name them."""
    kept = never_milder(values, state.values)
    for name in [n for n, v in values.items() if n.endswith("_level") and v < 0]:
        del values[name]  # unknown replaces nothing
    milder = {n: values.pop(n) for n in list(values) if kept[n] != values[n]}
    if milder:
        told = ", ".join(f"{n} {v}" for n, v in milder.items())
        report.aside(layer.name, own_id, Sentence(
            f"the ledger has {told}, milder than with what was merged into it and is not listed: left as it is",
            f"台账为 {told}，低于含并入者的登记等级，而台账未列并入者：保持不变"))  # fmt: skip


def _joined(
    register: Register, layer: Layer, frame: gpd.GeoDataFrame, known: Mapping[str, str], report: ImportReport
) -> tuple[gpd.GeoDataFrame, frozenset[int], _Merged]:
    """Return the rows of a ledger, those of merged points as one row of the point in force, and which lack its own."""
    if layer.shape != "Point":
        return frame, frozenset(), _Merged()
    states = {s.object_id: s for s in register.states(layer.name)}
    into = survivors(states)
    joined = join_merged(frame if "source" in frame else frame.assign(source="inventory"), numbers=known, into=into,
                         how={i: states[i].values["merged_counts"] for i in into}, risk=RiskParams(),
                         parents={i: str(states[i].values["merged_into"]) for i in into})  # fmt: skip
    n = len(frame) - len(joined.found) + len(joined.elsewhere)
    report.add({"rows_of_merged": n} if n else {})
    whole = {end for i, end in into.items() if states[i].values["merged_counts"] != "kept"}
    apart = frozenset(end for i, end in into.items() if states[i].values["merged_counts"] == "sum")
    partial = frozenset(whole - set(joined.also.values()))
    return joined.found, joined.elsewhere, _Merged(partial, apart, frozenset(into.values()) - joined.whole)


def _drop_fewer(layer: Layer, own_id: str, values: Values, state: State, report: ImportReport, *, apart: bool) -> None:
    """Take away fewer people than the point has with those merged into it, whose rows the ledger lacks; name them."""
    kept = never_fewer(values, state.values, layer=layer.name, apart=apart)
    fewer = {n: values.pop(n) for n in list(values) if kept[n] is None}
    if any(n in COUNTS[layer.name] for n in values):
        values[LOWER_BOUNDS] = kept[LOWER_BOUNDS]
    if fewer:
        told = ", ".join(f"{n} {v}" for n, v in fewer.items())
        report.aside(layer.name, own_id, Sentence(
            f"the ledger has {told}, less than with what was merged into it and is not listed: left as it is",
            f"台账为 {told}，少于含并入者的登记值，而台账未列并入者：保持不变"))  # fmt: skip


def _merged_row(layer: Layer, own_id: str, values: Values, state: State, report: ImportReport) -> None:
    """Leave out the row of a zone that was merged into another; where its counts changed, name them."""
    report.add({"rows_of_merged": 1})
    other = {n: v for n in COUNTS[layer.name] if (v := values.get(n)) is not None and v != state.values[n]}
    if other:
        told, into = ", ".join(f"{n} {v:g}" for n, v in other.items()), state.values["merged_into"]
        report.aside(layer.name, own_id, Sentence(f"it was merged into {into}, and the ledger now has {told}",
                                                  f"已并入 {into}，而台账现为 {told}"))  # fmt: skip


def _drop_hair(values: Values, state: State) -> None:
    """Take away a place that differs by less than a metre: degrees with five decimals are no better."""
    old, new = state.values[GEOMETRY], values.get(GEOMETRY)
    if old is not None and new is not None:
        a, b = (shapely.from_wkb(bytes.fromhex(t)) for t in (old, new))
        if shapely.hausdorff_distance(a, b) < 1.0:
            del values[GEOMETRY]


def area_of_use(crs: str) -> Bounds:
    """Return left, bottom, right, top of the area that a CRS is made for, in its metres."""
    found = pyproj.CRS.from_user_input(crs)
    use = found.area_of_use
    if use is None:
        return (-2e7, -2e7, 2e7, 2e7)
    to = pyproj.Transformer.from_crs("EPSG:4326", found, always_xy=True)
    left, bottom, right, top = to.transform_bounds(use.west, use.south, use.east, use.north)
    return (float(left), float(bottom), float(right), float(top))
