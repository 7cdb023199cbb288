"""One-page plans for a hazard point, a risk zone, a village or a waterlogging site, and its forms, to print on A4."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import geopandas as gpd

from geo_risk.core.schemas import SCHEMAS
from geo_risk.publish.atomic import write_text
from geo_risk.publish.card_forms import form_values
from geo_risk.publish.card_values import TITLE, card_values
from geo_risk.publish.escape import render_page
from geo_risk.publish.i18n import label, labels
from geo_risk.publish.report import style

FIRST_SITES = 12
MADE = ("hazard_points", "evacuation", "waterlogging")
"""Frames whose rows get a card by a run; cards of risk zones are made by the command."""

Form = Literal["plan", "household", "transfer"]


@dataclass(frozen=True)
class CardText:
    """What stands on every card: name of the run, language, times, and whether people are named.

    Attributes
    ----------
    data_time : as on the map. made_at, issued_at : when the run was made and its newest warning issued, local times;
        "" where they are not told.
    """

    run: str
    language: str = "zh"
    data_time: str = ""
    contacts: bool = True
    made_at: str = ""
    issued_at: str = ""

    def heading(self) -> str:
        """Return the run with the times that are told."""
        made = f"{label('card.run_at', self.language)} {self.made_at}" if self.made_at else ""
        issued = f"{label('card.issued_at', self.language)} {self.issued_at}" if self.issued_at else ""
        return " · ".join(part for part in (self.run, made, issued) if part)


def write_cards(
    folder: Path, *, frames: Mapping[str, Any], text: CardText, limit: int = 500
) -> dict[str, Any]:  # fmt: skip
    """Publish cards/*.html and remove those of an earlier run; return the index for a facts file.

    Cards are made for hazard points in zones of risk level 3 and 4 or of unknown level (unknown is not safe), for
    settlements to evacuate by rank, and for the first `FIRST_SITES` waterlogging sites.

    Parameters
    ----------
    folder : the cards folder.
    frames : product frames by contract name, and roads and rivers for the maps; one projected CRS.
    text : what stands on every card.
    limit : most cards of one kind; how many were left out is in the index.
    """
    folder.mkdir(parents=True, exist_ok=True)
    index: list[dict[str, str]] = []
    left_out = 0
    for name in MADE:
        rows = chosen(name, frames)
        left_out += max(0, len(rows) - limit)
        for row in rows.head(limit).itertuples(index=False):
            values = dict(zip(rows.columns, row, strict=True))
            row_id = str(values[str(SCHEMAS[name].id)])
            file = card_file(name, row_id)
            write_text(folder / file, card_page(name, values, frames, text))
            index.append({"layer": name, "id": row_id, "file": file})
    for old in set(folder.glob("*.html")) - {folder / card["file"] for card in index}:
        old.unlink()
    counts = {name: sum(card["layer"] == name for card in index) for name in MADE}
    return {"cards": index, "counts": counts | {"left_out": left_out}, "notes": _left_out_note(left_out, limit)}


def chosen(name: str, frames: Mapping[str, gpd.GeoDataFrame]) -> gpd.GeoDataFrame:
    """Return the rows of a frame that get a card, by rank, or the gravest first (unknown before low), then by id."""
    if name not in frames:
        return gpd.GeoDataFrame()
    frame = frames[name]
    if name == "evacuation":
        return frame.sort_values("rank", kind="stable")
    if name == "waterlogging":
        return frame.sort_values("rank", kind="stable").head(FIRST_SITES)
    active = frame[~frame["status"].isin(["dormant", "cancelled"])]
    if "risk_zones" in frames:
        zones = frames["risk_zones"].set_index("zone_id")["risk_level"]
        level = active["zone_id"].map(zones).fillna(active["hazard_level"]).astype(int)
    else:
        level = active["hazard_level"].astype(int)
    active = active.assign(_grave=level.astype(float).replace(-1.0, 1.5))[(level >= 3) | (level == -1)]
    return active.sort_values(["_grave", "point_id"], ascending=[False, True], kind="stable").drop(columns="_grave")


def card_file(name: str, row_id: str, form: Form = "plan") -> str:
    """Return the file name of a card: the id where it is fit for one, else made so and told apart by a hash."""
    safe = re.sub(r"[^\w\-]", "_", row_id, flags=re.UNICODE)[:60]
    tail = "" if safe == row_id else "-" + hashlib.sha256(row_id.encode("utf-8", "replace")).hexdigest()[:8]
    return f"{TITLE[name]}_{safe}{tail}{'' if form == 'plan' else '_' + form}.html"


def card_page(
    name: str, row: Mapping[str, Any], frames: Mapping[str, Any], text: CardText, form: Form = "plan"
) -> str:  # fmt: skip
    """Return the page of a row: its plan, the card of a household there, or the list of who is moved.

    Parameters
    ----------
    name, row, frames : as for `card_values.card_values`. text : what stands on every card.
    form : "household" and "transfer" have room for what no run knows: names, members, telephones.
    """
    card = card_values(name, row, frames, text.language, contacts=text.contacts)
    if form != "plan":
        card |= {"form": form_values(form, name, row, frames, text.language)}
    return render_page(
        "card.html" if form == "plan" else "card_form.html", card=card, run=text.heading(), data_time=text.data_time,
        language=text.language, t=labels(text.language), css=style("document.css", "card.css"),
    )  # fmt: skip


def _left_out_note(left_out: int, limit: int) -> list[dict[str, str]]:
    if not left_out:
        return []
    return [{
        "level": "warning",
        "text_zh": f"卡片每类最多 {limit} 张，另有 {left_out} 行没有卡片；可用 geo-risk card 单独生成。",
        "text_en": f"At most {limit} cards of a kind are made; {left_out} rows have none (see geo-risk card).",
    }]  # fmt: skip
