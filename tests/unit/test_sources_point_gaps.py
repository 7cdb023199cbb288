"""Cells whose points come and go: no point makes a step by its level or its speed, whatever the batches."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_risk.sources.insar import open_insar
from geo_risk.sources.options import TrackOptions
from geo_risk.sources.point_cells import CellSums
from geo_risk.sources.point_gaps import finished
from tests.support.points import days, egms

N = 40
T = np.arange(N) * 12 / 365.25


def summed(cells, series, *, n_cells=1, cuts=()):
    """Sum points in batches, align and finish; return the sums, the errors and the number of aligned cells."""
    parts = np.split(np.arange(len(cells)), list(cuts))
    sums = CellSums(n_cells, series.shape[1], ())
    reads = []

    def again():
        reads.append(1)
        return ((cells[p], series[p].copy()) for p in parts)

    for cell, part in again():
        sums.add(cell, part, {})
    error, n = finished(sums, again)
    assert len(reads) == (3 if n else 1)
    return sums.sums, error, n


def test_a_point_of_another_level_that_is_lost_makes_no_step():
    common = np.random.default_rng(1).normal(0, 0.003, N)
    series = common + np.array([[0.0], [0.004], [-0.06]])
    series[2, 25:] = np.nan
    mean, error, n = summed(np.zeros(3, int), series)
    assert n == 1
    np.testing.assert_allclose(mean[0], common - 0.056 / 3, atol=1e-6)
    # the plain mean of what is known steps by 20.7 mm there
    assert abs(np.diff(np.nanmean(series, axis=0))[24] - np.diff(common)[24]) > 0.02
    # spread of the three levels about their mean, over the root of three
    levels = np.array([0, 0.004, -0.06]) + 0.056 / 3
    known = np.isfinite(series)
    want = np.sqrt((levels[:, None] ** 2 * known).sum() / np.maximum(known.sum(axis=0) - 1, 0).sum() / 3)
    assert error[0] == pytest.approx(want, rel=1e-4)


def test_a_faster_point_that_is_lost_bends_the_mean_by_little():
    rng = np.random.default_rng(2)
    rates = np.array([-0.10, -0.11, -0.18])
    truth = rates.mean() * T
    series = rates[:, None] * T + rng.normal(0, 0.001, (3, N))
    series[2, 25:] = np.nan
    mean, _, _ = summed(np.zeros(3, int), series)
    plain = np.nanmean(series, axis=0)
    # the plain mean jumps back by 20 mm and goes on too slowly; the other two stand for the third in what is left
    wrong, left = plain - truth, mean[0] - truth
    assert abs(np.diff(wrong)[24]) > 0.015
    assert abs(np.diff(left)[24]) < 0.004  # noise of 1 mm a point
    assert np.abs(left).max() < 0.25 * np.abs(wrong).max()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_points_that_differ_by_level_alone_give_their_common_course(data):
    n_points, n_dates = data.draw(st.integers(1, 5)), data.draw(st.integers(2, 9))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**31)))
    cells = rng.integers(0, 2, n_points)
    common, level = rng.normal(0, 0.01, (2, n_dates)), rng.normal(0, 0.05, n_points)
    series = common[cells] + level[:, None]
    known = rng.random(series.shape) < 0.7
    known[np.arange(n_points), rng.integers(0, n_dates, n_points)] = True
    series[~known] = np.nan
    cuts = sorted(data.draw(st.lists(st.integers(0, n_points), max_size=3)))
    mean, _, _ = summed(cells, series, n_cells=2, cuts=cuts)
    whole, _, _ = summed(cells, series, n_cells=2)
    np.testing.assert_allclose(mean, whole, atol=1e-7)
    for k in range(2):
        mine = known[cells == k]
        if not len(mine):
            continue
        # known where a point is, and tied: dates that some point joins by being known on both sides of their seam
        seams = [(mine[:, : s + 1].any(axis=1) & mine[:, s + 1 :].any(axis=1)).any() for s in range(n_dates - 1)]
        if all(seams):
            assert (np.isfinite(mean[k]) == mine.any(axis=0)).all()
            both = [(mine[:, s] & mine[:, s + 1]).any() for s in range(n_dates - 1)]
            if all(both):
                want = common[k] + level[cells == k].mean()
                np.testing.assert_allclose(mean[k][mine.any(axis=0)], want[mine.any(axis=0)], atol=1e-6)


def test_dates_that_no_point_ties_are_missing_beyond_the_longest_stretch():
    series = np.full((3, 10), np.nan)
    series[0, :6] = 0.01
    series[1, 2:6] = 0.05
    series[2, 6:] = 0.9  # begins where the others end: nothing says how its level stands to theirs
    mean, error, _ = summed(np.zeros(3, int), series)
    assert mean[0, :6] == pytest.approx(0.03, abs=1e-6)
    assert np.isnan(mean[0, 6:]).all()
    assert np.isnan(error[0])


def test_whole_points_and_dates_that_all_lack_are_summed_as_before():
    rng = np.random.default_rng(4)
    series = rng.normal(0, 0.01, (6, 8))
    series[:3, 4] = np.nan
    cells = np.array([0, 0, 0, 1, 1, 1])
    mean, error, n = summed(cells, series, n_cells=2)
    assert n == 0
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(mean[1], series[3:].mean(axis=0), atol=1e-7)
    assert np.isnan(mean[0, 4])
    assert np.isfinite(error).all()


@pytest.mark.slow
def test_a_table_with_a_lost_point_has_no_step_and_says_so(tmp_path):
    table = egms()
    dates = days()
    rows = table.index[:2]
    for column in ("easting", "northing"):
        table.loc[rows, column] = table.loc[rows[0], column] + np.array([0.0, 1.0])
    apart = np.hypot(*(table[c] - table.loc[rows[0], c] for c in ("easting", "northing")))
    table = table[table.index.isin(rows) | (apart > 200)].copy()
    sway = np.arange(len(dates)) % 2 * 1.0  # mm; what never moves at all is no measurement
    table.loc[rows[0], dates] = sway
    table.loc[rows[1], dates] = sway - 40.0
    table.loc[rows[1], dates[len(dates) // 2 :]] = np.nan
    table.to_csv(tmp_path / "EGMS_L2b_015_0297_IW2_VV.csv", index=False)
    data = open_insar(tmp_path / "EGMS_L2b_015_0297_IW2_VV.csv", track="asc", options=TrackOptions(posting_m=100.0))
    x, y = (float(table.loc[rows[0], c]) for c in ("easting", "northing"))
    series = data["displacement"].sel(x=x, y=y, method="nearest").to_numpy()
    assert series == pytest.approx(-0.02 + sway / 1000, abs=1e-6)
    assert "gaps: in 1 cells points come and go; each is aligned with the others of its cell" in data.attrs["audit"]
