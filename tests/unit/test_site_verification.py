"""Reported against predicted water, proposals for the ledger, and the reader of reported depths."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_risk.core.errors import DataError, SchemaError
from geo_risk.products.site_verification import place_reports, propose, skill, unplaced, verify
from geo_risk.products.waterlogging_params import WaterloggingParams
from geo_risk.sources.depth_reports import read_depth_reports

PARAMS = WaterloggingParams()
NAN = float("nan")


def pairs() -> pd.DataFrame:
    rows = [("S1", "A", 0.5, 0.4), ("S1", "B", 0.5, 0.0), ("S1", "C", 0.0, 0.5), ("S1", "D", 0.02, 0.05),
            ("S1", "E", NAN, 0.5), ("S1", "F", 0.3, NAN), ("S1", "G", NAN, 0.0)]  # fmt: skip
    return pd.DataFrame(rows, columns=["storm_id", "site_id", "reported_m", "modelled_m"])


def names() -> pd.Series:
    return pd.Series({k: f"点{k}" for k in "ABCDEFG"})


def test_every_outcome_by_hand_and_silence_is_not_dry() -> None:
    got = verify(names(), pairs(), PARAMS).set_index("site_id")
    assert got["outcome"].to_dict() == {"B": "miss", "C": "false_alarm", "A": "hit", "D": "correct_dry",
                                        "E": "unknown", "F": "unknown", "G": "unknown"}  # fmt: skip
    assert got.index[0] == "B"
    assert got.loc["A", ["reported_class", "predicted_class"]].tolist() == [4, 3]
    assert got.loc["E", "reported_class"] == -1
    assert "not known to have been dry" in got.loc["E", "reasons"]
    assert not got["reasons_zh"].str.contains("[a-z]").any()
    assert skill(got) == {"miss": 1, "false_alarm": 1, "hit": 1, "correct_dry": 1, "unknown": 3, "pod": 0.5, "far": 0.5}


def test_silence_counts_as_dry_only_where_reports_are_complete() -> None:
    got = verify(names(), pairs(), PARAMS.model_copy(update={"silence_is_dry": True})).set_index("site_id")
    assert (got.loc["E", "outcome"], got.loc["G", "outcome"], got.loc["F", "outcome"]) == (
        "false_alarm", "correct_dry", "unknown")  # fmt: skip
    assert "nobody reported it" in got.loc["E", "reasons"]
    nothing = dict.fromkeys(("miss", "false_alarm", "hit", "correct_dry", "unknown"), 0)
    assert skill(verify(names(), pairs().head(0), PARAMS)) == nothing


depth = st.floats(0, 3) | st.just(NAN)


@pytest.mark.slow
@given(st.lists(st.tuples(depth, depth), min_size=1, max_size=7))
def test_outcomes_add_up_and_unknown_stays_unknown(values: list[tuple[float, float]]) -> None:
    table = pd.DataFrame([("S", "ABCDEFG"[k], r, m) for k, (r, m) in enumerate(values)],
                         columns=["storm_id", "site_id", "reported_m", "modelled_m"])  # fmt: skip
    got = verify(names(), table, PARAMS)
    assert sum(v for k, v in skill(got).items() if k not in ("pod", "far")) == len(values)
    missing = got["reported_depth_m"].isna() | got["predicted_depth_m"].isna()
    assert (missing == (got["outcome"] == "unknown")).all()


def ranked() -> gpd.GeoDataFrame:
    rows = [("A", "both", 0.5, 20.0), ("B", "inventory", 0.01, NAN), ("C", "inventory", 0.5, 30.0),
            ("NEW-1", "detected", 0.3, 30.0)]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["site_id", "source", "depth_m", "trigger_60min_class1_mm"])
    frame["name"], frame["trigger_tested_mm"] = "点", 120.0
    return gpd.GeoDataFrame(frame, geometry=gpd.points_from_xy([0, 1000, 2000, 3000], [0] * 4), crs="EPSG:4546")


def test_reports_find_their_site_by_id_or_place() -> None:
    reports = pd.DataFrame({"site_id": ["A", None, "X", None], "x": [NAN, 1030.0, 2010.0, 5000.0],
                            "y": [NAN, 0.0, 0.0, 0.0], "depth_m": [0.1, 0.2, 0.3, 0.4]})  # fmt: skip
    placed, away = place_reports(reports, ranked(), PARAMS)
    assert placed["site_id"].tolist() == ["A", "B", "C"]
    assert away["depth_m"].tolist() == [0.4]
    placed, away = place_reports(reports[["site_id", "depth_m"]], ranked(), PARAMS)
    assert placed["site_id"].tolist() == ["A"]
    assert away.empty


def test_reports_at_an_unknown_site_without_a_place_are_named() -> None:
    reports = pd.DataFrame({"site_id": ["A", "X", "X", None], "x": [NAN, NAN, 2010.0, 5000.0],
                            "y": [NAN, NAN, 0.0, 0.0], "depth_m": [0.1, 0.25, 0.3, 0.4]})  # fmt: skip
    got = unplaced(reports, ranked())
    assert [row["id"] for row in got] == ["X"]
    assert "0.25 m" in got[0]["reason"]
    assert "0.25 米" in got[0]["reason_zh"]
    assert len(unplaced(reports[["site_id", "depth_m"]].head(3), ranked())) == 2


def test_what_reports_propose() -> None:
    told = pd.DataFrame(
        [("S1", "B", 0.0, 0.0), ("S2", "B", 0.01, 0.0), ("S1", "C", 0.0, 0.4), ("S2", "C", 0.0, 0.5),
         ("S1", "A", 0.5, 0.4), ("S1", "NEW-1", 0.4, 0.3)],
        columns=["storm_id", "site_id", "reported_m", "modelled_m"],
    )  # fmt: skip
    away = pd.DataFrame({"x": [5000.0, 5040.0, 9000.0, 9000.0], "y": [0.0] * 4, "depth_m": [0.3, 0.5, 0.05, 0.01]})
    got = propose(ranked(), told, away, PARAMS)
    assert got[["proposal_id", "proposal"]].to_numpy().tolist() == [
        ["REPORT-001", "new_site"], ["SITE-B", "close_site"], ["SITE-C", "check_site"], ["SITE-NEW-1", "new_site"],
    ]  # fmt: skip
    assert got.loc[0, "n_reports"] == 2
    assert got.loc[0, "depth_m"] == 0.5
    assert got.geometry.iloc[0].x == pytest.approx(5020.0)
    assert not got["reasons_zh"].str.contains("[a-z]").any()
    once = told[told["storm_id"] == "S1"]
    assert propose(ranked(), once, away.head(0), PARAMS)["proposal_id"].tolist() == ["SITE-NEW-1"]
    assert propose(ranked(), told.head(0), away.head(0), PARAMS).empty


def test_a_site_that_was_wet_once_is_never_closed() -> None:
    told = pd.DataFrame([(f"S{k}", "B", 0.0, 0.0) for k in range(9)] + [("S9", "B", 0.2, 0.0)],
                        columns=["storm_id", "site_id", "reported_m", "modelled_m"])  # fmt: skip
    assert propose(ranked(), told, pd.DataFrame({"x": [], "y": [], "depth_m": []}), PARAMS).empty


@pytest.mark.parametrize("known", [{"depth_class": -1}, {"past_depth_m": 0.8}])
def test_a_site_that_is_unknown_or_was_wet_by_its_ledger_is_never_closed(known: dict[str, float]) -> None:
    told = pd.DataFrame([(f"S{k}", "B", 0.0, 0.0) for k in range(9)],
                        columns=["storm_id", "site_id", "reported_m", "modelled_m"])  # fmt: skip
    away = pd.DataFrame({"x": [], "y": [], "depth_m": []})
    assert propose(ranked().assign(past_depth_m=NAN), told, away, PARAMS)["proposal"].tolist() == ["close_site"]
    assert propose(ranked().assign(**known), told, away, PARAMS).empty


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_text(text, encoding=encoding)
    return path


def test_reports_are_read_with_chinese_headers_and_bad_rows_are_named(tmp_path: Path) -> None:
    text = "编号,经度,纬度,水深（米）,时间\nA,,,0.5,2024-07-25 16:00\n,111.2,36.66,0.3,\n"
    text += ",,,0.3,\nB,,,-1,\nC,,,深,\nD,,,15,\n"
    got, aside = read_depth_reports(write(tmp_path / "a.csv", text, "gb18030"), crs="EPSG:4546", where="inputs.x")
    assert got["depth_m"].tolist() == [0.5, 0.3]
    assert np.isfinite(got.loc[1, ["x", "y"]].to_numpy(float)).all()
    assert [a["id"] for a in aside] == ["B", "C", "D", "row 4"]


def test_depths_in_centimetres_end_the_run(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "site_id,depth_m\nA,15\nB,40\nC,0\n")
    with pytest.raises(DataError, match=r"centimetres") as error:
        read_depth_reports(path, crs="EPSG:4546", where="inputs.storm_reports")
    assert "inputs.storm_reports" in str(error.value)


@pytest.mark.parametrize("header", ["site_id,water", "depth_m,time", "lon,depth_m"])
def test_reports_without_their_columns_are_refused(tmp_path: Path, header: str) -> None:
    with pytest.raises(SchemaError, match="lacks columns"):
        read_depth_reports(write(tmp_path / "a.csv", f"{header}\n1,1\n"), crs="EPSG:4546", where="inputs.x")
    with pytest.raises(SchemaError, match="storm_id"):
        read_depth_reports(write(tmp_path / "b.csv", "site_id,depth_m\nA,1\n"), crs="EPSG:4546", where="inputs.x",
                           needs=("storm_id",))  # fmt: skip
