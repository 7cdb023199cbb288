"""Steps of the exposure: population onto the run grid, people spread over houses, and facilities."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from geo_risk.exposure.params import ExposureParams
    from geo_risk.flow.plan import Plan
    from geo_risk.sources.options import ReadLimits, ReadOptions

RASTER_SUFFIXES = frozenset({".tif", ".tiff"})
"""Endings of a population raster; other files are census points."""


def exposure(plan: Plan) -> None:
    """Add the steps that say who lives where: layer population, frames settlements, houses and facilities.

    `inputs.population` is a raster (GeoTIFF) or census points. Without settlements census points are houses themselves.
    """
    given = plan.source("population")
    is_raster = given is not None and given.file.suffix.lower() in RASTER_SUFFIXES
    grid, params = plan.facts("grid"), plan.cfg.risk.exposure
    if is_raster:
        plan.add(
            "exposure.population", write_population, reads={"population": plan.input("population"), "grid": grid},
            writes={"out": plan.layer("population"), "facts": plan.facts("population")}, params=params,
            options=options_of(plan, "population"), limits=plan.cfg.storage,
        )  # fmt: skip
    census = None if is_raster else plan.input("population")
    census_options = options_of(plan, "population")
    if census is not None and plan.input("settlements") is None:
        plan.add(
            "exposure.census", write_census, reads={"census": census, "grid": grid},
            writes={"houses": plan.frame("houses"), "facts": plan.facts("exposure")}, params=params,
            options=census_options,
        )  # fmt: skip
    else:
        plan.add(
            "exposure.people", write_people,
            reads={"settlements": plan.input("settlements"), "grid": grid},
            optional={"buildings": plan.input("buildings"), "census": census, "population": plan.layer("population")},
            writes={"settlements_out": plan.frame("settlements"), "houses": plan.frame("houses"),
                    "facts": plan.facts("exposure")},
            options=options_of(plan, "settlements"), building_options=options_of(plan, "buildings"),
            census_options=census_options, radius_m=plan.cfg.risk.settlement_radius_m, params=params,
        )  # fmt: skip
    if plan.input("facilities") is not None:
        plan.add(
            "exposure.facilities", write_facilities, reads={"facilities": plan.input("facilities"), "grid": grid},
            writes={"out": plan.frame("facilities"), "facts": plan.facts("facilities")},
            options=options_of(plan, "facilities"),
        )  # fmt: skip


def options_of(plan: Plan, name: str) -> ReadOptions:
    """Return what the configuration says of an input file beside its path."""
    from geo_risk.sources.options import NO_OPTIONS

    source = plan.source(name)
    return NO_OPTIONS if source is None else source.options


def facts_of(notes: list[str], *, quarantine: list[dict[str, str]], **counts: Any) -> dict[str, Any]:
    """Return the facts of a step: sentences, counts, and rows set aside."""
    from geo_risk.products.wording import note

    level = "warning" if quarantine else "info"
    return {"notes": [note(level, text) for text in notes], "counts": counts, "quarantine": quarantine, "methods": []}


def write_population(
    *, population: Path, grid: Path, out: Path, facts: Path, params: ExposureParams, options: ReadOptions,
    limits: ReadLimits,
) -> None:  # fmt: skip
    """Write people per cell of the run grid, and how many there are."""
    import dask

    from geo_risk.flow.steps.grid import raster_facts
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.layers import open_layer, read_grid
    from geo_risk.sources.population import load_population

    layer = load_population(population, read_grid(grid), missing_is_zero=params.population_missing_is_zero,
                            options=options, limits=limits)  # fmt: skip
    write_layer(layer, out)
    import dask.array as da

    made = open_layer(out).data
    people, gaps = dask.compute(da.nansum(made.astype("float64")), da.isnan(made).mean())
    said = raster_facts("population", layer.attrs)
    said["counts"] |= {"people": round(float(people)), "share_of_unknown_ground": round(float(gaps), 4)}
    card = {
        "name": "People per cell from a population raster",
        "citation": "areal weighting of the source cells' quadrilaterals (Tobler 1979, mass-conserving)",
        "validity": "people are even within a source cell",
    }
    write_json({**said, "quarantine": [], "methods": [card]}, facts)


def write_census(
    *, census: Path, grid: Path, houses: Path, facts: Path, params: ExposureParams, options: ReadOptions
) -> None:
    """Write census points as houses, where no settlements are given."""
    from geo_risk.exposure.people import census_houses
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.sources.layers import read_grid

    found, notes, quarantine = read_census(census, read_grid(grid), options)
    spread, said = census_houses(found, params)
    write_frame(spread, houses)
    counts = {"census_points": len(spread), "people": round(float(spread["people"].sum())),
              "points_of_unknown_people": int(spread["people"].isna().sum())}  # fmt: skip
    write_json(facts_of([*notes, *said], quarantine=quarantine, **counts), facts)


def read_census(
    path: Path, target: Any, options: ReadOptions
) -> tuple[Any, list[str], list[dict[str, str]]]:  # fmt: skip
    """Return census points with clean numbers in the run's CRS, the notes and the rows remarked or set aside."""
    from geo_risk.exposure.people import clean_counts
    from geo_risk.sources.vectors import id_texts, read_vector

    read = read_vector(
        path, crs=target.crs, area=target.bounds, where="inputs.population", id_column="census_id", geometry="Point",
        columns=("people", "settlement_id?", "vulnerable_people?", "households?"), options=options,
    )  # fmt: skip
    frame, remarks = clean_counts(read.frame, id_column="census_id", is_whole=False)
    return frame.assign(settlement_id=id_texts(frame["settlement_id"])), read.notes, [*read.quarantine, *remarks]


def write_people(
    *,
    settlements: Path,
    grid: Path,
    buildings: Path | None,
    census: Path | None = None,
    population: Path | None = None,
    settlements_out: Path,
    houses: Path,
    facts: Path,
    options: ReadOptions,
    building_options: ReadOptions,
    census_options: ReadOptions | None = None,
    radius_m: float,
    params: ExposureParams | None = None,
) -> None:
    """Write settlements with clean numbers, and houses whose people add up to them."""
    from geo_risk.exposure.params import DEFAULTS, NO_HOUSEHOLD
    from geo_risk.exposure.people import Dwellings, clean_counts, spread_people
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.sources.layers import open_layer, read_grid
    from geo_risk.sources.options import NO_OPTIONS
    from geo_risk.sources.vectors import id_texts, read_vector

    target = read_grid(grid)
    read = read_vector(
        settlements, crs=target.crs, area=target.bounds, where="inputs.settlements", id_column="settlement_id",
        columns=("name?", "people", "vulnerable_people?", "households?", "township?", "responsible?"), options=options,
    )  # fmt: skip
    towns, remarks = clean_counts(read.frame.set_geometry(read.frame.geometry.centroid))
    notes, quarantine = [*read.notes], [*read.quarantine, *remarks]
    built, points = None, None
    if buildings is not None:
        found = read_vector(
            buildings, crs=target.crs, area=target.bounds, where="inputs.buildings", id_column="building_id",
            columns=("settlement_id?", "floors?", "households?", "structure?", "use?"), geometry="Polygon",
            options=building_options,
        )  # fmt: skip
        built, notes, quarantine = found.frame, notes + found.notes, quarantine + found.quarantine
        if "settlement_id" in built:  # as the settlements' own ids are read: 12, 12.0 and "12 " are one
            built = built.assign(settlement_id=id_texts(built["settlement_id"]))
    if census is not None:
        points, more, aside = read_census(census, target, census_options or NO_OPTIONS)
        notes, quarantine = notes + more, quarantine + aside
    dwellings = Dwellings(built, points, None if population is None else open_layer(population))
    spread, said = spread_people(towns, dwellings, radius_m=radius_m, params=params or DEFAULTS)
    write_frame(towns, settlements_out)
    write_frame(spread, houses)
    counts = {
        "settlements": len(towns), "houses": int(spread["is_building"].astype(bool).sum()),
        "people": int(towns["people"].sum()), "settlements_of_unknown_population": int(towns["people"].isna().sum()),
        "houses_without_settlement": int(spread["settlement_id"].isna().sum()),
        **{f"spread_by_{k}": int(n) for k, n in spread.groupby("spread")["settlement_id"].nunique().items()
           if k not in ("none", NO_HOUSEHOLD)},
    }  # fmt: skip
    write_json(facts_of([*notes, *said], quarantine=quarantine, **counts), facts)


def write_facilities(*, facilities: Path, grid: Path, out: Path, facts: Path, options: ReadOptions) -> None:
    """Write facilities with clean numbers of people."""
    from geo_risk.exposure.people import clean_counts
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.sources.layers import read_grid
    from geo_risk.sources.vectors import read_vector

    target = read_grid(grid)
    read = read_vector(
        facilities, crs=target.crs, area=target.bounds, where="inputs.facilities", id_column="facility_id",
        columns=("name?", "kind?", "people?", "people_day?"), options=options,
    )  # fmt: skip
    made, remarks = clean_counts(read.frame, id_column="facility_id", columns=("people", "people_day"))
    kept = ["facility_id", "name", "kind", "people", "people_day", "geometry"]
    texts = {c: made[c].astype("string") for c in ("name", "kind")}
    write_frame(made.assign(**texts)[kept], out)
    counts = {"facilities": len(made), "people": int(made["people"].sum()),
              "facilities_of_unknown_people": int(made[["people", "people_day"]].max(axis=1).isna().sum())}  # fmt: skip
    write_json(facts_of(read.notes, quarantine=[*read.quarantine, *remarks], **counts), facts)
