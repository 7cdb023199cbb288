"""What a rain series or a table of gauges is, told without writing anything."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from geo_risk.core.errors import GeoRiskError
from geo_risk.sources.checks import FileFacts, caught
from geo_risk.sources.files import sniff
from geo_risk.sources.options import NO_RAIN_OPTIONS, RainOptions
from geo_risk.sources.rain import RainRules, read_rain
from geo_risk.sources.rain_products import listed, products


def is_rain(path: Path) -> bool:
    """Return whether a folder or file is a rain product that says so itself: any but plain NetCDF and GeoTIFF."""
    try:
        paths = listed(path)
        return any(p.is_it(paths) for p in products() if p.name not in ("cf_netcdf", "geotiff_series"))
    except (GeoRiskError, OSError):
        return False


def inspect_rain(path: Path, *, key: str, options: RainOptions = NO_RAIN_OPTIONS) -> FileFacts:
    """Return what a rain series is, read with what the configuration says; nothing is raised."""
    kind = "folder" if path.is_dir() else sniff(path) if path.is_file() else "missing"
    start = FileFacts(str(path), key, kind)
    return caught(start, lambda: rain_facts(start, path, options))


def rain_facts(facts: FileFacts, path: Path, options: RainOptions) -> FileFacts:
    """Return the facts of a rain series: product, place, intervals, and the sentences of its audit.

    Raises
    ------
    DataError and its kinds : as `read_rain`.
    """
    rain, audit = read_rain(path, RainRules(options=options))
    x, y = rain["x"].to_numpy(), rain["y"].to_numpy()
    step = float(np.median(np.diff(x)))
    half = abs(step) / 2
    gone = sum(audit.counts[k] for k in ("missing", "fill", "negative", "infinite", "above_limit"))
    extent = (x.min() - half, y.min() - half, x.max() + half, y.max() + half)
    return replace(
        facts, product=audit.product, crs=_crs_name(str(rain["spatial_ref"].attrs.get("crs_wkt", ""))),
        extent=tuple(round(float(v), 6) for v in extent), resolution=round(abs(step), 9),
        size=f"{len(x)} x {len(y)}", units=f"mm per {audit.interval_h:g} h",
        dates=f"{audit.first} to {audit.last}, {rain.sizes['time']} intervals",
        nodata_share=round(gone / max(rain.size, 1), 4), notes=audit.sentences,
    )  # fmt: skip


def _crs_name(wkt: str) -> str:
    if not wkt:
        return ""
    from pyproj import CRS

    crs = CRS.from_wkt(wkt)
    code = crs.to_epsg()
    return f"EPSG:{code}" if code else str(crs.name)


def inspect_gauges(path: Path, *, key: str, options: RainOptions = NO_RAIN_OPTIONS) -> FileFacts:
    """Return what a table of gauges is, read with what the configuration says; nothing is raised."""
    from geo_risk.sources.gauges import read_gauges

    start = FileFacts(str(path), key, "CSV" if path.is_file() else "missing")

    def look() -> FileFacts:
        gauges = read_gauges(path, options)
        return replace(
            start, product="rain gauges", crs=gauges.crs, units=f"mm per {gauges.interval_h:g} h",
            size=f"{len(gauges.ids)} gauges", notes=tuple(s.en for s in gauges.evidence),
            dates=f"{gauges.times[0].isoformat()}Z to {gauges.times[-1].isoformat()}Z, {len(gauges.times)} intervals",
        )  # fmt: skip

    return caught(start, look)
