"""How often stated 95 % intervals cover the truth, by Monte-Carlo.

    python -m benchmarks.coverage antecedent --draws 2000 --seed 1
    python -m benchmarks.coverage bowls --draws 2000 --seed 1
    python -m benchmarks.coverage velocity --draws 2000 --seed 1

(set OMP_NUM_THREADS=1 where other work runs: the matrices are small).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

from benchmarks.coverage_activity import activity_coverage
from benchmarks.coverage_antecedent import antecedent_coverage
from benchmarks.coverage_bowls import bowl_coverage
from benchmarks.coverage_velocity import velocity_coverage

SECTIONS: dict[str, Callable[[int, int], dict[str, tuple[int, int]]]] = {
    "activity": activity_coverage,
    "antecedent": antecedent_coverage,
    "bowls": bowl_coverage,
    "velocity": velocity_coverage,
}
"""By name: a function of draws and seed that returns, by quantity, covered and all."""


def main() -> None:
    """Print the coverage of one section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("section", choices=sorted(SECTIONS))
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    for name, (covered, total) in SECTIONS[given.section](given.draws, given.seed).items():
        print(f"{given.section}: {name}: {covered} of {total} ({covered / max(total, 1):.3f})")


if __name__ == "__main__":
    main()
