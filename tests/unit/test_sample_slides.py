"""Slides of the demo county, their run-out, the inventory's faults and the ledger of hazard points."""

from __future__ import annotations

from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pytest
import shapely
from pyproj import Geod, Transformer

from geo_risk.core.errors import DataError
from geo_risk.sample.buildings import make_buildings
from geo_risk.sample.ground import make_ground
from geo_risk.sample.ledger import HEADERS, gcj02, make_ledger
from geo_risk.sample.people import make_people
from geo_risk.sample.rain import make_rain
from geo_risk.sample.runout import friction, hit_polygon, run_out, source_polygon
from geo_risk.sample.sheets import write_sheet
from geo_risk.sample.slides import DOUBLED_WITHIN_M, MISPLACED_WITHIN_M, make_slides
from geo_risk.sample.susceptibility import make_susceptibility, rain_factor


def _movers(ground):
    left, bottom, _, _ = ground.grid.bounds
    return gpd.GeoDataFrame(
        {"mover_id": [f"M{k:03d}" for k in range(1, 9)], "kind": "slow_slide",
         "visible_asc": [True] * 7 + [False], "visible_desc": [True] * 7 + [False]},
        geometry=[shapely.Point(left + 400 + 500 * k, bottom + 600).buffer(100 + 5 * k) for k in range(8)],
        crs=ground.grid.crs,
    )  # fmt: skip


def _made(size, seed):
    ground = make_ground(size, seed)
    people = make_people(ground)
    homes = make_buildings(ground, people.settlements)
    rain = make_rain(ground.grid.bounds, seed=seed)
    hidden = make_susceptibility(ground, people.roads, homes)
    slides = make_slides(ground, hidden, rain)
    movers = _movers(ground)
    ledger = make_ledger(ground, hidden, slides, movers, homes)
    return SimpleNamespace(ground=ground, people=people, homes=homes, rain=rain, hidden=hidden, slides=slides,
                           movers=movers, ledger=ledger)  # fmt: skip


@pytest.fixture(scope="module")
def county():
    return _made(500, 7)


def _plane(slope, size=80):
    """A ground that falls to the south at `slope` (tangent), then is flat."""
    z = np.maximum(30.0 * slope * (40 - np.arange(size)), 0.0)
    dem = np.repeat(z[:, None], size, axis=1).astype(np.float32)
    grid = SimpleNamespace(resolution_m=30.0, transform=make_ground(120, 1).grid.transform)
    return SimpleNamespace(dem_true=dem, grid=grid)


@pytest.mark.slow
def test_run_out_on_a_plane_stops_where_the_energy_line_says():
    # drop H over length L of slope, then flat: head = H - mu (L + flat) reaches zero after flat = H / mu - L
    slope, mu, start = 0.6, 0.25, 30
    way = run_out(_plane(slope), start, 40, mu)
    length = np.hypot(*np.diff(way, axis=0).T).sum()
    drop = 30.0 * slope * (40 - start)
    # on the flat the ties between neighbours are broken by order, so that the way may turn: length, not distance
    assert drop / mu - 45 <= length <= drop / mu


@pytest.mark.slow
def test_a_slope_flatter_than_friction_does_not_run():
    assert len(run_out(_plane(0.2), 20, 40, 0.3)) == 1


def test_friction_falls_with_volume():
    small = np.mean([friction(300.0, np.random.default_rng(k)) for k in range(200)])
    large = np.mean([friction(3.0e5, np.random.default_rng(k)) for k in range(200)])
    assert 0.12 <= large < small <= 0.75


def test_source_is_an_ellipse_along_the_slope():
    area = source_polygon(0, 0, azimuth_deg=90.0, length_m=100, width_m=40)
    left, bottom, right, top = area.bounds
    assert (right - left, top - bottom) == pytest.approx((100, 40), abs=0.2)
    assert area.area == pytest.approx(np.pi * 50 * 20, rel=0.05)


def test_hit_area_holds_its_source_and_its_way():
    source = source_polygon(0, 0, azimuth_deg=180.0, length_m=60, width_m=30)
    way = np.array([[0.0, 0.0], [0.0, -90.0], [30.0, -200.0]])
    hit = hit_polygon(source, way, 30.0)
    assert hit.is_valid
    assert hit.buffer(3).contains(source)
    assert hit.buffer(12).contains(shapely.LineString(way))


@pytest.mark.slow
def test_storm_slides_follow_susceptibility_and_rain(county):
    slides, hidden, ground = county.slides, county.hidden, county.ground
    assert 60 <= len(slides.storm) <= 180
    rows, columns, inside = ground.grid.index(slides.storm["x"], slides.storm["y"])
    assert inside.all()
    assert np.isfinite(hidden.logit[rows, columns]).all()
    finite = hidden.logit[np.isfinite(hidden.logit)]
    assert np.median(hidden.logit[rows, columns]) > np.quantile(finite, 0.75)
    total = county.rain.storm().rain_mm.sum(axis=0)
    at_slides = county.rain.storm().at(total, slides.storm["x"].to_numpy(), slides.storm["y"].to_numpy())
    assert at_slides.mean() > total[2:-2, 2:-2].mean()
    times = np.array([t.removesuffix("Z") for t in slides.storm["time"]], dtype="datetime64[h]")
    assert times.min() >= county.rain.storm().times[0]
    assert times.max() <= county.rain.storm().times[-1]
    assert slides.hit.geometry.is_valid.all()
    assert (slides.hit.geometry.area >= 0.9 * slides.storm.geometry.area.to_numpy()).all()


@pytest.mark.slow
def test_inventory_has_its_faults_in_number_and_size(county):
    faults, events = county.slides.faults, county.slides.events
    assert len(events) == 300
    number = faults["fault"].value_counts()
    assert number["missing"] == 60
    assert number["duplicate"] == number["misplaced"] == 12
    assert len(county.slides.inventory) == 300 - 60 + 12
    true = events.set_index("event_id")
    kept = faults[faults["fault"] != "missing"]
    at = county.slides.inventory.set_index("event_id").geometry.loc[kept["event_id"]]
    away = np.hypot(at.x.to_numpy() - true.loc[kept["true_event_id"], "x"].to_numpy(),
                    at.y.to_numpy() - true.loc[kept["true_event_id"], "y"].to_numpy())  # fmt: skip
    kind = kept["fault"].to_numpy()
    assert away[kind == "none"].max() == 0
    assert 0 < away[kind == "duplicate"].max() <= DOUBLED_WITHIN_M + 1
    assert 100 < away[kind == "misplaced"].max() <= MISPLACED_WITHIN_M + 1
    rows, columns, _ = county.ground.grid.index(true["x"], true["y"])
    far = dict(zip(true.index, county.hidden.road_distance_m[rows, columns], strict=True))
    lost = faults.loc[faults["fault"] == "missing", "true_event_id"].map(far).mean()
    assert lost > kept["true_event_id"].map(far).mean()


@pytest.mark.slow
def test_past_slides_name_storms_and_grow_with_their_rain(county):
    past = county.slides.past
    assert set(past["storm_id"]) <= {f"S{n}" for n in range(1, 9)}
    rain = [float(f.rain_mm[-3:].sum(axis=0).mean()) for f in county.rain.past]
    number = [int((past["storm_id"] == f"S{n}").sum()) for n in range(1, 9)]
    assert np.corrcoef(rain, number)[0, 1] > 0.6
    assert np.argmax(rain) == np.argmax(number)


@pytest.mark.slow
def test_ledger_has_its_rows_and_faults(county):
    sheet, truth = county.ledger.sheet, county.ledger.truth
    assert list(sheet.columns) == list(HEADERS)
    assert len(sheet) == len(truth) == 70
    kinds = truth["true_kind"].value_counts().to_dict()
    assert kinds == {"static": 34, "dead": 15, "sliding": 12, "mover": 7, "repeated": 2}
    assert truth["fault"].value_counts().to_dict() == {
        "none": 63, "swapped": 3, "gcj02": 2, "repeated_number": 2,
    }  # fmt: skip
    assert "M008" in set(truth["mover_id"].dropna())
    assert sheet["编号"].duplicated().sum() == 2
    assert not sheet["责任人"].str.contains(r"[^0-9责任人\-]").any()
    to_metres = Transformer.from_crs("EPSG:4490", county.ground.grid.crs, always_xy=True)
    x, y = to_metres.transform(sheet["经度"].to_numpy(), sheet["纬度"].to_numpy())
    away = np.hypot(x - truth["x"].to_numpy(), y - truth["y"].to_numpy())
    good = truth["fault"].isin(["none", "repeated_number"]).to_numpy()
    assert away[good].max() < 0.2
    assert ((away > 300) & (away < 900))[(truth["fault"] == "gcj02").to_numpy()].all()
    assert (sheet["纬度"] > 90)[(truth["fault"] == "swapped").to_numpy()].all()


@pytest.mark.slow
def test_static_and_dead_places_are_what_they_are_called(county):
    truth = county.ledger.truth
    rows, columns, _ = county.ground.grid.index(truth["x"], truth["y"])
    probability = county.hidden.probability[rows, columns]
    static, dead = (truth["true_kind"] == "static").to_numpy(), (truth["true_kind"] == "dead").to_numpy()
    assert probability[static].min() > probability[dead].max()
    hit = shapely.union_all(county.slides.storm.geometry.to_numpy())
    points = shapely.points(truth["x"], truth["y"])
    assert shapely.distance(points[static | dead], hit).min() > 30
    sliding = truth[truth["true_kind"] == "sliding"]
    assert set(sliding["slide_id"]) <= set(county.slides.storm["slide_id"])
    moving = shapely.union_all(county.movers.geometry.to_numpy())
    assert shapely.distance(points[(truth["true_kind"] == "mover").to_numpy()], moving).max() == 0


@pytest.mark.slow
def test_slides_are_the_same_for_the_same_seed():
    first, again = _made(160, 3), _made(160, 3)
    assert first.slides.storm.equals(again.slides.storm)
    assert first.slides.inventory.equals(again.slides.inventory)
    assert first.ledger.sheet.equals(again.ledger.sheet)
    assert np.array_equal(first.hidden.logit, again.hidden.logit)


def test_rain_factor_is_half_at_its_middle_and_a_share():
    assert rain_factor(np.array([155.0]))[0] == pytest.approx(0.5)
    low, high = rain_factor(np.array([0.0, 290.0]))
    assert 0 < low < 1e-3
    assert 0.99 < high < 1


def test_gcj02_shift_at_taiyuan_is_the_published_one():
    # 557 m at Taiyuan (design notes, METHODS section 7)
    lon, lat = np.array([112.55]), np.array([37.87])
    shifted = gcj02(lon, lat)
    _, _, metres = Geod(ellps="WGS84").inv(lon, lat, *shifted)
    assert metres[0] == pytest.approx(557, abs=15)


def test_sheet_is_written_as_text_and_formulas_are_refused(tmp_path):
    table = pd.DataFrame({"编号": ["001", "002"], "名称": ["甲", None], "威胁人数": [3, 40]})
    write_sheet(table, tmp_path / "l.xlsx", title="隐患点台账")
    book = openpyxl.load_workbook(tmp_path / "l.xlsx")
    assert list(book.worksheets[0].values) == [("编号", "名称", "威胁人数"), ("001", "甲", 3), ("002", None, 40)]
    assert book.sheetnames == ["隐患点台账"]
    with pytest.raises(DataError, match="starts with '='"):
        write_sheet(table.assign(名称="=1+1"), tmp_path / "bad.xlsx", title="x")
    assert not (tmp_path / "bad.xlsx").exists()
