"""Mining clues: bowls in the areas found, fitted to the series of all tracks, against the licences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo_risk.core.sentence import chinese

if TYPE_CHECKING:
    import xarray as xr

    from geo_risk.core.grid import Grid
    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.deformation.areas.tiles import F32, Box, TiledMap
    from geo_risk.hazards.deformation.mining.bodies import Body
    from geo_risk.hazards.deformation.mining.bowl_series import Cut
    from geo_risk.hazards.deformation.mining.clues import Found
    from geo_risk.hazards.deformation.params import DeformationParams
    from geo_risk.sources.options import ReadOptions

_AT_ONCE = 64
"""Bodies whose series are held at once: some 3 MB each and track."""


def deformation_mining(plan: Plan, native: list[Path]) -> None:
    """Add the step that fits bowls to the areas found and compares them with the licences, where these are given."""
    tracks = plan.cfg.inputs.insar
    mines = plan.source("mines")
    files: dict[str, Any] = {f"files_{k}": list(t.files) for k, t in enumerate(tracks)}
    beside: dict[str, Any] = {f"geometry_{k}": t.geometry_files for k, t in enumerate(tracks)}
    beside |= {f"coherence_{k}": t.coherence for k, t in enumerate(tracks)}
    beside |= {f"gacos_{k}": t.gacos for k, t in enumerate(tracks)}
    plan.add(
        "deformation.mining",
        write_mining,
        reads={"native": native, "labels": plan.layer("active_deformation_labels"), **files},
        optional={**{n: plan.layer(n) for n in ("velocity_east", "velocity_up", "slope_deg")},
                  "areas": plan.frame("areas_found"),
                  "mines": plan.input("mines"), **beside},
        writes={"mining_clues": plan.frame("mining_clues"), "facts": plan.facts("mining_clues")},
        tracks=[t.track for t in tracks], params=plan.cfg.deformation,
        track_options=[t.options.model_dump(mode="json") for t in tracks],
        options=None if mines is None else mines.options,
    )  # fmt: skip


def write_mining(
    *,
    native: list[Path],
    labels: Path,
    velocity_up: Path | None,
    velocity_east: Path | None,
    slope_deg: Path | None,
    areas: Path | None,
    mines: Path | None,
    mining_clues: Path,
    facts: Path,
    tracks: list[str],
    params: DeformationParams,
    track_options: list[dict[str, Any]],
    options: ReadOptions | None,
    **sources: Any,
) -> None:
    """Write bowls that look like mining, with a verdict against the licences where these are given."""
    import numpy as np

    from geo_risk.core.grid import grid_of
    from geo_risk.flow.steps.deformation import _method, _note
    from geo_risk.flow.steps.deformation_areas import nearest_windows
    from geo_risk.hazards.deformation.areas.maps import layer_windows
    from geo_risk.hazards.deformation.mining.bodies import find_bodies
    from geo_risk.hazards.deformation.mining.clues import fit_body, without_bowl
    from geo_risk.hazards.deformation.mining.clues import mining_clues as as_clues
    from geo_risk.hazards.deformation.mining.licences import licence_ends
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.sources.layers import open_layer, read_frame
    from geo_risk.sources.options import NO_OPTIONS
    from geo_risk.sources.vectors import read_vector

    found, side = open_layer(labels), params.areas.tile_cells
    grid, label = grid_of(found), layer_windows(found, side=side)
    further = {"velocity_east": velocity_east, "slope_deg": slope_deg}
    context = {k: nearest_windows(open_layer(p), grid, side=side) for k, p in further.items() if p is not None}
    up = _vertical(native, tracks, velocity_up, grid, side=side)
    bodies = find_bodies(label, up, grid, params.mining, context=context)
    fits: list[Found | None] = []
    for k in range(0, len(bodies), _AT_ONCE):
        some = bodies[k : k + _AT_ONCE]
        cuts = _all_cuts(some, native, grid.crs, params, tracks=tracks, track_options=track_options, sources=sources)
        fits += [fit_body(b, c, label, grid, params.mining) if c else None for b, c in zip(some, cuts, strict=True)]
    notes = [_no_bowl(b) for b, f in zip(bodies, fits, strict=True) if f is None]
    apart = [] if areas is None else without_bowl(read_frame(areas), bodies, [f for f in fits if f is not None])
    notes += [_no_body(apart)] if apart else []
    read = None
    if mines is not None:
        read = read_vector(
            mines, crs=grid.crs, where="inputs.mines", id_column="licence_id", geometry="Polygon",
            options=options or NO_OPTIONS,
        )  # fmt: skip
    licences = None if read is None else read.frame
    frame, said = as_clues([f for f in fits if f is not None], grid.crs, params.mining, licences=licences)
    write_frame(frame, mining_clues)
    counts = {"bodies": len(bodies), "clues": len(frame), "areas_without_bowl": len(apart)}
    if licences is not None:
        undated = int(np.isnat(licence_ends(licences)).sum())
        counts |= {"licences": len(licences), "licences_without_end": undated}
        notes += [_no_end(undated, len(licences))] if undated else []
        notes += [_set_aside(len(read.quarantine))] if read is not None and read.quarantine else []
    notes += _no_wavelength(native, tracks, params.mining.wavelength_m) if bodies else []
    told = [] if read is None else [(f"mines: {t}", f"采矿权：{chinese(t)}") for t in read.notes]
    write_json({"notes": [_note("info", n) for n in told] + [_note("warning", n) for n in [*said, *notes]],
                "methods": [_method("mining")],
                "counts": counts,
                "quarantine": [] if read is None else read.quarantine}, facts)  # fmt: skip


def _vertical(native: list[Path], tracks: list[str], velocity_up: Path | None, grid: Grid, *, side: int) -> TiledMap:
    """Return the vertical velocity of all tracks on the detection grid, by window."""
    from geo_risk.flow.steps.deformation_areas import nearest_windows, track_windows
    from geo_risk.hazards.deformation.areas.tiles import TiledMap
    from geo_risk.hazards.deformation.mining.bodies import up_velocity
    from geo_risk.sources.layers import open_layer

    maps = [track_windows(t, p, grid, side=side) for t, p in zip(tracks, native, strict=True)]
    decomposed = None if velocity_up is None else nearest_windows(open_layer(velocity_up), grid, side=side)

    def compute(box: Box) -> F32:
        looks = [(m.velocity[box], m.los[2][box]) for m in maps]
        return up_velocity(looks, None if decomposed is None else decomposed[box])

    return TiledMap(grid.shape, compute, side=side)


def _no_wavelength(native: list[Path], tracks: list[str], taken_m: float) -> list[tuple[str, str]]:
    """Return what is said of tracks with a series whose radar is not known; nothing for none."""
    from geo_risk.sources.native import native_facts

    facts = [native_facts(p) for p in native]
    unknown = [t for t, f in zip(tracks, facts, strict=True) if f.get("first_date") and "wavelength_m" not in f]
    if not unknown:
        return []
    names = ", ".join(unknown)
    return [(
        f"the wavelength of {names} is not known: {taken_m:g} m is taken to tell where fast ground is lost; set "
        "`wavelength_m` of the track",
        f"轨道 {names} 的雷达波长未知，判断快速沉陷失相干时按 {taken_m:g} 米计；请为该轨道设置 `wavelength_m`",
    )]  # fmt: skip


def _no_end(n: int, of: int) -> tuple[str, str]:
    return (
        f"{n} of {of} licences have no readable end date (valid_until): they are taken to be in force, so that a "
        "working in an ended one may be called licensed; check them",
        f"{of} 个采矿权中有 {n} 个无可识别的有效期截止日期（valid_until），按有效计入，过期者可能被误判为有证，请核实",
    )


def _set_aside(n: int) -> tuple[str, str]:
    return (
        f"{n} rows of the licences could not be read and were set aside: a working that one of them covers may be "
        "called unlicensed; mend them before anyone is accused",
        f"采矿权数据有 {n} 行无法读取，已搁置：其覆盖的采动可能被误判为无证，请先修正再据此认定",
    )


def _no_bowl(body: Body) -> tuple[str, str]:
    place, rate = f"{body.x:.0f}, {body.y:.0f}", f"{body.rate_mm_yr:.0f}"
    return (
        f"a compact body at {place} sinks {rate} mm/yr, but no bowl of the probability integral method fits it: it is "
        "no clue, look at it",
        f"{place} 处有快速集中下沉（{rate} 毫米/年），概率积分法无法拟合，未列为线索，请人工核查",
    )


def _no_body(area_ids: list[str]) -> tuple[str, str]:
    named, more = area_ids[:10], len(area_ids) - 10
    english = ", ".join(named) + (f" and {more} more" if more > 0 else "")
    chinese = "、".join(named) + (f"等 {len(area_ids)} 处" if more > 0 else "")
    return (
        f"moving areas that look like mining ({english}), but are too small, slow or ill seen for a bowl to be fitted: "
        "they are no clues and have no verdict; compare them with the licences by eye",
        f"形变区 {chinese} 形似采空沉陷，但范围小、速率低或观测不足，无法拟合沉陷盆地：未列为线索、未作判定，"
        "请人工对照矿权核查",
    )


def _all_cuts(
    bodies: Sequence[Body], native: list[Path], crs: str, params: DeformationParams, *, tracks: list[str],
    track_options: list[dict[str, Any]], sources: dict[str, Any],
) -> list[list[Cut]]:  # fmt: skip
    """Return the tracks around each body, their years counted from the first date of any of them."""
    import numpy as np

    from geo_risk.sources.insar import open_insar
    from geo_risk.sources.native import native_facts
    from geo_risk.sources.options import TrackOptions

    if not bodies:
        return []
    known = [native_facts(p) for p in native]
    dates = [np.datetime64(f["first_date"]) for f in known if f.get("first_date")]
    first = min(dates) if dates else None
    out: list[list[Cut]] = [[] for _ in bodies]
    for k, (track, fact) in enumerate(zip(tracks, known, strict=True)):
        options = TrackOptions(**{**track_options[k], "gacos": sources[f"gacos_{k}"]})
        source = open_insar(
            sources[f"files_{k}"], track=track, geometry=sources[f"geometry_{k}"],
            coherence=sources[f"coherence_{k}"], options=options,
        )  # fmt: skip
        if "coherence" in source:
            name = "displacement" if "displacement" in source else "velocity"
            keep = source["coherence"] >= params.velocity.minimum_coherence
            source = source.assign({name: source[name].where(keep).assign_attrs(source[name].attrs)})
        pieces = [_piece(source, b, crs) for b in bodies]
        for cuts, cut in zip(out, _loaded(pieces, track, crs, float(fact["posting_m"]), first=first), strict=True):
            cuts.extend([] if cut is None else [cut])
    return out


def _piece(source: xr.Dataset, body: Body, crs: str) -> xr.Dataset | None:
    """Return the cells within twice the reach of a body, None where there are none."""
    import numpy as np
    from pyproj import Transformer

    from geo_risk.hazards.deformation.mining.bodies import reach_m
    from geo_risk.sources.insar import frame_of

    frame = frame_of(source)
    around = 2 * reach_m(body) + 500
    box = (body.x - around, body.y - around, body.x + around, body.y + around)
    left, bottom, right, top = Transformer.from_crs(crs, frame.crs, always_xy=True).transform_bounds(*box)
    coords = frame.coords()
    columns = np.flatnonzero((coords["x"] >= left) & (coords["x"] <= right))
    rows = np.flatnonzero((coords["y"] >= bottom) & (coords["y"] <= top))
    if not len(rows) or not len(columns):
        return None
    part = source.isel(y=slice(rows[0], rows[-1] + 1), x=slice(columns[0], columns[-1] + 1))
    names = ("displacement", "velocity", "los_east", "los_north", "los_up", "height")
    return part[[n for n in names if n in part]].assign_attrs(source.attrs)


def _loaded(
    pieces: Sequence[xr.Dataset | None], track: str, crs: str, cell_m: float, *, first: Any
) -> list[Cut | None]:
    """Read all pieces at once, so that what they share is read once, and return them as cuts."""
    import dask

    there = [p for p in pieces if p is not None]
    read = iter(dask.compute(*there))
    return [None if p is None else _cut(next(read), track, crs, cell_m, first=first) for p in pieces]


def _cut(part: xr.Dataset, track: str, crs: str, cell_m: float, *, first: Any) -> Cut:
    import numpy as np
    from pyproj import Transformer

    from geo_risk.core.units import in_units
    from geo_risk.hazards.deformation.mining.bowl_series import Cut
    from geo_risk.sources.insar import frame_of

    frame = frame_of(part)
    x, y = np.meshgrid(part["x"].to_numpy(), part["y"].to_numpy())
    x, y = Transformer.from_crs(frame.crs, crs, always_xy=True).transform(x.ravel(), y.ravel())
    los = np.stack([part[n].to_numpy().ravel() for n in ("los_east", "los_north", "los_up")]).astype(np.float64)
    height = part["height"].to_numpy().ravel().astype(np.float64) if "height" in part else None
    if "displacement" in part:
        times = part["time"].to_numpy()
        years = (times - (times[0] if first is None else first)) / np.timedelta64(1, "D") / 365.25
        moved = in_units(part["displacement"], "mm").to_numpy().reshape(len(times), -1).astype(np.float64)
        return Cut(track, x, y, los, years.astype(np.float64), moved, cell_m, height, str(times[0])[:10],
                   part.attrs.get("wavelength_m"))  # fmt: skip
    rate = in_units(part["velocity"], "mm/yr").to_numpy().ravel().astype(np.float64)
    return Cut(track, x, y, los, np.array([0.0, 1.0]), np.stack([0 * rate, rate]), cell_m, height, None)
