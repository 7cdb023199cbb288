"""HyP3 GeoTIFF sets: unwrapped pairs of Sentinel-1 with their look vectors, as a series."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS

from geo_risk.core.errors import AmbiguousError, DataError, GridError
from geo_risk.sources.date_checks import check_units
from geo_risk.sources.insar import (
    ASK_SIGN,
    Frame,
    build,
    check_los,
    check_magnitude,
    check_times,
    check_used,
    rounded_coherence,
)
from geo_risk.sources.insar_audit import unit_confirmed
from geo_risk.sources.look_vectors import SENTINEL_1_DEG
from geo_risk.sources.mintpy import coherence_tif
from geo_risk.sources.options import TrackOptions
from geo_risk.sources.pair_checks import FIX_PAIRS, check_pairs
from geo_risk.sources.pairs import Network, describe, invert, lazy_series, pair_offsets, residual_rms
from geo_risk.sources.samples import sampled
from geo_risk.sources.stack import all_tif, check_total, lazy_tif, tif_frame
from geo_risk.sources.wavelength import SENTINEL_1_M

TO_METRES = -SENTINEL_1_M / (4 * np.pi)
"""Displacement toward the satellite per radian of HyP3's unwrapped phase, which grows with the range."""

_NAME = re.compile(
    r"(?<!\d)(?P<first>(?:19|20)\d{6})(?:T\d{6})?_(?P<second>(?:19|20)\d{6})(?:T\d{6})?_.*?"
    r"_?(?P<part>unw_phase|los_disp|vert_disp|corr|lv_theta|lv_phi|dem)(?:_clip(?:ped)?)?\.tiff?$",
    re.IGNORECASE,
)
_LAYERS = ("lv_theta", "lv_phi", "dem")
_ROWS = (8, 64, 512)
_ROUNDING = 1e-5


@dataclass
class Pair:
    """One interferogram's files by what they hold."""

    days: tuple[str, str]
    files: dict[str, Path] = field(default_factory=dict)


def pairs_of(paths: Sequence[Path]) -> list[Pair]:
    """Return the pairs of a set by their dates; files of other names are passed over.

    Raises
    ------
    AmbiguousError : two files for the same part of a pair.
    """
    out: dict[tuple[str, str], Pair] = {}
    for path in paths:
        match = _NAME.search(path.name)
        if match is None:
            continue
        days, part = (match["first"], match["second"]), match["part"].lower()
        pair = out.setdefault(days, Pair(days))
        if part in pair.files:
            what = f"two files for {part} of pair {'_'.join(days)}: {pair.files[part].name} and {path.name}"
            raise AmbiguousError(what, where=str(path.parent), fix="keep one product of each pair")
        pair.files[part] = path
    return [out[k] for k in sorted(out)]


def is_set(paths: Sequence[Path]) -> bool:
    """Return whether the files are GeoTIFFs, one of them an unwrapped phase or displacement named as HyP3 does."""
    found = [m["part"].lower() for p in paths if (m := _NAME.search(p.name))]
    return bool({"unw_phase", "los_disp"} & set(found)) and all_tif(paths)


def open_set(
    paths: Sequence[Path],
    *,
    geometry: Sequence[Path],
    coherence: Path | None,
    track: str,
    options: TrackOptions,
) -> xr.Dataset:
    """Open HyP3 pairs as a series; see `sources.insar.open_insar`.

    `los_disp` is metres toward the satellite, unless the configuration says otherwise; `unw_phase` is radians of the
    opposite sign. `lv_theta` is the elevation of the look vector above the horizon and `lv_phi` its direction,
    anticlockwise from east, both radians, from the ground to the satellite. 0 is missing in all of them. A chain of
    pairs is summed, a network inverted by least squares; each pair is taken relative to its median over the cells that
    all pairs have.

    Raises
    ------
    TimeError : one pair only, or pairs that no chain ties together. DataError : no look vectors; or, when a
    pair is read, a mark such as -9999 that it does not declare. GridError : pairs that are not on one lattice.
    AmbiguousError : files that contradict one another, or a pair that contradicts the others in unit or sign.
    """
    pairs = [p for p in pairs_of(paths) if {"unw_phase", "los_disp"} & set(p.files)]
    where = str(paths[0].parent)
    network = Network(tuple(p.days for p in pairs))
    network.check(where=where)
    times = check_times(list(network.dates), where=where)
    layers = _static(paths, geometry, track)
    turn = -1.0 if options.positive == "away" else 1.0
    files = [(path, scale * turn) for path, scale in (_motion(p) for p in pairs)]
    corr = [coherence] if coherence is not None else [p.files["corr"] for p in pairs if "corr" in p.files]
    frame, said = common_frame([*(f for f, _ in files), *layers.values(), *corr])
    check_total(frame, len(files), where=where)
    audit = [_agreement(pairs, options.positive), *said]
    motion = [_window(path, frame, is_motion=True) * np.float32(scale) for path, scale in files]
    cube = da.stack(motion).rechunk({0: -1})
    sample, offsets, sentence = _referenced(cube, frame)
    names = ["_".join(p.days) for p in pairs]
    check_units(sample.reshape(len(sample), -1), names, where=where, fix=FIX_PAIRS, kind="pairs")
    check_pairs(network, sample, where=where)
    shown = sample - offsets[:, None, None]
    series = lazy_series(network, cube - offsets[:, None, None].astype(np.float32))
    own = "m" if any("los_disp" in p.files for p in pairs) else "rad"
    is_said, fix = unit_confirmed(own, options, where=where)
    audit = [
        check_magnitude(shown, unit="m", where=where, is_said=is_said, fix=fix),
        *audit,
        describe(network),
        sentence,
    ]
    if not network.is_chain:
        audit.append(f"closure: the pairs differ from the series by {_closure_mm(network, shown):.2f} mm (rms)")
    variables: dict[str, tuple[Any, str, str]] = {"displacement": (series, "m", "line-of-sight displacement")}
    variables |= _extras(layers, corr, frame)
    look = [variables[f"los_{n}"][0] for n in ("east", "north", "up")]
    audit.append(
        check_los(
            look, where=str(layers["lv_theta"]), orbit=None, made_of="lv_theta and lv_phi", incidence=SENTINEL_1_DEG
        )
    )
    audit.append(f"registration: {frame.crs}, GeoTIFF corner {frame.transform.c:.10g}, {frame.transform.f:.10g}")
    dataset = build(variables, frame, times=times, audit=audit)
    is_sentinel = all(path.name.upper().startswith("S1") for path, _ in files)
    dataset = dataset.assign_attrs(wavelength_m=SENTINEL_1_M) if is_sentinel else dataset
    return dataset.assign_attrs(reference=sentence.removeprefix("reference: "))


def _static(paths: Sequence[Path], geometry: Sequence[Path], track: str) -> dict[str, Path]:
    """Return the files of look vectors and heights by what they hold.

    Raises
    ------
    DataError : a look angle is missing, or none of the geometry files is one.
    """
    every = pairs_of(list(dict.fromkeys([*paths, *geometry])))
    layers = {n: p for pair in every for n, p in pair.files.items() if n in _LAYERS}
    check_used(geometry, layers.values(), wanted="*_lv_theta.tif, *_lv_phi.tif or *_dem.tif")
    lost = [n for n in ("lv_theta", "lv_phi") if n not in layers]
    if lost:
        what = f"track {track!r} has no {' and no '.join(lost)}"
        fix = "order the products with look vectors, or give them as `geometry`"
        raise DataError(what, where=str(paths[0].parent), fix=fix)
    return layers


def look_vector(theta: Any, phi: Any) -> tuple[Any, Any, Any]:
    """Return east, north and up of the unit vector ground to satellite.

    Parameters
    ----------
    theta : elevation above the horizon [radian]. phi : direction, anticlockwise from east [radian]. Arrays or numbers.
    """
    return np.cos(theta) * np.cos(phi), np.cos(theta) * np.sin(phi), np.sin(theta)


def common_frame(paths: Sequence[Path]) -> tuple[Frame, list[str]]:
    """Return the part that all rasters share, and a sentence where it is smaller than the first.

    Raises
    ------
    GridError : another CRS or cell, cells that are shifted by a fraction, or nothing in common.
    """
    frames = [tif_frame(p) for p in paths]
    t = frames[0].transform
    bounds = []
    for path, frame in zip(paths, frames, strict=True):
        u = frame.transform
        same = CRS(frame.crs) == CRS(frames[0].crs) and abs(u.a - t.a) + abs(u.e - t.e) <= 1e-6 * t.a
        column, row = (u.c - t.c) / t.a, (u.f - t.f) / t.e
        if not (same and abs(column - round(column)) + abs(row - round(row)) <= 2e-3):
            what = (
                f"{frame.crs}, cell {u.a:g}, corner {u.c:.8g}, {u.f:.8g} where the set has {frames[0].crs}, {t.a:g}, "
            )
            what += f"{t.c:.8g}, {t.f:.8g}: not on one lattice"
            raise GridError(what, where=str(path), fix="warp all files of the track onto one grid")
        bounds.append((round(row), round(column), round(row) + frame.shape[0], round(column) + frame.shape[1]))
    r0, c0 = (max(b[i] for b in bounds) for i in (0, 1))
    r1, c1 = (min(b[i] for b in bounds) for i in (2, 3))
    if not (r1 > r0 and c1 > c0):
        what = "the files of the set have no cell in common"
        raise GridError(what, where=str(paths[0].parent), fix="give pairs of one area")
    shape = (r1 - r0, c1 - c0)
    said = [] if all(f.shape == shape for f in frames) else [
        f"registration: the files lie on one lattice and were cut to the {shape[1]} x {shape[0]} cells they share"
    ]  # fmt: skip
    return Frame(frames[0].crs, t * Affine.translation(c0, r0), shape), said


def _window(path: Path, frame: Frame, *, is_zero_missing: bool = True, is_motion: bool = False) -> da.Array:
    """Return a raster of the lattice on a frame; declared nodata is NaN, and 0 where it means missing.

    With `is_motion` a block that holds a mark of missing that the file does not declare is a DataError.
    """
    own = tif_frame(path).transform
    row = round((frame.transform.f - own.f) / own.e)
    column = round((frame.transform.c - own.c) / own.a)
    values = lazy_tif(path, refuses_marks=is_motion)[row : row + frame.shape[0], column : column + frame.shape[1]]
    return da.where(values == 0, np.float32(np.nan), values) if is_zero_missing else values


def _motion(pair: Pair) -> tuple[Path, float]:
    """Return the file with a pair's motion, and its factor to metres toward the satellite."""
    if "los_disp" in pair.files:
        return pair.files["los_disp"], 1.0
    path = pair.files["unw_phase"]
    if not path.name.upper().startswith("S1"):
        what = f"{path.name} is a phase and its name does not begin with S1: the wavelength is not known"
        raise AmbiguousError(what, where=str(path), fix="give Sentinel-1 products, or displacement in metres")
    return path, TO_METRES


def _agreement(pairs: Sequence[Pair], positive: str | None) -> str:
    """Return the sentence on unit and sign, checked on every pair that has both displacement and phase.

    What the configuration says of the sign settles a los_disp that contradicts its phase, but not one of another scale.
    """
    convention = f"{TO_METRES * 1000:.4f} mm toward the satellite per radian of unw_phase (wavelength {SENTINEL_1_M} m)"
    both = [p for p in pairs if {"los_disp", "unw_phase"} <= set(p.files)]
    factors = [_metres_per_radian(p) for p in both]
    for pair, factor in zip(both, factors, strict=True):
        ratio = abs(factor / TO_METRES) if positive else factor / TO_METRES
        if np.isfinite(factor) and not abs(ratio - 1) < 0.02:
            what = f"los_disp is {factor * 1000:.4f} mm per radian of unw_phase; HyP3's is {TO_METRES * 1000:.4f}"
            fix = "give the files as HyP3 wrote them"
            fix += f", or {ASK_SIGN} (of los_disp)" if abs(factor / TO_METRES + 1) < 0.02 else ""
            raise AmbiguousError(what, where=str(pair.files["los_disp"]), fix=fix)
    if positive:
        against = ", against the convention of HyP3" if positive == "away" else ""
        way = {"toward": "toward", "away": "away from"}[positive]
        return f"sign: positive is {way} the satellite, as the config says{against}"
    if np.isfinite(factors).any():
        middle = float(np.nanmedian(factors)) * 1000
        return f"sign: los_disp is {middle:.4f} mm per radian of unw_phase, the opposite sign, as HyP3 has it"
    kind = "los_disp, metres toward the satellite" if "los_disp" in pairs[0].files else convention
    return f"sign: {kind}, the convention of HyP3"


def _metres_per_radian(pair: Pair) -> float:
    """Return displacement over phase of a pair on a sample of rows; NaN where they share no cell."""
    moved, phase = (lazy_tif(pair.files[n], refuses_marks=True) for n in ("los_disp", "unw_phase"))
    if moved.shape != phase.shape:
        return float("nan")
    step = max(1, moved.shape[0] // 8)
    d, u = (np.asarray(a[::step], dtype=np.float64) for a in (moved, phase))
    known = np.isfinite(d) & np.isfinite(u) & (d != 0) & (u != 0)
    return float((d[known] * u[known]).sum() / (u[known] ** 2).sum()) if known.any() else float("nan")


def _referenced(cube: da.Array, frame: Frame) -> tuple[NDArray[np.float64], NDArray[np.float64], str]:
    """Return a sample (pairs, rows, columns), the offset of each pair, and the sentence about the reference.

    Where a few rows hold no ten cells that all pairs know, more are looked at: coherent ground may be a small valley.
    """
    step = max(1, frame.shape[1] // 512)
    for count in _ROWS:
        rows = np.unique(np.linspace(0, frame.shape[0] - 1, min(count, frame.shape[0])).astype(int))
        sample = np.asarray(cube[:, rows, ::step], dtype=np.float64)
        offsets, n = pair_offsets(sample.reshape(len(sample), -1))
        if n >= 10 or count >= frame.shape[0]:
            break
    if n >= 10:
        return (
            sample,
            offsets,
            f"reference: each pair relative to its median over the cells all pairs have ({n} sampled)",
        )
    text = f"reference: each pair as HyP3 has it; only {n} sampled cells are known in all pairs"
    return sample, offsets, text


def _closure_mm(network: Network, sample: NDArray[np.float64]) -> float:
    return residual_rms(network, sample, invert(network, sample)) * 1000


def _look_angles(layers: dict[str, Path], frame: Frame) -> tuple[da.Array, da.Array]:
    """Return elevation and direction of the look vector [radian], lazy; where one is out of its range both are missing.

    Raises
    ------
    DataError : a value of a sample is out of the range of radians, as degrees are.
    """
    theta, phi = (_window(layers[n], frame) for n in ("lv_theta", "lv_phi"))
    for name, angle, low, high in (("lv_theta", theta, 0.0, np.pi / 2), ("lv_phi", phi, -np.pi, np.pi)):
        seen = sampled([angle])[0]
        seen = seen[np.isfinite(seen)]
        if seen.size and not (low - _ROUNDING <= seen.min() and seen.max() <= high + _ROUNDING):
            what = f"{name} runs from {seen.min():.4g} to {seen.max():.4g}; radians from {low:.4g} to {high:.4g} needed"
            fix = "give the look angles as HyP3 wrote them (radians; degrees times pi / 180)"
            raise DataError(what, where=str(layers[name]), fix=fix)
    is_angle = (theta > 0) & (theta <= np.pi / 2 + _ROUNDING) & (abs(phi) <= np.pi + _ROUNDING)
    return da.where(is_angle, theta, np.float32(np.nan)), da.where(is_angle, phi, np.float32(np.nan))


def _extras(layers: dict[str, Path], corr: Sequence[Path], frame: Frame) -> dict[str, tuple[Any, str, str]]:
    theta, phi = _look_angles(layers, frame)
    out: dict[str, tuple[Any, str, str]] = {
        f"los_{n}": (a, "1", f"line of sight, {n} component, ground to satellite")
        for n, a in zip(("east", "north", "up"), look_vector(theta, phi), strict=True)
    }
    if "dem" in layers:
        out["height"] = (_window(layers["dem"], frame, is_zero_missing=False), "m", "height")
    if corr:
        coherence_tif(corr[0])
        # 0 is missing in a correlation too; a cell that one pair lost keeps the mean of the others
        stack = da.stack([_window(path, frame) for path in corr]).rechunk({0: -1})
        mean = da.map_blocks(_mean, stack, drop_axis=0, dtype=np.float32, meta=np.empty((0, 0), np.float32))
        out["coherence"] = (rounded_coherence(mean), "1", "mean coherence of the pairs")
    return out


def _mean(block: NDArray[np.float32]) -> NDArray[np.float32]:
    known = np.isfinite(block)
    n = known.sum(axis=0)
    total = np.where(known, block, 0).sum(axis=0)
    out: NDArray[np.float32] = np.where(n > 0, total / np.maximum(n, 1), np.nan).astype(np.float32)
    return out
