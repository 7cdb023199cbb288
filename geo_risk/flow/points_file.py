"""EGMS tables to one layer of points, a batch at a time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from geo_risk.publish.points_file import points_file
from geo_risk.sources.egms_points import open_egms_points
from geo_risk.sources.options import NO_TRACK_OPTIONS, TrackOptions


def write_points_file(
    paths: Sequence[Path],
    out: Path,
    *,
    options: TrackOptions = NO_TRACK_OPTIONS,
    crs: str | None = None,
    with_series: bool = False,
) -> dict[str, object]:
    """Write the points of EGMS tables as a GeoPackage or GeoParquet layer.

    Parameters
    ----------
    paths, options, crs, with_series : as for `sources.egms_points.open_egms_points`.
    out : .gpkg or .parquet.

    Returns
    -------
    Facts: points, set_aside (by reason), quarantine (the first rows), component, crs, audit, out. Memory is that of a
    batch and 16 bytes a point, for the ids that came before.

    Raises
    ------
    Those of `open_egms_points`, `EgmsPoints.batches` and `points_file`.
    """
    points = open_egms_points(paths, options=options, crs=crs, with_series=with_series)
    n = 0
    with points_file(out, crs=points.crs) as write:
        for batch in points.batches():
            write(batch)
            n += len(batch)
    return {
        "points": n, "set_aside": dict(points.aside.counts), "quarantine": list(points.aside.listed),
        "component": points.component, "crs": points.crs, "audit": list(points.audit), "out": str(out),
    }  # fmt: skip
