"""What goes out: the CAP message by the schema's rules, the bulletin, the document, and hostile names in all three."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
from shapely.geometry import MultiPolygon, box

from geo_risk.core.schemas import conform
from geo_risk.flow.steps import warning_bulletin, warnings
from geo_risk.products.ladder import Rung
from geo_risk.products.warning_params import CapParams, WarningParams
from geo_risk.products.warning_tables import gravest, township_warnings
from geo_risk.publish.bulletin import BulletinContent, bulletin_sections, gravest_rows, write_bulletin
from geo_risk.publish.cap import NAMESPACE, CapArea, CapMessage, CapSender, cap_time, write_cap
from geo_risk.publish.frames import write_json
from geo_risk.publish.hashing import content_sha256
from geo_risk.sources.issues import FOLDER, issue_name, of_time
from tests.support.payloads import ALL as PAYLOADS

T0 = datetime(2024, 7, 25, 2, tzinfo=UTC)
SENDER = CapSender("office@example.invalid", "某局", "Draft", "Restricted", "duty only", "a b")

ALERT = ("identifier", "sender", "sent", "status", "msgType", "source", "scope", "restriction", "addresses", "code",
         "note", "references", "incidents", "info")  # fmt: skip
INFO = ("language", "category", "event", "responseType", "urgency", "severity", "certainty", "audience", "eventCode",
        "effective", "onset", "expires", "senderName", "headline", "description", "instruction", "web", "contact",
        "parameter", "resource", "area")  # fmt: skip
AREA = ("areaDesc", "polygon", "circle", "geocode", "altitude", "ceiling")
"""Order of the children by the schema of OASIS CAP 1.2, section 3.4."""

MANY = {"code", "info", "category", "responseType", "eventCode", "parameter", "resource", "area", "polygon", "circle",
        "geocode"}  # fmt: skip
"""Children that may stand more than once; all others at most once."""

REFERENCE = re.compile(r"[^\s,<&]+,[^\s,<&]+,\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[-+]\d\d:\d\d$")

CHOICES = {
    "status": {"Actual", "Exercise", "System", "Test", "Draft"},
    "msgType": {"Alert", "Update", "Cancel", "Ack", "Error"}, "scope": {"Public", "Restricted", "Private"},
    "category": {"Geo", "Met"}, "responseType": {"Shelter", "Evacuate", "Prepare", "Execute", "Avoid", "Monitor",
                                                 "Assess", "AllClear", "None"},
    "urgency": {"Immediate", "Expected", "Future", "Past", "Unknown"},
    "severity": {"Extreme", "Severe", "Moderate", "Minor", "Unknown"},
    "certainty": {"Observed", "Likely", "Possible", "Unlikely", "Unknown"},
}  # fmt: skip
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[-+]\d\d:\d\d$")  # the schema's pattern: no Z


def area(name: str = "塬上乡", level: int = 3, shape: object = None) -> CapArea:
    where = box(111.1, 36.9, 111.2, 37.0) if shape is None else shape
    return CapArea(
        name, "149901102", level, 6, T0 + timedelta(hours=2), T0 + timedelta(hours=6), "中文", "English", where
    )


def message(*areas: CapArea, **more: object) -> CapMessage:
    return CapMessage("geo-risk-1", T0, "示范县", areas, **more)  # type: ignore[arg-type]


def checked(path) -> ET.Element:
    """Parse a message and check it by the rules of the schema."""
    root = ET.fromstring(path.read_bytes())
    names = {c.tag for e in root.iter() for c in [e]}
    assert all(n.startswith("{" + NAMESPACE + "}") for n in names)
    for element in root.iter():
        element.tag = element.tag.split("}")[1]
    ordered(root, ALERT, {"identifier", "sender", "sent", "status", "msgType", "scope"})
    assert not re.search(r"[\s,<&]", root.findtext("identifier") + root.findtext("sender"))
    assert (root.find("restriction") is not None) == (root.findtext("scope") == "Restricted")
    assert (root.find("addresses") is not None) == (root.findtext("scope") == "Private")
    references = (root.findtext("references") or "").split()
    assert bool(references) == (root.findtext("msgType") in ("Update", "Cancel"))
    assert all(REFERENCE.match(r) for r in references)
    assert f"{root.findtext('sender')},{root.findtext('identifier')},{root.findtext('sent')}" not in references
    infos = [(i.findtext("language"), i.findtext("event"), i.findtext("severity")) for i in root.findall("info")]
    assert len(set(infos)) == len(infos)
    assert {i[0] for i in infos} in (set(), {"zh-CN", "en"})
    for info in root.findall("info"):
        ordered(info, INFO, {"category", "event", "urgency", "severity", "certainty", "area"})
        onset, expires = (datetime.fromisoformat(info.findtext(n) or "") for n in ("onset", "expires"))
        assert datetime.fromisoformat(root.findtext("sent") or "") <= onset < expires
        for found in info.findall("area"):
            ordered(found, AREA, {"areaDesc"})
    for name, allowed in CHOICES.items():
        assert {e.text for e in root.iter(name)} <= allowed, name
    for name in ("sent", "effective", "onset", "expires"):
        assert all(TIME.match(e.text) for e in root.iter(name)), name
    for ring in root.iter("polygon"):
        pairs = [tuple(map(float, p.split(","))) for p in ring.text.split()]
        assert len(pairs) >= 4
        assert pairs[0] == pairs[-1]
        assert all(-90 <= lat <= 90 and -180 <= lon <= 180 for lat, lon in pairs)
    return root


def ordered(element: ET.Element, order: tuple[str, ...], required: set[str]) -> None:
    at = [order.index(child.tag) for child in element]
    assert at == sorted(at), [c.tag for c in element]
    assert required <= {c.tag for c in element}
    assert not [c.tag for c in element if len(element.findall(c.tag)) > 1 and c.tag not in MANY]
    assert all(c.text and c.text.strip() for c in element if not len(c)), [c.tag for c in element]


def test_a_message_has_the_schemas_order_languages_and_closed_rings(tmp_path):
    two = MultiPolygon([box(111.1, 36.9, 111.2, 37.0), box(111.3, 36.9, 111.4, 37.0)])
    write_cap(message(area(level=4, shape=two), area("河西乡"), area("东岭乡")), SENDER, tmp_path / "cap.xml")
    root = checked(tmp_path / "cap.xml")
    assert root.findtext("sent") == "2024-07-25T10:00:00+08:00"
    assert root.findtext("msgType") == "Alert"
    assert root.find("references") is None
    assert [i.findtext("language") for i in root.findall("info")] == ["zh-CN", "en", "zh-CN", "en"]
    assert [i.findtext("severity") for i in root.findall("info")] == ["Extreme", "Extreme", "Severe", "Severe"]
    red, orange = root.findall("info")[::2]
    assert len(red.findall("area/polygon")) == 2
    lat, lon = map(float, red.findtext("area/polygon").split()[0].split(","))
    assert 36 < lat < 38
    assert 110 < lon < 112
    assert [a.findtext("areaDesc") for a in orange.findall("area")] == ["河西乡", "东岭乡"]
    assert orange.findtext("onset") == "2024-07-25T12:00:00+08:00"
    with pytest.raises(ValueError, match="zone"):
        cap_time(T0.replace(tzinfo=None))


def test_updates_name_what_they_replace_and_only_a_known_calm_cancels(tmp_path):
    before = (("geo-risk-0", T0 - timedelta(hours=3)),)
    cases = {
        ("Update", True): message(area(), before=before, was_active=True),
        ("Cancel", True): message(before=before, was_active=True),
        # unknown clears nothing: with nothing to say it supersedes nothing, and does not go out
        ("Alert", ""): message(before=before, was_active=True, note="未知 unknown"),
        ("Update", "unknown"): message(area(), before=before, was_active=True, note="未知 unknown"),
        ("Alert", False): message(before=before, was_active=False, note=""),
    }
    for (kind, refers), case in cases.items():
        write_cap(case, SENDER, tmp_path / "cap.xml")
        root = checked(tmp_path / "cap.xml")
        assert root.findtext("msgType") == kind
        told = root.findtext("references")
        assert told == ("office@example.invalid,geo-risk-0,2024-07-25T07:00:00+08:00" if refers else None)
        write_cap(case, replace(SENDER, status="Actual"), tmp_path / "cap.xml")
        assert checked(tmp_path / "cap.xml").findtext("status") == ("Actual" if refers else "Draft")
    write_cap(replace(message(area()), is_draft=True), replace(SENDER, status="Actual"), tmp_path / "cap.xml")
    assert checked(tmp_path / "cap.xml").findtext("status") == "Draft"


@pytest.mark.parametrize(("onset_h", "urgency"), [(0, "Immediate"), (1, "Immediate"), (2, "Expected"), (24, "Expected"),
                                                  (25, "Future")])  # fmt: skip
def test_urgency_is_the_time_that_is_left_whatever_the_stage(tmp_path, onset_h, urgency):
    soon = replace(area(), stage_h=72, onset=T0 + timedelta(hours=onset_h), until=T0 + timedelta(hours=72))
    write_cap(message(soon), SENDER, tmp_path / "cap.xml")
    assert checked(tmp_path / "cap.xml").findtext("info/urgency") == urgency


def test_nothing_is_actual_or_public_unless_the_configuration_says_so(tmp_path):
    assert CapParams().status == "Draft"
    assert CapParams().scope == "Restricted"
    with pytest.raises(ValueError, match="sender"):
        CapParams(sender="a b")
    with pytest.raises(ValueError, match="accelerating"):
        WarningParams(moving_trigger_factor=0.5, accelerating_trigger_factor=0.9)
    private = CapSender("a@example.invalid", None, "Test", "Private", "", "x y")
    write_cap(message(area()), private, tmp_path / "cap.xml")
    root = checked(tmp_path / "cap.xml")
    assert root.findtext("addresses") == "x y"
    assert root.find("restriction") is None


def frames(text: str) -> dict[str, pd.DataFrame]:
    one = {
        "place_kind": "zone", "name": text, "township": text, "township_id": "1", "township_ids": "1",
        "stage_h": 6, "issued": T0.isoformat(),
        "until": T0.isoformat(), "change": "raised", "previous_level": 2, "reasons": text, "reasons_zh": text,
    }  # fmt: skip
    rows = [{**one, "warning_id": f"w{i}", "place_id": f"Z{i}", "warning_level": i - 1} for i in range(6)]
    towns = [{"rank": 1, "township_id": "1", "township": text, "warning_level": 4, "reasons": text}]
    gaps = [{"gap_id": "g", "gap": "zone_without_point", "place_id": text, "name": text, "reasons": text}]
    return {"warnings": conform(pd.DataFrame(rows), "warnings"),
            "warning_townships": conform(pd.DataFrame(towns), "warning_townships"),
            "warning_gaps": conform(pd.DataFrame(gaps), "warning_gaps")}  # fmt: skip


def content(text: str, language: str = "zh") -> BulletinContent:
    stages = [{"hours": 6, "issued": T0.isoformat(), "until": T0.isoformat(), "forecast": text},
              {"hours": 24, "issued": T0.isoformat(), "until": T0.isoformat(), "forecast": None}]  # fmt: skip
    cells = {"warning_6h": {"unknown": 1, "red": 3}}
    return BulletinContent(text, language, T0.isoformat(), stages, frames(text), cells, [text])


@pytest.mark.slow
def test_hostile_names_stay_text_in_all_three(tmp_path):
    for text in [*PAYLOADS, "a\x00b\x0bc\ud800", "]]><x>&amp;", "=HYPERLINK(1)", "{{ 7*7 }}", "<w:t>x</w:t>"]:
        write_cap(message(area(text)), SENDER, tmp_path / "cap.xml")
        root = checked(tmp_path / "cap.xml")
        assert {e.tag for e in root.iter()} <= {*ALERT, *INFO, *AREA, "alert", "valueName", "value"}
        write_bulletin(content(text.replace("\ud800", "")), tmp_path / "b.html")  # no frame holds a lone surrogate
        page = (tmp_path / "b.html").read_text(encoding="utf-8")
        assert not re.search(r"<(script|img|iframe|svg|x)\b", page)
    docx = pytest.importorskip("docx")
    from geo_risk.publish.bulletin_docx import write_docx

    nasty = '<w:t>x</w:t> & {{ 7*7 }} =cmd|"/c calc"\x00'
    write_docx(content(nasty), tmp_path / "b.docx")
    document = docx.Document(str(tmp_path / "b.docx"))
    texts = [c.text for t in document.tables for r in t.rows for c in r.cells] + [p.text for p in document.paragraphs]
    assert sum(nasty.replace("\x00", "\ufffd") in t for t in texts) > 5
    first = content_sha256(tmp_path / "b.docx"), (tmp_path / "b.docx").read_bytes()
    write_docx(content(nasty), tmp_path / "b.docx")
    assert (content_sha256(tmp_path / "b.docx"), (tmp_path / "b.docx").read_bytes()) == first


def test_the_bulletin_never_leaves_out_what_is_unknown():
    for language, said in (("en", "no forecast"), ("zh", "无预报")):
        sections = {s["title"]: s for s in bulletin_sections(content("x", language))}
        texts = " ".join(t for s in sections.values() for t in s["texts"])
        assert ("not safe" if language == "en" else "不等于安全") in texts
        rows = [c["text"] for s in sections.values() if s["table"] for r in s["table"]["rows"] for c in r]
        assert said in rows
    calm = content("x", "en")
    for frame in calm.frames.values():
        frame.drop(frame.index, inplace=True)
    assert any("None." in s["texts"] for s in bulletin_sections(calm))


STAGES = [{"hours": h, "issued": T0.isoformat(), "forecast": "f.nc"} for h in (72, 24, 6, 3, 1)]
LAND = gpd.GeoDataFrame(
    {"name": ["城关镇", "城关镇", ""], "code": ["1", "2", "township-3"]},
    geometry=[box(111.1, 36.9, 111.2, 37.0), box(111.3, 36.9, 111.4, 37.0), box(112, 36, 113, 37)], crs=4326,
)  # fmt: skip


def judged(*rows: tuple[str, int, int, str], hours: dict[str, float] | None = None) -> dict[str, pd.DataFrame]:
    """Return the frames of rows (zone, stage, level, ids of townships); `hours` to blue, ... of all of them."""
    made = [
        {"warning_id": f"zone-{z}-{h}h", "place_kind": "zone", "place_id": z, "stage_h": h, "warning_level": level,
         "township_ids": ids, "issued": T0.isoformat(), "until": (T0 + timedelta(hours=h)).isoformat(),
         "change": "unchanged", "previous_level": -1, "judged_level": level, "antecedent_mm": 0.0, "reasons": "why",
         **{f"hours_to_{c}": n for c, n in (hours or {}).items()}}
        for z, h, level, ids in rows
    ]  # fmt: skip
    table = conform(pd.DataFrame(made), "warnings")
    nothing = conform(pd.DataFrame({"gap_id": []}), "warning_gaps")
    return {"warnings": table, "warning_townships": township_warnings(table, LAND), "warning_gaps": nothing}


def state_of(levels: dict[str, int], issued: datetime, folder: Path | None = None) -> Any:
    """Return the state of an issue by "zone:A:6", or the file of it in a folder."""
    rungs = {key: Rung(level, level).to_dict() for key, level in levels.items()}
    made = {"format": 1, "issued": issued.isoformat(), "places": rungs}
    if folder is None:
        return made
    write_json(made, folder / issue_name(issued))
    return folder / issue_name(issued)


def told(frames_: dict[str, pd.DataFrame], earlier: list[Path], levels: dict[str, int], **more: Any) -> CapMessage:
    given = {"params": WarningParams(), **more}
    return warning_bulletin._message(frames_, LAND, state_of(levels, T0), earlier, run="x", stages=STAGES, **given)


@pytest.mark.slow
def test_what_is_unknown_now_stays_an_area_at_the_level_that_was_known_last(tmp_path):
    (red,) = [state_of({"zone:A:6": 4, "zone:B:6": 2}, T0 - timedelta(hours=1), tmp_path)]
    # A is in the first township and unknown, B in the second and yellow
    got = told(judged(("A", 6, -1, "1"), ("B", 6, 2, "2")), [red], {"zone:A:6": -1, "zone:B:6": 2})
    assert [(a.code, a.level, a.stage_h) for a in got.areas] == [("1", 4, 6), ("2", 2, 6)]
    assert got.kind == "Update"
    lost, yellow = got.areas
    assert (lost.onset, lost.until) == (T0, T0 + timedelta(hours=6))
    assert "Last known red, now unknown, not cleared: 1 places (stages 6 h)." in lost.text_en
    assert "上次已知为红色、现等级未知、未解除：1 处（6 小时阶段）。" in lost.text_zh
    assert "Known last by the warning of 2024-07-25 09:00 (UTC+8)." in lost.text_en
    assert "最后已知等级见 2024-07-25 09:00（北京时间）发布的预警。" in lost.text_zh
    assert "nown last" not in yellow.text_en
    write_cap(got, SENDER, tmp_path / "cap.xml")
    assert "now unknown, not cleared" in checked(tmp_path / "cap.xml").findall("info")[1].findtext("description")
    # the whole county unknown: the message keeps the red area; the next one still does
    all_lost = told(judged(("A", 6, -1, "1"), ("B", 6, -1, "2")), [red], {"zone:A:6": -1, "zone:B:6": -1})
    assert [(a.code, a.level) for a in all_lost.areas] == [("1", 4), ("2", 2)]
    # what was blue when last known is not told, and nothing refers to the message before
    blue = state_of({"zone:A:6": 1, "zone:B:6": 2}, T0 - timedelta(hours=1), tmp_path)
    quiet = told(judged(("A", 6, -1, "1"), ("B", 6, 0, "2")), [blue], {"zone:A:6": -1, "zone:B:6": 0})
    assert not quiet.areas
    assert quiet.kind == "Alert"
    assert quiet.is_empty
    assert "a draft, not to be sent" in quiet.note
    assert told(judged(("A", 6, 0, "1"), ("B", 6, 0, "2")), [red], {"zone:A:6": 0}).kind == "Cancel"


def test_a_place_that_is_not_judged_any_more_is_not_called_off(tmp_path):
    red = state_of({"zone:A:6": 4, "zone:B:6": 0}, T0 - timedelta(hours=1), tmp_path)
    for rows in ([("B", 6, 0, "2")], [("B", 6, 2, "2")]):
        got = told(judged(*rows), [red], {"zone:B:6": rows[0][2]})
        assert got.kind == "Alert"
        assert not got.before
        assert "1 places that were warned of are not judged any more" in got.note
        assert got.is_empty == (rows[0][2] == 0)


def test_a_stage_that_is_not_judged_any_more_is_not_called_off(tmp_path):
    red = state_of({"zone:A:72": 4, "zone:A:6": 0}, T0 - timedelta(hours=1), tmp_path)
    got = told(judged(("A", 6, 0, "1")), [red], {"zone:A:6": 0})
    assert got.kind == "Alert"
    assert got.is_empty
    assert "1 places that were warned of are not judged any more, or not at each stage" in got.note
    assert told(judged(("A", 72, 0, "1"), ("A", 6, 0, "1")), [red], {}).kind == "Cancel"


def test_what_was_unknown_at_the_issue_before_was_known_before_it(tmp_path):
    state = {"format": 1, "issued": T0.isoformat(), "places": {"zone:A:6": Rung(-1, 4).to_dict()}}
    write_json(state, tmp_path / issue_name(T0))
    now = state_of({"zone:A:6": -1}, T0 + timedelta(days=2))
    got = warning_bulletin._message(judged(("A", 6, -1, "1")), LAND, now, [tmp_path / issue_name(T0)], run="x",
                                    params=WarningParams(), stages=STAGES)  # fmt: skip
    assert [a.level for a in got.areas] == [4]
    assert "Known last before the warning of 2024-07-25 10:00 (UTC+8)." in got.areas[0].text_en


def test_a_level_from_below_takes_no_higher_one_back(tmp_path):
    red = state_of({"zone:A:72": 4}, T0 - timedelta(hours=1), tmp_path)
    run = judged(("A", 72, 2, "1"))  # a run begins a new ladder
    assert [a.level for a in told(run, [red], {}).areas] == [2]
    run["warnings"]["antecedent_mm"] = [None]  # at least yellow
    (got,) = told(run, [red], {}).areas
    assert got.level == 4
    assert "not cleared" in got.text_en


def test_what_is_known_from_below_only_calls_nothing_off(tmp_path):
    orange = state_of({"zone:A:6": 3}, T0 - timedelta(hours=1), tmp_path)
    calm = judged(("A", 6, 0, "1"), ("B", 72, 2, "1"))
    calm["warnings"]["antecedent_mm"] = [1.0, 1.0]
    params = WarningParams(cap=CapParams(least_level=3))
    assert told(calm, [orange], {}, params=params).kind == "Cancel"
    calm["warnings"]["antecedent_mm"] = [1.0, None]  # at least yellow, perhaps red
    got = told(calm, [orange], {}, params=params)
    assert got.is_empty
    assert "1 are lower bounds" in got.note


def test_an_area_holds_until_the_last_level_that_is_told_of_it():
    rows = [("A", 1, 4, "1"), ("A", 3, 3, "1"), ("A", 24, 3, "1"), ("A", 72, 3, "1"), ("B", 72, 1, "1")]
    hours = {"blue": 1.0, "yellow": 1.0, "orange": 1.0, "red": 1.0}
    (got,) = told(judged(*rows, hours=hours), [], {}).areas
    assert (got.level, got.stage_h) == (4, 1)
    assert (got.onset, got.until) == (T0, T0 + timedelta(hours=72))
    assert "red from 07-25 10:00 to 07-25 11:00 (UTC+8). orange or higher from 07-25 10:00 to 07-28 10:00" in (
        got.text_en.lower().replace("utc", "UTC"))  # fmt: skip
    assert "红色：07-25 10:00 至 07-25 11:00（北京时间）。橙色及以上：07-25 10:00 至 07-28 10:00" in got.text_zh
    # yellow begins at once, red only in the last hours: the area begins with yellow
    hours = {"blue": 1.0, "yellow": 1.0, "orange": 20.0, "red": 23.0}
    (got,) = told(judged(("A", 24, 4, "1"), hours=hours), [], {}).areas
    assert (got.onset, got.until) == (T0, T0 + timedelta(hours=24))
    assert "08:00" in got.text_en  # red from the end of hour 22


def test_townships_are_reached_by_code_and_a_zone_in_two_warns_both():
    got = told(judged(("A", 6, 3, "1,2"), ("B", 6, 2, "township-3"), ("C", 6, 4, "")), [], {})
    assert [(a.code, a.level, a.name) for a in got.areas] == [
        ("", 4, "乡镇以外"), ("1", 3, "城关镇"), ("2", 3, "城关镇"), ("township-3", 2, "township-3"),
    ]  # fmt: skip
    assert got.areas[2].shape.bounds == pytest.approx((111.3, 36.9, 111.4, 37.0))
    assert got.areas[0].shape is None


def test_without_townships_the_area_is_called_by_the_run():
    made = judged(("A", 6, 3, ""))
    made["warning_townships"] = township_warnings(made["warnings"], None)
    for none in (None, LAND.iloc[:0]):
        (got,) = warning_bulletin._message(made, none, state_of({}, T0), [], run="某县", params=WarningParams(),
                                           stages=STAGES).areas  # fmt: skip
        assert (got.name, got.code, got.shape) == ("某县", "", None)


def test_a_message_of_no_place_at_all_is_no_calm():
    made = judged(("A", 6, -1, "1"))
    assert "1 warnings are unknown" in warning_bulletin._unknown_note(made["warnings"], STAGES)
    nothing = {**made, "warnings": made["warnings"].iloc[:0]}
    got = told({**nothing, "warning_townships": township_warnings(nothing["warnings"], LAND)}, [], {})
    assert not got.areas
    assert "not safe" in got.note


def test_a_message_below_a_later_issue_is_a_draft():
    got = told(judged(("A", 6, 4, "1")), [], {}, later=["20240725T050000Z"])
    assert got.is_draft
    assert "20240725T050000Z" in got.note
    page = " ".join(t for s in bulletin_sections(replace(content("x", "en"), later=["20240725T050000Z"]))
                    for t in s["texts"])  # fmt: skip
    assert "20240725T050000Z" in page


def test_the_identifier_is_another_where_what_is_told_is_another():
    old = state_of({"zone:A:6": 3}, T0)
    assert warning_bulletin.message_id(T0, old) == warning_bulletin.message_id(T0, dict(old))
    made = judged(("A", 6, 3, "1"))["warnings"]
    cases = [("x", made, LAND), ("y", made, LAND), ("x", made, LAND.assign(name="别名")), ("x", made, None),
             ("x", made.assign(hours_to_orange=5.0), LAND), ("x", made.assign(until=T0.isoformat()), LAND),
             ("x", made.assign(township_ids="2"), LAND), ("x", made.assign(judged_level=2), LAND),
             ("x", made.assign(antecedent_mm=None), LAND)]  # fmt: skip
    names = [warning_bulletin.message_id(T0, {**old, "told": warnings._told(*case)}) for case in cases]
    assert len({*names, warning_bulletin.message_id(T0, old)}) == len(cases) + 1
    assert names[0] == warning_bulletin.message_id(T0, {**old, "told": warnings._told("x", made[::-1], LAND)})
    assert warnings._told("x", made, LAND, silent=[72]) != warnings._told("x", made, LAND)


def test_a_place_has_its_warning_where_another_stage_is_unknown():
    # blue at 1-24 h, no forecast for 72 h: routine; the place is blue everywhere it is named
    rows = [("A", h, 1, "1") for h in (24, 6, 3, 1)] + [("A", 72, -1, "1"), ("B", 72, -1, "1"), ("B", 6, 0, "1"),
                                                        ("C", 6, 2, "1"), ("D", 6, 0, "1")]  # fmt: skip
    table = judged(*rows)["warnings"]
    found = gravest_rows(table)
    assert found[["place_id", "warning_level"]].to_numpy().tolist() == [["C", 2], ["B", -1], ["A", 1], ["D", 0]]
    assert found["stage_h"].tolist() == [6, 72, 1, 6]
    for place in found.to_dict("records"):
        assert place["warning_level"] == gravest(table[table["place_id"] == place["place_id"]]["warning_level"])
    told_ = replace(content("x", "en"), frames={**judged(*rows), "warning_gaps": content("x").frames["warning_gaps"]})
    sections = {s["title"]: s for s in bulletin_sections(told_)}
    assert sections["Summary"]["texts"][0] == (
        "Zones (4): yellow (III) 1, blue (IV) 1, no warning 1, unknown or no forecast 1."
    )
    cells = [c["text"] for r in sections["Places warned of"]["table"]["rows"] for c in r]
    assert "A" in cells


def test_a_correction_names_what_it_takes_the_place_of_and_calls_it_off(tmp_path):
    stages = [{"hours": 6, "issued": T0.isoformat(), "forecast": "f.nc"}]
    folder = tmp_path / FOLDER

    def state(level: int, name: str = "") -> dict[str, object]:
        issued = T0 if name != "20240725T010000Z.json" else T0 - timedelta(hours=1)
        made = {"format": 1, "issued": issued.isoformat(), "places": {"zone:A:6": Rung(level, level).to_dict()}}
        if name:
            write_json(made, folder / name)
        return made

    calm = frames("东岭乡")
    calm["warnings"] = calm["warnings"][calm["warnings"]["warning_level"] == 0].assign(place_id="A")
    calm["warning_townships"] = calm["warning_townships"].iloc[:0]
    state(0, "20240725T010000Z.json")
    state(4, "20240725T020000Z.json")
    # red went out at two o'clock by mistake; the correction of that hour must call it off, and so must its repetition
    told = []
    for _ in range(2):
        earlier = [folder / "20240725T010000Z.json", *of_time(tmp_path, T0)]
        message = warning_bulletin._message(calm, None, state(0), earlier, run="x", params=WarningParams(),
                                            stages=stages)  # fmt: skip
        write_cap(message, SENDER, tmp_path / "cap.xml")
        told.append((tmp_path / "cap.xml").read_bytes())
        root = checked(tmp_path / "cap.xml")
        assert root.findtext("msgType") == "Cancel"
        assert len(root.findtext("references").split()) == 2
        state(4, "20240725T020000Z.replaced-aaaaaaaa.json")
        state(0, "20240725T020000Z.json")
    assert told[0] == told[1]
