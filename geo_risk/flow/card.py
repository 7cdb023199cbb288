"""One card of a finished run, by the id of its point, zone, settlement or site."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from geo_risk.core.errors import ConfigError, DataError
from geo_risk.core.schemas import SCHEMAS
from geo_risk.publish.atomic import write_text
from geo_risk.publish.card_forms import FORM_FRAMES
from geo_risk.publish.card_values import TITLE
from geo_risk.publish.cards import CardText, Form, card_file, card_page
from geo_risk.publish.i18n import LANGUAGES, local_time

PACKAGE = "geo_risk.gpkg"
_BESIDE = ("risk_zones", "evacuation", "evacuation_routes", "evacuation_assignments")


@dataclass(frozen=True)
class CardOptions:
    """What a card has: form, language (None: that of the run), names of people, and the kind where ids are not one."""

    form: Form = "plan"
    language: str | None = None
    contacts: bool = False
    kind: str | None = None


def make_card(output: Path, row_id: str, to: Path | None, options: CardOptions) -> Path:
    """Write the card of a row of a finished run; return its path.

    Parameters
    ----------
    output : folder of the run, read only. row_id : of a hazard point, risk zone, settlement or waterlogging site.
    to : file or folder to write to; None: the current folder. It may not lie in the run's folder, whose files the
        manifest lists.

    Raises
    ------
    DataError : there is no finished run, or no such id; the nearest ids are named.
    ConfigError : several rows have the id, the form is for others, or the file would lie in the run's folder.
    """
    package = output / PACKAGE
    if not package.is_file():
        what = f"{output} holds no {PACKAGE}"
        raise DataError(what, where=str(output), fix="give the output folder of a finished run")
    name = _kind_of(package, row_id, options.kind)
    if options.form != "plan" and name not in FORM_FRAMES:
        what = f"there is no form {options.form!r} for {row_id}, a {TITLE[name]}: nobody is moved from there"
        raise ConfigError(what, where="--form", fix="leave --form out, or give a point, zone or village")
    target = _target(output, to, card_file(name, row_id, options.form))
    frames = _frames(package, name)
    found = frames[name]
    rows = found[found[str(SCHEMAS[name].id)].astype(str) == row_id]
    row = {str(k): v for k, v in rows.iloc[0].items()}
    write_text(target, card_page(name, row, frames, _text(output, options), options.form))
    return target


def _kind_of(package: Path, row_id: str, kind: str | None) -> str:
    """Return the frame that has a row of the id."""
    ids = {name: found for name, found in _ids(package).items() if kind in (None, TITLE[name])}
    having = [name for name, found in ids.items() if row_id in found]
    where = f"{package}, layers {', '.join(ids) or 'none'}"
    if len(having) == 1:
        twice = ids[having[0]].count(row_id)
        if twice == 1:
            return having[0]
        what = f"{twice} rows of {having[0]} have the id {row_id}"
        raise DataError(what, where=where, fix="give each row an id of its own in the input")
    if having:
        kinds = " or ".join(TITLE[name] for name in having)
        what = f"the id {row_id} is that of more than one thing: {kinds}"
        raise ConfigError(what, where=where, fix=f"say which: --kind {TITLE[having[0]]}")
    every = sorted({i for found in ids.values() for i in found})
    folded = {i.casefold(): i for i in every}
    given = row_id.casefold()
    begun = [n for n in folded if given and n.startswith(given)]
    near = [folded[n] for n in (begun or difflib.get_close_matches(given, folded, n=5, cutoff=0.4))[:5]]
    what = f"no point, zone, settlement or site has the id {row_id}" + (f"; near: {', '.join(near)}" if near else "")
    fix = (
        "use an id of lists/ or the map; a settlement that is not on the evacuation list has no card: nobody there was "
        "called to leave, which does not prove it safe"
    )
    raise DataError(what, where=where, fix=fix)


def _ids(package: Path) -> dict[str, list[str]]:
    """Return the ids of each frame that can have cards and is in the package."""
    import pyogrio

    layers = {str(name) for name, _ in pyogrio.list_layers(package)}
    return {
        name: [str(i) for i in pyogrio.read_dataframe(
            package, layer=name, columns=[str(SCHEMAS[name].id)], read_geometry=False)[str(SCHEMAS[name].id)]]
        for name in TITLE if name in layers
    }  # fmt: skip


def _frames(package: Path, name: str) -> dict[str, Any]:
    """Return what a card shows beside its row; roads are those whose sections the run judged."""
    import pyogrio

    from geo_risk.core.schemas import conform
    from geo_risk.sources.layers import read_frame

    layers = {str(layer) for layer, _ in pyogrio.list_layers(package)}
    out = {n: conform(read_frame(package, layer=n), n) for n in dict.fromkeys((name, *_BESIDE)) if n in layers}
    if "linear_risk" in layers:
        out["roads"] = read_frame(package, layer="linear_risk")[["geometry"]]
    return out


def _target(output: Path, to: Path | None, file: str) -> Path:
    """Return the file to write, in a folder that is there and not the run's."""
    target = Path(file) if to is None else to / file if to.is_dir() else to
    if target.resolve().is_relative_to(output.resolve()):
        what = f"{target} lies in the folder of the run, whose files its manifest lists"
        raise ConfigError(what, where="--to", fix="give a file or folder elsewhere")
    if not target.resolve().parent.is_dir():
        what = f"there is no folder {target.parent}"
        raise ConfigError(what, where="--to", fix="make it, or give another")
    return target


def _text(output: Path, options: CardOptions) -> CardText:
    """Return what stands on the card of the run: its name, when it was made, and when its newest warning was issued."""
    from geo_risk.flow.manifest import read_manifest

    manifest: Mapping[str, Any] = read_manifest(output) or {}
    told = str((manifest.get("parameters") or {}).get("language"))
    times = [re.match(r"\d{8}T\d{6}Z", Path(str(row["path"])).name) for row in manifest.get("issues", [])]
    newest = max((m[0] for m in times if m), default=None)
    issued = None if newest is None else datetime.strptime(newest, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return CardText(
        str(manifest.get("name", output.name)), options.language or (told if told in LANGUAGES else "zh"),
        contacts=options.contacts, made_at=local_time(str(manifest.get("written_at", ""))),
        issued_at="" if issued is None else local_time(issued.isoformat()),
    )  # fmt: skip
