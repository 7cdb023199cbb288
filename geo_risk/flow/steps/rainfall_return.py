"""Step of return periods: how rare the analysed rain is by annual maxima, and the table of design rains."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray

    from geo_risk.core.grid import Grid
    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.rainfall.params import RainfallParams
    from geo_risk.sources.annual_maxima import AnnualMaxima
    from geo_risk.sources.options import RainOptions

NAMES = ("location", "scale", "shape", "n_years")
COLUMNS = ("place", "duration_h", "n_years", "return_period_yr", "value_mm", "low_mm", "high_mm", "is_analysed_rain",
           "low_yr", "high_yr")  # fmt: skip


def return_periods(plan: Plan) -> None:
    """Add the step that writes return_period_yr, and the list of design rains at gauges."""
    given = plan.cfg.inputs.rainfall.annual_maxima
    needs: Any = {"rainfall.annual_maxima": None}
    hours = [m.duration_h for m in given]
    if given:
        needs = {"rainfall_annual_maxima": plan.input("rainfall.annual_maxima"), "grid": plan.facts("grid"),
                 "rain": [plan.layer(f"rain_{h}h") for h in hours]}  # fmt: skip
    plan.add(
        "rainfall.return_periods", write_return_periods, reads=needs,
        writes={"out": plan.layer("return_period_yr"), "facts": plan.facts("rainfall_return_periods"),
                "table": plan.out / "lists" / "design_rain.csv"},
        params=plan.cfg.rainfall, hours=hours, options=[m.rain for m in given], language=plan.cfg.language,
    )  # fmt: skip


@dataclass(frozen=True)
class Place:
    """A gauge, or the middle cell of a grid, with its maxima (year,) [mm] and the analysed rain there [mm]."""

    name: str
    hours: int
    maxima: NDArray[np.float64]
    rain_mm: float


def write_return_periods(
    *,
    rainfall_annual_maxima: list[Path],
    rain: list[Path],
    grid: Path,
    out: Path,
    facts: Path,
    table: Path,
    params: RainfallParams,
    hours: list[int],
    options: list[RainOptions],
    language: str,
) -> None:
    """Write the return period of the rarest duration [yr], design rains with bands, and what cannot be told."""
    from dataclasses import asdict

    import pandas as pd

    from geo_risk.hazards.rainfall.event_rain import LIMIT_MM
    from geo_risk.hazards.rainfall.return_period import CARD, known_period, return_period
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.lists import write_rows
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.annual_maxima import read_annual_maxima
    from geo_risk.sources.layers import open_layer, read_grid
    from geo_risk.sources.rain_opened import Area

    target = read_grid(grid)
    found: list[xr.DataArray] = []
    places: list[Place] = []
    aside: list[dict[str, str]] = []
    masked = 0
    for path, layer, h, said in zip(rainfall_annual_maxima, rain, hours, options, strict=True):
        limit = min(params.rain_limit_mm_h * h, LIMIT_MM * max(1.0, h / 24))
        maxima = read_annual_maxima(path, said, limit_mm=limit, area=Area(target.bounds, target.crs))
        amounts = open_layer(layer)
        found.append(return_period(amounts, fields(maxima, target, params), multiple=params.return_multiple))
        places += _places(maxima, amounts, target, h)
        aside += maxima.quarantine
        masked += maxima.n_masked
    rarest = _rarest(found)
    write_layer(known_period(rarest), out)
    rows, worst = _rows(places, params)
    write_rows(pd.DataFrame(rows, columns=list(COLUMNS)), table)
    counts = {**_counts(rarest), "masked_maxima": masked}
    write_json(
        {"notes": _notes(counts, places, params), "counts": counts, "quarantine": aside,
         "methods": [asdict(CARD)], "figures": _figure(worst, params, language)},
        facts,
    )  # fmt: skip


def _rarest(found: list[xr.DataArray]) -> xr.DataArray:
    """Return the return period of the rarest duration.

    Beyond the record (infinite) in one of them it is that, whatever the others are; else, where one of them is unknown,
    so is the rarest.
    """
    import numpy as np
    import xarray as xr

    every = xr.concat(found, "duration")
    whole = every.max("duration", skipna=False)
    return whole.where(~(every == np.inf).any("duration"), np.inf).assign_attrs(found[0].attrs)


def fields(maxima: AnnualMaxima, target: Grid, params: RainfallParams) -> dict[str, xr.DataArray]:
    """Return location, scale, shape and years on the run grid: bilinear of a grid, of the nearest gauge in reach."""
    import dask.array as da
    import numpy as np
    import xarray as xr

    from geo_risk.core.grid import CHUNK
    from geo_risk.hazards.rainfall.accumulation import whole_time
    from geo_risk.hazards.rainfall.return_period import fit_gev
    from geo_risk.sources.annual_maxima import nearest_gauges
    from geo_risk.sources.rain_grid import onto_grid

    def stacked(values: NDArray[Any]) -> NDArray[np.float32]:
        gev = fit_gev(values, min_years=params.return_min_years)
        return np.stack([gev.location, gev.scale, gev.shape, gev.n_years]).astype(np.float32)

    if maxima.cube is not None:
        data = whole_time(maxima.cube)
        native = da.map_blocks(stacked, data, chunks=((4,), *data.chunks[1:]), dtype=np.float32).compute()
        coords = {c: maxima.cube.coords[c] for c in ("y", "x", "spatial_ref")}
        return {
            name: onto_grid(xr.DataArray(native[k], dims=("y", "x"), coords=coords, name=name,
                                         attrs={"units": "1", "long_name": name}), target)
            for k, name in enumerate(NAMES)
        }  # fmt: skip
    if maxima.values is None:
        raise TypeError
    at_gauges = stacked(maxima.values)
    lines = target.coords()

    def picked(*, block_info: Any = None) -> NDArray[np.float32]:
        (r0, r1), (c0, c1) = block_info[None]["array-location"][1:]
        x, y = np.meshgrid(lines["x"][c0:c1], lines["y"][r0:r1])
        index = nearest_gauges(maxima, x.ravel(), y.ravel(), crs=target.crs, reach_m=params.gauge_reach_m)
        values = np.where(index >= 0, at_gauges[:, index], np.float32(np.nan))
        return values.reshape(4, *x.shape)

    chunks = da.core.normalize_chunks((CHUNK, CHUNK), shape=target.shape, dtype=np.float32)
    four = da.map_blocks(picked, chunks=((4,), *chunks), dtype=np.float32, meta=np.empty((0, 0, 0), np.float32))
    return {n: target.layer(four[k], units="1", long_name=n, name=n) for k, n in enumerate(NAMES)}


def _places(maxima: AnnualMaxima, rain: xr.DataArray, target: Grid, hours: int) -> list[Place]:
    """Return the gauges with the rain of their cell (NaN off the grid), or the middle cell of a grid."""
    import numpy as np
    import pyproj

    from geo_risk.sources.rain_points import series_at
    from geo_risk.terrain.slope import blocks

    left, bottom, right, top = target.bounds
    if maxima.values is not None:
        names, values = maxima.ids, maxima.values
        x, y = pyproj.Transformer.from_crs(maxima.crs, target.crs, always_xy=True).transform(maxima.x, maxima.y)
    elif maxima.cube is not None:
        x, y = np.array([(left + right) / 2]), np.array([(bottom + top) / 2])
        names, values = ("centre",), series_at(maxima.cube, x, y, crs=target.crs)
    rows, columns, inside = target.index(x, y)
    amounts = np.full(len(names), np.nan)
    if inside.any():
        amounts[inside] = blocks(rain).vindex[rows[inside], columns[inside]].compute()
    return [Place(n, hours, values[:, k], float(amounts[k])) for k, n in enumerate(names)]


def _rows(places: list[Place], params: RainfallParams) -> tuple[list[dict[str, Any]], Place | None]:
    """Return rows of design rain and of the analysed rain by place, and the place where it is rarest."""
    import numpy as np

    from geo_risk.hazards.rainfall.return_period import design_rain, fit_gev, return_band, return_years

    rows: list[dict[str, Any]] = []
    worst, highest = None, -1.0
    for place in places:
        n = int((~np.isnan(place.maxima)).sum())
        base = {"place": place.name, "duration_h": place.hours, "n_years": n}
        design = design_rain(place.maxima, params)
        rows += [
            {**base, "return_period_yr": t, "value_mm": round(v, 1), "low_mm": round(a, 1), "high_mm": round(b, 1),
             "is_analysed_rain": False}
            for t, (v, a, b) in design.items()
        ]  # fmt: skip
        if not design or np.isnan(place.rain_mm):
            continue
        gev = fit_gev(place.maxima[:, None], min_years=params.return_min_years)
        years, beyond = return_years(np.array([place.rain_mm]), gev, multiple=params.return_multiple)
        low, high = return_band(place.rain_mm, place.maxima, params)
        limit = params.return_multiple * n
        rows.append({
            **base, "return_period_yr": None if beyond[0] else round(float(years[0]), 1),
            "value_mm": round(place.rain_mm, 1), "is_analysed_rain": True, "low_yr": round(min(low, limit), 1),
            "high_yr": None if high > limit else round(high, 1),
        })  # fmt: skip
        rank = np.inf if beyond[0] else float(years[0])
        if rank > highest:
            worst, highest = place, rank
    return rows, worst or next((p for p in places if design_rain(p.maxima, params)), None)


def _counts(periods: xr.DataArray) -> dict[str, int]:
    import dask
    import numpy as np

    data = periods.data
    beyond, known, total = np.isinf(data).sum(), np.isfinite(data).sum(), periods.size
    rare, n = dask.compute(beyond, known)
    return {"known_cells": int(n), "rarer_than_record_cells": int(rare), "unknown_cells": int(total - n - rare)}


def _notes(counts: dict[str, int], places: list[Place], params: RainfallParams) -> list[dict[str, str]]:
    import numpy as np

    from geo_risk.products.wording import note

    hours = sorted({p.hours for p in places})
    years = [int((~np.isnan(p.maxima)).sum()) for p in places]
    few = sum(y < params.return_min_years for y in years)
    durations = ", ".join(f"{h}" for h in hours)
    out = [
        note(
            "warning" if few else "info",
            f"Return periods of the {durations} h rain from annual maxima at {len(places)} gauges or cells, "
            f"{min(years, default=0)} to {max(years, default=0)} years; {few} of them have fewer than "
            f"{params.return_min_years} years and say nothing. Maxima must be those of running windows.",
            f"由 {len(places)} 个站点（格点）年最大值推求 {durations} 小时降雨重现期，资料 {min(years, default=0)}–"
            f"{max(years, default=0)} 年；其中 {few} 个不足 {params.return_min_years} 年，不予推求。"
            "年最大值应为滑动时段最大值。",
        )
    ]
    rare = counts["rarer_than_record_cells"]
    if rare:
        out.append(note(
            "warning",
            f"On {rare} cells the rain is rarer than {params.return_multiple:g} times the record can tell: the return "
            "period there is unknown because it is beyond that, not because the rain is common.",
            f"{rare} 个格点的降雨重现期超过资料年数的 {params.return_multiple:g} 倍：图上为未知，"
            "系极端罕见，并非常见。",
        ))  # fmt: skip
    if counts["masked_maxima"]:
        out.append(note(
            "warning",
            f"{counts['masked_maxima']} annual maxima of grids were zero, negative or impossible and do not count.",
            f"格点年最大值中有 {counts['masked_maxima']} 个为零、为负或过大，未予采用。",
        ))  # fmt: skip
    return out


def _figure(place: Place | None, params: RainfallParams, language: str) -> list[dict[str, str]]:
    import numpy as np

    from geo_risk.hazards.rainfall.return_period import design_rain
    from geo_risk.publish.figures_rain import growth_panel
    from geo_risk.publish.i18n import label

    if place is None:
        return []
    known = np.sort(place.maxima[~np.isnan(place.maxima)])
    svg = growth_panel(design_rain(place.maxima, params), known, place.rain_mm, language)
    values = {"place": place.name, "h": place.hours}
    return [{"svg": svg, **{f"caption_{k}": label("figure.growth", k, **values) for k in ("zh", "en")}}]
