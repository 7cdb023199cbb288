"""The warning as a message of the Common Alerting Protocol 1.2 (OASIS), in Chinese and English."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import shapely

from geo_risk.publish.atomic import write_bytes
from geo_risk.publish.escape import clean_text

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"

_CHINA = timezone(timedelta(hours=8))
_SEVERITY = {1: "Minor", 2: "Moderate", 3: "Severe", 4: "Extreme"}
_RESPONSE = {1: "Monitor", 2: "Monitor", 3: "Prepare", 4: "Prepare"}
_COLOR = {1: ("blue", "蓝色"), 2: ("yellow", "黄色"), 3: ("orange", "橙色"), 4: ("red", "红色")}
_DEGREES = 5
"""Decimals of coordinates: a metre."""

_SIMPLER_DEG = 0.0005
"""Some 50 m: receivers draw townships, not survey lines."""


@dataclass(frozen=True)
class CapSender:
    """Who sends it, and as what; see `products.warning_params.CapParams`."""

    sender: str
    sender_name: str | None
    status: str
    scope: str
    restriction: str
    addresses: str


@dataclass(frozen=True)
class CapArea:
    """One warned area.

    Attributes
    ----------
    name, code : of the township. level : 1-4. stage_h : the shortest stage that warns of that level.
    onset, until : aware times from when, and until when, that level or a lower one that is told in the texts holds.
    text_zh, text_en : what is said of it. shape : outline in longitude and latitude (WGS 84), None where unknown.
    """

    name: str
    code: str
    level: int
    stage_h: int
    onset: datetime
    until: datetime
    text_zh: str
    text_en: str
    shape: Any = None


@dataclass(frozen=True)
class CapMessage:
    """One message.

    Attributes
    ----------
    identifier, sent : of the message; sent is the issue time.
    title : of the run, as people know the area.
    areas : warned of; none is a message that there is no warning (any more).
    before : identifier and sent of the earlier messages that this one updates or cancels: of the issue before, and of
        those of the same time that it corrects.
    was_active : one of them warned of something.
    note : of what is unknown, in both languages; "" where nothing is.
    is_draft : not to be sent, whatever the sender's status is.
    """

    identifier: str
    sent: datetime
    title: str
    areas: Sequence[CapArea]
    before: Sequence[tuple[str, datetime]] = ()
    was_active: bool = False
    note: str = ""
    is_draft: bool = False

    @property
    def kind(self) -> str:
        """Return msgType: Cancel only where all is known and nothing is warned of any more.

        A message that warns of nothing and does not know all is an Alert without references: it supersedes nothing.
        """
        if not self.before or not self.was_active or (self.note and not self.areas):
            return "Alert"
        return "Update" if self.areas else "Cancel"

    @property
    def is_empty(self) -> bool:
        """Tell whether there is nothing to send: it neither warns nor calls anything off."""
        return self.kind == "Alert" and not self.areas


def write_cap(message: CapMessage, sender: CapSender, path: Path) -> None:
    """Publish the message as XML, the same bytes for the same message."""
    root = cap_element(message, sender)
    ET.indent(root, space=" ")
    write_bytes(path, ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")


def cap_element(message: CapMessage, sender: CapSender) -> ET.Element:
    """Return the element `alert` with its children in the order of the schema.

    Raises
    ------
    ValueError : a time without a zone.
    """
    root = ET.Element("alert", xmlns=NAMESPACE)
    _add(root, "identifier", message.identifier)
    _add(root, "sender", sender.sender)
    _add(root, "sent", cap_time(message.sent))
    _add(root, "status", "Draft" if message.is_draft or message.is_empty else sender.status)
    _add(root, "msgType", message.kind)
    _add(root, "scope", sender.scope)
    if sender.scope == "Restricted":
        _add(root, "restriction", sender.restriction)
    if sender.scope == "Private":
        _add(root, "addresses", sender.addresses)
    if message.note:
        _add(root, "note", message.note)
    if message.kind != "Alert":
        _add(root, "references", " ".join(f"{sender.sender},{name},{cap_time(at)}" for name, at in message.before))
    for language, areas in _infos(message):
        _info(root, message, sender, areas, language)
    return root


def _infos(message: CapMessage) -> Iterator[tuple[str, list[CapArea]]]:
    """Yield the blocks: for each level from the gravest down its areas, in Chinese and in English."""
    for level in (4, 3, 2, 1):
        areas = [a for a in message.areas if a.level == level]
        for language in ("zh", "en") if areas else ():
            yield language, areas


def _info(root: ET.Element, message: CapMessage, sender: CapSender, areas: list[CapArea], language: str) -> None:
    zh, level = language == "zh", areas[0].level
    color = _COLOR[level][int(zh)]
    info = ET.SubElement(root, "info")
    _add(info, "language", "zh-CN" if zh else "en")
    _add(info, "category", "Geo")
    _add(info, "category", "Met")
    _add(info, "event", "地质灾害气象风险" if zh else "Landslide risk by rain")
    _add(info, "responseType", _RESPONSE[level])
    _add(info, "urgency", _urgency(min(a.onset for a in areas) - message.sent))
    _add(info, "severity", _SEVERITY[level])
    _add(info, "certainty", "Possible")
    _add(info, "effective", cap_time(message.sent))
    _add(info, "onset", cap_time(min(a.onset for a in areas)))
    _add(info, "expires", cap_time(max(a.until for a in areas)))
    if sender.sender_name:
        _add(info, "senderName", sender.sender_name)
    names = ("、" if zh else ", ").join(a.name for a in areas)
    title = f"{message.title}地质灾害气象风险{color}预警：{names}" if zh else (
        f"{message.title}: {color} warning of landslides by rain: {names}")  # fmt: skip
    _add(info, "headline", title[:160])
    texts = [f"{a.name}：{a.text_zh}" if zh else f"{a.name}: {a.text_en}" for a in areas]
    _add(info, "description", "\n".join(texts))
    _parameter(info, "geo_risk.warning_level", str(level))
    _parameter(info, "geo_risk.stage_h", str(min(a.stage_h for a in areas)))
    for area in areas:
        _area(info, area)


def _area(info: ET.Element, area: CapArea) -> None:
    found = ET.SubElement(info, "area")
    _add(found, "areaDesc", area.name or area.code)
    for ring in _rings(area.shape):
        _add(found, "polygon", ring)
    if area.code:
        code = ET.SubElement(found, "geocode")
        _add(code, "valueName", "township")
        _add(code, "value", area.code)


def _rings(shape: Any) -> list[str]:
    """Return the outer rings as closed lists of "lat,lon" pairs."""
    if shape is None or shape.is_empty:
        return []
    simple = shape.simplify(_SIMPLER_DEG, preserve_topology=True)
    parts = [p for p in shapely.get_parts(simple) if p.geom_type == "Polygon"]
    out = []
    for part in parts:
        pairs = [f"{y:.{_DEGREES}f},{x:.{_DEGREES}f}" for x, y in part.exterior.coords]
        out.append(" ".join(pairs if pairs[0] == pairs[-1] else [*pairs, pairs[0]]))
    return out


def _urgency(left: timedelta) -> str:
    """Return how soon to act, by the time that is left until the onset.

    The bounds are those of the stages, 1 h and 24 h (choice of geo_risk: CAP 1.2 has "within next hour" for Expected,
    but an hour is too late to leave a slope).
    """
    return "Immediate" if left <= timedelta(hours=1) else "Expected" if left <= timedelta(hours=24) else "Future"


def cap_time(time: datetime) -> str:
    """Return a time as CAP has it: local time of China with its offset (a trailing Z is not allowed).

    Raises
    ------
    ValueError : the time has no zone.
    """
    if time.tzinfo is None:
        what = f"{time} has no zone"
        raise ValueError(what)
    return time.astimezone(_CHINA).replace(microsecond=0).isoformat()


def _parameter(info: ET.Element, name: str, value: str) -> None:
    found = ET.SubElement(info, "parameter")
    _add(found, "valueName", name)
    _add(found, "value", value)


def _add(parent: ET.Element, name: str, text: str) -> None:
    """Add a child with text: characters that XML cannot hold are replaced, the rest is escaped when it is written."""
    ET.SubElement(parent, name).text = clean_text(text)
