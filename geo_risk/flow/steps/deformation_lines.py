"""Steps of lines and structures: settlement by chainage, dams and ponds as bodies, and the risk along lines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo_risk.core.sentence import chinese
from geo_risk.flow.steps.exposure import options_of

if TYPE_CHECKING:
    import geopandas as gpd
    from shapely.geometry import LineString

    from geo_risk.core.grid import Grid
    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.deformation.areas.maps import TrackWindows
    from geo_risk.hazards.deformation.lines.axes import Axis
    from geo_risk.hazards.deformation.lines.params import LineParams
    from geo_risk.hazards.deformation.params import DeformationParams
    from geo_risk.products.line_decks import Crossings
    from geo_risk.products.line_stretches import Stretches
    from geo_risk.products.params import RiskParams
    from geo_risk.sources.options import ReadOptions

LINES = ("roads", "railways", "embankments")
PONDS = ("tailings_ponds", "reservoirs")
_IDS = {"roads": "road_id", "railways": "railway_id", "embankments": "embankment_id", "tailings_ponds": "pond_id",
        "reservoirs": "reservoir_id"}  # fmt: skip
_CATEGORY = {"railways": "railway", "embankments": "embankment"}
_LISTED = 10
_GROUND = ("hazard_landslide", "hazard_runout", "depth_max_m")


def lines(plan: Plan) -> None:
    """Add the steps that write linear_risk: sections of roads, railways, embankments and crests of dams."""
    tracks = [t.track for t in plan.cfg.inputs.insar]
    native = [plan.cube(f"velocity_native_{t}").with_suffix(".h5") for t in tracks]
    given = {name: plan.input(name) for name in (*LINES, *PONDS)}
    options = {name: options_of(plan, name) for name in given}
    common: dict[str, Any] = {"tracks": tracks, "params": plan.cfg.deformation, "options": options}
    if any(plan.has(p) for p in given.values() if isinstance(p, Path)):
        measured: dict[str, Any] = {"native": native, "grid": plan.facts("grid")}
        plan.add(
            "deformation.lines", write_lines, reads=measured, optional=given,
            writes={"out": plan.frame("line_sections"), "facts": plan.facts("line_sections")}, **common,
        )  # fmt: skip
        plan.add(
            "linear_risk", write_linear, reads={"sections": plan.frame("line_sections")},
            optional={"risk_zones": plan.frame("risk_zones"), "risk": plan.layer("risk_level"),
                      "points": plan.frame("hazard_points"), "bridges": plan.input("bridges"),
                      "tunnels": plan.input("tunnels"), **{name: plan.layer(name) for name in _GROUND}},
            writes={"out": plan.frame("linear_risk"), "table": plan.frame("unmonitored_sections"),
                    "facts": plan.facts("linear_risk")},
            params=plan.cfg.deformation.lines, risk_params=plan.cfg.risk, language=plan.cfg.language,
            options={name: options_of(plan, name) for name in ("bridges", "tunnels")},
        )  # fmt: skip


def write_lines(
    *,
    native: list[Path],
    grid: Path,
    roads: Path | None,
    railways: Path | None,
    embankments: Path | None,
    tailings_ponds: Path | None,
    reservoirs: Path | None,
    out: Path,
    facts: Path,
    tracks: list[str],
    params: DeformationParams,
    options: dict[str, ReadOptions],
) -> None:
    """Write the measured sections of every axis."""
    from geo_risk.hazards.deformation.lines.sections import line_sections
    from geo_risk.publish.frames import write_frame, write_json

    vertical, span_yr = measured_vertical(native, tracks, grid, params)
    files = {"roads": roads, "railways": railways, "embankments": embankments, "tailings_ponds": tailings_ponds,
             "reservoirs": reservoirs}  # fmt: skip
    axes, quarantine, notes = _axes(files, vertical.grid, params, options)
    sections = line_sections(axes, vertical, params.lines, span_yr=span_yr)
    write_frame(sections, out)
    if not vertical.noise.is_fitted:
        notes.append((
            "lines: no stable ground shows what neighbours share of the noise; errors are the formal ones of each cell",
            "线性工程：无稳定区可估计空间相关噪声，误差取各像元的形式误差",
        ))  # fmt: skip
    counts = {
        "axes": len(axes), "km": round(sum(a.line.length for a in axes) / 1000, 1), "sections": len(sections),
        "bending": int(sections["is_bending"].sum()), "sinking": int(sections["is_sinking"].sum()),
        "unknown": int((sections["level"] < 0).sum()),
    }  # fmt: skip
    coarser = told_coarser(native, grid, vertical.grid, what=("lines", "线性工程"))
    write_json({"notes": coarser + [note("info", t) for t in notes], "counts": counts, "quarantine": quarantine,
                "methods": [method("lines")]}, facts)  # fmt: skip


def write_linear(
    *, sections: Path, risk_zones: Path | None, risk: Path | None, points: Path | None = None,
    bridges: Path | None = None, tunnels: Path | None = None, out: Path, table: Path, facts: Path, params: LineParams,
    risk_params: RiskParams, language: str, options: dict[str, ReadOptions] | None = None, **layers: Path | None,
) -> None:  # fmt: skip
    """Write linear_risk, and the worst sections as notes of the report."""
    from geo_risk.products.line_decks import on_the_ground
    from geo_risk.products.line_ground import ground_of, with_ground, with_monitoring
    from geo_risk.products.line_stretches import unmonitored_stretches
    from geo_risk.products.linear import linear_risk, unknown_ground, worst_sections
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.sources.layers import open_layer, read_frame

    measured = read_frame(sections)
    zones = None if risk_zones is None else read_frame(risk_zones)
    unknown = None if risk is None else unknown_ground(measured, open_layer(risk))
    crossed, quarantine, said = _crossings(measured, bridges, tunnels, options or {}, risk_params)
    grounded = on_the_ground(measured, crossed, deck_m=risk_params.line_deck_m)
    made = linear_risk(measured, zones, params, unknown=unknown, grounded=grounded, language=language)
    given = {name: open_layer(path) for name, path in layers.items() if path is not None}
    made = with_ground(made, ground_of(made, given, params=risk_params, crossed=crossed), params=risk_params,
                       unknown_max=params.maximum_unknown_share, language=language)  # fmt: skip
    watched = None if points is None else read_frame(points)
    made = with_monitoring(made, watched, params=risk_params, language=language)
    write_frame(made, out)
    bare = unmonitored_stretches(made, params=risk_params, language=language)
    write_frame(bare.table, table)
    worst = worst_sections(made, _LISTED)
    notes = [*said, (
        f"Lines: {len(made)} sections; {int((made['risk_level'] < 0).sum())} are unknown, which is not safe.",
        f"线性工程：共 {len(made)} 段，其中 {int((made['risk_level'] < 0).sum())} 段未知（不等于安全）。",
    )]  # fmt: skip
    for k, row in enumerate(worst.to_dict("records"), 1):
        place = f"{row['route']} km {row['from_km']:.1f}-{row['to_km']:.1f}"
        notes.append(
            (f"Worst section {k}: {place}. {row['reasons_en']}", f"最差路段 {k}：{place}。{row['reasons_zh']}")
        )
    notes += _stretches_told(bare, risk_params)
    counts = {f"risk_{level}": int((made["risk_level"] == level).sum()) for level in range(-1, 5)}
    write_json(
        {"notes": [note("info", t) for t in notes], "counts": counts, "quarantine": quarantine, "methods": []}, facts
    )


def _stretches_told(found: Stretches, params: RiskParams) -> list[tuple[str, str]]:
    """Return how many stretches lack monitoring, and what is cut from their list."""
    from geo_risk.products.wording import level_word

    table, least, near_m = found.table, params.line_monitor_level, params.line_monitor_m
    n, km = int(table["n_sections"].sum()), float(table["length_km"].sum())
    out = [(
        f"Lines: {len(table)} stretches ({n} sections, {km:.1f} km) of risk {least} or more, or unknown, are not known "
        f"to have a monitored hazard point within {near_m:.0f} m (list unmonitored_sections).",
        f"线性工程：{len(table)} 个路段（{n} 段，{km:.1f} 公里）风险等级不低于 {least} 或未知，且未见 "
        f"{near_m:.0f} 米内有落实监测人的隐患点（见无监测路段清单）。",
    )]  # fmt: skip
    if found.cut:
        english = "; ".join(f"{level_word(v, 'en')}: {k} ({km:.1f} km)" for v, (k, km) in sorted(found.cut.items()))
        zh = "；".join(f"{level_word(v, 'zh')} {k} 个（{km:.1f} 公里）" for v, (k, km) in sorted(found.cut.items()))
        out.append((
            f"Lines: beyond risk.line_stretches_max ({params.line_stretches_max}) further stretches lack monitoring "
            f"and are not on that list, by risk {english}. They stand in linear_risk (lacks_monitoring).",
            f"线性工程：超出 risk.line_stretches_max（{params.line_stretches_max}）的无监测路段未列入清单，"
            f"按风险：{zh}。见线性工程风险表 lacks_monitoring 列。",
        ))  # fmt: skip
    return out


def _crossings(
    sections: gpd.GeoDataFrame, bridges: Path | None, tunnels: Path | None, options: dict[str, ReadOptions],
    params: RiskParams,
) -> tuple[Crossings, list[dict[str, str]], list[tuple[str, str]]]:  # fmt: skip
    """Return where sections run on decks and in tunnels, rows set aside, and notes."""
    from geo_risk.products.line_decks import crossings
    from geo_risk.sources.options import NO_OPTIONS
    from geo_risk.sources.vectors import read_vector

    frames: dict[str, Any] = {}
    quarantine: list[dict[str, str]] = []
    notes: list[tuple[str, str]] = []
    wanted = {"bridges": ("bridge_id?", "road_id?", "clearance_m?"), "tunnels": ("tunnel_id?", "name?")}
    for name, path in (("bridges", bridges), ("tunnels", tunnels)):
        if path is not None:
            read = read_vector(path, crs=sections.crs, where=f"inputs.{name}", columns=wanted[name],
                               geometry="LineString" if name == "tunnels" else None,
                               options=options.get(name, NO_OPTIONS))  # fmt: skip
            frames[name] = read.frame
            quarantine += read.quarantine
            notes += [(f"{name}: {text}", f"{name}：{chinese(text)}") for text in read.notes]
    found = crossings(sections, frames.get("bridges"), frames.get("tunnels"), deck_m=params.line_deck_m)
    if "bridges" in frames:
        n, high = len(frames["bridges"]), int(frames["bridges"]["clearance_m"].notna().sum())
        notes.append((
            f"Lines: {len(set(found.deck_section.tolist()))} sections run on bridges; the free height of {n - high} of "
            f"{n} bridges is not given.",
            f"线性工程：{len(set(found.deck_section.tolist()))} 段位于桥梁上；{n} 座桥梁中 {n - high} 座净空未知。",
        ))  # fmt: skip
    return found, quarantine, notes


def measured_vertical(
    native: list[Path], tracks: list[str], grid: Path, params: DeformationParams
) -> tuple[Any, float]:
    """Return the vertical map of all tracks on cells of the radar's posting, and how long was observed [yr].

    The span is that of the longest series, NaN where the products are velocities alone.
    """
    import numpy as np

    from geo_risk.hazards.deformation.lines.vertical import vertical_map
    from geo_risk.sources.native import native_facts

    maps, cells = track_maps(native, tracks, grid, params)
    known = [native_facts(p) for p in native]
    dates = [(np.datetime64(f["first_date"]), np.datetime64(f["last_date"])) for f in known if f.get("first_date")]
    days = max((float((b - a) / np.timedelta64(1, "D")) for a, b in dates), default=float("nan"))
    return vertical_map(maps, cells, params), days / 365.25


def track_maps(
    native: list[Path], tracks: list[str], grid: Path, params: DeformationParams
) -> tuple[list[TrackWindows], Grid]:
    """Return velocity, error and look of all tracks by window, on cells of the coarsest posting, and that grid.

    Where these are more than `areas.maximum_whole_cells` the grid has wider ones (`told_coarser`).
    """
    from geo_risk.flow.steps.deformation import _detection_grid
    from geo_risk.flow.steps.deformation_areas import track_windows
    from geo_risk.sources.layers import read_grid
    from geo_risk.sources.native import native_facts

    posting_m = max(float(native_facts(p)["posting_m"]) for p in native)
    cells = _detection_grid(read_grid(grid), posting_m, most=params.areas.maximum_whole_cells)
    side = params.areas.tile_cells
    return [track_windows(t, p, cells, side=side) for t, p in zip(tracks, native, strict=True)], cells


def told_coarser(
    native: list[Path], grid: Path, cells: Grid, *, what: tuple[str, str]
) -> list[dict[str, str]]:  # fmt: skip
    """Return the warning that `track_maps` took wider cells than the radar's; none where it did not."""
    from geo_risk.flow.steps.deformation import coarser_note
    from geo_risk.sources.layers import read_grid
    from geo_risk.sources.native import native_facts

    posting_m = max(float(native_facts(p)["posting_m"]) for p in native)
    limit = "deformation.areas.maximum_whole_cells"
    return coarser_note(read_grid(grid), posting_m, cells, limit=limit, what=what)


def _axes(
    files: dict[str, Path | None], grid: Grid, params: DeformationParams, options: dict[str, ReadOptions]
) -> tuple[list[Axis], list[dict[str, str]], list[tuple[str, str]]]:
    """Return the axes of roads, railways, embankments and dam crests, the rows set aside, and notes."""
    import geopandas as gpd

    from geo_risk.hazards.deformation.lines.axes import merge_axes

    axes: list[Axis] = []
    quarantine: list[dict[str, str]] = []
    notes: list[tuple[str, str]] = []
    for name in LINES:
        if files[name] is not None:
            rows, aside, said = _read(name, files[name], grid, options[name], "LineString", ("class?", "name?"))
            merged = merge_axes(rows, params.lines, id_column=_IDS[name], category=_CATEGORY.get(name))
            axes, quarantine, notes = axes + merged, quarantine + aside, notes + said
            notes.append((f"{name}: {len(rows)} pieces were joined to {len(merged)} axes",
                          f"{name}：{len(rows)} 段已拼接为 {len(merged)} 条连续轴线"))  # fmt: skip
    for name in PONDS:
        if files[name] is not None:
            rows, crests, aside, said = read_ponds(name, files[name], grid, options[name])
            kept = [k for k, c in enumerate(crests) if c is not None]
            lines_ = gpd.GeoDataFrame(
                {"id": rows["id"].iloc[kept], "name": rows["name"].iloc[kept].fillna(rows["id"]).astype("string")},
                geometry=[crests[k] for k in kept], crs=grid.crs,
            )  # fmt: skip
            kind = "tailings_dam" if name == "tailings_ponds" else "reservoir_dam"
            axes += merge_axes(lines_, params.lines, id_column="id", category=kind)
            quarantine, notes = quarantine + aside, notes + said
    return axes, quarantine, notes


def read_ponds(
    name: str, path: Path | None, grid: Grid, options: ReadOptions
) -> tuple[gpd.GeoDataFrame, list[LineString | None], list[dict[str, str]], list[tuple[str, str]]]:
    """Return ponds (with `id`), the crest of each in the run's CRS (None where there is none), rows set aside, notes.

    A crest is given as WKT in the CRS of its file; one that is no line is set aside, its pond is kept.
    """
    import geopandas as gpd

    from geo_risk.hazards.deformation.lines.structures import crest_of
    from geo_risk.sources.vector_files import open_vector

    extra = ("name?", "dam_height_m?", "crest_wkt?")
    rows, aside, notes = _read(name, path, grid, options, "Polygon", extra)
    rows = rows.rename(columns={_IDS[name]: "id"})
    crests: list[LineString | None] = []
    for pond, text in zip(rows["id"], rows["crest_wkt"], strict=True):
        try:
            crests.append(crest_of(text))
        except ValueError as error:
            crests.append(None)
            aside.append({"id": str(pond), "reason": f"{name}: {error}; the pond is kept without its crest"})
    if path is not None and any(c is not None for c in crests):
        frame, _ = open_vector(
            path, where=f"inputs.{name}", layer=options.layer, crs=options.crs, encoding=options.encoding
        )
        crests = list(gpd.GeoSeries(crests, crs=frame.crs).to_crs(grid.crs))
    return rows, crests, aside, notes


def _read(
    name: str, path: Path | None, grid: Grid, options: ReadOptions, geometry: str, columns: tuple[str, ...]
) -> tuple[gpd.GeoDataFrame, list[dict[str, str]], list[tuple[str, str]]]:
    """Return the rows of an input with an id each (their position where the file has none), those set aside, notes."""
    from geo_risk.sources.vectors import read_vector

    if path is None:
        what = f"inputs.{name} was not given"
        raise ValueError(what)
    key = _IDS[name]
    read = read_vector(path, crs=grid.crs, where=f"inputs.{name}", geometry=geometry,
                       columns=(f"{key}?", *columns), options=options)  # fmt: skip
    ids = read.frame[key].astype("string")
    rows = read.frame.assign(**{key: [v if isinstance(v, str) and v else f"{name}-{k}" for k, v in enumerate(ids, 1)]})
    return rows, read.quarantine, [(f"{name}: {text}", f"{name}：{chinese(text)}") for text in read.notes]


def note(level: str, texts: tuple[str, str]) -> dict[str, str]:
    """Return a note of the report from its English and Chinese text."""
    return {"level": level, "text_en": texts[0], "text_zh": texts[1]}


def method(name: str) -> dict[str, str]:
    """Return the method card of a phenomenon as plain values."""
    from geo_risk.hazards.deformation.motion.compute import CARDS

    card = CARDS[name]
    return {"name": card.name, "citation": card.citation, "validity": card.validity}
