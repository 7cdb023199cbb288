"""The files of one InSAR track as steps read them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr

    from geo_risk.flow.inputs import InsarTrack
    from geo_risk.sources.options import TrackOptions


def beside(track: InsarTrack) -> dict[str, Path | list[Path] | None]:
    """Return the optional reads of a step that opens a track, by the keywords of `open_track`."""
    return {"geometry": track.geometry_files, "coherence": track.coherence, "gacos": track.gacos}


def open_track(track: str, options: TrackOptions, **paths: Any) -> xr.Dataset:
    """Open a track as every step sees it: `sources.insar.open_insar`, the delays at the path the plan names.

    Parameters
    ----------
    track, options : its name, and what the configuration says of its files.
    paths : `files`, and those of `beside`.
    """
    from geo_risk.sources.insar import open_insar

    chosen = options.model_copy(update={"gacos": paths["gacos"]})
    return open_insar(
        paths["files"], track=track, geometry=paths["geometry"], coherence=paths["coherence"], options=chosen
    )
