"""The audit in Chinese: every sentence that a reader says is known, and no number of it is lost."""

from __future__ import annotations

import re
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_risk.sources.audit_words import in_chinese
from geo_risk.sources.insar import open_insar
from geo_risk.sources.options import TrackOptions
from tests.support.insar import write_mintpy
from tests.support.insar_files import look, write_cum, write_granule, write_hdfeos, write_look
from tests.support.points import days, egms, write_tif

N, SHAPE = 5, (24, 30)
SERIES = np.random.default_rng(11).normal(0, 0.01, (N, *SHAPE)) + 0.001
POINTS = TrackOptions(
    posting_m=100.0, units="mm", positive="away", incidence_deg=39.0, heading_deg=349.0, crs="EPSG:3035"
)


def english(text: str) -> str | None:
    """Return three English words in a row, as a sentence that was not translated has; names and codes have not."""
    found = re.search(r"\b[A-Za-z]{2,} [A-Za-z]{2,} [A-Za-z]{2,}\b", text)
    return found and found.group()


def check(sentences: list[str]) -> None:
    assert sentences
    for sentence in sentences:
        said = in_chinese(sentence)
        assert english(said) is None, (sentence, said)
        assert re.search("[一-鿿]", said), sentence
        held = {"99", "1", "0", "3", "2"}  # numbers of the sentences themselves, written otherwise or not at all
        assert set(re.findall(r"\d+", sentence)) - held <= set(re.findall(r"\d+", said)), (sentence, said)


def stack(folder: Path, **facts: str) -> Path:
    for day, values in zip(days(N), SERIES, strict=True):
        write_tif(folder / f"{day}.tif", values, nodata=np.nan, **facts)
    return folder


def hyp3(folder: Path, kinds: tuple[str, ...], jump: bool) -> Path:
    pairs = [(0, 1), (1, 2), (2, 3), (3, 4), *([(0, 2)] if jump else [])]
    for k, (a, b) in enumerate(pairs):
        stem = f"S1AA_{days(N)[a]}T013911_{days(N)[b]}T013911_VVP012_INT80_G_ueF_{k:04d}"
        moved = SERIES[b] - SERIES[a] + 0.002
        for kind in kinds:
            write_tif(folder / f"{stem}_{kind}.tif", moved if kind == "los_disp" else moved * -226.568)
        if k == 0:
            write_tif(folder / f"{stem}_lv_theta.tif", np.full((24, 28), 0.9))
            write_tif(folder / f"{stem}_lv_phi.tif", np.full((24, 28), -2.9))
    return folder


@pytest.mark.slow
def test_mintpy_says_nothing_that_is_not_known(tmp_path):
    paths = write_mintpy(tmp_path, SERIES, HEADING="-13.0", UNIT="m")
    with h5py.File(paths["geometry"], "r+") as file:
        file["waterMask"] = np.arange(SHAPE[0])[:, None] * np.ones(SHAPE[1]) > 2
        file["shadowMask"] = np.zeros(SHAPE, bool)
    for options in (TrackOptions(), TrackOptions(units="m", positive="away"), TrackOptions(registration="centre"),
                    TrackOptions(registration="corner", positive="toward")):  # fmt: skip
        check(open_insar(**paths, track="asc", options=options).attrs["audit"])
    with h5py.File(paths["geometry"], "r+") as file:
        del file["azimuthAngle"]
    check(open_insar(**paths, track="asc").attrs["audit"])


@pytest.mark.slow
def test_series_of_other_programs_say_nothing_that_is_not_known(tmp_path):
    check(open_insar(write_hdfeos(tmp_path / "a.he5", SERIES), track="asc").attrs["audit"])
    check(open_insar(write_cum(tmp_path / "cum.h5", SERIES * 1000), track="asc").attrs["audit"])
    bare = write_cum(tmp_path / "bare.h5", SERIES * 1000, skip=("mask", "refarea"))
    check(open_insar(bare, track="asc", options=TrackOptions(registration="corner")).attrs["audit"])
    for name, values in zip(("vel", "mask", *"ENU"), (SERIES[0] * 1e3, np.ones(SHAPE), *look()), strict=True):
        write_tif(tmp_path / f"l/{name}.geo.tif", values * np.ones(SHAPE), nodata=np.nan)
    check(open_insar(tmp_path / "l", track="asc").attrs["audit"])


@pytest.mark.slow
def test_opera_says_nothing_that_is_not_known(tmp_path):
    geometry = write_look(tmp_path / "look", SHAPE)
    layer = np.full(SHAPE, 0.01)
    for k, about in enumerate(("Subtract from /displacement to apply.", "used to correct the phase", "Tide")):
        for a, b in ((0, 1), (0, 2), (2, 3)):
            layers = {"solid_earth_tide": layer, "ionospheric_delay": layer * 0} | (
                {"tropospheric_delay": layer} if b > 1 else {}
            )
            write_granule(
                tmp_path / f"{k}", SERIES[b] - SERIES[a], (days(N)[a], days(N)[b]), layers=layers, about=about
            )
        check(open_insar(tmp_path / f"{k}", track="asc", geometry=geometry).attrs["audit"])
    write_granule(tmp_path / "none", SERIES[1] - SERIES[0], (days(N)[0], days(N)[1]))
    fine = write_look(tmp_path / "fine", (80, 90), cell=(10.0, 10.0))
    check(open_insar(tmp_path / "none", track="asc", geometry=fine).attrs["audit"])


@pytest.mark.slow
@pytest.mark.parametrize("kinds", [("unw_phase",), ("los_disp",), ("unw_phase", "los_disp")])
def test_hyp3_says_nothing_that_is_not_known(tmp_path, kinds):
    check(open_insar(hyp3(tmp_path / "s", kinds, len(kinds) > 1), track="asc").attrs["audit"])


@pytest.mark.slow
def test_stacks_say_nothing_that_is_not_known(tmp_path):
    options = TrackOptions(incidence_deg=39.0, heading_deg=349.0, units="m", positive="away")
    check(open_insar(stack(tmp_path / "a"), track="asc", options=options).attrs["audit"])
    files = stack(tmp_path / "b", units="m", positive="toward")
    options = TrackOptions(incidence_deg=39.0, heading_deg=349.0)
    check(open_insar(files, track="asc", options=options).attrs["audit"])


@pytest.mark.slow
def test_points_say_nothing_that_is_not_known(tmp_path):
    table = egms(n=200).astype(object)
    table.iloc[:2, -3], table.iloc[5, -2] = "n/a", "-9999"
    table.to_csv(tmp_path / "EGMS_L2b.csv", index=False)
    check(open_insar(tmp_path / "EGMS_L2b.csv", track="a", options=TrackOptions(posting_m=100.0)).attrs["audit"])
    egms(n=200, level="L3").to_csv(tmp_path / "EGMS_L3_E32N34_100km_U.csv", index=False)
    check(open_insar(tmp_path / "EGMS_L3_E32N34_100km_U.csv", track="a",
                     options=TrackOptions(posting_m=100.0)).attrs["audit"])  # fmt: skip
    plain: pd.DataFrame = egms(n=200, level="L3").rename(columns=lambda c: f"D{c}" if c.isdigit() else c)
    plain.drop(columns="mean_velocity").to_csv(tmp_path / "points.csv", index=False)
    check(open_insar(tmp_path / "points.csv", track="a", options=POINTS).attrs["audit"])


@pytest.mark.parametrize(
    ("sentence", "want"),
    [
        ("unit: m, as the configuration says, 99 % of |values| are below 0.02",
         "单位：m（按配置），99% 的绝对值小于 0.02"),
        (
            "rows: 4 of 200 set aside (3 with a text in a column of numbers; 1 without a value), the first are a, b",
            "记录：200 行中 4 行被剔除（数值列含文字 3 行；无数值 1 行），前几行为 a, b",
        ),
        (
            "corrections: x is NOT applied: only 3 of 5 files hold it (else absent); with some dates corrected the "
            "series would jump",
            "改正：x 未应用：5 个文件中仅 3 个带有（其余：缺失）；仅改正部分日期会使序列跳变",
        ),
        (
            "geometry: unit vectors within 1e-08, satellite in the west (east -0.61, up 0.78), as a right-looking "
            "ascending pass must",
            "几何：视线为单位向量（误差不超过 1e-08），卫星位于西侧（东分量 -0.61，上分量 0.78）"
            "，与右视升轨相符",
        ),
        ("sign: positive is away from the satellite, as the config says", "符号：远离卫星为正，依据配置"),
        ("corrections: x is NOT applied: absent, zero everywhere: it was not computed",
         "改正：x 未应用：缺失，全为 0：未计算"),
        (
            "GACOS: the scatter of a date over the frame went from 9.1 to 3.2 mm (median), the variance down by 80%; "
            "smaller on 5 of 6 dates",
            "GACOS：单期全幅离散由 9.1 变为 3.2 mm（中位数），方差变化（减小）80%；6 期中 5 期减小",
        ),
    ],
)  # fmt: skip
def test_sentences_in_chinese(sentence, want):
    assert in_chinese(sentence) == want


@settings(max_examples=30)
@given(st.text(max_size=60))
def test_what_is_not_known_is_not_lost(text):
    assert in_chinese(f"{text}~").replace("；", "; ") == f"{text}~".replace("；", "; ")
