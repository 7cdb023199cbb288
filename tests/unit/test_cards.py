"""Cards and forms of points, zones, villages and sites: what stands on them, and which row an id means."""

import json

import geopandas as gpd
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import LineString, Point, box

from geo_risk.core.errors import ConfigError, DataError
from geo_risk.core.schemas import conform
from geo_risk.flow.card import CardOptions, make_card
from geo_risk.publish.card_forms import form_values
from geo_risk.publish.card_map import card_map
from geo_risk.publish.card_values import card_values, settlements_near, shortened
from geo_risk.publish.cards import CardText, card_page
from geo_risk.publish.geopackage import write_geopackage
from tests.support import products

CRS = "EPSG:4546"
X, Y = 500_000.0, 4_000_000.0


def frames():
    """Three villages: two that zone Z1 calls (S0 inside, S1 far but by its houses), and S2 of which little is known."""
    listed = pd.DataFrame({
        "rank": [1, 2, 3], "settlement_id": ["S0", "S1", "S2"], "name": ["王家沟", None, "李庄"],
        "people": pd.array([120, 45, None], dtype="Int64"),
        "vulnerable_people": pd.array([30, None, None], dtype="Int64"),
        "hazard_kinds": ["landslide,flood", "landslide", "unknown"], "risk_level": [4, 3, -1],
        "warning_level": [4, 3, -1], "leave_before": ["2024-07-25T07:00:00+00:00", None, None],
        "shelter_id": ["H1", "H2", None], "shelter_name": ["学校", "体育馆", None],
        "assigned_people": pd.array([120, 40, None], dtype="Int64"),
        "unassigned_people": pd.array([0, 5, None], dtype="Int64"),
        "route_km": [5.2, 3.0, None], "travel_min": [12.0, 9.0, None], "route_exposed_km": [1.4, 0.0, None],
        "cut_off_risk": ["high", "none", "unknown"], "backup_shelter_id": ["H2", None, None],
        "responsible": ["责任人-001", None, None], "score": [0.9, 0.5, 0.4], "reasons": ["甲", "乙", "丙"],
        "zone_ids": ["Z1,Z2", "Z1", ""], "settlement_people": [300, 80, 0], "houses_not_judged": [0, 0, 7],
    })  # fmt: skip
    places = [Point(X, Y), Point(X + 6000, Y), Point(X + 20_000, Y)]
    zone = {"zone_id": ["Z1"], "kind": "landslide", "hazard_level": 4, "vulnerability_level": 2, "risk_level": 3,
            "people": 165, "point_ids": "P1", "responsible": "责任人-009", "reasons": "丁",
            "warning_72h": 3, "warning_24h": 4, "warning_6h": 4, "warning_3h": 2, "warning_1h": -1}  # fmt: skip
    point = {"point_id": ["P1"], "name": "后坡", "kind": "landslide", "source": "inventory", "status": "existing",
             "activity": "unknown", "hazard_level": 3, "zone_id": "Z1", "people": None,
             "monitor": "监测人-001", "reasons": "戊"}  # fmt: skip
    way = LineString([(X, Y), (X, Y + 4000), (X + 1200, Y + 4000)])
    ways = {"route_id": ["S0-H1", "S0-H2-B"], "settlement_id": "S0", "shelter_id": ["H1", "H2"], "km": [5.2, 3.0],
            "exposed_km": [1.4, 0.0], "role": ["main", "backup"]}  # fmt: skip
    given_ = pd.DataFrame({"settlement_id": ["S0", "S0"], "shelter_id": ["H2", "H1"], "people": [20, 100],
                           "route_km": [3.0, 5.2], "travel_min": [9.0, 12.0], "route_id": ["a", "b"]})  # fmt: skip
    made = {
        "evacuation": gpd.GeoDataFrame(listed, geometry=places, crs=CRS),
        "risk_zones": gpd.GeoDataFrame(zone, geometry=[box(X - 300, Y - 300, X + 300, Y + 300)], crs=CRS),
        "hazard_points": gpd.GeoDataFrame(point, geometry=[Point(X + 40_000, Y)], crs=CRS),
        "evacuation_routes": gpd.GeoDataFrame(ways, geometry=[way, LineString([(X, Y), (X + 3000, Y)])], crs=CRS),
        "evacuation_assignments": given_,
    }
    return {name: conform(frame, name) for name, frame in made.items()}


def row_of(name, i=0):
    made = frames()
    return {str(k): v for k, v in made[name].iloc[i].items()}, made


def texts(pairs):
    return {name: cell["text"] for name, cell in pairs}


FIRM = {"first10_share": 0.354, "rank_median": 3, "rank_low": 1, "rank_high": 7, "n_draws": 500}


@pytest.mark.parametrize(
    ("name", "rank", "title"), [("hazard_points", "priority_rank", "位次"), ("risk_zones", "priority_rank", "位次"),
                                ("evacuation", "rank", "排名")]
)  # fmt: skip
def test_a_card_tells_the_rank_and_how_firmly_it_is_held(name, rank, title):
    row, made = row_of(name)
    facts = texts(card_values(name, row | {rank: 2} | FIRM, made, "zh")["facts"])
    assert facts[title] == "第 2 位（500 次抽样九成在第 1—7 位）"
    assert facts["列前十的比例"] == "35%"
    facts = texts(card_values(name, row | {rank: 2} | FIRM, made, "en")["facts"])
    assert facts["Rank"] == "2 (nine in ten of 500 draws: 1-7)"
    nothing = dict.fromkeys(FIRM) | {rank: 2, "n_draws": 0}
    assert texts(card_values(name, row | nothing, made, "zh")["facts"])[title] == "2"


def test_a_card_says_that_a_grade_is_unknown():
    row, made = row_of("hazard_points")
    facts = texts(card_values("hazard_points", row | {"danger_grade": None}, made, "zh")["facts"])
    assert facts["险情等级"] == "未知"


def test_the_plan_of_a_village_tells_who_when_where_and_by_which_road():
    row, made = row_of("evacuation")
    plan = texts(card_values("evacuation", row, made, "zh")["plan"])
    assert plan["转移对象"] == "120 人，其中重点人群 30 人（优先转移）"
    assert plan["转移时限"] == "2024-07-25 15:00"
    assert plan["安置点"] == "学校（H1） 100 人；体育馆（H2） 20 人"
    assert plan["转移路线"] == "约 5.2 公里，12 分钟；其中 1.4 公里穿越风险区"
    assert plan["备用安置点"] == "体育馆（H2）"
    assert plan["责任人"].startswith("责任人-001")


def test_what_is_unknown_of_a_village_is_told_as_unknown_or_left_to_settle():
    row, made = row_of("evacuation", 2)
    made_card = card_values("evacuation", row, made, "zh")
    plan, facts = texts(made_card["plan"]), texts(made_card["facts"])
    assert plan["转移对象"] == "未知 人，其中重点人群 未知 人（优先转移）"
    assert plan["安置点"] == "未落实，请立即确定"
    assert plan["转移路线"] == "没有已知的可通行道路，请现场确定"
    assert plan["备用安置点"] == "未知，请现场确定"
    row, made = row_of("evacuation", 1)  # its way is known, and no other shelter was found by it
    found = texts(card_values("evacuation", row, made, "zh")["plan"])
    assert found["备用安置点"] == "没有可达的第二处安置点，请现场确定"
    assert "按预警信号" in plan["转移时限"]
    assert plan["道路中断风险"] == plan["未安置人数"] == "未知"
    assert facts["预警等级"] == "未知或无预报"
    assert facts["情况未知的房屋"] == "7"


def test_people_are_named_only_where_asked():
    for name in ("evacuation", "risk_zones", "hazard_points"):
        row, made = row_of(name)
        named = card_page(name, row, made, CardText("县", contacts=True))
        bare = card_page(name, row, made, CardText("县", contacts=False))
        assert "人-00" in named
        assert "人-00" not in bare


def test_a_zone_and_its_point_list_the_settlements_that_it_calls_or_that_are_near():
    row, made = row_of("risk_zones")
    assert settlements_near("risk_zones", row, made)["settlement_id"].tolist() == ["S0", "S1"]
    point, _ = row_of("hazard_points")
    assert settlements_near("hazard_points", point, made)["settlement_id"].tolist() == ["S0", "S1"]  # by its zone
    values = card_values("risk_zones", row, made, "en")
    assert [r[0]["text"] for r in values["leaving"]["grid"]["rows"]] == ["王家沟", "S1"]
    assert values["stages"]["rows"][0][0]["text"].startswith("orange")
    assert "unknown" in values["stages"]["rows"][0][-1]["text"]
    alone = {k: v for k, v in point.items() if k != "zone_id"}
    said = card_values("hazard_points", alone, made, "en")["leaving"]
    assert said["grid"] is None
    assert "does not mean safe" in said["note"]


def test_the_map_of_a_village_holds_its_routes_and_shelters_and_marks_lie_where_they_are():
    row, made = row_of("evacuation")
    drawn = card_map("evacuation", row, made)
    assert drawn.side_m == pytest.approx(4000 * 1.12)  # the longer side of the box around both routes, and a margin
    assert [m["kind"] for m in drawn.marks] == ["here", "shelter", "shelter"]
    assert all(0 <= m["x"] <= 100 and 0 <= m["y"] <= 100 for m in drawn.marks)
    here, ends = drawn.marks[0], {(m["x"], m["y"]) for m in drawn.marks[1:]}
    per = 100 / drawn.side_m
    expected = {(round(here["x"] + 3000 * per), round(here["y"])),
                (round(here["x"] + 1200 * per), round(here["y"] - 4000 * per))}  # fmt: skip
    assert {(round(x), round(y)) for x, y in ends} == expected
    dashed = [p for p in drawn.paths if p["dash"]]
    assert len(dashed) == 1
    far, near = card_map("evacuation", *row_of("evacuation", 1)), SIDE
    assert far.side_m == near


SIDE = 4000.0


def test_forms_fill_in_a_shelter_only_where_one_settlement_is_meant():
    village, made = row_of("evacuation")
    assert texts(form_values("household", "evacuation", village, made, "zh")["pairs"])["安置点"].startswith("学校")
    zone, _ = row_of("risk_zones")  # two settlements: a household of which one?
    assert texts(form_values("household", "risk_zones", zone, made, "zh")["pairs"])["安置点"] == ""
    listed = form_values("transfer", "evacuation", village, made, "zh")
    assert texts(listed["pairs"])["需转移人数"] == "120"
    assert texts(listed["pairs"])["灾害类型"] == "滑坡、洪涝"
    assert {"老人", "儿童", "残疾", "病患", "孕产妇", "转移责任人"} <= set(listed["head"])


@given(st.text(max_size=60), st.integers(1, 40))
def test_shortened_texts_are_no_longer_than_asked_and_say_that_they_were_cut(text, longest):
    out = shortened(text, longest)
    width = sum(2 if ord(c) > 0x2E7F else 1 for c in out.removesuffix("…") if out != text)
    assert width <= longest
    assert out == text or out.endswith("…")


@pytest.fixture
def run_folder(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    write_geopackage(frames(), out / "geo_risk.gpkg")
    manifest = {"name": "某县", "written_at": "2024-07-25T03:00:00+00:00", "parameters": {"language": "zh"},
                "issues": [{"path": "warnings/issues/20240725T020000Z.json"},
                           {"path": "warnings/issues/20240725T010000Z.replaced-60fbe6b3.json"}]}  # fmt: skip
    (out / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return out


@pytest.mark.parametrize(("row_id", "file"), [("S0", "village_S0.html"), ("Z1", "zone_Z1.html"),
                                              ("P1", "point_P1.html")])  # fmt: skip
def test_the_command_writes_the_card_of_any_kind_with_the_times_of_the_run(cli, run_folder, tmp_path, row_id, file):
    before = sorted(run_folder.iterdir())
    code, out, err = cli("card", run_folder, row_id, "--to", tmp_path)
    assert (code, err) == (0, "")
    assert file in out
    page = (tmp_path / file).read_text(encoding="utf-8")
    assert "某县 · 运行时间 2024-07-25 11:00 · 预警发布 2024-07-25 10:00" in page
    assert "人-00" not in page
    assert sorted(run_folder.iterdir()) == before
    code, out, _ = cli(
        "card", run_folder, row_id, "--to", tmp_path / "x.html", "--with-contacts", "--json", "--lang", "en"
    )
    assert json.loads(out)["card"] == str(tmp_path / "x.html")
    page = (tmp_path / "x.html").read_text(encoding="utf-8")
    assert "人-00" in page
    assert "warning issued" in page


def test_an_unknown_id_is_an_error_with_the_nearest_ids(cli, run_folder, tmp_path):
    code, _, err = cli("card", run_folder, "s9", "--to", tmp_path)
    assert code == 3
    assert len(err.strip().splitlines()) == 3
    assert "near: " in err
    assert "S0" in err
    assert "does not prove it safe" in err
    assert list(tmp_path.glob("*.html")) == []


def test_bad_calls_are_refused_and_write_nothing(run_folder, tmp_path):
    with pytest.raises(DataError, match=r"holds no geo_risk\.gpkg"):
        make_card(tmp_path, "S0", tmp_path, CardOptions())
    with pytest.raises(ConfigError, match="folder of the run"):
        make_card(run_folder, "S0", run_folder / "cards.html", CardOptions())
    with pytest.raises(ConfigError, match="no folder"):
        make_card(run_folder, "S0", tmp_path / "no" / "x.html", CardOptions())
    with pytest.raises(DataError, match="no point"):
        make_card(run_folder, "S0", tmp_path, CardOptions(kind="zone"))
    assert list(tmp_path.glob("*.html")) == []


@pytest.mark.slow
def test_an_id_of_two_things_needs_its_kind_and_a_site_has_no_form(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    made = products.frames()
    made["hazard_points"]["point_id"] = made["hazard_points"]["point_id"].replace("P000", "W000")
    write_geopackage({n: made[n] for n in ("hazard_points", "waterlogging")}, out / "geo_risk.gpkg")
    with pytest.raises(ConfigError, match="more than one thing: point or site"):
        make_card(out, "W000", tmp_path, CardOptions())
    assert make_card(out, "W000", tmp_path, CardOptions(kind="site")).name == "site_W000.html"
    with pytest.raises(ConfigError, match="no form 'transfer'"):
        make_card(out, "W001", tmp_path, CardOptions(form="transfer"))
