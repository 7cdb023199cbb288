"""The moving areas with what their series say: activity, acceleration, failure window, and the evidence."""

from __future__ import annotations

from collections.abc import Mapping

import geopandas as gpd
import numpy as np
import xarray as xr

from geo_risk.hazards.deformation.activity.joint import BodySeries, without_gaps
from geo_risk.hazards.deformation.activity.params import ActivityParams
from geo_risk.hazards.deformation.activity.verdict import Verdict, judge, years_since_origin

_SINKING = ("mining_subsidence", "groundwater_subsidence")
_TEXTS = ("reasons", "reasons_en", "reasons_zh")


def judge_areas(
    areas: gpd.GeoDataFrame, series: Mapping[str, xr.Dataset], params: ActivityParams
) -> tuple[gpd.GeoDataFrame, dict[str, int]]:
    """Give every area its activity.

    Parameters
    ----------
    areas : frame `areas_found`; `velocity_track` names the track whose numbers are given, where it is there.
    series : by track, as the step `deformation.series` writes them: (time, area) with the coordinate `area_id`.
    params : of activity.

    Returns
    -------
    The frame with activity, acceleration_mm_yr2 and its error, failure_window_start and _end, break_date set and the
    evidence added to the reasons in both languages; and how many areas have each activity. An area without a series
    is "unknown", whatever it was.
    """
    out = areas.copy()
    verdicts = [
        judge(
            series_of(str(row["area_id"]), series),
            str(row.get("velocity_track", "")),
            params,
            can_fail=row.get("kind") not in _SINKING,
        )
        for _, row in areas.iterrows()
    ]
    out["activity"] = [v.activity for v in verdicts]
    out["acceleration_mm_yr2"] = np.array([v.acceleration_mm_yr2 for v in verdicts], dtype=np.float64)
    out["acceleration_std_mm_yr2"] = np.array([v.acceleration_std_mm_yr2 for v in verdicts], dtype=np.float64)
    out["failure_window_start"] = _dates([v.window[0] for v in verdicts])
    out["failure_window_end"] = _dates([v.window[1] for v in verdicts])
    out["break_date"] = _dates([v.break_date for v in verdicts])
    for name in _TEXTS:
        if name in out:
            out[name] = [
                _joined(str(old), v, chinese=name.endswith("zh")) for old, v in zip(out[name], verdicts, strict=True)
            ]
    counts = {str(k): int(n) for k, n in out["activity"].value_counts().sort_index().items()}
    return out, counts


def series_of(area_id: str, series: Mapping[str, xr.Dataset]) -> list[BodySeries]:
    """Return the series of an area in every track that has one, without gaps, times in years since the origin."""
    out = []
    for track, dataset in series.items():
        at = np.flatnonzero(dataset["area_id"].to_numpy().astype(str) == area_id)
        if not at.size or not dataset.sizes["time"]:
            continue
        values, errors = (dataset[n].to_numpy()[:, int(at[0])] for n in ("displacement_mm", "displacement_std_mm"))
        out.append(without_gaps(track, years_since_origin(dataset["time"].to_numpy()), values, errors))
    return out


def _dates(texts: list[str]) -> list[str | None]:
    return [text or None for text in texts]


def _joined(old: str, verdict: Verdict, *, chinese: bool) -> str:
    text = old.rstrip("。；;. ")
    return f"{text}；{verdict.reasons[1]}。" if chinese else f"{text}; {verdict.reasons[0]}"
