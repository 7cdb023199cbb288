"""Susceptibility of the Ecuador landslide data: published scores of the GLM again, and the nested choice beside it.

    GEO_RISK_REAL=... python -m benchmarks.ecuador [--draws 100] [--nested 10] [--methods METHOD ...]

Every draw deals the 350 cases anew to five folds. The choice among models is judged on folds that neither the models
nor the choosing has seen; its GLM is judged on the very same folds, so that the difference is paired.
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from geo_risk.hazards.landslide.scores import auc
from geo_risk.hazards.landslide.susceptibility.folds import cluster_folds, random_folds
from geo_risk.hazards.landslide.susceptibility.models import candidates, susceptibility_model
from geo_risk.hazards.landslide.susceptibility.names import METHODS
from geo_risk.hazards.landslide.susceptibility.skill import Cases, interval, judged, nested

FACTORS = ("slope", "cplan", "cprof", "elev", "log10_carea")
FOLDS = 5


def ecuador(folder: Path) -> Cases:
    """Return the cases of `landslide/ecuador_lsl/lsl.csv` in the folder of real data."""
    table = pd.read_csv(folder / "landslide/ecuador_lsl/lsl.csv")
    event = table["lslpts"].astype(str).str.upper().eq("TRUE").to_numpy()
    place = table["x"].to_numpy(dtype=float), table["y"].to_numpy(dtype=float)
    return Cases(table[list(FACTORS)].to_numpy(dtype=float), event, *place)


def spatial(cases: Cases, seed: int) -> np.ndarray:
    """Return five folds by place."""
    return cluster_folds(cases.x, cases.y, cases.is_event, folds=FOLDS, seed=seed)


def _default_beside_glm(cases: Cases, draws: int) -> None:
    """Print the default model, whose settings were fixed on the demo counties, and the GLM on the same folds."""
    default, plain = (
        [a for s in range(draws) for a in judged(susceptibility_model(m), cases, spatial(cases, s)).folds]
        for m in ("joint", "logistic")
    )
    _paired("default model (joint, its default settings)", default, plain, n=len(cases.x))


def _paired(name: str, one: Sequence[float], plain: Sequence[float], *, n: int) -> None:
    ahead = np.subtract(one, plain)
    for what, values in ((name, one), ("GLM on the same folds", plain), ("difference", ahead)):
        low, high = interval(list(values), n_learned=n * (FOLDS - 1) / FOLDS, n_judged=n / FOLDS)
        print(f"{what}: {np.mean(values):.4f}, 95 % {low:.4f} to {high:.4f}", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=100, help="partitions of each model")
    parser.add_argument("--nested", type=int, default=10, help="partitions of the nested choice")
    parser.add_argument("--methods", nargs="+", default=list(METHODS), help="that are chosen from")
    given = parser.parse_args()
    cases = ecuador(Path(os.environ["GEO_RISK_REAL"]))
    n = len(cases.x)
    for method in METHODS if given.draws else ():
        model = susceptibility_model(method)
        draws = given.draws if method == "logistic" else max(1, given.draws // 10)
        fitted = auc(model.fit(cases.values, cases.is_event).predict_proba(cases.values)[:, 1], cases.is_event)
        at_random = [judged(model, cases, random_folds(cases.is_event, folds=FOLDS, seed=s)).auc for s in range(draws)]
        apart = [judged(model, cases, spatial(cases, s)).auc for s in range(draws)]
        print(f"{method}: fit {fitted:.4f}, random {np.mean(at_random):.4f}, spatial {np.mean(apart):.4f} "
              f"({draws} x {FOLDS} folds)", flush=True)  # fmt: skip
    if given.draws:
        _default_beside_glm(cases, given.draws)
    if not given.nested:
        return
    tried = candidates(given.methods)
    reference = susceptibility_model("logistic")
    chosen: Counter[str] = Counter()
    best, plain = [], []
    for seed in range(given.nested):
        fold = spatial(cases, seed)
        made = nested(tried, cases, fold, seed=seed)
        chosen.update(made.chosen)
        best += made.skill.folds
        plain += judged(reference, cases, fold).folds
        print(f"draw {seed}: nested {made.skill.auc:.4f}, GLM {np.mean(plain[-FOLDS:]):.4f}; {made.chosen}", flush=True)
    _paired("nested choice", best, plain, n=n)
    print("chosen:", dict(chosen.most_common()))


if __name__ == "__main__":
    main()
