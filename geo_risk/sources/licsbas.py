"""LiCSBAS GeoTIFF sets: vel, vstd, E/N/U.geo and mask, on one geographic grid."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr

from geo_risk.core.errors import AmbiguousError, DataError
from geo_risk.sources.insar import COMPONENTS, Frame, build, check_los, check_magnitude, check_mask, check_used
from geo_risk.sources.insar_audit import stated, unit_confirmed
from geo_risk.sources.look_vectors import without_broken
from geo_risk.sources.mintpy import coherence_tif
from geo_risk.sources.options import TrackOptions
from geo_risk.sources.stack import all_tif, lazy_tif, look_tifs, tif_frame

_PARTS = {
    "vel": "velocity", "vstd": "velocity_std", "E": "los_east", "N": "los_north", "U": "los_up", "mask": "mask",
    "coh_avg": "coherence", "hgt": "height",
}  # fmt: skip
_NAME = re.compile(
    r"(?:^|[._\-])(?P<part>vel|vstd|E|N|U|mask|coh_avg|hgt)(?P<filtered>[._]filt)?(?P<masked>[._]mskd)?(?:\.geo)?\.tiff?$"
)
_FRAME_ID = re.compile(r"(?<![0-9A-Za-z])\d{3}([AD])_\d{5}_\d{6}")


def parts(paths: Sequence[Path]) -> dict[str, Path]:
    """Return the files of a set by what they hold; others are passed over.

    Of a map and the same one masked by LiCSBAS (`vel.geo.tif`, `vel.mskd.geo.tif`) the masked one is taken: what it
    leaves out is noise. Of several heights the one that LiCSBAS names (`hgt.geo.tif`; LiCSAR has `geo.hgt.tif`) is
    taken, else the first: see `other_heights`.

    Raises
    ------
    AmbiguousError : two files claim the same part, as a filtered and an unfiltered velocity do.
    """
    out: dict[str, Path] = {}
    for path, match in ((p, m) for p in paths if (m := _NAME.search(p.name))):
        name = _PARTS[match["part"]]
        held = out.get(name)
        if held is None or _unmasked(path) == held.name:
            out[name] = path
        elif name == "height":
            out[name] = held if _is_licsbas(held) or not _is_licsbas(path) else path
        elif _unmasked(held) != path.name:
            what = f"two files claim to be {name}: {held.name} and {path.name}"
            raise AmbiguousError(what, where=str(path.parent), fix="list the files of one track by name")
    return out


def _is_licsbas(path: Path) -> bool:
    return path.stem.endswith(".geo")


def other_heights(found: dict[str, Path], paths: Sequence[Path]) -> list[str]:
    """Return a sentence for each height among the files that `parts` did not take."""
    taken = found.get("height")
    others = [p for p in paths if (m := _NAME.search(p.name)) and _PARTS[m["part"]] == "height" and p != taken]
    return [f"height: {taken.name} is read; {p.name}, a height too, is not used" for p in others] if taken else []


def _unmasked(path: Path) -> str | None:
    """Return the name of the map that a masked one was made of, None where it is not masked."""
    match = _NAME.search(path.name)
    if match is None or match["masked"] is None:
        return None
    return path.name[: match.start("masked")] + path.name[match.end("masked") :]


def is_set(paths: Sequence[Path]) -> bool:
    """Return whether the files are a LiCSBAS set: a velocity, by its name."""
    if not all_tif(paths):
        return False
    return any((match := _NAME.search(p.name)) and match["part"] == "vel" for p in paths)


def open_set(
    paths: Sequence[Path],
    *,
    geometry: Sequence[Path],
    coherence: Path | None,
    track: str,
    options: TrackOptions,
) -> xr.Dataset:
    """Open a LiCSBAS GeoTIFF set; see `sources.insar.open_insar`.

    `vel` and `vstd` are mm/yr, positive toward the satellite unless the configuration says otherwise; E, N, U run from
    ground to satellite; `mask` is 1 on good pixels, and velocities elsewhere become missing. A mark such as
    -9999 that a velocity or an error holds undeclared is a DataError when its block is read.
    """
    every = list(dict.fromkeys([*paths, *geometry]))
    found = parts(every)
    check_used(geometry, found.values(), wanted="E, N or U.geo.tif")
    if coherence is not None:
        found["coherence"] = coherence
    absent = [n for n in ("los_east", "los_north", "los_up") if n not in found]
    if absent:
        what = f"track {track!r} has no {absent}"
        raise DataError(what, where=str(paths[0].parent), fix="add E.geo.tif, N.geo.tif and U.geo.tif")
    frame = tif_frame(found["velocity"])
    arrays: dict[str, da.Array] = {}
    for name, path in found.items():
        frame.check_same(tif_frame(path), where=str(path))
        is_motion = name in {"velocity", "velocity_std"}
        arrays[name] = coherence_tif(path) if name == "coherence" else lazy_tif(path, refuses_marks=is_motion)
    doubt = unit_confirmed("mm/yr", options, where=str(found["velocity"]))
    held = stated("mm/yr", "mm/yr", options=options, maker="the convention of LiCSBAS", where="vel")
    arrays["velocity"] = arrays["velocity"] * np.float32(held.scale)
    said = [held.sign, *_masked(found, every), *other_heights(found, every)]
    return _assemble(found, arrays | look_tifs(found), frame, said, doubt)


def _masked(found: dict[str, Path], every: Sequence[Path]) -> list[str]:
    """Return a sentence for each masked map that was taken, and for the unmasked one that was not."""
    out = []
    for path in found.values():
        plain = _unmasked(path)
        if plain is not None:
            passed = f"; {plain}, which is not, is not used" if plain in {p.name for p in every} else ""
            out.append(f"mask: {path.name} is masked by LiCSBAS{passed}")
    return out


def _assemble(
    found: dict[str, Path], arrays: dict[str, da.Array], frame: Frame, said: list[str], doubt: tuple[bool, str]
) -> xr.Dataset:
    velocity = found["velocity"]
    step = max(1, frame.shape[0] // 64)
    sample = np.asarray(arrays["velocity"][::step])
    # the reference is exactly 0, and so is what a writer without a nodata value left: neither was seen to stand still
    arrays["velocity"] = da.where(arrays["velocity"] == 0, np.float32(np.nan), arrays["velocity"])
    audit = [
        check_magnitude(sample, unit="mm/yr", where=str(velocity), is_said=doubt[0], fix=doubt[1]),
        *said,
        "missing: declared nodata, and velocities of exactly 0 (the reference, or outside a mask)",
        f"registration: {frame.crs}, GeoTIFF corner {frame.transform.c:.10g}, {frame.transform.f:.10g}",
        check_los(
            [arrays[n] for n in COMPONENTS],
            where=str(velocity.parent),
            orbit=orbit_of(velocity),
        ),
    ]
    look = without_broken([arrays[n] for n in COMPONENTS])
    arrays |= dict(zip(COMPONENTS, look, strict=True))
    if "mask" in arrays:
        good = arrays.pop("mask") == 1
        check_mask(bool(good.any().compute()), where=str(found["mask"]))
        for name in ("velocity", "velocity_std"):
            if name in arrays:
                arrays[name] = da.where(good, arrays[name], np.float32(np.nan))
        audit.append("mask: 1 is good, everything else is missing")
    if "velocity_std" in arrays:
        # the reference pixel has an error of exactly zero by construction: no weight can be made of it
        arrays["velocity_std"] = da.where(arrays["velocity_std"] > 0, arrays["velocity_std"], np.float32(np.nan))
    units: dict[str, tuple[str, str]] = {
        "velocity": ("mm/yr", "line-of-sight velocity"),
        "velocity_std": ("mm/yr", "standard error of the line-of-sight velocity"),
        "coherence": ("1", "mean coherence"),
        "height": ("m", "height"),
    }
    variables: dict[str, tuple[Any, str, str]] = {
        n: (a, *units.get(n, ("1", f"line of sight, {n[4:]} component, ground to satellite")))
        for n, a in arrays.items()
    }
    return build(variables, frame, audit=audit)


def orbit_of(path: Path) -> str | None:
    """Return "ascending" or "descending" where a file's name, or its folder's, holds a LiCSAR frame id; else None."""
    match = _FRAME_ID.search(path.name) or _FRAME_ID.search(path.parent.name)
    return {"A": "ascending", "D": "descending"}[match.group(1)] if match else None
