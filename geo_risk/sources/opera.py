"""OPERA DISP-S1: a series of NetCDF files whose reference date moves, chained block by block."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.errors import DataError
from geo_risk.sources import mintpy
from geo_risk.sources.hdf5 import read_window, read_windows
from geo_risk.sources.hdf5_header import attribute, block_shape, has, numbers, opened
from geo_risk.sources.hdf5_values import sample_rows, stored
from geo_risk.sources.insar import Frame, build, check_los, check_magnitude, check_mask, has_signature
from geo_risk.sources.insar_audit import unit_confirmed
from geo_risk.sources.look_vectors import SENTINEL_1_DEG
from geo_risk.sources.los_tif import Look, open_look
from geo_risk.sources.marks import check_marks
from geo_risk.sources.mintpy import Variables, los_variables
from geo_risk.sources.opera_granule import Chain, Granule, chain_of, read_granule
from geo_risk.sources.opera_sample import check_files
from geo_risk.sources.options import TrackOptions
from geo_risk.sources.wavelength import SENTINEL_1_M

_SIGNS = ("displacement", "reference_time", "time", "x", "y")
_SAMPLE = 64


def is_it(paths: Sequence[Path]) -> bool:
    """Return whether the files are OPERA DISP-S1 products, by the datasets of the first one."""
    if not paths or not all(has_signature(p, b"\x89HDF") for p in paths):
        return False
    with opened(paths[0]) as file:
        return all(has(file, n) for n in _SIGNS)


def open_series(
    paths: Sequence[Path],
    *,
    geometry: Sequence[Path],
    coherence: Path | None,
    track: str,
    options: TrackOptions,
) -> xr.Dataset:
    """Open a series of OPERA DISP-S1 products; see `sources.insar.open_insar`.

    Every file holds the displacement between its own reference date and its date; the series is their sum along the
    chain, 0 at the first reference date. A cell that is missing on a date that later files refer to stays missing
    after it. `recommended_mask` is 1 on good cells. The layers of `/corrections` are not part of `displacement`:
    each one that every file holds is subtracted, as the files ask; one that only some hold is left out everywhere,
    because the series would jump between dates with and without it.
    """
    series, chain, audit = read_series(paths, options)
    granules = series.granules
    first = granules[0]
    look = _look(geometry, first.frame, track, audit)
    made_of = look.made_of
    audit.append(
        check_los(look.los, where=str(first.path), orbit=first.orbit, made_of=made_of, incidence=SENTINEL_1_DEG)
    )
    audit.extend(look.notes)
    displacement = mintpy.on_land(series.lazy(), look.land)
    variables: Variables = {"displacement": (displacement, "m", "line-of-sight displacement")}
    variables |= los_variables(look.los)
    if look.height is not None:
        variables["height"] = (look.height, "m", "height")
    if look.shadow is not None:
        variables["shadow"] = (look.shadow, "1", "1 in layover or shadow by the product's own mask")
    mean = (
        mintpy.open_coherence(coherence, first.frame)
        if coherence is not None
        else _mean_coherence(granules, chain.parents)
    )
    if mean is not None:
        variables["coherence"] = (mean, "1", "mean temporal coherence")
    times = np.array(chain.days, dtype="datetime64[ns]")
    out = build(variables, first.frame, times=times, audit=audit)
    reference = f"date {chain.days[0]}; {first.reference_point or 'no reference cell stated'}"
    return out.assign_attrs(reference=reference, wavelength_m=SENTINEL_1_M)


def read_series(paths: Sequence[Path], options: TrackOptions) -> tuple[Series, Chain, list[str]]:
    """Return the chained displacement of the files, its dates, and the audit of both, without a geometry."""
    granules = sorted(
        (read_granule(p, positive=options.positive) for p in paths), key=lambda g: (g.secondary, g.reference)
    )
    chain = chain_of(granules)
    for granule in granules[1:]:
        granules[0].check_sibling(granule)
    corrections, said = _corrections(granules)
    series = Series(granules, chain.parents, corrections)
    return series, chain, [*_audit(series, chain.days, options), *chain.notes, *said]


class Series:
    """The chained displacement of a list of products, made for one window at a time.

    Parameters
    ----------
    granules : by date.
    parents : for each product, the index among the dates of the series that it refers to; its own is its place + 1.
    corrections : layers to subtract.
    """

    def __init__(self, granules: Sequence[Granule], parents: Sequence[int], corrections: Sequence[str]) -> None:
        self.granules, self.parents, self.corrections = list(granules), list(parents), list(corrections)

    @property
    def frame(self) -> Frame:
        """The grid of all products."""
        return self.granules[0].frame

    def single(self, granule: Granule, window: tuple[slice, slice]) -> NDArray[np.float32]:
        """Return the displacement of one product [m] in a window, corrected and masked."""
        layers = [f"corrections/{name}" for name in self.corrections]
        names = ["displacement", *layers, *(["recommended_mask"] if granule.has_mask else [])]
        held = read_windows(granule.path, names, window)
        out = held["displacement"]
        if granule.has_mask:
            out = np.where(held["recommended_mask"] == 1, out, np.float32(np.nan))
        rows, columns = window
        place = f"rows {rows.start}-{rows.stop}, columns {columns.start}-{columns.stop}"
        check_marks(out, where=f"{granule.path}, displacement, {place}")
        out = out * np.float32(granule.scale)
        for name, layer in zip(self.corrections, layers, strict=True):
            out = out - held[layer] * np.float32(granule.corrections[name].scale)
        return out.astype(np.float32)

    def window(self, window: tuple[slice, slice]) -> NDArray[np.float32]:
        """Return the series (time, y, x) [m] of a window; 0 on the first date where any later one is known."""
        return self.chained([self.single(granule, window) for granule in self.granules])

    def chained(self, singles: Sequence[NDArray[np.float32]] | NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the series (time, ...) [m] of the displacements of all products at the same cells, see `window`."""
        out = np.zeros((len(self.granules) + 1, *singles[0].shape), dtype=np.float32)
        for k, (single, parent) in enumerate(zip(singles, self.parents, strict=True), 1):
            out[k] = single + out[parent]
        out[0, ~np.isfinite(out[1:]).any(axis=0)] = np.nan
        return out

    def lazy(self) -> da.Array:
        """Return the whole series (time, y, x) float32 [m], lazy; a block reads its window of every file."""
        n_t, shape = len(self.granules) + 1, self.frame.shape
        rows, columns = block_shape(shape, self.granules[0].chunks, times=n_t)
        chunks = da.core.normalize_chunks((n_t, rows, columns), shape=(n_t, *shape), dtype=np.float32)

        def block(block_info: Any = None) -> NDArray[np.float32]:
            _, (r0, r1), (c0, c1) = block_info[None]["array-location"]
            return self.window((slice(r0, r1), slice(c0, c1)))

        return da.map_blocks(block, chunks=chunks, dtype=np.float32, meta=np.empty((0, 0, 0), np.float32))


def _corrections(granules: Sequence[Granule]) -> tuple[list[str], list[str]]:
    """Return the layers to subtract, and what is said of every layer."""
    names = sorted({n for g in granules for n in g.corrections})
    used, said = [], []
    for name in names:
        states = [g.corrections[name].state if name in g.corrections else "absent" for g in granules]
        usable = states.count("subtract")
        if usable == len(granules):
            used.append(name)
            said.append(f"corrections: {name} is subtracted on all {usable} dates (the files hold it, not applied)")
        elif usable:
            other = next(s for s in states if s != "subtract")
            said.append(
                f"corrections: {name} is NOT applied: only {usable} of {len(granules)} files hold it (else {other}); "
                "with some dates corrected the series would jump"
            )
        else:
            said.append(f"corrections: {name} is NOT applied: {', '.join(sorted(set(states)))}")
    if not names:
        said.append("corrections: none is applied, for the files hold none (no tide, no ionosphere, no troposphere)")
    elif not any("tropo" in n for n in used):
        said.append("corrections: the troposphere is not corrected, for the files hold no layer of it")
    return used, said


def _audit(series: Series, days: Sequence[np.datetime64], options: TrackOptions) -> list[str]:
    granules = series.granules
    last = granules[-1]
    for granule in reversed(granules):
        with opened(granule.path) as file:
            data = numbers(file, "displacement", dims=2)
            sample, declared = sample_rows(data) * abs(last.scale), stored(data).sentences()
            own = attribute(data, "units") or ""
        if np.isfinite(sample).any():
            break
    if all(g.has_mask for g in granules):
        check_mask(any(_has_good(g.path) for g in reversed(granules)), where=str(last.path.parent))
    n_y, n_x = series.frame.shape
    r0, c0 = max(0, n_y // 2 - _SAMPLE // 2), max(0, n_x // 2 - _SAMPLE // 2)
    window = slice(r0, min(n_y, r0 + _SAMPLE)), slice(c0, min(n_x, c0 + _SAMPLE))
    singles = [series.single(g, window) for g in granules]
    n_single = int(np.isfinite(singles).sum())
    lost = n_single - int(np.isfinite(series.chained(singles)[1:]).sum())
    is_said, fix = unit_confirmed(own, options, where=str(last.path))
    n_masked = sum(g.has_mask for g in granules)
    out = [
        check_magnitude(sample, unit="m", where=str(last.path), is_said=is_said, fix=fix),
        last.sign,
        *declared,
        f"registration: {series.frame.crs}, {last.registration}",
        f"mask: recommended_mask is 1 on good cells, in {n_masked} of {len(granules)} files; all else is missing",
    ]
    check_files(series, np.array(days[1:], dtype="datetime64[ns]"), where=str(last.path.parent))
    if n_single:
        out.append(
            "chain: a cell missing on a date that later files refer to is missing after it; in the middle of the frame "
            f"this costs {lost / n_single:.1%} of the values"
        )
    return out


def _has_good(path: Path) -> bool:
    with opened(path) as file:
        return bool((sample_rows(numbers(file, "recommended_mask", dims=2)) == 1).any())


def _look(geometry: Sequence[Path], frame: Frame, track: str, audit: list[str]) -> Look:
    """Return the look vectors: of static layers as GeoTIFFs, or of a MintPy geometry file.

    Raises
    ------
    DataError : no geometry was given.
    """
    if not geometry:
        what = f"track {track!r} has no line-of-sight geometry: OPERA publishes it apart, as static layers"
        fix = "give the frame's DISP-S1-STATIC line_of_sight_enu.tif, or los_east.tif and los_north.tif, as `geometry`"
        raise DataError(what, where="inputs.insar[].geometry", fix=fix)
    if has_signature(geometry[0], b"\x89HDF"):
        held = mintpy.open_geometry(geometry, track=track)
        frame.check_same(held.frame, where=str(held.source))
        return Look(held.los, held.height, held.shadow, [held.note] if held.note else [], held.land)
    audit.append("geometry: vectors from ground to satellite, as the static layers are published")
    return open_look(geometry, frame, track=track)


def _mean_coherence(granules: Sequence[Granule], parents: Sequence[int]) -> da.Array | None:
    """Return the mean temporal coherence of the groups of files with a common reference date, lazy."""
    groups = {parent: g for g, parent in zip(granules, parents, strict=True) if g.has_coherence}
    files = [g.path for g in groups.values()]
    if not files:
        return None
    shape, chunks_of = granules[0].frame.shape, granules[0].chunks
    rows, columns = block_shape(shape, chunks_of, times=len(files))
    chunks = da.core.normalize_chunks((rows, columns), shape=shape, dtype=np.float32)

    def block(block_info: Any = None) -> NDArray[np.float32]:
        (r0, r1), (c0, c1) = block_info[None]["array-location"]
        total = np.zeros((r1 - r0, c1 - c0), dtype=np.float64)
        for path in files:
            total += read_window(path, "temporal_coherence", (slice(r0, r1), slice(c0, c1)))
        return (total / len(files)).astype(np.float32)

    return da.map_blocks(block, chunks=chunks, dtype=np.float32, meta=np.empty((0, 0), np.float32))
