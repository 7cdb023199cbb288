"""Cells a second of the probability of failure, at steady wetness and in a storm.

Run from the repository: `python -m benchmarks.stability [draws]`. Ground is made up: slopes of 0 to 60 degrees, upslope
areas of natural spread, three materials. Seconds are processor time of one thread; the compiler runs before the clock.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from geo_risk.hazards.stability.draws import draw_table, storm_arrays
from geo_risk.hazards.stability.params import Material, StabilityParams, Storm
from geo_risk.kernels.infinite_slope import failing_share, failing_share_storm, storm_wetness

SIDE = 1000


def soils(draws: int) -> StabilityParams:
    """Return three made-up materials and a storm of a day."""
    made = tuple(
        Material(name=name, source="made up", friction_deg=(25, 32), cohesion_kpa=(2, cohesion), depth_m=(1, 3),
                 unit_weight_kn_m3=(15, 18), transmissivity_m2_d=(5, 50), conductivity_m_s=(1e-6, 1e-5),
                 diffusivity_m2_s=(1e-5, 1e-4))
        for name, cohesion in (("a", 4), ("b", 8), ("c", 16))
    )  # fmt: skip
    storm = Storm(rain_mm_h=tuple(float(v) for v in range(24)), step_h=1, at_h=(12.0, 24.0, 48.0))
    return StabilityParams(materials=made, steady_rain_mm_d=(1, 10), storm=storm, draws=draws)


def main() -> None:
    """Print the figures."""
    params = soils(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
    table = draw_table(params)
    rng = np.random.default_rng(1)
    slope = rng.uniform(0, 60, (SIDE, SIDE)).astype(np.float32)
    area = rng.lognormal(5, 1, (SIDE, SIDE)).astype(np.float32)
    material = rng.integers(1, 4, (SIDE, SIDE)).astype(np.float32)
    assert params.storm is not None
    storm = storm_arrays(params.storm)
    few = storm_wetness(table[:, :2], storm)
    failing_share(slope[:2], area[:2], material[:2], table)
    failing_share_storm(slope[:2], material[:2], table[:, :2], few)
    n = SIDE * SIDE / 1e6
    start = time.process_time()
    failing_share(slope, area, material, table)
    steady = time.process_time()
    wetness = storm_wetness(table, storm)
    tabled = time.process_time()
    failing_share_storm(slope, material, table, wetness)
    end = time.process_time()
    print(f"{params.draws} draws: steady {n / (steady - start):.2f} M cells/s")
    print(f"storm of 24 steps at 3 times: table of 3 materials {tabled - steady:.1f} s once, then ", end="")
    print(f"{n / (end - tabled):.2f} M cells/s")


if __name__ == "__main__":
    main()
