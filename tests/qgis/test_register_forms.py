"""A person edits a copy of the register in a real QGIS: the form offers our codes only, and the work comes back."""

import json

import pytest
import shapely

from geo_risk.core.schemas import SCHEMAS
from geo_risk.flow.register_forms import make_register
from geo_risk.register import proposals
from geo_risk.register.entry import Change
from geo_risk.register.fields import LAYERS
from geo_risk.register.replay import differences
from geo_risk.register.store import Register
from tests.support.registers import CRS, EDITOR, Clock, X, Y, add_points

pytestmark = [pytest.mark.qgis, pytest.mark.slow]
NULL = "{2839923C-8B7D-419E-B84B-CA2FE9B80EC7}"


def test_an_edit_in_qgis_offers_our_codes_and_comes_back_as_proposals(tmp_path, cli, qgis, monkeypatch):
    path = tmp_path / "register.gpkg"
    monkeypatch.setenv("GEO_RISK_REGISTER", str(path))
    make_register(f"sqlite:///{path}", crs=CRS)
    with Register.open(str(path), clock=Clock()) as register:
        add_points(register, 3, responsible="张三")
        with register.writing():
            (zone,) = register.new_ids("risk_zones", 1)
            shape = shapely.box(X, Y, X + 90, Y + 30)
            register.apply([Change("risk_zones", zone, 0, "new", {"kind": "flood", "geometry": shape}, True)], EDITOR)
    copy = tmp_path / "copy.gpkg"
    assert cli("register", "export", copy)[0] == 0
    seen = json.loads(qgis("edit_copy.py", copy, path).splitlines()[-1])
    for layer in ("hazard_points", "risk_zones"):
        form, spec = seen["forms"][layer], LAYERS[layer]
        coded = {n: spec.choices[n] for n in spec.choices if n in form}
        assert {"status"} <= set(coded)
        for name, allowed in coded.items():
            assert form[name]["widget"] == "ValueMap"
            assert set(form[name]["words"].values()) - {NULL} == set(allowed)  # our codes, all of them, no other
        for name in (n for n in form if n.endswith("_level")):
            assert set(form[name]["words"].values()) == {"-1", "0", "1", "2", "3", "4"}
            assert form[name]["words"]["未知"] == "-1"
        assert form["people"]["bounds"][0] == 0  # nobody types fewer than none
        assert form["loop_due"]["widget"] == "DateTime"
        locked = {n for n, f in form.items() if f["locked"]}
        assert {spec.id, "version", "last_seen", "merged_into"} <= locked
        assert not {"name", "kind", "people", "hazard_level", "note"} & locked
        not_null = {n for n, f in form.items() if f["not_null"]}
        assert not_null - {"fid"} == set(SCHEMAS[layer].required) & set(form) - {"reasons", spec.id}
        # what is drawn anew is known to be nothing but drawn
        assert all(form[n]["default"] for n in not_null - {"fid", "kind"})
        assert (form["hazard_level"]["default"], form["status"]["default"]) == ("-1", "'new'")
    assert seen["forms"]["hazard_points"]["people"]["heading"] == "人口"
    assert seen["forms"]["register"]["kind"]["words"]["滑坡"] == "landslide"  # the register's own file shows them too
    assert "极高" in seen["symbols"]
    assert seen["index"] is True
    assert seen["saved_in_register"] is False
    assert "export it, edit the copy" in seen["why"]
    code, text, err = cli("register", "import", copy, "--by", "甲", "--why", "野外", "--json")
    assert (code, err) == (0, "")
    report = json.loads(text)
    assert (report["counts"]["rows_edited"], report["counts"]["rows_new"], report["quarantine"]) == (2, 1, [])
    with Register.open(str(path)) as register:
        found = {p.object_id: p.after for p in proposals.listed(register)}
        assert found["HP-000001"] == {"kind": "rockfall", "hazard_level": 4, "people": 15}
        assert set(found["HP-000002"]) == {"hazard_level", "geometry"}
        assert found["HP-000002"]["hazard_level"] == -1
        assert found["HP-000004"]["kind"] == "debris_flow"
        assert differences(register) == []  # QGIS opened the register's file, and left it as it was
    assert cli("register", "confirm", "--all", "--by", "甲", "--why", "试")[0] == 0
    with Register.open(str(path)) as register:
        assert register.get(["HP-000001"])["HP-000001"].values["responsible"] == "张三"
        assert differences(register) == []
