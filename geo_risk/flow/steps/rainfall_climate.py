"""Steps of drought and fire weather from daily climate series."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr

    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.rainfall.params import RainfallParams
    from geo_risk.sources.options import ReadOptions


def climate(plan: Plan) -> None:
    """Add the steps that write drought_spi and fire_weather."""
    source = plan.source("rainfall.climate")
    needs: Any = {"rainfall.climate": None}
    if source is not None:
        needs = {"series": plan.input("rainfall.climate"), "grid": plan.facts("grid")}
    options = None if source is None else source.options
    plan.add(
        "rainfall.drought", write_drought, reads=needs,
        writes={"out": plan.layer("drought_spi"), "facts": plan.facts("rainfall_drought")},
        options=options, params=plan.cfg.rainfall,
    )  # fmt: skip
    plan.add(
        "rainfall.fire_weather", write_fire_weather, reads=needs,
        writes={"out": plan.layer("fire_weather"), "facts": plan.facts("rainfall_fire_weather")}, options=options,
    )  # fmt: skip


def write_drought(
    *, series: Path, grid: Path, out: Path, facts: Path, options: ReadOptions | None, params: RainfallParams
) -> None:
    """Write the SPI of the last whole month [1] on the run grid, and the cells by drought class."""
    from dataclasses import asdict

    import dask

    from geo_risk.hazards.rainfall.climate import CARD_SPI, SPI_CLASSES, drought
    from geo_risk.products.wording import note
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.climate import read_climate
    from geo_risk.sources.layers import read_grid
    from geo_risk.sources.options import NO_OPTIONS
    from geo_risk.sources.rain_grid import onto_grid
    from geo_risk.sources.rain_opened import Area

    target = read_grid(grid)
    found = read_climate(series, ("pr",), options=options or NO_OPTIONS, area=Area(target.bounds, target.crs))
    pr = found.series["pr"]
    index = drought(pr, months=params.spi_months, min_years=params.spi_min_years).compute()
    layer = onto_grid(index, target)
    write_layer(layer, out)
    bounds = list(SPI_CLASSES.values())
    cells = [((layer <= high) & (layer > low)).sum() for high, low in zip(bounds, [*bounds[1:], -1e9], strict=True)]
    numbers = [int(v) for v in dask.compute(*cells, layer.isnull().sum())]
    counts = dict(zip([*SPI_CLASSES, "unknown"], numbers, strict=True)) | {"missing_days": found.n_missing_days}
    counts["faults"] = sum(found.n_faults.values())
    size, month = layer.size, _last_month(pr)
    first, last = (str(t)[:10] for t in (pr["time"].to_numpy()[0], pr["time"].to_numpy()[-1]))
    said = note(
        "warning" if counts["unknown"] else "info",
        f"Drought index (SPI of {params.spi_months} months) of {month}, from daily rain of {first} to {last}: extreme "
        f"on {counts['extreme']}, severe on {counts['severe']}, moderate on {counts['moderate']}, light on "
        f"{counts['light']} of {size} cells; unknown on {counts['unknown']} (a missing day, or fewer than "
        f"{params.spi_min_years} years). {found.n_missing_days} days are missing, {counts['faults']} values faulty.",
        f"{month} 的 {params.spi_months} 个月标准化降水指数（日雨量 {first} 至 {last}）：特旱 {counts['extreme']}、"
        f"重旱 {counts['severe']}、中旱 {counts['moderate']}、轻旱 {counts['light']}、未知 {counts['unknown']} 格，"
        f"共 {size} 格；缺测 {found.n_missing_days} 天，异常值 {counts['faults']} 个。",
    )
    write_json({"notes": [said], "counts": counts, "quarantine": [], "methods": [asdict(CARD_SPI)]}, facts)


def write_fire_weather(*, series: Path, grid: Path, out: Path, facts: Path, options: ReadOptions | None) -> None:
    """Write the fire weather index of the last day [1] on the run grid; unknown where a quantity is not given."""
    from dataclasses import asdict

    import dask
    import numpy as np
    import pyproj

    from geo_risk.core.errors import SchemaError
    from geo_risk.hazards.rainfall.climate import CARD_FIRE, fire_weather
    from geo_risk.products.wording import note
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.climate import NAMES, NOON, check_noon, read_climate
    from geo_risk.sources.layers import read_grid
    from geo_risk.sources.options import NO_OPTIONS
    from geo_risk.sources.rain_grid import onto_grid
    from geo_risk.sources.rain_opened import Area

    target = read_grid(grid)
    area = Area(target.bounds, target.crs)
    try:
        found = read_climate(series, tuple(NAMES), options=options or NO_OPTIONS, area=area)
    except SchemaError as error:
        text = str(error).splitlines()[0]
        empty = target.layer(target.full(float("nan")), units="1", long_name="fire weather index", name="fire_weather")
        write_layer(empty, out)
        said = note("warning", f"Fire weather is unknown: {text}", f"火险天气未知：气候序列缺少所需要素（{text}）。")
        write_json({"notes": [said], "counts": {}, "quarantine": [], "methods": []}, facts)
        return
    check_noon(found, where=f"inputs.rainfall.climate: {series}")
    unsaid = [n for n in NOON if not found.stated[n]]
    pr = found.series["pr"]
    x, y = np.meshgrid(pr["x"].to_numpy(), pr["y"].to_numpy())
    lat = pyproj.Transformer.from_crs(found.crs, "EPSG:4326", always_xy=True).transform(x, y)[1]
    layer = onto_grid(fire_weather(found.series, np.asarray(lat)).compute(), target)
    write_layer(layer, out)
    highest, unknown = dask.compute(layer.max(), layer.isnull().sum())
    day = str(pr["time"].to_numpy()[-1])[:10]
    top = f"{float(highest):.1f}" if np.isfinite(float(highest)) else "unknown"
    said = note(
        "warning" if int(unknown) or unsaid else "info",
        f"Fire weather index of {day}: highest {top}; unknown on {int(unknown)} of {layer.size} cells. Classes differ "
        "by region and are not built in."
        + (
            f" {', '.join(unsaid)}: the file does not say at what time of day, so they are taken for local noon; if "
            "they are means of the day, the index is too low."
            if unsaid
            else ""
        ),
        f"{day} 火险天气指数：最高 {top.replace('unknown', '未知')}；未知 {int(unknown)} 格，共 {layer.size} 格。"
        "分级因地而异，未内置。"
        + (f"{'、'.join(unsaid)} 未注明时刻，按地方正午值处理；若为日均值，指数偏低。" if unsaid else ""),
    )
    faults = sum(found.n_faults.values())
    write_json({"notes": [said], "counts": {"unknown": int(unknown), "missing_days": found.n_missing_days,
                                            "faults": faults},
                "quarantine": [], "methods": [asdict(CARD_FIRE)]}, facts)  # fmt: skip


def _last_month(pr: xr.DataArray) -> str:
    """Return the last month that the series holds whole, as 2024-07."""
    import pandas as pd

    end = pd.Timestamp(pr["time"].to_numpy()[-1])
    period = end.to_period("M")
    return str(period if end.day == end.days_in_month else period - 1)
