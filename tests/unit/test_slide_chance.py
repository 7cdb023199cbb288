"""Houses called by the chance that a slide comes: the rules, the times, the words, and the step that writes it."""

from datetime import UTC, datetime

import geopandas as gpd
import numpy as np
import pytest
from shapely.geometry import box

from geo_risk.core.errors import GridError
from geo_risk.core.grid import Grid
from geo_risk.flow.steps.slide_chance import _note as told_slides
from geo_risk.hazards.landslide.expected import chance_rain_mm, expected_slides
from geo_risk.hazards.landslide.warning import WarningModel
from geo_risk.products.demand import people_to_move
from geo_risk.products.params import EvacuationParams
from geo_risk.products.threat import Slides, house_threat

CRS = "EPSG:4546"
GRID = Grid.from_bounds((0, 0, 300, 300), crs=CRS, resolution_m=30)
PARAMS = EvacuationParams()
BEGINS = datetime(2024, 7, 22, 8, tzinfo=UTC)
HOUSE = gpd.GeoDataFrame(
    {"settlement_id": ["A"], "people": [4.0], "vulnerable_people": [1.0], "households": [1.0], "is_building": [True]},
    geometry=[box(125, 125, 145, 145)], crs=CRS,
)  # fmt: skip
SETTLEMENT = gpd.GeoDataFrame(
    {"settlement_id": ["A"], "name": ["甲"], "people": [9.0], "vulnerable_people": [1.0], "responsible": ["甲-001"]},
    geometry=gpd.points_from_xy([135], [135]), crs=CRS,
)  # fmt: skip
NO_ZONE = gpd.GeoDataFrame(
    {"zone_id": ["Z"], "kind": ["flood"], "risk_level": [3], **{f"warning_{s}h": [-1] for s in (72, 24, 6, 3, 1)}},
    geometry=[box(0, 0, 1, 1)], crs=CRS,
).iloc[:0]  # fmt: skip
MODEL = WarningModel(1.0, 2.0, (-9.0, -8.0, -6.0, -5.0), 0.8, 0.7, 0.7, 50, ("a", "b"), -2.0, 120.0)


def layer(value, *, units="1", dtype=np.float32, name="x"):
    return GRID.layer(np.full(GRID.shape, value, dtype), units=units, long_name=name, name=name)


def judged(warning, chance, *, onset=5.0, holds=("warning_24h",), params=PARAMS):
    slides = Slides(layer(chance), layer(onset, units="h"), BEGINS, frozenset(holds))
    layers = {"warning_24h": layer(warning, units="level", dtype=np.int8)}
    return house_threat(HOUSE, layers, params=params, slides=slides)


@pytest.mark.parametrize(
    ("warning", "chance", "share", "level"),
    [
        (0, 0.004, 1, 3),  # likely enough: called though no stage warns, and its level is the one it is called for
        (3, 0.0039, 0, 3),  # the slope is warned of, no slide is likely to come here
        (4, 0.0, 1, 4),  # red calls whatever the chance is
        (3, np.nan, 1, 3),  # unknown: the warning counts
        (2, np.nan, 0, 2),
        (-1, 0.5, 1, 3),  # no warning is known
        (-1, np.nan, 0, -1),
        (-1, 0.0, 0, -1),  # that no slide comes by these hours does not judge the unknown warning
    ],
)
def test_a_house_is_called_by_the_chance_of_a_slide(warning, chance, share, level):
    found = judged(warning, chance)
    assert (found.share.tolist(), found.level.tolist()) == ([share], [level])


def test_a_warning_of_hours_that_the_chance_does_not_hold_calls_as_before():
    assert judged(3, 0.0, holds=()).share.tolist() == [1]
    assert judged(3, 0.0, params=PARAMS.model_copy(update={"sure_level": 3})).share.tolist() == [1]


def test_an_hour_without_a_likely_slide_does_not_judge_the_hours_after_it():
    slides = Slides(layer(0.0), layer(5.0, units="h"), BEGINS, frozenset({"warning_1h"}))
    unknown, orange = (layer(v, units="level", dtype=np.int8) for v in (-1, 3))
    found = house_threat(HOUSE, {"warning_24h": unknown, "warning_1h": orange}, params=PARAMS, slides=slides)
    assert found.share.tolist() == [0]
    assert not found.is_judged(PARAMS).any()
    called = house_threat(HOUSE, {"warning_24h": unknown, "warning_1h": orange}, params=PARAMS)
    assert called.is_judged(PARAMS).all()
    day = house_threat(HOUSE, {"warning_24h": orange, "warning_1h": unknown}, params=PARAMS, slides=slides)
    assert day.is_judged(PARAMS).all()


@pytest.mark.parametrize("chance", [0.0, 0.0039, 0.004, 0.4, np.nan])
def test_a_higher_warning_never_calls_less(chance):
    shares = [judged(level, chance).share[0] for level in range(5)]
    assert shares == sorted(shares)
    assert judged(0, chance).share[0] <= judged(0, 0.5).share[0]


def test_people_leave_before_the_hour_from_which_the_chance_calls():
    stages = [{"hours": 24, "issued": "2024-07-24T08:00:00+00:00"}]
    found = judged(0, 0.02, onset=30.0)
    assert found.before.tolist() == ["2024-07-23T14:00:00+00:00"]
    rows = people_to_move(SETTLEMENT, HOUSE, NO_ZONE, params=PARAMS, stages=stages, threat=found)
    assert rows[["people", "hazard_kinds", "leave_before", "cell_chance"]].to_numpy().tolist() == [
        [4.0, "landslide", "2024-07-23T14:00:00+00:00", pytest.approx(0.02)]
    ]
    # the earlier of stage and chance
    both = people_to_move(SETTLEMENT, HOUSE, NO_ZONE, params=PARAMS, stages=stages, threat=judged(4, 0.02, onset=90.0))
    assert both["leave_before"].tolist() == ["2024-07-24T08:00:00+00:00"]
    red = people_to_move(SETTLEMENT, HOUSE, NO_ZONE, params=PARAMS, stages=stages, threat=judged(4, 0.0))
    assert red["leave_before"].tolist() == ["2024-07-24T08:00:00+00:00"]
    assert not len(people_to_move(SETTLEMENT, HOUSE, NO_ZONE, params=PARAMS, stages=stages, threat=judged(3, 0.0)))


def test_where_no_chance_is_known_at_all_the_words_are_those_of_warnings():
    for chance, by_chance in ((np.nan, False), (0.02, True)):
        rows = people_to_move(SETTLEMENT, HOUSE, NO_ZONE, params=PARAMS, threat=judged(3, chance))
        assert rows["by_slide_chance"].tolist() == [by_chance]


def test_a_house_off_the_map_has_no_chance():
    slides = Slides(layer(0.5), layer(1.0, units="h"), BEGINS, frozenset())
    away = HOUSE.assign(geometry=[box(900, 900, 910, 910)])
    found = house_threat(away, {"warning_24h": layer(0, units="level", dtype=np.int8)}, params=PARAMS, slides=slides)
    assert np.isnan(found.chance).all()
    assert found.before.tolist() == [None]
    assert found.share.tolist() == [0]
    other = Grid.from_bounds((0, 0, 600, 600), crs=CRS, resolution_m=60).layer(
        np.ones((10, 10)), units="1", long_name="a"
    )
    with pytest.raises(GridError):
        house_threat(away, {"warning_24h": layer(0, units="level", dtype=np.int8)}, params=PARAMS,
                     slides=Slides(other, other, BEGINS, frozenset()))  # fmt: skip


def test_cells_share_the_slides_of_their_unit():
    # a unit of 20 cells of unequal odds, where a usual one has 10: the index is that of its mean odds times its size
    odds = np.linspace(0.1, 0.6, 20)
    unit_odds = odds.mean() * 20 / 10
    whole = np.exp(MODEL.index(np.array([unit_odds / (1 + unit_odds)]), np.array([150.0])))[0]
    grid = Grid.from_bounds((0, 0, 150, 120), crs=CRS, resolution_m=30)
    p = grid.layer((odds / (1 + odds)).reshape(4, 5), units="1", long_name="p", name="susceptibility")
    rain = grid.layer(np.full((4, 5), 0.15), units="m", long_name="rain", name="rain_effective")
    got = expected_slides(p, rain, MODEL, reference_cells=10.0)
    assert float(got.sum()) == pytest.approx(whole, rel=1e-6)


def test_moving_slopes_need_less_rain_and_unknown_stays_unknown():
    p, rain = layer(0.3), layer(100.0, units="mm")
    codes = np.zeros(GRID.shape, np.int8)
    codes[0], codes[1], codes[2] = 2, 1, -1
    motion = GRID.layer(codes, units="1", long_name="motion")
    got = expected_slides(p, rain, MODEL, reference_cells=10.0, motion=motion, factors=(0.8, 0.5)).to_numpy()
    alone = [expected_slides(p, layer(mm, units="mm"), MODEL, reference_cells=10.0).to_numpy()[0, 0]
             for mm in (200.0, 125.0, 100.0)]  # fmt: skip
    np.testing.assert_allclose(got[:4, 0], [*alone, alone[2]])
    gone = expected_slides(layer(np.nan), rain, MODEL, reference_cells=10.0).to_numpy()
    assert np.isnan(gone).all()
    with pytest.raises(ValueError, match="reference_cells"):
        expected_slides(p, rain, MODEL, reference_cells=np.nan)


def test_the_rain_at_which_the_chance_calls_gives_that_chance():
    rain = np.array([80.0, 150.0, 220.0])
    slides = np.exp(MODEL.index(np.full(3, 0.4), rain))
    chance = -np.expm1(-slides)
    at = 0.9 * chance.min()
    need = chance_rain_mm(chance, rain, MODEL, at=at)
    np.testing.assert_allclose(-np.expm1(-np.exp(MODEL.index(np.full(3, 0.4), need))), at, rtol=1e-9)
    assert (need <= rain).all()
    assert np.isnan(chance_rain_mm(np.array([0.0, np.nan]), np.array([9.0, 9.0]), MODEL, at=0.1)).all()
    with pytest.raises(ValueError, match="between 0 and 1"):
        chance_rain_mm(chance, rain, MODEL, at=np.nan)


@pytest.mark.parametrize(
    ("unknown", "level", "en", "zh"),
    [
        (0.0, "info", "97 slides are expected", "发生滑坡约 97 处；"),
        (0.072, "info", "At least 97 slides are expected", "至少 97 处（另有 7.2% 的地面未知，未计入）"),
        (1.0, "warning", "is not known", "预计滑坡数未知"),
    ],
)
def test_unknown_slides_are_never_told_as_none(unknown, level, en, zh):
    period = dict.fromkeys(("start", "known", "until"), "2024-07-22T08:00:00+00:00")
    said = told_slides(period, 97.3 if unknown < 1 else 0.0, unknown, PARAMS)
    assert said["level"] == level
    assert en in said["text_en"]
    assert zh in said["text_zh"]
    assert unknown < 1 or " 0 " not in said["text_en"].replace("16:00", "")
