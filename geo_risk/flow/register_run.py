"""A finished run compared with the register: what it saw, and what it proposes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.errors import CorruptFileError, DataError
from geo_risk.core.grid import grid_of
from geo_risk.core.sentence import Sentence
from geo_risk.flow.identity import file_sha256
from geo_risk.flow.manifest import NAME, read_manifest
from geo_risk.flow.register_side import Side, side_of
from geo_risk.products import register_matching as matching
from geo_risk.products import register_rules as rules_of
from geo_risk.products.params import RiskParams
from geo_risk.products.register_joined import join_levels, never_fewer, never_milder
from geo_risk.products.register_params import RegisterParams
from geo_risk.products.register_rules import Draft
from geo_risk.products.register_sightings import Sighting, outcomes
from geo_risk.register import merging, proposals, runs
from geo_risk.register.fields import LAYERS
from geo_risk.register.proposals import Offer, Proposal
from geo_risk.register.store import Register
from geo_risk.sources.layers import open_layer, read_frame

_PACKAGE = "geo_risk.gpkg"


@dataclass(frozen=True)
class FinishedRun:
    """What is read of an output folder.

    Attributes
    ----------
    run_id : by the content of its vector layers. data_id : by the content of its radar files.
    frames : hazard_points and risk_zones, those that it has. layers : activity, hazard_landslide, those that it has.
    """

    run_id: str
    name: str
    made_at: str
    data_id: str
    crs: str
    frames: Mapping[str, gpd.GeoDataFrame]
    layers: Mapping[str, xr.DataArray]


@dataclass
class UpdateReport:
    """What a comparison proposed."""

    run_id: str
    already: str | None = None
    proposed: dict[str, dict[str, int]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    seen: dict[str, dict[str, int]] = field(default_factory=dict)
    notes: list[Sentence] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {**asdict(self), "notes": [{"en": str(n), "zh": n.zh} for n in self.notes]}


def read_run(out: Path) -> FinishedRun:
    """Read what the register asks of a finished run.

    Raises
    ------
    DataError : no manifest, or neither points nor zones.
    CorruptFileError : a file is not that of the manifest.
    """
    manifest = read_manifest(out)
    rows = {r["path"]: r for r in (manifest or {}).get("outputs", [])}
    if manifest is None or _PACKAGE not in rows:
        what = f"{out} holds no finished run with vector layers"
        raise DataError(what, where=str(out / NAME), fix="run the configuration to its end")
    wanted = {n: out / "layers" / f"{n}.tif" for n in ("activity", "hazard_landslide")}
    paths = [out / _PACKAGE, *(p for n, p in wanted.items() if f"layers/{n}.tif" in rows)]
    for path in paths:
        name = path.relative_to(out).as_posix()
        if not path.is_file() or file_sha256(path) != rows[name]["sha256"]:
            what = f"{name} is not the file that the manifest names"
            raise CorruptFileError(what, where=str(path), fix="run the configuration again")
    names = {str(n) for n, _ in pyogrio.list_layers(out / _PACKAGE)} & set(LAYERS)
    frames = {n: read_frame(out / _PACKAGE, layer=n) for n in LAYERS if n in names}
    if not frames:
        what = f"{_PACKAGE} has neither hazard_points nor risk_zones"
        raise DataError(what, where=str(out / _PACKAGE), fix="run a pipeline that makes them, such as dual_control")
    crs = next(iter(frames.values())).crs.to_string()
    # by content alone: the same files in another order, or one of them twice, prove nothing new
    radar = sorted({str(r.get("content_sha256") or r["sha256"]) for r in manifest.get("inputs", [])
                    if str(r["key"]).startswith("inputs.insar")})  # fmt: skip
    data_id = hashlib.sha256(repr(radar).encode()).hexdigest()[:12] if radar else "none"
    return FinishedRun(
        run_id=f"R-{str(rows[_PACKAGE]['content_sha256'])[:12]}", name=str(manifest.get("name", "")),
        made_at=str(manifest.get("written_at", "")), data_id=data_id, crs=crs, frames=frames,
        layers={n: open_layer(p) for n, p in wanted.items() if p in paths},
    )  # fmt: skip


def update(
    register: Register, run: FinishedRun, rules: RegisterParams, *, who: str, risk: RiskParams | None = None
) -> UpdateReport:
    """Compare a run with the register and put what it proposes there, in one transaction; nothing else changes.

    A run that was compared before proposes nothing. `risk`: bounds of the danger grades of objects that were merged.
    """
    report = UpdateReport(run.run_id)
    with register.writing():
        known = runs.find_run(register, run.run_id)
        if known is not None:
            report.already = known.compared_at
            return report
        runs.add_run(register, run.run_id, name=run.name, made_at=run.made_at, who=who)
        sides = {n: side_of(register, run.frames[n], n, rules, risk=risk or RiskParams(), notes=report.notes)
                 for n in LAYERS if n in run.frames}  # fmt: skip
        for layer, side in sides.items():
            _note_sightings(register, run, layer, side, rules, report)
        seen = runs.sightings(register)
        for layer, side in sides.items():
            _drafts(side, layer, seen, rules)
            _say_unjudged(side, layer, report)
        _propose(register, run, sides, rules, report)
    return report


def _note_sightings(
    register: Register, run: FinishedRun, layer: str, side: Side, rules: RegisterParams, report: UpdateReport
) -> None:
    listed = np.zeros(len(side.kept), dtype=bool)
    has = side.match >= 0
    listed[side.match[has]] = _acting(side, layer)[has]
    listed[list(side.covered)] = True
    said = _outcomes(run, side.kept, listed, rules)
    seen = dict(zip(side.kept["object_id"].astype(str), said, strict=True))
    runs.add_sightings(register, run.run_id, seen, data_id=run.data_id)
    report.seen[layer] = {str(k): int(n) for k, n in pd.Series(said, dtype="object").value_counts().items()}


def _outcomes(
    run: FinishedRun, places: gpd.GeoDataFrame, listed: NDArray[np.bool_], rules: RegisterParams
) -> list[str]:
    some, places = run.layers.get("activity", run.layers.get("hazard_landslide")), places[["kind", "geometry"]]
    if some is not None:
        places = places.to_crs(grid_of(some).geobox.crs.to_wkt())
    return outcomes(places, listed, activity=run.layers.get("activity"), hazard=run.layers.get("hazard_landslide"),
                    rules=rules)  # fmt: skip


def _acting(side: Side, layer: str) -> NDArray[np.bool_]:
    """Return which rows of a run are listed as something that acts."""
    if layer == "risk_zones":
        return np.ones(len(side.found), dtype=bool)
    return np.array([a not in ("stable", "unknown") for a in side.found["activity"]], dtype=bool)


def _note_fresh(
    register: Register, run: FinishedRun, side: Side, layer: str, given: Mapping[int, str], rules: RegisterParams
) -> None:
    """Note what a run saw at the places that it is the first to propose."""
    rows = sorted(given)
    places = side.found.iloc[rows].reset_index(drop=True)
    said = _outcomes(run, places, _acting(side, layer)[rows], rules) if rows else []
    seen = {given[k]: outcome for k, outcome in zip(rows, said, strict=True)}
    runs.add_sightings(register, run.run_id, seen, data_id=run.data_id)


def _rows(frame: gpd.GeoDataFrame) -> list[dict[str, Any]]:
    return [{str(k): None if v is pd.NA else v for k, v in row.items()} for row in frame.to_dict("records")]


def _drafts(side: Side, layer: str, seen: Mapping[str, Sequence[Sighting]], rules: RegisterParams) -> None:
    found, kept = _rows(side.found), _rows(side.kept)
    objects = kept[: side.n_objects]
    given = [dict(row) for row in found] if side.beside else found
    for k, others in side.beside.items():
        found[k] = join_levels(found[k], [given[i] for i in others])
    of_object = np.where(side.match < side.n_objects, side.match, -1)
    for k in side.partial:
        found[k] = never_fewer(found[k], kept[int(side.match[k])], layer=layer, apart=k in side.apart)
    for k in side.unjudged:
        found[k] = never_milder(found[k], kept[int(side.match[k])])
    moved = _moved(side, of_object, layer, rules)
    side.drafts += rules_of.propose_changes(found, objects, of_object, layer, moved, rules)
    known_as: dict[int, str] = {}
    rows = []
    for k, j in enumerate(side.match):
        if j < 0:
            rows.append(k)
        elif j >= side.n_objects:
            held = side.held[int(j)]
            if held.state == "open" or rules_of.is_worse(found[k], held.after, rules):
                rows.append(k)
                known_as[k] = held.object_id
            elif held.after.get("source") == "insar" and found[k].get("source") not in (None, "insar"):
                rows.append(k)  # who declined what radar saw said nothing of a ledger's point near it
    side.drafts += rules_of.propose_new(found, rows, layer, _notes(side, rows, layer, rules), known_as)
    resting = [r for j, r in enumerate(objects) if j not in side.covered]
    rest = rules_of.propose_rest(resting, seen, rules)
    if layer == "hazard_points":
        merges = rules_of.propose_merges(side.kept.iloc[: side.n_objects], rules)
        gone = {d.object_id for d in merges}
        side.drafts += [*(d for d in rest if d.object_id not in gone), *merges]
    else:
        side.drafts += [*rest, *_merged(side, objects)]


def _say_unjudged(side: Side, layer: str, report: UpdateReport) -> None:
    """Say of which merged places the run has milder levels that it alone cannot bear out."""
    at = sorted(side.unjudged)
    names = []
    for row, old in zip(_rows(side.found.iloc[at]), _rows(side.kept.iloc[side.match[at]]), strict=True):
        if any(rules_of.says(row, n, rules_of.WATCH[layer]) and row[n] < old[n] for n in rules_of.WATCH[layer].levels):
            names.append(str(old["object_id"]))
    if names:
        some, n = ", ".join(sorted(names)[:10]), len(names)
        report.notes.append(Sentence(
            f"{layer}: {n} places ({some}) keep their level: the run has it lower, but does not judge all that was "
            "merged into them. List the merged ones in the run's ledger too, or set the level by hand.",
            f"{layer}：{n} 处（{some}）保持原等级：本次分析较低，但未覆盖并入者。"
            "请在分析台账中保留并入者，或核实后人工修改。",
        ))  # fmt: skip


def _moved(side: Side, match: NDArray[np.int64], layer: str, rules: RegisterParams) -> dict[int, float]:
    out = {}
    shapes, places = side.found.geometry.to_numpy(), side.kept.geometry.to_numpy()
    for k, j in enumerate(match):
        if j < 0:
            continue
        if layer == "hazard_points":
            if k in side.elsewhere:
                continue
            if (metres := float(shapes[k].distance(places[j]))) > rules.move_distance_m:
                out[k] = metres
            continue
        shared = shapes[k].intersection(places[j]).area
        iou = shared / max(shapes[k].area + places[j].area - shared, 1e-9)
        if iou < rules.redraw_zone_iou:
            out[k] = 1 - iou
    return out


def _notes(side: Side, rows: Sequence[int], layer: str, rules: RegisterParams) -> dict[int, Sentence]:
    """Return what is near a new place: a point that could be it though another took it, a zone it was part of."""
    objects = side.kept.iloc[: side.n_objects]
    out: dict[int, Sentence] = {}
    if not len(objects) or not rows:
        return out
    new = side.found.iloc[list(rows)]
    ids = objects["object_id"].astype(str).to_numpy()
    if layer == "hazard_points":
        near, other = objects.sindex.query(new.geometry, predicate="dwithin", distance=rules.match_distance_m)
    else:
        near, other = objects.sindex.query(new.geometry, predicate="intersects")
    for i in np.unique(near):
        names = ", ".join(sorted(ids[other[near == i]])[:5])
        out[int(rows[i])] = Sentence(f"Near or part of {names}: look whether it is the same.",
                                     f"邻近或属于 {names}：请核对是否为同一处。")  # fmt: skip
    return out


def _merged(side: Side, objects: Sequence[Mapping[str, Any]]) -> list[Draft]:
    """Return drafts for zones that lost half and more of their ground to the partner of another zone in force."""
    ids = side.kept["object_id"].astype(str).to_numpy()
    partner = {int(k): ids[j] for k, j in enumerate(side.match)
               if 0 <= j < side.n_objects and objects[j].get("status") not in ("dormant", "cancelled")}  # fmt: skip
    pairs = matching.zone_pairs(side.found, side.kept.iloc[: side.n_objects])
    into: dict[int, str] = {}
    most = pairs[pairs["of_kept"] >= 0.5].sort_values("of_kept", ascending=False)
    for j, k in zip(most["kept"].tolist(), most["found"].tolist(), strict=True):
        if j in side.covered and k in partner:
            into.setdefault(j, partner[k])
    return rules_of.propose_merged_zones(objects, into)


def _propose(
    register: Register, run: FinishedRun, sides: Mapping[str, Side], rules: RegisterParams, report: UpdateReport
) -> None:
    """Give new objects their ids, put those in the place of the run's own, and propose."""
    ids: dict[str, dict[str, str]] = {}
    given: dict[str, dict[int, str]] = {}
    for layer, side in sides.items():
        own = side.found[LAYERS[layer].id].astype(str).to_numpy()
        fresh = [d for d in side.drafts if d.kind == "new" and d.object_id is None]
        new = proposals.reserve(register, layer, [d.own_id for d in fresh])
        given[layer] = {d.row: i for d, i in zip(fresh, new, strict=True)}
        names = side.kept["object_id"].astype(str).to_numpy()
        ids[layer] = {str(own[k]): str(names[j]) for k, j in enumerate(side.match) if j >= 0}
        ids[layer] |= {str(own[k]): i for k, i in given[layer].items()} | side.also
        runs.add_aliases(register, run.run_id, layer, ids[layer])
        _note_fresh(register, run, side, layer, given[layer], rules)
    in_force = {}
    for layer in sides:  # a zone that was merged stays a partner: points name the one that holds its ground now
        ends = merging.survivors({s.object_id: s for s in register.states(layer)})
        in_force[layer] = {own: ends.get(i, i) for own, i in ids[layer].items()}
    for layer, side in sides.items():
        offers = [_offer(d, layer, given[layer], in_force) for d in side.drafts]
        offers, stale = _still_open(register, layer, side, offers)
        proposals.withdraw(register, stale, why=f"run {run.run_id} does not say so any more")
        report.counts["withdrawn"] = report.counts.get("withdrawn", 0) + len(stale)
        made = proposals.propose(register, offers, source="run", run_id=run.run_id)
        for key, n in made.counts.items():
            report.counts[key] = report.counts.get(key, 0) + n
    for p in (p for p in proposals.listed(register) if p.run_id == run.run_id):
        kinds = report.proposed.setdefault(p.layer, {})
        kinds[p.kind] = kinds.get(p.kind, 0) + 1


def _still_open(
    register: Register, layer: str, side: Side, offers: Sequence[Offer]
) -> tuple[list[Offer], list[Proposal]]:
    """Return the offers with what earlier open proposals say of fields that this run is blind to, and stale proposals.

    Stale is a rest or a change of an earlier run that this run, which could say it again, does not say.
    """
    ids = side.kept["object_id"].astype(str).to_numpy()
    rows = {str(ids[j]): row for row, j in zip(_rows(side.found), side.match, strict=True) if 0 <= j < side.n_objects}
    watch = rules_of.WATCH[layer]
    out = list(offers)
    at = {(o.kind, o.object_id): k for k, o in enumerate(out)}
    stale: list[Proposal] = []
    for p in (p for p in proposals.listed(register) if p.layer == layer and p.source == "run"):
        k = at.get((p.kind, p.object_id))
        if p.kind in ("dormant", "cancel"):
            stale += [p] if k is None else []
        elif p.kind == "changed" and p.object_id in rows:
            row = rows[p.object_id]
            blind = {n: v for n, v in p.after.items() if n in watch.fields and not rules_of.says(row, n, watch)}
            if k is not None:
                out[k] = replace(out[k], after={**blind, **out[k].after})
            elif not blind:
                stale.append(p)
            elif set(p.after) & {*watch.fields, "geometry"} != set(blind):
                more = {n: p.after[n] for n in watch.along if n in p.after}
                out.append(Offer(p.kind, layer, p.object_id, {**blind, **more}, p.reason_zh, p.reason_en))
    return out, stale


def _offer(draft: Draft, layer: str, given: Mapping[int, str], ids: Mapping[str, Mapping[str, str]]) -> Offer:
    after = dict(draft.after)
    if "zone_id" in after and rules_of.is_known(after["zone_id"]):
        after["zone_id"] = ids.get("risk_zones", {}).get(str(after["zone_id"]))
    if "point_ids" in after and rules_of.is_known(after["point_ids"]):
        names = ids.get("hazard_points", {})
        after["point_ids"] = ",".join(names.get(i, i) for i in str(after["point_ids"]).split(","))
    object_id = draft.object_id or given.get(draft.row)
    return Offer(draft.kind, layer, object_id, after, draft.reason.zh, str(draft.reason), draft.own_id)
