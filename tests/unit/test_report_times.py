"""Reports of water are held against the time of the storm; what may be of another one is not taken for this one."""

from __future__ import annotations

import pandas as pd
import pytest

from geo_risk.products.site_verification import of_storm
from geo_risk.sources.report_times import report_times

DAY = pd.Timestamp("2024-07-20")


def span(text: object) -> tuple[pd.Timestamp, pd.Timestamp]:
    row = report_times(pd.Series([text])).iloc[0]
    return row["time_from"], row["time_to"]


@pytest.mark.parametrize("text", [
    "2024-07-20T08:30Z", "2024-07-20 16:30+08:00", "2024-07-20 16:30:00+0800", "2024/7/20 8:30 UTC",
])  # fmt: skip
def test_a_time_with_a_zone_is_an_instant(text: str) -> None:
    assert span(text) == (DAY + pd.Timedelta("8h30min"),) * 2


@pytest.mark.parametrize(
    "text", ["2024-07-20 16:30", "2024年7月20日16时30分", "2024/7/20 16:30:00", "２０２４-7-20 16:30"]
)
def test_a_time_without_a_zone_is_beijing_time_or_utc(text: str) -> None:
    assert span(text) == (DAY + pd.Timedelta("8h30min"), DAY + pd.Timedelta("16h30min"))


@pytest.mark.parametrize("text", ["2024-07-20", "2024年7月20日", "2024.7.20"])
def test_a_day_is_any_time_of_it(text: str) -> None:
    assert span(text) == (DAY - pd.Timedelta("8h"), DAY + pd.Timedelta("24h"))


@pytest.mark.parametrize("text", ["", None, pd.NA, "16:30", "昨天下午", "7月20日16时", "2024-13-40", "45493.6"])
def test_what_names_no_day_of_a_year_is_no_time(text: object) -> None:
    assert pd.isna(span(text)[0])


def reports(*times: object) -> pd.DataFrame:
    frame = pd.DataFrame({"site_id": [f"S{k}" for k in range(len(times))], "depth_m": 0.5, "time": list(times)})
    return frame.join(report_times(frame["time"]))


def test_reports_of_another_time_are_set_aside_and_untimed_ones_are_counted() -> None:
    begin, end = DAY, DAY + pd.Timedelta("12h")
    table = reports("2024-07-20T05:00Z", "2024-07-19T05:00Z", "2024-07-20T13:00Z", "2024-07-22T05:00Z", None,
                    "2024-07-20 10:00", "2024-07-20 18:00", "2024-07-23", "昨天")  # fmt: skip
    kept, aside, counts = of_storm(table, begin, end, after_h=6.0)
    assert kept["site_id"].tolist() == ["S0", "S2", "S4", "S5", "S6", "S8"]
    assert {a["id"] for a in aside} == {"S1", "S3", "S7"}
    assert "2024-07-19T05:00Z" in aside[0]["reason"]
    assert "before" in aside[0]["reason"]
    assert "after" in aside[1]["reason"]
    assert all(a["reason_zh"] for a in aside)
    assert counts == {"untimed": 2, "without_zone": 2}


def test_without_a_storm_no_report_is_of_another_time() -> None:
    table = reports("2024-07-19T05:00Z", None)
    kept, aside, _ = of_storm(table, None, None, after_h=6.0)
    assert len(kept) == 2
    assert not aside
