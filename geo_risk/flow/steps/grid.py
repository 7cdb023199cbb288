"""The run grid, from the area or the first raster, and the terrain height on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo_risk.core.errors import ConfigError, CrsError
from geo_risk.core.grid import Grid

if TYPE_CHECKING:
    from affine import Affine

    from geo_risk.flow.plan import Plan
    from geo_risk.sources.options import ReadLimits, ReadOptions, TrackOptions

_RASTERS = ("dem", "insar", "landcover", "dem_town", "population")
"""Inputs the grid may come from, the first that is given."""

_MAX_CELLS = 2_000_000_000
_HEIGHT_M = (-500.0, 9000.0)


def grid(plan: Plan) -> None:
    """Add the steps that make the run grid and bring the DEM onto it."""
    area = plan.cfg.area
    key = next((name for name in _RASTERS if _is_raster(plan, name)), None)
    raster = None if key is None else plan.input(key)
    geometry, said = None, None
    if key == "insar":
        first = plan.cfg.inputs.insar[0]
        raster, geometry, said = list(first.files), first.geometry_files, first.options
    source = None if key in (None, "insar") else plan.source(key)
    plan.add(
        "grid",
        make_grid,
        reads={"raster": raster},
        optional={"boundary": area.boundary, "geometry": geometry},
        writes={"out": plan.facts("grid")},
        key=key,
        crs=area.crs,
        resolution_m=area.resolution_m,
        layer=area.layer,
        options=said if source is None else source.options,
    )
    dem = plan.source("dem")
    plan.add(
        "dem",
        make_dem,
        reads={"dem": plan.input("dem"), "grid": plan.facts("grid")},
        writes={"out": plan.layer("dem"), "facts": plan.facts("dem")},
        options=None if dem is None else dem.options,
        limits=plan.cfg.storage,
    )


def _is_raster(plan: Plan, name: str) -> bool:
    """Return whether an input is given, and is a raster: population may be census points."""
    from geo_risk.flow.steps.exposure import RASTER_SUFFIXES

    given = plan.input(name)
    if name == "population":
        return isinstance(given, Path) and given.suffix.lower() in RASTER_SUFFIXES
    return bool(given)


def make_grid(*, out: Path, **given: Any) -> None:
    """Write the run grid as facts; see `grid_of_step`."""
    from geo_risk.publish.frames import write_json

    write_json(grid_of_step(**given).to_dict(), out)


def grid_of_step(
    *,
    raster: Path | list[Path],
    boundary: Path | None,
    geometry: list[Path] | None,
    key: str,
    crs: str | None,
    resolution_m: float | None,
    layer: str | None,
    options: ReadOptions | TrackOptions | None,
) -> Grid:
    """Return the run grid from the first raster (input `key`) and what `area` says."""
    frame_crs, transform, shape = _frame(raster, geometry, key=key, options=options)
    bounds = None if boundary is None else _boundary(boundary, layer=layer, crs=crs or frame_crs)
    return choose_grid(frame_crs, transform, shape, crs=crs, resolution_m=resolution_m, bounds=bounds)


def choose_grid(
    frame_crs: str,
    transform: Affine,
    shape: tuple[int, int],
    *,
    crs: str | None,
    resolution_m: float | None,
    bounds: tuple[float, float, float, float] | None,
) -> Grid:
    """Return the run grid.

    Parameters
    ----------
    frame_crs, transform, shape : where the first raster lies.
    crs, resolution_m : what `area` asks for; None means the raster's own.
    bounds : of the area's boundary in the CRS of the run, or None for the whole raster.

    Returns
    -------
    The raster's own lattice wherever CRS and resolution are the raster's, so that it is copied and not resampled.

    Raises
    ------
    CrsError : the raster is in degrees and `area.crs` is missing.
    ConfigError : `area.resolution_m` is needed, or the grid would be too large or cross the antimeridian.
    """
    from odc.geo.geobox import GeoBox
    from pyproj import CRS
    from rasterio.warp import transform_bounds

    own, wanted = CRS.from_user_input(frame_crs), CRS.from_user_input(crs or frame_crs)
    if not wanted.is_projected:
        what = f"the grid would be in degrees ({wanted.name})"
        raise CrsError(what, where="area.crs", fix="set area.crs to a metric CRS, in Shanxi EPSG:4546 or EPSG:4547")
    box = GeoBox(shape, transform, frame_crs)
    extent = box.boundingbox
    if own.is_geographic and extent.right - extent.left > 180:
        what = f"the raster spans {extent.right - extent.left:.0f} degrees of longitude: it crosses the antimeridian"
        raise ConfigError(what, where="area", fix="give area.boundary and a projected area.crs, or split the area")
    is_square = transform.b == transform.d == 0 and abs(transform.a + transform.e) <= 1e-9 * abs(transform.a)
    is_own = own == wanted and resolution_m in (None, float(transform.a)) and (is_square or resolution_m is None)
    if is_own and bounds is None:
        return Grid(box)
    if resolution_m is None and own != wanted:
        what = "area.resolution_m is missing, and the first raster is in another CRS"
        raise ConfigError(what, where="area.resolution_m", fix="add it, in metres")
    cell = float(transform.a) if resolution_m is None else resolution_m
    if bounds is None:
        bounds = transform_bounds(own.to_wkt(), wanted.to_wkt(), *extent.bbox, densify_pts=21)
    cells = (bounds[2] - bounds[0]) / cell * (bounds[3] - bounds[1]) / cell
    if not cells <= _MAX_CELLS:
        what = f"the grid would have {cells:.3g} cells; at most {_MAX_CELLS:.3g} are allowed"
        raise ConfigError(what, where="area", fix="choose a smaller boundary or a larger resolution_m")
    name = crs or frame_crs
    return _on_lattice(bounds, transform, crs=name) if is_own else Grid.from_bounds(bounds, crs=name, resolution_m=cell)


def _on_lattice(bounds: tuple[float, float, float, float], transform: Affine, *, crs: str) -> Grid:
    """Return the grid over `bounds` whose cells are those of the raster, continued."""
    shifted = (bounds[0] - transform.c, bounds[1] - transform.f, bounds[2] - transform.c, bounds[3] - transform.f)
    base = Grid.from_bounds(shifted, crs=crs, resolution_m=float(transform.a))
    from affine import Affine as Matrix
    from odc.geo.geobox import GeoBox

    return Grid(GeoBox(base.shape, Matrix.translation(transform.c, transform.f) * base.transform, crs))


def _frame(
    raster: Path | list[Path],
    geometry: list[Path] | None,
    *,
    key: str,
    options: ReadOptions | TrackOptions | None,
) -> tuple[str, Affine, tuple[int, int]]:
    from geo_risk.sources.options import NO_OPTIONS, NO_TRACK_OPTIONS, ReadOptions, TrackOptions

    if isinstance(raster, list):
        from geo_risk.sources.insar import frame_of, open_insar

        said = options if isinstance(options, TrackOptions) else NO_TRACK_OPTIONS
        frame = frame_of(open_insar(raster, track="first", geometry=geometry, options=said))
        return frame.crs, frame.transform, frame.shape
    from geo_risk.sources.geotiff import read_header

    header = read_header(
        raster, where=f"inputs.{key}", options=options if isinstance(options, ReadOptions) else NO_OPTIONS
    )
    return header.crs, header.transform, header.shape


def _boundary(path: Path, *, layer: str | None, crs: str) -> tuple[float, float, float, float]:
    from geo_risk.sources.options import ReadOptions
    from geo_risk.sources.vectors import read_vector

    frame = read_vector(
        path, crs=crs, where="area.boundary", geometry="Polygon", options=ReadOptions(layer=layer)
    ).frame
    left, bottom, right, top = (float(v) for v in frame.total_bounds)
    if not (right - left > 0 and top - bottom > 0):
        what = "the boundary has no area"
        raise ConfigError(what, where=f"area.boundary: {path}", fix="give polygons that cover the area of the run")
    return left, bottom, right, top


def make_dem(*, dem: Path, grid: Path, out: Path, facts: Path, options: ReadOptions, limits: ReadLimits) -> None:
    """Write terrain height [m] on the run grid, and what was masked."""
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.layers import read_grid
    from geo_risk.sources.raster import load_raster

    layer = load_raster(dem, read_grid(grid), units="m", where="inputs.dem", valid=_HEIGHT_M, options=options,
                        limits=limits)  # fmt: skip
    write_layer(layer.rename("dem").assign_attrs(long_name="terrain height"), out)
    write_json(raster_facts("dem", layer.attrs), facts)


def raster_facts(name: str, attrs: dict[str, Any]) -> dict[str, Any]:
    """Return the facts of a layer that `load_raster` made: counts, and notes where something was masked or is thin."""
    notes = []
    masked, share = int(attrs.get("n_masked", 0)), float(attrs.get("valid_share", 1.0))
    if masked:
        notes.append({"level": "warning", "text_en": f"{name}: {masked} impossible values were masked.",
                      "text_zh": f"{name}：{masked} 个不可能的数值已屏蔽。"})  # fmt: skip
    if attrs.get("incomplete"):
        notes.append({"level": "warning", "text_en": f"{name} is incomplete: {share:.1%} of its cells hold values.",
                      "text_zh": f"{name} 不完整：仅 {share:.1%} 的格网有值。"})  # fmt: skip
    return {"notes": notes, "counts": {"masked": masked, "valid_share": share}}
