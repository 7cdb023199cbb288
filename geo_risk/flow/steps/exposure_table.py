"""Step of the exposure table: who and what is threatened in each zone and township, and the rules of the grades."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo_risk.flow.steps.deformation_watch import read_townships
from geo_risk.flow.steps.exposure import facts_of, options_of
from geo_risk.flow.steps.zones import read_roads

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from geo_risk.flow.plan import Plan
    from geo_risk.products.params import RiskParams
    from geo_risk.sources.options import ReadOptions

_FRAMES = ("houses", "facilities")
_LOOKED = {"waterlogging": "ponding", "deformation": "active_deformation"}
"""Frame whose being there means that a hazard without a level layer was looked at."""


def exposure_table(plan: Plan) -> None:
    """Add the step that writes the frame `exposure`. Call it after `zones` and `points`."""
    landcover = plan.source("landcover")
    legend = None if landcover is None else landcover.file.with_suffix(".csv")
    years = plan.cfg.flood.river.design_years
    plan.add(
        "exposure.table", write_exposure,
        reads={"zones": plan.frame("zones_linked"), "grid": plan.facts("grid")},
        optional={
            **{name: plan.frame(name) for name in _FRAMES},
            **{name: plan.frame(name) for name in _LOOKED.values()},
            "roads": plan.input("roads"), "admin": plan.input("admin"), "population": plan.layer("population"),
            "landslide": plan.layer("hazard_landslide"), "flood": plan.layer("hazard_flood"),
            "blind_map": plan.layer("blind_map"), "landcover": plan.input("landcover"),
            "legend": legend if legend is not None and legend.is_file() else None,
            "depths": [plan.layer(f"depth_design_{t}yr") for t in years], "storms": plan.cube("town_design_depths"),
        },
        writes={"out": plan.frame("exposure"), "facts": plan.facts("exposure_table")},
        params=plan.cfg.risk, language=plan.cfg.language, years=list(years),
        options={n: options_of(plan, n).model_dump(mode="json") for n in ("roads", "admin", "landcover")},
    )  # fmt: skip


def write_exposure(
    *,
    zones: Path,
    grid: Path,
    roads: Path | None,
    admin: Path | None,
    population: Path | None,
    blind_map: Path | None,
    landcover: Path | None,
    legend: Path | None,
    depths: list[Path] | None,
    storms: Path | None = None,
    out: Path,
    facts: Path,
    params: RiskParams,
    language: str,
    years: list[int],
    options: dict[str, dict[str, Any]],
    **reads: Path | None,
) -> None:
    """Write the exposure of zones and townships, with the rules that the report prints."""
    from geo_risk.products.exposure_sums import Surveyed
    from geo_risk.products.exposure_table import exposure_table as table
    from geo_risk.products.wording import note
    from geo_risk.products.zone_exposure import Exposed
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.sources.layers import open_layer, read_frame, read_grid
    from geo_risk.sources.options import ReadOptions

    target = read_grid(grid)
    chosen = {n: ReadOptions(**o) for n, o in options.items()}
    frames = {n: None if reads[n] is None else read_frame(reads[n]) for n in _FRAMES}  # type: ignore[arg-type]
    lines, notes, quarantine = read_roads(roads, target, chosen["roads"])
    people = None if population is None else open_layer(population)
    exposed = Exposed(frames["houses"], lines, frames["facilities"], people, params.exposure).with_gatherings()
    levels = {k: open_layer(p) for k in ("landslide", "flood") if (p := reads[k]) is not None}
    if blind_map is not None:
        levels["deformation"] = _seen(open_layer(blind_map))
    said: list[dict[str, str]] = []
    expected = None
    if exposed.houses is not None and len(exposed.houses):
        expected = _expected(exposed.houses, dict(zip(years, depths or [], strict=True)), storms, params, said)
    townships, aside = read_townships(admin, target.crs, chosen["admin"])
    quarantine = [*quarantine, *aside]
    if townships is not None:
        townships = townships.sort_values("code", ignore_index=True)
    survey = Surveyed(
        read_frame(zones), townships,
        _farmland(landcover, legend, target, chosen["landcover"], params, said), expected, levels,
        {k: reads[name] is not None for k, name in _LOOKED.items()},
    )  # fmt: skip
    made = table(exposed, survey, params, language=language)
    write_frame(made, out)
    whole = made.set_index("place_id").loc[["total", "all_zones", "outside_zones"], "known_people"].round()
    counts = {
        "rows": len(made),
        **{f"known_people_{k}": int(v) for k, v in whole.items()},
        "zones_of_unknown_people": int(made.loc[made["place_kind"] == "zone", "people"].isna().sum()),
        **{f"danger_grade_{g}": int((made["danger_grade"] == g).sum()) for g in ("I", "II", "III", "IV")},
    }
    if not params.exposure.asset_values:
        said.append(note(
            "info", "No replacement values are given (risk.exposure.asset_values): assets are unknown, and danger "
            "grades stand on people alone.",
            "未提供房屋重置单价（risk.exposure.asset_values）：资产未知，险情等级仅按威胁人数确定。",
        ))  # fmt: skip
    found = facts_of(notes, quarantine=quarantine, **counts)
    write_json({**found, "notes": found["notes"] + said, "tables": rules(params)}, facts)


def _seen(blind: xr.DataArray) -> xr.DataArray:
    """Return level 0 where radar sees motion and -1 where it does not, of `blind_map` (0 is seen)."""
    import numpy as np

    return (blind == 0).astype(np.int8) - np.int8(1)


def _expected(
    houses: Any, rivers: Mapping[int, Path], storms: Path | None, params: RiskParams, said: list[dict[str, str]]
) -> pd.DataFrame | None:  # fmt: skip
    """Return what floods by return period do to houses in a year: of rivers where they were run, else of the town.

    None, and a note, where one return period alone was run; None where none was.
    """
    from geo_risk.flow.steps.flood_design import storm_depths
    from geo_risk.products.expected import flood_of_houses
    from geo_risk.products.wording import note
    from geo_risk.sources.layers import open_layer

    depths = {float(t): open_layer(p) for t, p in rivers.items()}
    name = ("River floods", "河道洪水")
    if len(depths) < 2 and storms is not None and len(town := storm_depths(storms)) > len(depths):
        depths, name = town, ("Waterlogging in the town", "城区内涝")
    if not depths:
        return None
    if len(depths) < 2:
        said.append(note("warning", "Only one return period of floods was run: no mean annual loss without two.",
                         "仅计算了一个重现期的洪水：至少需两个重现期才能估算年均损失。"))  # fmt: skip
        return None
    found = flood_of_houses(houses, depths, params.flood_loss)
    gone = int(found["people_yr"].isna().sum())
    mean, low, high = (float(found[f"people_yr{end}"].sum()) for end in ("", "_low", "_high"))
    years = f"{min(depths):g}–{max(depths):g}"
    said.append(note(
        "info", f"{name[0]} ({years} yr): {mean:.1f} people are reached in a mean year ({low:.1f} to {high:.1f} by the "
        f"tail towards frequent ones); {gone} houses are unknown. Rarer ones than those run count as the rarest.",
        f"{name[1]}（重现期 {years} 年）：年均影响 {mean:.1f} 人（视高频端假设为 {low:.1f} 至 {high:.1f} 人）；"
        f"{gone} 处房屋未知。更稀遇者按所算最稀遇者计。",
    ))  # fmt: skip
    return found


def _farmland(
    landcover: Path | None,
    legend: Path | None,
    target: Any,
    options: ReadOptions,
    params: RiskParams,
    said: list[dict[str, str]],
) -> xr.DataArray | None:
    """Return farmland on the run grid; None where no land cover is given, or its legend names none (with a note)."""
    from geo_risk.products.farmland import farmland_codes, farmland_layer
    from geo_risk.products.wording import note
    from geo_risk.sources.legend import read_legend
    from geo_risk.sources.raster import load_raster

    if landcover is None:
        return None
    codes = [] if legend is None else farmland_codes(read_legend(legend), params.exposure.farmland_classes)
    if not codes:
        said.append(note("warning", "No class of the land cover is named as farmland: farmland is unknown, not none.",
                         "土地覆盖图例中未识别出耕地类别：耕地面积未知，并非为零。"))  # fmt: skip
        return None
    layer = load_raster(landcover, target, units=None, where="inputs.landcover", resampling="nearest",
                        options=options)  # fmt: skip
    return farmland_layer(layer, codes)


def rules(params: RiskParams) -> list[dict[str, Any]]:
    """Return the tables of the rules for the report: danger grades, vulnerability, matrix, with their sources."""
    from geo_risk.products.danger import grade_table

    fields = type(params).model_fields

    def source(name: str) -> str:
        if getattr(params, name) != fields[name].default:
            return "set in the configuration"
        return (fields[name].description or "").partition("Source: ")[2].rstrip(".")

    people = params.vulnerability_people
    bounds = [f"≥ {people[3]:g}", *(f"{a:g}–{b:g}" for a, b in zip(people[2::-1], people[:0:-1], strict=True))]
    level, rule = "report.rule_level", "report.rule_"
    return [
        {"title": f"{rule}grade_table", "head": [f"{rule}grade", f"{rule}grade_people", f"{rule}grade_assets"],
         "rows": [list(row) for row in grade_table(params)],
         "rows_zh": [list(row) for row in grade_table(params, unit_cny=1e4)], "source": source("danger_grade_people")},
        {"title": f"{rule}vulnerability_table", "head": [level, f"{rule}grade_people"], "levels": True,
         "rows": [[level, text] for level, text in zip((4, 3, 2, 1), bounds, strict=True)],
         "source": source("vulnerability_people")},
        {"title": f"{rule}matrix_table", "head": [f"{rule}hazard", *(f"level.{v}" for v in (1, 2, 3, 4))],
         "levels": True, "rows": [[h, *row] for h, row in reversed(list(enumerate(params.risk_matrix, 1)))],
         "source": source("risk_matrix")},
        *_values(params),
    ]  # fmt: skip


def _values(params: RiskParams) -> list[dict[str, Any]]:
    """Return the table of replacement values, none where none are given."""
    values = params.exposure.asset_values
    if not values:
        return []
    rows = [[f"column.buildings_{name}", f"{v.cny_m2:g}", v.source] for name, v in values.items()]
    head = ["report.rule_structure", "report.rule_cny_m2", "report.source"]
    return [{"title": "report.rule_value_table", "head": head, "rows": rows, "source": ""}]
