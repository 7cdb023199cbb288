"""Shelters, stocks and relocation at province size: seconds and peak memory of each part.

Use: python benchmarks/siting.py [settlements] [shelters]
"""

from __future__ import annotations

import resource
import sys
import time

import geopandas as gpd
import numpy as np
import shapely

from geo_risk.exposure.reach import pairs_within
from geo_risk.products.candidates import candidate_sites, with_own_sites
from geo_risk.products.params import EvacuationParams
from geo_risk.products.reach_bands import reach_bands
from geo_risk.products.relocation import RelocationInputs, plan_relocation
from geo_risk.products.relocation_params import RelocationParams
from geo_risk.products.shelter_coverage import Near, shelter_coverage
from geo_risk.products.site_proposals import Demand, shelter_proposals
from geo_risk.products.siting_network import join_all
from geo_risk.products.siting_params import SitingParams

CRS = "EPSG:4546"
SIDE_M = 395_000.0
"""A province of 156,000 km2."""


def province(n: int, m: int, seed: int = 0) -> dict[str, gpd.GeoDataFrame]:
    """Return settlements, houses, shelters, zones and a road lattice of about 500,000 edges over a province."""
    rng = np.random.default_rng(seed)
    k = 500
    x, y = np.meshgrid(np.linspace(0, SIDE_M, k), np.linspace(0, SIDE_M, k))
    xy = np.dstack([x, y]) + rng.normal(0, 120, (k, k, 2))
    lines = np.concatenate([
        shapely.linestrings(np.stack([xy[:, :-1].reshape(-1, 2), xy[:, 1:].reshape(-1, 2)], axis=1)),
        shapely.linestrings(np.stack([xy[:-1].reshape(-1, 2), xy[1:].reshape(-1, 2)], axis=1)),
    ])  # fmt: skip
    kind = rng.choice(["trunk", "primary", "secondary", "local"], len(lines), p=[0.05, 0.1, 0.25, 0.6])
    roads = gpd.GeoDataFrame({"road_id": [f"R{i}" for i in range(len(lines))], "class": kind}, geometry=lines, crs=CRS)
    homes = xy.reshape(-1, 2)[rng.choice(k * k, n, replace=False)] + rng.normal(0, 200, (n, 2))
    people = np.round(rng.lognormal(6, 0.9, n))
    people[rng.random(n) < 0.02] = np.nan
    ids = [f"S{i:05d}" for i in range(n)]
    towns = gpd.GeoDataFrame(
        {"settlement_id": ids, "name": ids, "people": people,
         "township": [f"T{int(a // 12_000):02d}-{int(b // 12_000):02d}" for a, b in homes]},
        geometry=shapely.points(homes), crs=CRS,
    )  # fmt: skip
    spots = np.repeat(homes, 8, axis=0) + rng.normal(0, 150, (8 * n, 2))
    share = np.repeat(people, 8) / 8
    houses = gpd.GeoDataFrame(
        {"house_id": [f"H{i}" for i in range(8 * n)], "settlement_id": np.repeat(ids, 8), "is_building": True,
         "people": share, "households": share / 3, "vulnerable_people": 0.0},
        geometry=shapely.box(spots[:, 0], spots[:, 1], spots[:, 0] + 12, spots[:, 1] + 12), crs=CRS,
    )  # fmt: skip
    where = homes[rng.choice(n, m, replace=False)]
    capacity = np.round(rng.lognormal(np.log(np.nansum(people) * 0.9 / m), 0.6, m)).astype(np.int64)
    shelters = gpd.GeoDataFrame({"shelter_id": [f"H{i}" for i in range(m)], "capacity": capacity},
                                geometry=shapely.points(where), crs=CRS)  # fmt: skip
    at = homes[rng.choice(n, 30_000)] + rng.normal(0, 400, (30_000, 2))
    zones = gpd.GeoDataFrame(
        {"zone_id": [f"Z{i}" for i in range(len(at))], "kind": "landslide",
         "hazard_level": rng.integers(3, 5, len(at)), "risk_level": 3, "activity": "unknown"},
        geometry=shapely.buffer(shapely.points(at), 120, quad_segs=4), crs=CRS,
    )  # fmt: skip
    return {"roads": roads, "towns": towns, "houses": houses, "shelters": shelters, "zones": zones}


def main() -> None:
    """Print one line a part."""
    n, m = (int(a) for a in (*sys.argv[1:3], 25_000, 1000)[:2]) if len(sys.argv) > 2 else (25_000, 1000)
    began = time.perf_counter()

    def told(what: str) -> None:
        nonlocal began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(f"{what:58s} {time.perf_counter() - began:7.1f} s   peak {peak:.1f} GB", flush=True)
        began = time.perf_counter()

    p = province(n, m)
    told(f"made {n} settlements, {m} shelters, {len(p['roads'])} edges")
    params, move = SitingParams(), EvacuationParams()
    made = plan_relocation(RelocationInputs(p["towns"], p["houses"], p["zones"]), params=RelocationParams())
    told(f"relocation: {len(made.relocation)} settlements at risk")
    sites = candidate_sites(p["towns"], p["houses"], [], harmful=p["zones"], grounds=[], max_level=2,
                            settlements_max=params.candidates_max)  # fmt: skip
    told(f"{len(sites.sites)} candidates")
    groups = {"settlements": p["towns"], "origins": p["shelters"], "candidates": sites.sites}
    roads = join_all(p["roads"], p["zones"], groups, params=move)
    told("network with all places joined")
    home, goal, spot = (roads.nodes[k] for k in ("settlements", "origins", "candidates"))
    near = Near(pairs_within(roads.network, roads.drive, home, goal, limit_min=params.reach_min),
                pairs_within(roads.network, roads.safe, home, goal, limit_min=params.reach_min), home >= 0)  # fmt: skip
    told(f"{len(near.pairs.place)} pairs within {params.reach_min:g} min, twice")
    cover = shelter_coverage(p["towns"], p["shelters"], near, leaving=None, townships=None, reach_min=params.reach_min)
    told(f"coverage of {len(cover.frame)} townships, {cover.totals['people_short']} people short")
    limit = params.median_limit_min
    pairs = with_own_sites(pairs_within(roads.network, roads.drive, home, spot, limit_min=limit), p["towns"],
                           sites.sites, walking_km_h=4, limit_min=limit)  # fmt: skip
    stand = pairs_within(roads.network, roads.drive, home, goal, limit_min=limit).least()
    told(f"{len(pairs.place)} pairs with candidates within {limit:g} min")
    demand = Demand(p["towns"]["people"].to_numpy(float), cover.short, stand)
    found = shelter_proposals(demand, sites, pairs, why_unused={}, params=params)
    told(
        f"proposals, gaps {found.totals['cover_gap_ppm'] / 1e4:.3f} % and {found.totals['median_gap_ppm'] / 1e4:.3f} %"
    )
    bands = reach_bands(roads, p["towns"], origin="shelter", params=params)
    told(f"isochrones: {sum(len(b) for b in bands.values())} bands")


if __name__ == "__main__":
    main()
