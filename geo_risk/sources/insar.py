"""InSAR products of one track, recognised without being told, as one lazy dataset."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS

from geo_risk.core.errors import AmbiguousError, DataError, GridError, LimitError, RefusedFileError
from geo_risk.sources import series_checks
from geo_risk.sources.look_checks import check_side
from geo_risk.sources.look_vectors import RADAR_INCIDENCE_DEG, incidence_text
from geo_risk.sources.options import NO_TRACK_OPTIONS, TrackOptions
from geo_risk.sources.possible_motion import possible_motion
from geo_risk.sources.samples import sampled
from geo_risk.sources.wavelength import with_wavelength

if TYPE_CHECKING:
    from geo_risk.sources.insar_products import Product

MAX_BYTES = 2**40
"""A header that asks for more than this (1 TiB) is refused before anything is read."""

LOS_TOLERANCE = 0.01
"""Largest difference of a line-of-sight vector's length from 1."""

FOLDER_SUFFIXES = ((".nc",), (".tif", ".tiff"), (".h5", ".he5"), (".csv", ".parquet"), (".shp", ".gpkg"))
"""What is taken of a folder: the files of the first group that is there at all."""

ASK_SIGN = "set `positive: toward` or `positive: away` of this track in the configuration"
"""How a doubt about the sign of a track is answered."""

COHERENCE_ROUNDING = 1e-3
"""How far beyond 0-1 a coherence may lie, as means and resampling round it; geo_risk's choice."""

COMPONENTS = ("los_east", "los_north", "los_up")

check_times = series_checks.check_times
check_magnitude = series_checks.check_magnitude


@dataclass(frozen=True)
class Frame:
    """Where a raster of a track lies: CRS, upper-left corner transform, and shape (y, x)."""

    crs: str
    transform: Affine
    shape: tuple[int, int]

    def coords(self) -> dict[str, NDArray[np.float64]]:
        """Return the cell-centre coordinates by dimension, in the units of the CRS."""
        t = self.transform
        return {"y": t.f + t.e * (np.arange(self.shape[0]) + 0.5), "x": t.c + t.a * (np.arange(self.shape[1]) + 0.5)}

    def check_same(self, other: Frame, *, where: str) -> None:
        """Raise GridError where another raster of the track lies elsewhere.

        A thousandth of a cell is forgiven at the first corner and a twentieth at the last one: steps that differ a
        little, as rounded attributes do, add up over a frame.
        """
        first, last = self._apart(other, (0, 0)), self._apart(other, self.shape)
        if self.shape != other.shape or CRS(self.crs) != CRS(other.crs) or not (first <= 1e-3 and last <= 0.05):
            what = (
                f"shape {other.shape}, corner {other.transform.c, other.transform.f}, {other.crs} where the track has "
            )
            what += f"{self.shape}, {self.transform.c, self.transform.f}, {self.crs}"
            if first <= 1e-3 and last > 0.05:
                what += f"; the steps differ, by {last:.2g} cells at the last corner"
            raise GridError(what, where=where, fix="geocode all files of a track onto one grid")

    def _apart(self, other: Frame, at: tuple[int, int]) -> float:
        """Return how far the corner of a row and a column lies from the other raster's, in cells."""
        (x, y), (u, v) = self.transform * at[::-1], other.transform * at[::-1]
        return float(max(abs(x - u) / abs(self.transform.a), abs(y - v) / abs(self.transform.e)))


def frame_of(dataset: xr.Dataset) -> Frame:
    """Return the frame of a dataset that `open_insar` made."""
    a, b, c, d, e, f = (float(v) for v in dataset.attrs["transform"])
    return Frame(str(dataset.attrs["crs"]), Affine(a, b, c, d, e, f), (dataset.sizes["y"], dataset.sizes["x"]))


def open_insar(
    files: Path | Sequence[Path],
    *,
    track: str,
    geometry: Path | Sequence[Path] | None = None,
    coherence: Path | None = None,
    options: TrackOptions = NO_TRACK_OPTIONS,
) -> xr.Dataset:
    """Open the product of one track, whatever its format, as one lazy dataset.

    Parameters
    ----------
    files : the files of one product of `sources.insar_products`, or a folder of them.
    track : name of the track, for messages.
    geometry : what the product needs beside its files; see `docs/insar-products.md`.
    coherence : a mean coherence 0-1 where the product does not carry it.
    options : what the configuration says and the files do not: unit, sign, registration.

    Returns
    -------
    Dataset, lazy, with either `displacement` (time, y, x) [m] or `velocity` (y, x) [mm/yr] (with `velocity_std` where
    the product has it), and `los_east`, `los_north`, `los_up` [1] ground to satellite; `coherence` [1], `height` [m]
    and `shadow` [1] (1 layover or shadow by the product's own mask, 0 not) where given. Positive is toward the
    satellite. NaN is missing. Attributes: `product`, `crs`, `transform`, `audit` (list of sentences: what was seen of
    unit, sign, geometry and registration), `reference` (what the displacements are relative to, where it is known),
    `wavelength_m` of the radar where it is known.

    Raises
    ------
    DataError, UnitError, CrsError, GridError, TimeError, CorruptFileError, RefusedFileError, LimitError :
        the files cannot be used; AmbiguousError : they allow two readings.
    """
    paths = listed(files)
    product = product_of(paths)
    said = {k: v for k, v in options.said().items() if k not in product.takes}
    if said:
        what = f"a {product.name} file states this itself; {said} in the configuration contradicts it"
        raise AmbiguousError(what, where=str(paths[0]), fix=f"remove {', '.join(said)} from this track")
    parts = listed(geometry) if geometry else []
    dataset = product.opens(paths, geometry=parts, coherence=coherence, track=track, options=options)
    _check_size(dataset, paths[0])
    dataset = possible_motion(_with_longitudes(dataset, paths[0]), paths[0])
    dataset = with_wavelength(dataset.assign_attrs(product=product.name, track=track), options, paths[0])
    return dataset if options.gacos is None else _without_delay(dataset, options.gacos)


def _with_longitudes(dataset: xr.Dataset, path: Path) -> xr.Dataset:
    from geo_risk.sources.longitudes import with_longitudes

    return with_longitudes(dataset, where=str(path))


def _without_delay(dataset: xr.Dataset, folder: Path) -> xr.Dataset:
    from geo_risk.sources.gacos import corrected

    return corrected(dataset, folder)


def listed(files: Path | Sequence[Path]) -> list[Path]:
    """Return the files of a path, a list, or a folder (those of the first suffix of FOLDER_SUFFIXES in it, by name).

    Where none lies in a folder itself, those of its folders are taken, as products are unpacked; else its texts (.txt).

    Raises
    ------
    DataError : a file is not there, or a folder holds none of those.
    """
    out: list[Path] = []
    for path in [files] if isinstance(files, Path) else list(files):
        if path.is_dir():
            found = _by_suffix(path.iterdir())
            found = found if any(found) else _by_suffix(path.glob("*/*"))
            # a text may be anything: it is taken for a table where there is nothing else
            found = found if any(found) else [sorted(p for p in path.iterdir() if p.suffix.lower() == ".txt")]
            if not any(found):
                what = "the folder holds no GeoTIFF, NetCDF, HDF5 or table of points"
                raise DataError(what, where=str(path), fix="name the files, or the folder that holds them")
            out.extend(next(group for group in found if group))
        elif path.is_file():
            out.append(path)
        else:
            what = "the file is not there"
            raise DataError(what, where=str(path), fix="correct the path under inputs.insar")
    return out


def _by_suffix(paths: Iterable[Path]) -> list[list[Path]]:
    inside = sorted(p for p in paths if p.is_file())
    return [[p for p in inside if p.suffix.lower() in suffixes] for suffixes in FOLDER_SUFFIXES]


def known_product(paths: Sequence[Path]) -> Product | None:
    """Return which product of `sources.insar_products` these files are, None where they are none.

    Raises
    ------
    CorruptFileError, RefusedFileError : a file cannot be opened, or leads out of itself.
    """
    from geo_risk.sources.insar_products import products

    return next((p for p in products() if p.is_it(paths)), None)


def product_of(paths: Sequence[Path]) -> Product:
    """Return which product of `sources.insar_products` these files are.

    Raises
    ------
    CorruptFileError : a file cannot be opened. RefusedFileError : none of them.
    """
    from geo_risk.sources.insar_products import products

    product = known_product(paths)
    if product is not None:
        return product
    from geo_risk.sources.insar_parts import named_apart, named_strays

    where = str(paths[0].parent) if paths else ""
    told = (named_strays(paths) or named_apart(paths)) if len(paths) > 1 else None
    if told is not None:
        what, fix = told
        raise RefusedFileError(what, where=where, fix=fix)
    what = f"{len(paths)} file(s) that are no InSAR product: " + ", ".join(p.name for p in paths[:5])
    from geo_risk.sources.point_doubts import no_points

    if paths and (doubt := no_points(paths[0])) is not None:
        name, is_one = paths[0].name, len(paths) == 1
        what = f"{name} is no InSAR product: {doubt[0]}" if is_one else f"{what}; {name}: {doubt[0]}"
        raise RefusedFileError(what, where=where, fix=doubt[1])
    known = "; ".join(f"{p.name}: {p.files}" for p in products())
    raise RefusedFileError(what, where=where, fix=f"give one of: {known}")


def sniff_insar(paths: Sequence[Path]) -> str:
    """Return the name of the product these files are, such as mintpy_timeseries; see `product_of`."""
    return product_of(paths).name


def check_used(geometry: Sequence[Path], used: Iterable[Path], *, wanted: str) -> None:
    """Raise DataError where geometry is given and no file of it is used: it would be left out in silence."""
    if geometry and not set(geometry) & set(used):
        what = f"none of the {len(geometry)} geometry files is {wanted}: {', '.join(p.name for p in geometry[:5])}"
        raise DataError(what, where="inputs.insar[].geometry", fix="give those, or remove `geometry` of this track")


def has_signature(path: Path, *signatures: bytes) -> bool:
    """Return whether the file begins with one of the signatures."""
    with path.open("rb") as stream:
        head = stream.read(16)
    return any(head.startswith(s) for s in signatures)


def check_los(
    components: Sequence[Any],
    *,
    where: str,
    orbit: str | None,
    made_of: str = "",
    incidence: tuple[float, float] = RADAR_INCIDENCE_DEG,
) -> str:
    """Check unit vectors on a sample and return the sentence of evidence.

    Parameters
    ----------
    components : east, north, up, arrays that can be sliced; see `sampled`.
    where : file, for messages.
    orbit : "ascending", "descending" or None where the product does not say.
    made_of : what the vectors were made of in a way that gives them unit length: their incidence is checked instead.
    incidence : least and largest of the satellite [degree].

    Raises
    ------
    DataError : the vectors are not of unit length, point down, or have an incidence that no satellite has.
    AmbiguousError : the orbit the product names looks from the other side (left-looking, or east with the wrong sign).
    """
    e, n, u = sampled(components)
    length = np.sqrt(e * e + n * n + u * u)
    known = np.isfinite(length)
    if not known.any():
        what = "the line-of-sight geometry is missing everywhere"
        raise DataError(what, where=where, fix="give the geometry of this track's grid")
    worst = float(np.abs(length[known] - 1).max())
    if not worst <= LOS_TOLERANCE:
        what = f"line-of-sight vectors are up to {worst:.3f} off unit length"
        raise DataError(what, where=where, fix="give unit vectors from ground to satellite, or angles in degrees")
    east, up = float(np.median(e[known])), float(np.median(u[known]))
    if not up > 0:
        what = f"line-of-sight vectors point down (up {up:.2f})"
        raise DataError(what, where=where, fix="turn the vectors: from ground to satellite is needed")
    fix = "correct the sign of the east component, or the orbit attribute"
    side = check_side(east, orbit=orbit, where=where, fix=fix)
    tail = f", as a right-looking {orbit} pass must" if orbit else ""
    proof = f"unit vectors within {worst:.1e}"
    if made_of:
        proof = f"made of {made_of}, incidence {incidence_text(u, bounds=incidence, where=where)}"
    return f"geometry: {proof}, satellite in the {side} (east {east:+.2f}, up {up:.2f}){tail}"


def drop_zeros(block: NDArray[np.float32]) -> NDArray[np.float32]:
    """Make cells missing, in place, that hold nothing but 0 (or 0 and NaN) on all dates; return the block.

    Parameters
    ----------
    block : (y, x), or (time, y, x) with all dates. Such a cell lies outside a mask, or is the reference; it is no
        ground that was seen to stand still.
    """
    empty = (block == 0) | np.isnan(block)
    block[..., empty.all(axis=0) if block.ndim == 3 else empty] = np.nan
    return block


def check_coherence(sample: NDArray[Any], *, where: str) -> None:
    """Raise DataError where a value of a sample of coherence is outside 0-1 (counts, or bytes of 0-255).

    COHERENCE_ROUNDING beyond is forgiven; `rounded_coherence` brings it back.
    """
    known = sample[np.isfinite(sample)]
    if known.size and not (known.min() >= -COHERENCE_ROUNDING and known.max() <= 1 + COHERENCE_ROUNDING):
        what = f"coherence runs from {known.min():.3g} to {known.max():.3g}; 0-1 needed"
        raise DataError(what, where=where, fix="scale it to 0-1")


def rounded_coherence(values: da.Array) -> da.Array:
    """Return a lazy coherence with values that rounding took out of 0-1 brought back to it; others and NaN stay."""
    is_near = abs(values - np.float32(0.5)) <= np.float32(0.5 + COHERENCE_ROUNDING)
    return da.where(is_near, values.clip(0, 1), values)


def check_mask(has_good: bool, *, where: str) -> None:
    """Raise DataError where the mask of a product leaves no cell: an empty track would look like any other."""
    if not has_good:
        what = "the product's own mask calls no cell good: the frame is empty or wholly decorrelated"
        raise DataError(what, where=where, fix="leave this track out, or give a product with coherent pixels")


def build(
    variables: dict[str, tuple[Any, str, str]], frame: Frame, *, times: Any = None, audit: list[str]
) -> xr.Dataset:
    """Return the dataset of arrays (array, units, long name) on a frame; three-dimensional ones get `times`."""
    coords: dict[str, Any] = frame.coords()
    if times is not None:
        coords["time"] = times
    data = {}
    for name, (array, units, long_name) in variables.items():
        dims = ("time", "y", "x") if array.ndim == 3 else ("y", "x")
        attrs = {"units": units, "long_name": long_name}
        if name in {"displacement", "velocity"}:
            attrs["positive"] = "toward the satellite"
        data[name] = (dims, array, attrs)
    attrs_all = {"crs": frame.crs, "transform": list(frame.transform)[:6], "audit": audit}
    return xr.Dataset(data, coords=coords, attrs=attrs_all)


def _check_size(dataset: xr.Dataset, path: Path) -> None:
    if not dataset.nbytes <= MAX_BYTES:
        what = f"the header asks for {dataset.nbytes / 2**40:.2f} TiB; the limit is {MAX_BYTES / 2**40:.0f} TiB"
        raise LimitError(what, where=str(path), fix="cut the product to the area of the run")
