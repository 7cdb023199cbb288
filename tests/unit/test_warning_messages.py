"""What goes out: the CAP message by the schema's rules, the bulletin, the document, and hostile names in all three."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta

import geopandas as gpd
import pandas as pd
import pytest
from shapely.geometry import MultiPolygon, box

from geo_risk.core.schemas import conform
from geo_risk.products.warning_params import CapParams, WarningParams
from geo_risk.publish.bulletin import BulletinContent, bulletin_sections, write_bulletin
from geo_risk.publish.cap import NAMESPACE, CapArea, CapMessage, CapSender, cap_time, write_cap
from geo_risk.publish.hashing import content_sha256
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
    for info in root.findall("info"):
        ordered(info, INFO, {"category", "event", "urgency", "severity", "certainty"})
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
        ("Update", "unknown"): message(before=before, was_active=True, note="未知 unknown"),
        ("Alert", False): message(before=before, was_active=False, note=""),
    }
    for (kind, refers), case in cases.items():
        write_cap(case, SENDER, tmp_path / "cap.xml")
        root = checked(tmp_path / "cap.xml")
        assert root.findtext("msgType") == kind
        told = root.findtext("references")
        assert told == ("office@example.invalid,geo-risk-0,2024-07-25T07:00:00+08:00" if refers else None)


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
        "place_kind": "zone", "name": text, "township": text, "stage_h": 6, "issued": T0.isoformat(),
        "until": T0.isoformat(), "change": "raised", "previous_level": 2, "reasons": text, "reasons_zh": text,
    }  # fmt: skip
    rows = [{**one, "warning_id": f"w{i}", "place_id": f"Z{i}", "warning_level": i - 1} for i in range(6)]
    towns = [{"rank": 1, "township": text, "warning_level": 4, "reasons": text}]
    gaps = [{"gap_id": "g", "gap": "zone_without_point", "place_id": text, "name": text, "reasons": text}]
    return {"warnings": conform(pd.DataFrame(rows), "warnings"),
            "warning_townships": conform(pd.DataFrame(towns), "warning_townships"),
            "warning_gaps": conform(pd.DataFrame(gaps), "warning_gaps")}  # fmt: skip


def content(text: str, language: str = "zh") -> BulletinContent:
    stages = [{"hours": 6, "issued": T0.isoformat(), "until": T0.isoformat(), "forecast": text},
              {"hours": 24, "issued": T0.isoformat(), "until": T0.isoformat(), "forecast": None}]  # fmt: skip
    cells = {"warning_6h": {"unknown": 1, "red": 3}}
    return BulletinContent(text, language, T0.isoformat(), stages, frames(text), cells, [text])


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


def test_townships_of_one_name_are_all_reached_and_no_place_at_all_is_no_calm():
    from geo_risk.flow.steps import warning_bulletin

    made = frames("东岭乡")
    made["warning_townships"] = made["warning_townships"].assign(reasons_zh="因", reasons_en="why")
    towns = gpd.GeoDataFrame(
        {"name": ["东岭乡", "东岭乡", "河西乡"], "code": ["1", "2", "3"]},
        geometry=[box(111.1, 36.9, 111.2, 37.0), box(111.3, 36.9, 111.4, 37.0), box(112, 36, 113, 37)], crs=4326,
    )  # fmt: skip
    (found,) = warning_bulletin._areas(made, towns, WarningParams())
    assert found.shape.bounds == pytest.approx((111.1, 36.9, 111.4, 37.0))
    assert found.code == ""
    stages = [{"hours": 6, "issued": T0.isoformat(), "forecast": "f.nc"}]
    assert "1 warnings are unknown" in warning_bulletin._unknown_note(made["warnings"], stages)
    nothing = {**made, "warnings": made["warnings"].iloc[:0], "warning_townships": made["warning_townships"].iloc[:0]}
    state = {"issued": T0.isoformat(), "places": {}}
    told = warning_bulletin._message(nothing, None, state, [], run="x", params=WarningParams(), stages=stages)
    assert not told.areas
    assert "not safe" in told.note


def test_a_correction_names_what_it_takes_the_place_of_and_calls_it_off(tmp_path):
    from geo_risk.flow.steps import warning_bulletin
    from geo_risk.products.ladder import Rung
    from geo_risk.publish.frames import write_json
    from geo_risk.sources.issues import FOLDER, of_time

    stages = [{"hours": 6, "issued": T0.isoformat(), "forecast": "f.nc"}]
    folder = tmp_path / FOLDER

    def state(level: int, name: str = "") -> dict[str, object]:
        made = {"format": 1, "issued": T0.isoformat(), "places": {"zone:A:6": Rung(level, level).to_dict()}}
        if name:
            write_json(made, folder / name)
        return made

    calm = frames("东岭乡")
    calm["warnings"] = calm["warnings"][calm["warnings"]["warning_level"] == 0]
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
