"""What the report says of the ranks of the evacuation list."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import Point

from geo_risk.flow.steps.evacuation_priority import with_ranks
from geo_risk.products.evacuation_draws import evacuation_stability
from geo_risk.products.params import EvacuationParams
from geo_risk.products.priority import ranking
from geo_risk.products.priority_words import why_so_high

FACTS = {"notes": [{"level": "info", "text_en": "a", "text_zh": "甲"}], "counts": {"x": 1}, "methods": [{"name": "m"}]}
PAIRS = {"warning": {"risk": 1, "people": 2, "vulnerable": 3, "cut_off": 3}, "risk": {"people": 2, "vulnerable": 3,
         "cut_off": 3}, "people": {"vulnerable": 1, "cut_off": 1}, "vulnerable": {"cut_off": 1}}  # fmt: skip


def listed(params, n=14):
    rng = np.random.default_rng(4)
    rows = gpd.GeoDataFrame(
        {"settlement_id": [f"S{i}" for i in range(n)], "name": [None, *[f"村{i}" for i in range(1, n)]],
         "warning_level": rng.integers(-1, 5, n), "risk_level": rng.integers(-1, 5, n),
         "people": rng.integers(5, 900, n).astype(float), "vulnerable_people": np.nan, "cut_off_risk": "unknown"},
        geometry=[Point(i, 0) for i in range(n)], crs="EPSG:4546",
    )  # fmt: skip
    return rows.assign(**pd.concat([ranking(rows, params), evacuation_stability(rows, params)], axis=1))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("priority", "said"),
    [
        ({}, ["ranked by a weighted sum, weights as configured: warning 0.35", "drawn 500 times (seed 1)"]),
        ({"pairwise": PAIRS}, ["Consistency ratio of the pairwise comparisons: 0.0", "by AHP weights"]),
        ({"weights_by": "ahp", "pairwise": PAIRS}, ["from pairwise comparisons (AHP)"]),
        ({"score_by": "topsis"}, ["a row can fall when its own level or people rise", "by the weighted sum"]),
        ({"weights_by": "entropy"}, ["turn the order of two round"]),
    ],
)
def test_the_report_tells_weights_assumptions_and_where_a_method_is_unsafe(priority, said):
    params = EvacuationParams(priority={"n_draws": 500, **priority})
    got = with_ranks(FACTS, listed(params), params, "zh")
    text = "\n".join(n["text_en"] for n in got["notes"])
    for part in said:
        assert part in text
    assert "never below low" in text
    assert all(n["text_zh"] != n["text_en"] for n in got["notes"])
    assert got["notes"][0] == FACTS["notes"][0]
    assert got["methods"][0] == {"name": "m"}
    is_unsafe = params.priority.score_by == "topsis" or params.priority.weights_by == "entropy"
    assert any(n["level"] == "warning" for n in got["notes"]) is is_unsafe
    svg = got["figures"][0]["svg"]
    assert svg.startswith("<svg")
    assert "村1" in svg
    assert "S0" in svg  # a settlement without a name goes by its id


@pytest.mark.slow
def test_without_rows_or_draws_nothing_is_claimed():
    assert with_ranks(FACTS, listed(EvacuationParams()).head(0), EvacuationParams(), "en") == FACTS
    params = EvacuationParams(priority={"n_draws": 0})
    rows = listed(params)
    got = with_ranks(FACTS, rows, params, "en")
    assert "drawn" not in "".join(n["text_en"] for n in got["notes"])
    assert not any("draws" in s for s in why_so_high(rows.iloc[0], params, "en"))


def test_the_reasons_tell_the_parts_and_the_share_of_draws():
    params = EvacuationParams()
    rows = listed(params).set_index("rank")
    row = rows.loc[1]
    said = why_so_high(row, params, "en")
    parts = [float(p.split()[-1].rstrip(".")) for p in said[0].split(": ")[1].split(", ")]
    # each of five parts and the score are rounded to two decimals
    assert sum(parts) == pytest.approx(row["score"], abs=0.031)
    assert said[1].startswith(f"In the first ten in {row['first10_share']:.0%} of 500 draws")
    assert f"{row['rank_low']} to {row['rank_high']}" in said[1]
    topsis = EvacuationParams(priority={"score_by": "topsis"})
    assert "TOPSIS" in why_so_high(listed(topsis).iloc[0], topsis, "zh")[0]
