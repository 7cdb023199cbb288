"""Depths as people write them: the unit that stands beside a number counts, and what is no length is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_risk.sources.depth_reports import read_depth_reports
from geo_risk.sources.ledger import read_ledger
from geo_risk.sources.written_lengths import metres, metres_of

AREA = (500_000.0, 4_000_000.0, 500_200.0, 4_000_200.0)


@pytest.mark.parametrize(("text", "metres"), [
    ("5cm", 0.05), ("5 cm", 0.05), ("5CM", 0.05), ("5㎝", 0.05), ("0.5米", 0.5), ("50厘米", 0.5), ("50公分", 0.5),
    ("0.5", 0.5), ("0.5 m", 0.5), (0.5, 0.5), ("１２厘米", 0.12), ("300mm", 0.3), ("20-30cm", 0.3), ("0.3~0.5米", 0.5),
    ("30厘米-0.5米", 0.5), ("约0.3米", 0.3), ("50cm左右", 0.5), ("-0.2", -0.2), ("1e-1", 0.1),
])  # fmt: skip
def test_a_written_length_is_in_metres_by_its_own_unit(text: object, metres: float) -> None:
    assert metres_of(text) == pytest.approx(metres)


@pytest.mark.parametrize(
    "text", ["深", "", None, pd.NA, "没膝", "2 ft", "0.5 kg", "1/2", "半米", "5 c m", "2020-07-21"]
)
def test_what_is_no_length_is_none(text: object) -> None:
    assert np.isnan(metres_of(text))


@given(st.floats(0, 10), st.sampled_from([("m", 1.0), ("cm", 100.0), ("厘米", 100.0), ("毫米", 1000.0)]))
def test_every_unit_tells_the_same_length(depth: float, unit: tuple[str, float]) -> None:
    text = f"{depth * unit[1]:.6f}{unit[0]}"
    assert metres_of(text) == pytest.approx(depth, abs=1e-5)
    assert metres(pd.Series([f"{depth:.6f}"]), bare=0.01)[0] == pytest.approx(depth / 100, abs=1e-7)


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_reported_depths_are_read_by_their_own_unit_and_others_are_named(tmp_path: Path) -> None:
    text = "编号,水深\nA,5cm\nB,5 cm\nC,0.5米\nD,50厘米\nE,0.4\nF,没膝\nG,15\nH,\nI,-5cm\n"
    got, aside = read_depth_reports(write(tmp_path / "a.csv", text), crs="EPSG:4546", where="inputs.storm_reports")
    assert dict(zip(got["site_id"], got["depth_m"].round(4), strict=True)) == {
        "A": 0.05, "B": 0.05, "C": 0.5, "D": 0.5, "E": 0.4}  # fmt: skip
    said = {a["id"]: a["reason"] for a in aside}
    assert set(said) == {"F", "G", "H", "I"}
    assert "'没膝'" in said["F"]
    assert "centimetres?" in said["G"]
    assert "'15'" in said["G"]
    assert all("[a-z]" not in a["reason_zh"] for a in aside)


def test_a_header_in_centimetres_counts_for_bare_numbers_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "编号,水深(厘米)\nA,15\nB,0.4米\nC,30cm\n")
    got, aside = read_depth_reports(path, crs="EPSG:4546", where="inputs.storm_reports")
    assert got["depth_m"].tolist() == pytest.approx([0.15, 0.4, 0.3])
    assert not aside


@pytest.mark.parametrize(("text", "value"), [("5cm", 0.05), ("50厘米", 0.5), ("0.5米", 0.5), ("0.8", 0.8)])
def test_the_past_depth_of_a_ledger_is_read_by_its_own_unit(tmp_path: Path, text: str, value: float) -> None:
    rows = f"编号,x,y,历史积水深度,挡水高度(米)\nA,500050,4000050,{text},{text}\nB,500060,4000060,没膝,20cm\n"
    read = read_ledger(write(tmp_path / "a.csv", rows), "waterlogging_sites", crs="EPSG:4546",
                       where="inputs.waterlogging_sites", area=AREA)  # fmt: skip
    assert read.frame["past_depth_m"][0] == pytest.approx(value)
    assert read.frame["sill_height_m"].tolist() == pytest.approx([value, 0.2])
    assert np.isnan(read.frame["past_depth_m"][1])
    assert any("1 values are not numbers >= 0 and count as unknown: ['没膝']" in n for n in read.notes)


def test_a_ledger_in_centimetres_keeps_a_cell_in_metres(tmp_path: Path) -> None:
    rows = "编号,x,y,历史积水深度(厘米)\nA,500050,4000050,80\nB,500060,4000060,0.8米\n"
    read = read_ledger(write(tmp_path / "a.csv", rows), "waterlogging_sites", crs="EPSG:4546",
                       where="inputs.waterlogging_sites", area=AREA)  # fmt: skip
    assert read.frame["past_depth_m"].tolist() == pytest.approx([0.8, 0.8])
