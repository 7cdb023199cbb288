"""Depths of water that people reported, by site or by place: a CSV with Chinese or English headers."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pyproj import Transformer

from geo_risk.core.errors import DataError, SchemaError
from geo_risk.sources.options import NO_OPTIONS, ReadOptions
from geo_risk.sources.vector_files import read_text_table
from geo_risk.sources.written_lengths import metres

HEADERS = {
    "storm_id": ("降雨过程", "过程编号", "场次"),
    "site_id": ("编号", "积水点编号", "内涝点编号", "点位编号"),
    "lon": ("经度", "东经"),
    "lat": ("纬度", "北纬"),
    "depth_m": ("积水深度(米)", "水深(米)", "积水深度(m)", "水深(m)", "积水深度", "水深"),
    "time": ("时间", "上报时间", "发生时间"),
}
"""Headers that are accepted for each column; our own name is always accepted."""

_CENTIMETRES = re.compile(r"\((?:厘米|公分|cm|CM)\)$")

DEEPEST_M = 10.0
"""Reports of more are set aside."""

LIKELY_M = 3.0
"""Where most depths above 0 are greater than this, the unit is wrong."""


def read_depth_reports(
    path: Path, *, crs: str, where: str, needs: tuple[str, ...] = (), options: ReadOptions = NO_OPTIONS
) -> tuple[pd.DataFrame, list[dict[str, str]]]:
    """Read depths reported at sites or places.

    Parameters
    ----------
    path : CSV with depth_m, and site_id or lon, lat; storm_id and time where they are known. Depths are in metres but
        where a unit stands beside the number ("5 cm", "50厘米") or, for bare numbers, in the header ("水深(厘米)").
    crs : of the run. where : config field to name in errors. needs : columns that must be there beside depth_m.
    options : `crs` of lon, lat (default EPSG:4490) and `encoding`.

    Returns
    -------
    reports : storm_id, site_id, x, y (in `crs`; missing without lon, lat), depth_m, time.
    quarantine : {"id", "reason"} of rows without a usable depth, or with neither site nor place.

    Raises
    ------
    SchemaError : a column is missing.
    DataError : most depths are too great to be metres.
    """
    raw, _ = read_text_table(path, where=where, encoding=options.encoding)
    plain = {str(c): unicodedata.normalize("NFKC", str(c)).strip() for c in raw.columns}
    in_cm = {c for c, p in plain.items() if _CENTIMETRES.search(p)}
    plain = {c: _CENTIMETRES.sub("(米)", p) for c, p in plain.items()}
    names = {a: ours for ours, theirs in HEADERS.items() for a in (ours, *theirs)}
    table = raw.rename(columns={c: names.get(p, p) for c, p in plain.items()})
    bare = 0.01 if any(names.get(plain[c]) == "depth_m" for c in in_cm) else 1.0
    table = table.loc[:, ~table.columns.duplicated()]
    lacking = [c for c in ("depth_m", *needs) if c not in table]
    if not ("site_id" in table or {"lon", "lat"} <= set(table.columns)):
        lacking.append("site_id (or lon, lat)")
    if lacking:
        what = f"{path.name} lacks columns {lacking}; it has {list(raw.columns)[:12]}"
        raise SchemaError(
            what, where=where, fix=f"name them {', '.join(HEADERS)}, or {HEADERS['depth_m'][0]} and the like"
        )
    out = pd.DataFrame({c: table.get(c, pd.NA) for c in ("storm_id", "site_id", "time")}, index=table.index)
    out = out.astype("string")
    out["depth_m"] = metres(table["depth_m"], bare=bare)
    _refuse_centimetres(bare * pd.to_numeric(table["depth_m"], errors="coerce").astype("float64"), path, where)
    out["x"], out["y"] = _placed(table, options.crs or "EPSG:4490", crs)
    bad = ~((out["depth_m"] >= 0) & (out["depth_m"] <= DEEPEST_M))
    nowhere = ~bad & out["site_id"].isna() & out["x"].isna()
    ids = out["site_id"].fillna(pd.Series([f"row {k}" for k in range(2, len(out) + 2)], index=out.index))
    told = zip(ids[bad], table.loc[bad, "depth_m"], out.loc[bad, "depth_m"], strict=True)
    aside = [_no_depth(str(i), text, depth) for i, text, depth in told]
    aside += [{"id": str(i), "reason": "names neither a site nor a place", "reason_zh": "未给出点位或坐标"}
              for i in ids[nowhere]]  # fmt: skip
    columns = ["storm_id", "site_id", "x", "y", "depth_m", "time"]
    return out.loc[~bad & ~nowhere, columns].reset_index(drop=True), aside


def _no_depth(report_id: str, text: Any, depth_m: float) -> dict[str, str]:
    """Return why a reported depth is not used, in both languages."""
    if pd.isna(text) or not str(text).strip():
        return {
            "id": report_id,
            "reason": "its reported depth is missing: not used",
            "reason_zh": "上报水深缺失：未采用",
        }
    written = str(text).strip()[:20]
    hint = (" (centimetres? write the unit)", "（是否为厘米？请注明单位）") if depth_m > DEEPEST_M else ("", "")
    return {
        "id": report_id,
        "reason": f"its reported depth {written!r} is no depth in 0-{DEEPEST_M:g} m{hint[0]}: not used",
        "reason_zh": f"上报水深“{written}”不是 0–{DEEPEST_M:g} 米内的水深{hint[1]}：未采用",
    }


def _refuse_centimetres(depth_m: pd.Series[float], path: Path, where: str) -> None:
    wet = depth_m[depth_m > 0]
    if len(wet) and float((wet > LIKELY_M).mean()) > 0.5:
        what = f"most depths in {path.name} are greater than {LIKELY_M:g} m (median {wet.median():g}): centimetres?"
        raise DataError(what, where=where, fix="give depth_m in metres")


def _placed(table: pd.DataFrame, lonlat_crs: str, crs: str) -> tuple[np.ndarray, np.ndarray]:
    nothing = np.full(len(table), np.nan)
    if not {"lon", "lat"} <= set(table.columns):
        return nothing, nothing
    lon, lat = (
        pd.to_numeric(table[c], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan) for c in ("lon", "lat")
    )
    good = (np.abs(lon) <= 180) & (np.abs(lat) <= 90)
    x, y = nothing.copy(), nothing.copy()
    if good.any():
        x[good], y[good] = Transformer.from_crs(lonlat_crs, crs, always_xy=True).transform(lon[good], lat[good])
    return x, y
