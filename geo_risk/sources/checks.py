"""What a file is, told without writing anything: type, place, units, dates, gaps, and problems with their fixes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo_risk.core.errors import GeoRiskError
from geo_risk.sources.files import is_zarr_store, sniff
from geo_risk.sources.options import LIMITS, NO_OPTIONS, NO_TRACK_OPTIONS, ReadLimits, ReadOptions, TrackOptions

_INFO_POSTING_M = 100.0
if TYPE_CHECKING:
    import xarray as xr

    from geo_risk.sources.insar import Frame

_VECTORS = frozenset({"GPKG", "SQLite", "Shapefile", "FlatGeobuf", "JSON"})


@dataclass(frozen=True)
class FileFacts:
    """What was found out about one input.

    `extent` is left, bottom, right, top in `crs`; `nodata_share` counts cells (or dates x cells) without a value;
    `problems` are (what, fix) pairs: with one of them the input cannot be used.
    """

    path: str
    key: str = ""
    type: str = ""
    product: str = ""
    crs: str = ""
    extent: tuple[float, ...] = ()
    resolution: float | None = None
    size: str = ""
    units: str = ""
    dates: str = ""
    nodata_share: float | None = None
    notes: tuple[str, ...] = ()
    problems: tuple[tuple[str, str], ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for --json."""
        out = asdict(self)
        out["problems"] = [{"what": what, "fix": fix} for what, fix in self.problems]
        return out


def inspect_file(
    path: Path, *, key: str = "", options: ReadOptions = NO_OPTIONS, limits: ReadLimits = LIMITS
) -> FileFacts:
    """Return what one file is; every block of a raster and every date of a series is read. Nothing is raised."""
    start = FileFacts(str(path), key)

    def look() -> FileFacts:
        if path.is_dir():
            from geo_risk.sources.insar import listed

            if _is_rain_folder(path):
                return _rain(replace(start, type="folder"), path, options)
            return _insar(replace(start, type="folder"), [path], _geometry_beside(path, listed(path)))
        kind = sniff(path) if path.is_file() else "missing"
        facts = replace(start, type=kind)
        looks: dict[str, Callable[[], FileFacts]] = {
            "GTiff": lambda: _raster(facts, path, options, limits),
            "HDF5": lambda: _hdf5(facts, path, options),
            "GRIB": lambda: _rain(facts, path, options),
            "NetCDF3": lambda: _rain(facts, path, options),
            "MICAPS": lambda: _rain(facts, path, options),
            "XML": lambda: _shakemap(facts, path, options, limits),
        }
        if kind in looks:
            return looks[kind]()
        if not key and kind in ("text", "Parquet", "Shapefile", "GPKG") and (found := _points(facts, path)):
            return found
        if kind in ("XLSX", "text"):
            return _table(facts, path, options)
        return _vector(facts, path, options)

    return caught(start, look)


def _is_rain_folder(path: Path) -> bool:
    from geo_risk.sources.insar import known_product, listed
    from geo_risk.sources.rain_checks import is_rain

    try:
        # InSAR is told by the names of its datasets alone, rain by opening every file: the quick question first
        if not is_zarr_store(path) and known_product(listed(path)) is not None:
            return False
    except GeoRiskError:
        pass
    return is_rain(path)


def inspect_track(
    files: Sequence[Path],
    *,
    key: str,
    geometry: Sequence[Path] | None = None,
    coherence: Path | None = None,
    options: TrackOptions = NO_TRACK_OPTIONS,
) -> FileFacts:
    """Return what the files of an InSAR track are, read together; nothing is raised."""
    start = FileFacts(", ".join(str(p) for p in files), key, "InSAR")
    return caught(start, lambda: _insar(start, files, geometry, coherence, options))


def caught(start: FileFacts, look: Callable[[], FileFacts]) -> FileFacts:
    """Return what was found, or the facts with the problem that came up."""
    try:
        return look()
    except GeoRiskError as error:
        kind = start.type
        path = Path(start.path)
        if not kind and path.is_file():
            kind = sniff(path)
        elif path.is_dir():
            kind = "folder"
        return replace(start, type=kind or "missing", problems=((error.what, error.fix),))


def _raster(facts: FileFacts, path: Path, options: ReadOptions, limits: ReadLimits) -> FileFacts:
    from rasterio.crs import CRS

    from geo_risk.sources.geotiff import audit_raster, check_audit, read_header

    where = facts.key or path.name
    header = read_header(path, where=where, options=options, limits=limits)
    audit = audit_raster(path, where=where, nodata=header.nodata)
    notes = [f"values {audit.low:g} to {audit.high:g}"] if audit.high >= audit.low else ["no value at all"]
    stated = ", ".join(f"{v:g}" for v in header.nodata) or "none"
    out = replace(
        facts, product=header.long_name, crs=CRS.from_wkt(header.crs).to_string()[:60], extent=_round(header.bounds),
        resolution=round(abs(header.transform.a), 9), units=header.units or "",
        size=f"{header.shape[1]} x {header.shape[0]}" + (f" x {header.count}" if header.count > 1 else ""),
        nodata_share=round(audit.missing / max(audit.cells, 1), 4), notes=(*notes, f"nodata {stated}"),
    )  # fmt: skip
    try:
        check_audit(audit, header, place=where, limits=limits)
    except GeoRiskError as error:
        return replace(out, problems=((error.what, error.fix),))
    return out


def _shakemap(facts: FileFacts, path: Path, options: ReadOptions, limits: ReadLimits) -> FileFacts:
    import numpy as np

    from geo_risk.sources.shakemap import plain_event, read_shakemap

    found = read_shakemap(path, where=facts.key or path.name, options=options, limits=limits)
    pgv, (n_lat, n_lon) = found.pgv_cm_s, found.pgv_cm_s.shape
    known = pgv[~np.isnan(pgv)]
    told = f"PGV {known.min():g} to {known.max():g} cm/s" if known.size else "no value at all"
    notes = (plain_event(found.event), told, found.evidence[0],
             f"{found.n_masked} impossible values masked")  # fmt: skip
    return replace(
        facts, product="ShakeMap", crs="EPSG:4326", units="cm/s", size=f"{n_lon} x {n_lat}", notes=notes,
        extent=_round((found.lon[0], found.lat[0], found.lon[-1], found.lat[-1])),
        resolution=round(float(np.diff(found.lon).mean()), 9), nodata_share=round(float(np.isnan(pgv).mean()), 4),
    )  # fmt: skip


def _hdf5(facts: FileFacts, path: Path, options: ReadOptions) -> FileFacts:
    from geo_risk.sources.insar import known_product

    product = known_product([path])
    if product is None:
        return _mintpy_part(facts, path) or _rain(facts, path, options)
    return _insar(replace(facts, product=product.name), [path], _geometry_beside(path.parent, [path]))


def _mintpy_part(facts: FileFacts, path: Path) -> FileFacts | None:
    """Return what a MintPy geometry or coherence is, None for anything else."""
    from geo_risk.sources.mintpy import part_in

    found = part_in(path)
    if found is None:
        return None
    kind, frame, names = found
    notes = (f"holds {', '.join(names)}", f"name it as `{kind}` of a track under inputs.insar")
    return replace(
        facts, product=f"mintpy_{kind}", crs=frame.crs[:60], extent=_extent(frame), notes=notes,
        resolution=round(abs(frame.transform.a), 9), size=f"{frame.shape[1]} x {frame.shape[0]}",
    )  # fmt: skip


def _extent(frame: Frame) -> tuple[float, ...]:
    t, (n_y, n_x) = frame.transform, frame.shape
    return _round((t.c, t.f + t.e * n_y, t.c + t.a * n_x, t.f))


def _geometry_beside(folder: Path, files: Sequence[Path]) -> list[Path] | None:
    """Return the geometry that lies in a folder beside a product: one MintPy file, or static layers as GeoTIFFs."""
    from geo_risk.sources.los_tif import bands

    inside = sorted(p for p in folder.iterdir() if p.is_file() and p not in files)
    mintpy = [p for p in inside if "geometry" in p.name and p.suffix == ".h5"]
    found = bands([p for p in inside if p.suffix.lower() in {".tif", ".tiff"}])
    layers = [b.path for b in found.values()] if {"east", "north"} <= set(found) else []
    return mintpy if len(mintpy) == 1 else list(dict.fromkeys(layers)) or None


def _insar(
    facts: FileFacts,
    files: Sequence[Path],
    geometry: Sequence[Path] | None = None,
    coherence: Path | None = None,
    options: TrackOptions = NO_TRACK_OPTIONS,
) -> FileFacts:
    from geo_risk.sources.insar import listed, open_insar
    from geo_risk.sources.insar_parts import NO_LOOK, without_look

    def whole() -> FileFacts:
        track = facts.key or "track"
        return _track(
            facts, open_insar(list(files), track=track, geometry=geometry, coherence=coherence, options=options)
        )

    bare = None if geometry else without_look(listed(files), options)
    if bare is None:
        return whole()
    told = _track(facts, bare)
    # a run cannot do without the geometry, but a file that is looked at by itself has no fault
    return caught(told, whole) if facts.key else replace(told, notes=(*told.notes, NO_LOOK))


def _track(facts: FileFacts, dataset: xr.Dataset) -> FileFacts:
    import dask
    import dask.array as da

    from geo_risk.sources.insar import frame_of

    frame = frame_of(dataset)
    name = "displacement" if "displacement" in dataset else "velocity"
    counts = {v: da.isnan(dataset[v].data).sum() for v in dataset.data_vars}
    (read,) = dask.compute(counts, scheduler="threads")
    times = dataset["time"].to_numpy() if "time" in dataset.coords else None
    return replace(
        facts, product=str(dataset.attrs.get("product", "")), crs=frame.crs[:60], extent=_extent(frame),
        resolution=round(abs(frame.transform.a), 9), size=f"{frame.shape[1]} x {frame.shape[0]}",
        units=str(dataset[name].attrs["units"]),
        dates="" if times is None else f"{str(times[0])[:10]} to {str(times[-1])[:10]}, {len(times)} dates",
        nodata_share=round(float(read[name]) / max(dataset[name].size, 1), 4),
        notes=tuple(str(s) for s in dataset.attrs.get("audit", [])),
    )  # fmt: skip


def _points(facts: FileFacts, path: Path) -> FileFacts | None:
    """Return what a table of points with displacements by date or a velocity is, None where it is another table."""
    from geo_risk.sources.egms import is_egms
    from geo_risk.sources.point_dates import date_columns
    from geo_risk.sources.point_files import column, is_points
    from geo_risk.sources.point_tables import open_table

    table = open_table(path)
    if table is None or not (is_points([path]) or is_egms([path])):
        return None
    days = date_columns([table])
    if is_egms([path]):
        out = _insar(replace(facts, product="egms"), [path], options=TrackOptions(posting_m=_INFO_POSTING_M))
        told = f"shown on cells of {_INFO_POSTING_M:g} m; a run asks for `posting_m` of the track"
        return replace(out, notes=(*out.notes, told))
    if len(days) == 1 and column(table, "velocity") is not None:
        days = ()
    shown = days[-1][0] if days else str(column(table, "velocity"))
    n_rows = sum(len(batch) for batch in table.batches([shown]))
    asked = (
        "a run asks for units, positive, posting_m, and look angles where there are no columns los_east, _north, _up"
    )
    rate = (
        () if days else (f"no series: column {shown} is a velocity, and is the motion of a track under inputs.insar",)
    )
    return replace(
        facts, product="points", crs=(table.crs or "")[:60], size=f"{n_rows} points", notes=(*rate, asked),
        dates=f"{_day(days[0][1])} to {_day(days[-1][1])}, {len(days)} dates" if days else "",
    )  # fmt: skip


def _day(text: str) -> str:
    return f"{text[:4]}-{text[4:6]}-{text[6:]}"


def _rain(facts: FileFacts, path: Path, options: ReadOptions) -> FileFacts:
    from geo_risk.sources.options import RainOptions
    from geo_risk.sources.rain_checks import rain_facts

    given = RainOptions(units=options.units, crs=options.crs, nodata=options.nodata, encoding=options.encoding)
    return rain_facts(facts, path, given)


def _table(facts: FileFacts, path: Path, options: ReadOptions) -> FileFacts:
    if facts.type == "XLSX":
        import openpyxl

        book = openpyxl.load_workbook(path, read_only=True)
        try:
            sheets = [f"{s.title}: {s.max_row} rows, {s.max_column} columns" for s in book.worksheets]
        finally:
            book.close()
        return replace(facts, product="workbook", size="; ".join(sheets))
    from geo_risk.sources.vector_files import read_text_table

    frame, notes = read_text_table(path, where=facts.key or path.name, encoding=options.encoding)
    columns = f"columns {', '.join(map(str, frame.columns[:12]))}"
    return replace(facts, type="CSV", product="table", size=f"{len(frame)} rows", notes=(columns, *notes))


def _vector(facts: FileFacts, path: Path, options: ReadOptions) -> FileFacts:
    from geo_risk.sources.vector_files import open_vector

    frame, notes = open_vector(path, where=facts.key or path.name, layer=options.layer, crs=options.crs,
                               encoding=options.encoding)  # fmt: skip
    kinds = ", ".join(sorted(set(frame.geometry.geom_type.dropna())))
    columns = f"columns {', '.join(str(c) for c in frame.columns if c != 'geometry')}"
    return replace(
        facts, product=kinds or "table", crs=str(frame.crs.to_string())[:60], extent=_round(frame.total_bounds),
        size=f"{len(frame)} features", notes=(columns, *notes),
    )  # fmt: skip


def _round(values: Any) -> tuple[float, ...]:
    return tuple(round(float(v), 6) for v in values)
