"""Who answers for each waterlogging site: gaps, expiry, and no names in what is told of them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_risk.flow.steps.waterlogging import _last_day
from geo_risk.products.ownership import owner_counts, owner_gaps, ownership, read_date
from geo_risk.products.waterlogging_params import WaterloggingParams

PARAMS = WaterloggingParams()
ALL = {"unit", "responsible", "deputy", "valid_until"}


def sites() -> gpd.GeoDataFrame:
    rows = [
        ("A", "both", "市政处", "责任人-001", "责任人-002", "2030年12月31日"),
        ("B", "inventory", None, "责任人-003", "无", "2024-07-01"),
        ("C", "both", "市政处", None, "责任人-004", "2024/8/1"),
        ("D", "detected", None, None, None, None),
        ("E", "both", "市政处", "责任人-005", "责任人-006", "长期"),
        ("F", "both", "市政处", "责任人-005", "责任人-006", None),
    ]
    frame = pd.DataFrame(rows, columns=["site_id", "source", "unit", "responsible", "deputy", "valid_until"])
    frame["name"], frame["rank"] = "点", range(1, 7)
    return gpd.GeoDataFrame(frame, geometry=gpd.points_from_xy([0] * 6, [0] * 6), crs="EPSG:4546")


def test_every_gap_is_found() -> None:
    got = owner_gaps(sites(), known=ALL, on=date(2024, 7, 25), params=PARAMS)
    assert got == ["none", "no_unit,no_deputy,expired", "no_responsible,expires_soon", "not_in_ledger", "unread_expiry",
                   "no_expiry"]  # fmt: skip
    assert owner_counts(pd.Series(got)) == {
        "owner_not_in_ledger": 1, "owner_no_unit": 1, "owner_no_responsible": 1, "owner_no_deputy": 1,
        "owner_no_expiry": 1, "owner_unread_expiry": 1, "owner_expired": 1, "owner_expires_soon": 1,
    }  # fmt: skip


def test_a_column_that_the_ledger_lacks_is_no_gap_of_each_site_but_the_responsible_person_is() -> None:
    got = owner_gaps(sites(), known=set(), on=date(2024, 7, 25), params=PARAMS)
    assert got == ["not_kept", "not_kept", "no_responsible", "not_in_ledger", "not_kept", "not_kept"]
    assert ownership(sites().assign(owner_gaps=got))["site_id"].tolist() == ["C", "D"]


def test_expiry_is_not_judged_without_a_day() -> None:
    got = owner_gaps(sites(), known=ALL, on=None, params=PARAMS)
    assert got[1] == "no_unit,no_deputy"
    assert got[4] == "unread_expiry"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_list_of_gaps_names_nobody(language: str) -> None:
    frame = sites()
    frame["owner_gaps"] = owner_gaps(frame, known=ALL, on=date(2024, 7, 25), params=PARAMS)
    got = ownership(frame.sample(frac=1, random_state=1), language=language)
    assert got["site_id"].tolist() == ["B", "C", "D", "E", "F"]
    assert not got.astype(str).apply(lambda c: c.str.contains("责任人-")).to_numpy().any()
    assert got["valid_until"].tolist()[:2] == ["2024-07-01", "2024-08-01"]
    assert "2024-07-01" in got.loc[0, "reasons"]
    assert "renew" in got.loc[0, "reasons_en"]
    complete = frame[frame["owner_gaps"] == "none"]
    assert ownership(complete, language=language).empty


@given(st.dates())
def test_dates_are_read_as_people_write_them(day: date) -> None:
    if day.year < 1000:
        return
    for text in (day.isoformat(), f"{day.year}年{day.month}月{day.day}日", f"{day.year}/{day.month}/{day.day} 00:00",
                 f"有效期至{day.year}.{day.month}.{day.day}"):  # fmt: skip
        assert read_date(text) == day


@pytest.mark.parametrize("text", ["2024-13-01", "2023-02-29", "soon", "", None, float("nan")])
def test_what_is_no_date_is_none(text: object) -> None:
    assert read_date(text) is None


def test_an_empty_list_has_no_gaps() -> None:
    assert owner_counts(pd.Series([], dtype="float64")) == {}


def test_a_day_of_eight_digits_is_read_and_other_numbers_are_not() -> None:
    assert read_date("20251231") == date(2025, 12, 31)
    assert read_date("20251331") is None
    assert read_date("13800138000") is None


def test_expiry_is_judged_for_the_day_on_which_the_storm_ended(tmp_path: Path) -> None:
    path = tmp_path / "flood_town.json"
    path.write_text('{"period": {"begin": "2024-07-20T03:00:00", "end": "2024-07-20T17:00:00"}}', encoding="utf-8")
    assert _last_day(path) == "2024-07-21"  # one o'clock in the night in China
    assert _last_day(None) is None
