"""Columns of dates as radar companies and programs spell them: read, told of, or asked about; never passed over."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import geopandas as gpd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_risk.core.errors import AmbiguousError
from geo_risk.sources.audit_words import in_chinese
from geo_risk.sources.checks import inspect_file
from geo_risk.sources.insar import open_insar
from geo_risk.sources.options import TrackOptions
from geo_risk.sources.point_dates import date_columns, n_days, said_of_dates
from geo_risk.sources.point_tables import PointTable
from tests.support.points import HEADING, INCIDENCE, days, egms

DAYS = [date(2019, 1, 5) + timedelta(24 * k) for k in range(40)]
SAID = TrackOptions(posting_m=100.0, units="mm", positive="toward", incidence_deg=INCIDENCE, heading_deg=HEADING)
SPELT = ("%Y-%m-%d", "%Y/%m/%d", "%Y_%m_%d", "%Y.%m.%d", "D%Y-%m-%d", "X%Y%m%d", "X%Y.%m.%d", "T%Y%m%d", "date_%Y%m%d",
         "disp_%Y%m%d", "DISP%Y%m%d", "DEF_%Y%m%d", "TS_%Y%m%d", "%Y%m%dT221000", "%Y年%m月%d日", "%Y%m%d_mm",
         "%Y-%m-%d 00:00:00", "S1A_%Y%m%d", "形变_%Y%m%d")  # fmt: skip


def table(*names: str) -> PointTable:
    return PointTable(Path("a.gpkg"), "GPKG", ("CODE", "VEL", *names))


def written(spelling: str, days: list[date] = DAYS) -> list[str]:
    return [d.strftime(spelling) for d in days]


@pytest.mark.parametrize("spelling", SPELT)
def test_dates_with_the_year_first_are_read_and_told_of(spelling):
    found = table(*written(spelling))
    assert [d for _, d in date_columns([found])] == written("%Y%m%d")
    assert n_days(found.columns) == len(DAYS)
    (said,) = said_of_dates([found])
    assert written(spelling)[0] in said
    assert in_chinese(said).startswith("日期：")


@pytest.mark.parametrize("spelling", ["%d-%b-%Y", "%d/%m/%Y", "20190105_%Y%m%d"])
def test_what_looks_like_dates_and_is_not_read_stops(spelling):
    with pytest.raises(AmbiguousError, match="look like dates and are not read") as caught:
        date_columns([table(*written(spelling))])
    assert "D20190105" in str(caught.value)


def test_two_series_or_dates_that_fall_are_asked_about():
    for names in (written("A_%Y%m%d") + written("B_%Y%m%d"), written("disp_%Y%m%d", DAYS[::-1])):
        with pytest.raises(AmbiguousError, match="not read"):
            date_columns([table(*names)])


def test_what_stands_beside_the_displacements_is_told_of():
    for names in (written("D%Y%m%d") + written("STD_%Y%m%d"), written("disp_%Y%m%d") + written("coh_%Y%m%d")):
        found = table(*names)
        assert [c for c, _ in date_columns([found])] == names[:40]
        said = said_of_dates([found])[-1]
        assert "40 columns" in said
        assert "未读取" in in_chinese(said)
    # coherences, or one date alone, are no series: the velocity is what there is
    for names in (written("coh_%Y%m%d"), ["date_20190105"]):
        assert date_columns([table(*names)]) == ()
        assert "not read" in said_of_dates([table(*names)])[0]


def test_years_apart_and_six_digits():
    assert n_days(["19/01/05", "19/01/29", "19/02/22"]) == 3
    assert [d for _, d in date_columns([table("190105", "190129", "190222")])] == ["20190105", "20190129", "20190222"]
    assert n_days(["road_2019", "road_2020"]) == 0
    assert n_days(["1000000-20190105", "x2019-13-05"]) == 0


@pytest.mark.slow
@given(st.dates(date(1992, 1, 1), date(2060, 1, 1)), st.integers(1, 400), st.integers(2, 30), st.sampled_from(SPELT))
def test_no_spelling_is_read_as_another_day(start, step, n, spelling):
    wanted = [start + timedelta(step * k) for k in range(n)]
    assert [d for _, d in date_columns([table(*written(spelling, wanted))])] == written("%Y%m%d", wanted)


@pytest.mark.slow
def test_a_layer_with_a_velocity_and_other_dates_is_a_series_or_stops(tmp_path):
    points, path = egms(n=60), tmp_path / "ps.gpkg"
    for spelling in ("disp_{}-{}-{}", "{2}/{1}/{0}"):
        names = {d: spelling.format(d[:4], d[4:6], d[6:]) for d in days()} | {"mean_velocity": "VEL"}
        layer = points[["pid", "mean_velocity", *days()]].rename(columns=names)
        gpd.GeoDataFrame(
            layer, geometry=gpd.points_from_xy(points["easting"], points["northing"]), crs="EPSG:3035"
        ).to_file(path)
        if spelling.startswith("disp"):
            assert open_insar(path, track="asc", options=SAID).sizes["time"] == 24
            continue
        with pytest.raises(AmbiguousError, match="not read"):
            open_insar(path, track="asc", options=SAID)
        assert "not read" in inspect_file(path).problems[0][0]
