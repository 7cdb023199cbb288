"""Steps of the rainfall hazard: the joined cube, accumulations and effective rain, and what each stage knew."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo_risk.flow.steps.rainfall_antecedent import antecedent, fitted_antecedent, resolved

if TYPE_CHECKING:
    import xarray as xr

    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.rainfall.params import RainfallParams
    from geo_risk.hazards.rainfall.stages import Forecast, Period, Stage
    from geo_risk.sources.options import RainOptions
    from geo_risk.sources.rain_audit import RainAudit


def rainfall(plan: Plan) -> None:
    """Add the steps that write rain_hourly, rain_{h}h, rain_effective, and the rain of each warning stage."""
    antecedent(plan)
    forecasts, observed = plan.cfg.inputs.rainfall.forecast, plan.cfg.inputs.rainfall.observed
    gauges = plan.cfg.inputs.rainfall.gauges
    if gauges is not None:
        plan.add(
            "rainfall.gauges", write_gauges,
            reads={"gauges": plan.input("rainfall.gauges"), "grid": plan.facts("grid")},
            writes={"rain": plan.cube("rain_gauges"), "error": plan.cube("rain_gauges_std"),
                    "facts": plan.facts("rainfall_gauges")},
            options=gauges.rain, params=plan.cfg.rainfall,
        )  # fmt: skip
    given: dict[str, Any] = {
        "issued_times": [f.issued.isoformat() for f in forecasts],
        "forecast_options": [f.rain for f in forecasts],
        "observed_options": None if observed is None else observed.rain,
        "params": plan.cfg.rainfall,
    }
    if observed is None and gauges is None and not forecasts:
        needs: Any = {"rainfall.observed": None}
    else:
        needs = {"grid": plan.facts("grid")}
    series: Any = {
        "observed": plan.input("rainfall.observed"), "forecasts": plan.input("rainfall.forecast"),
        "gauges": plan.cube("rain_gauges"),
    }  # fmt: skip
    plan.add(
        "rainfall.cube", write_cube, reads=needs, optional={**series, "fitted": fitted_antecedent(plan)},
        writes={"cube": plan.cube("rain_hourly"), "facts": plan.facts("rainfall")},
        gauges_options=None if gauges is None else gauges.rain, **given,
    )  # fmt: skip
    names = [*(f"rain_{h}h" for h in plan.cfg.rainfall.durations_h), "rain_effective"]
    plan.add(
        "rainfall.accumulations", write_accumulations,
        reads={"cube": plan.cube("rain_hourly"), "facts": plan.facts("rainfall"), "grid": plan.facts("grid")},
        writes={name: plan.layer(name) for name in names}, params=plan.cfg.rainfall,
        optional={"fitted": fitted_antecedent(plan)},
    )  # fmt: skip
    plan.add(
        "rainfall.stages", write_stages, reads=needs, optional={**series, "fitted": fitted_antecedent(plan)},
        writes={"fields": plan.cube("rain_stages"), "facts": plan.facts("rainfall_stages")},
        unstated=[i for i, f in enumerate(forecasts) if not f.states_issue], **given,
    )  # fmt: skip


def write_gauges(
    *, gauges: Path, grid: Path, rain: Path, error: Path, facts: Path, options: RainOptions, params: RainfallParams
) -> None:
    """Write rain interpolated from gauges, its standard error [mm an interval], and what was set aside."""
    from geo_risk.publish import cube as cubes
    from geo_risk.publish.frames import write_json
    from geo_risk.sources.gauge_cube import gauge_cube
    from geo_risk.sources.gauges import read_gauges
    from geo_risk.sources.layers import read_grid
    from geo_risk.sources.rain_opened import Area

    target = read_grid(grid)
    table = read_gauges(gauges, options, limit_mm_h=params.rain_limit_mm_h)
    found = gauge_cube(table, Area(target.bounds, target.crs), cell_m=params.gauge_cell_m, reach_m=params.gauge_reach_m,
                       neighbours=params.gauge_neighbours)  # fmt: skip
    cubes.write_cube(found.rain, rain)
    cubes.write_cube(found.error, error)
    said = (*table.evidence, *found.evidence)
    aside = "; ".join(f"{n} {k}" for k, n in table.counts.items()) or "nothing"
    note = {
        "level": "warning" if table.counts else "info",
        "text_en": f"{gauges.name}: {' '.join(s.en for s in said)} Set aside: {aside}.",
        "text_zh": f"{gauges.name}：{''.join(s.zh for s in said)}剔除记录 {len(table.quarantine)} 条。",
    }
    write_json({"notes": [note], "counts": table.counts, "quarantine": table.quarantine,
                "skill": found.skill.__dict__, "variogram": found.variogram.__dict__}, facts)  # fmt: skip


def read_series(
    observed: Path | None,
    gauges: Path | None,
    forecasts: list[Path] | None,
    options: tuple[RainOptions | None, list[RainOptions]],
    *,
    params: RainfallParams,
    grid: Path,
) -> tuple[xr.DataArray | None, list[xr.DataArray], list[RainAudit]]:
    """Read every series as hours over the run's area, forecasts on the cells of what was observed.

    Gauges stand for observed rain where no grid of it is given.
    """
    from geo_risk.sources.layers import read_grid
    from geo_risk.sources.options import NO_RAIN_OPTIONS
    from geo_risk.sources.rain import OWN, RainRules, hourly, read_rain
    from geo_risk.sources.rain_grid import align, area_of
    from geo_risk.sources.rain_opened import Area

    target = read_grid(grid)
    area = Area(target.bounds, target.crs)
    audits: list[RainAudit] = []
    cubes: list[xr.DataArray] = []
    first = observed or gauges
    for path, given in [(first, options[0]), *zip(forecasts or [], options[1], strict=True)]:
        if path is None:
            continue
        rules = RainRules(params.rain_limit_mm_h, params.max_bad_share, options=given or NO_RAIN_OPTIONS, area=area)
        cube, audit = read_rain(path, OWN if path == gauges else rules)
        if path == gauges:
            cube, audit = _interpolated(cube, audit)
        if path != first:
            cube = _of_quality(cube, "forecast")
        # what is joined to the first series must cover all of its cells
        area = area_of(cube) if not cubes else area
        cubes.append(hourly(cube, where=path.name, spread=path != first))
        audits.append(audit)
    base = cubes.pop(0) if first is not None else None
    like = base if base is not None else cubes[0]
    return base, [align(c, like) for c in cubes], audits


def _interpolated(cube: xr.DataArray, audit: RainAudit) -> tuple[xr.DataArray, RainAudit]:
    """Return a cube that was made of gauges with its name: the step that made it has told the rest."""
    from dataclasses import replace

    told = replace(audit, path="gauges", product="gauges", quality="interpolated", sentences=(), sentences_zh=())
    return _of_quality(cube, "interpolated"), told


def _of_quality(cube: xr.DataArray, quality: str) -> xr.DataArray:
    """Return a cube whose hours all have one quality."""
    from geo_risk.sources.rain import QUALITIES

    return cube.assign_coords(quality=("time", [QUALITIES.index(quality)] * cube.sizes["time"]))


def known_forecasts(cubes: list[xr.DataArray], issued_times: list[str]) -> list[Forecast]:
    """Return forecasts with their issue times."""
    from geo_risk.hazards.rainfall.stages import forecast_of

    return [forecast_of(cube, datetime.fromisoformat(issued)) for cube, issued in zip(cubes, issued_times, strict=True)]


def write_cube(
    *,
    observed: Path | None,
    gauges: Path | None,
    forecasts: list[Path] | None,
    cube: Path,
    facts: Path,
    issued_times: list[str],
    observed_options: RainOptions | None,
    gauges_options: RainOptions | None,
    forecast_options: list[RainOptions],
    params: RainfallParams,
    fitted: Path | None,
    grid: Path,
) -> None:
    """Write the joined hourly cube of the analysis period with its past, and the audits."""
    from dataclasses import asdict

    from geo_risk.hazards.rainfall.compute import CARD
    from geo_risk.hazards.rainfall.stages import analysis_period, aware, stitch
    from geo_risk.publish import cube as cubes
    from geo_risk.publish.frames import write_json

    options = (observed_options, forecast_options)
    base, others, audits = read_series(observed, gauges, forecasts, options, params=params, grid=grid)
    clocks = [] if base is None else _clocks(base, observed, gauges, (observed_options, gauges_options))
    end = None if base is None else aware(base["time"].to_numpy()[-1])
    period = analysis_period(resolved(params, fitted), known_forecasts(others, issued_times), observed_end=end)
    newest = None if period.forecast is None else others[period.forecast]
    joined = stitch(base, newest, start=period.past, issued=period.known, until=period.until)
    cubes.write_cube(joined, cube)
    provenance = joined["provenance"].to_numpy()
    write_json(
        {
            "notes": [*_notes(audits), *_issue_notes(forecasts or [], issued_times), *clocks,
                      *_period_notes(period, provenance)],
            "counts": {a.path: a.counts for a in audits}, "quarantine": [],
            "audits": [a.to_dict() for a in audits], "period": period.to_dict(), "methods": [asdict(CARD)],
            "provenance": provenance.tolist(),
            "provenance_of": _sources(observed or gauges, audits, period.forecast),
        },
        facts,
    )  # fmt: skip


def _issue_notes(paths: list[Path], issued_times: list[str]) -> list[dict[str, str]]:
    """Warn of forecasts whose files state another issue time than the configuration."""
    from geo_risk.core.errors import TimeError
    from geo_risk.sources.rain_issue import stated_issue

    out = []
    for path, text in zip(paths, issued_times, strict=True):
        try:
            stated = stated_issue(path)
        except TimeError:  # several, or one without a zone: the file contradicts nothing
            continue
        told = datetime.fromisoformat(text)
        if stated is None or stated == told:
            continue
        own, given = (t.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC") for t in (stated, told))
        out.append({
            "level": "warning",
            "text_en": f"{path.name} states that it was issued {own}; the configuration says {given}, and that counts. "
            "If the file is right, an older forecast may go before a newer one.",
            "text_zh": f"{path.name} 注明起报时间 {own}，配置为 {given}，以配置为准。"
            "若文件无误，旧预报可能排在较新预报之前。",
        })  # fmt: skip
    return out


def _step_notes(paths: list[Path], cubes: list[xr.DataArray]) -> list[dict[str, str]]:
    """Warn of forecasts whose intervals are longer than an hour."""
    return [
        {
            "level": "warning",
            "text_en": f"{path.name} tells rain by steps of {step} h, here spread evenly over their hours: peaks of "
            f"fewer hours are higher than shown. No stage of less than {step} h stands on it, nor one of less than "
            f"{2 * step} h that begins or ends within a step; a stage takes all rain of a step that it holds in part.",
            "text_zh": f"{path.name} 的降水时段为 {step} 小时，此处按小时均分：更短历时的雨峰高于所示。"
            f"短于 {step} 小时的阶段、以及起止不在时段边界且短于 {2 * step} 小时的阶段不采用该预报；"
            "阶段起止处的时段按全部雨量计入。",
        }
        for path, cube in zip(paths, cubes, strict=True)
        if (step := int(cube.attrs.get("step_h", 1))) > 1
    ]  # fmt: skip


def write_accumulations(
    *, cube: Path, facts: Path, grid: Path, fitted: Path | None, params: RainfallParams, **layers: Path
) -> None:
    """Write rain_{h}h and rain_effective [mm] on the run grid, resampled from two-dimensional sums."""
    from geo_risk.hazards.rainfall.compute import compute
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.layers import read_grid, read_json
    from geo_risk.sources.rain import read_own
    from geo_risk.sources.rain_grid import onto_grid

    rain = read_own(cube)
    hours = int(read_json(facts)["period"]["hours"])
    chosen = resolved(params, fitted)
    result = compute({"rain_hourly": rain}, chosen.model_copy(update={"lookback_h": hours}))
    target = read_grid(grid)
    for name, path in layers.items():
        write_layer(onto_grid(result.extra[name], target), path)


def write_stages(
    *,
    observed: Path | None,
    gauges: Path | None,
    forecasts: list[Path] | None,
    grid: Path,
    fields: Path,
    facts: Path,
    issued_times: list[str],
    observed_options: RainOptions | None,
    forecast_options: list[RainOptions],
    params: RainfallParams,
    fitted: Path | None,
    unstated: list[int],
) -> None:
    """Write the rain of each stage on its own grid, hour by hour; nothing for a stage without a forecast."""
    import xarray as xr

    from geo_risk.hazards.rainfall.stage_fields import fields_of_stages
    from geo_risk.hazards.rainfall.stages import aware, latest_known, plan_stages
    from geo_risk.publish.dataset import write_dataset
    from geo_risk.publish.frames import write_json

    options = (observed_options, forecast_options)
    base, others, _ = read_series(observed, gauges, forecasts, options, params=params, grid=grid)
    end = None if base is None else aware(base["time"].to_numpy()[-1])
    known = known_forecasts(others, issued_times)
    stages = plan_stages(params, known, latest=latest_known(known, end))
    chosen = resolved(params, fitted)
    parts = []
    given = [None if stage.forecast is None else others[stage.forecast] for stage in stages]
    for stage, made in zip(stages, fields_of_stages(base, given, stages, chosen), strict=True):
        if made is not None:
            hours = {"hour": f"hour_{stage.hours}h"}
            parts.append(made.rename({**{str(n): f"{n}_{stage.hours}h" for n in made.data_vars}, **hours}))
    write_dataset(xr.merge(parts, compat="override") if parts else xr.Dataset(), fields)
    unsure = {i: known[i].first for i in unstated}
    notes = [*_stage_notes(stages), *_step_notes(forecasts or [], others),
             *_unstated_notes(stages, forecasts or [], unsure)]  # fmt: skip
    write_json({"notes": notes, "stages": [_stage_facts(s, unsure) for s in stages], "counts": {}}, facts)


def _clocks(
    base: xr.DataArray,
    observed: Path | None,
    gauges: Path | None,
    options: tuple[RainOptions | None, RainOptions | None],
) -> list[dict[str, str]]:
    """Return what gauges say of the clock of an observed grid, where both are given."""
    from geo_risk.sources.options import NO_RAIN_OPTIONS
    from geo_risk.sources.rain import hourly, read_own
    from geo_risk.sources.rain_compare import clocks_agree

    if observed is None or gauges is None:
        return []
    told, gauges_told = (o or NO_RAIN_OPTIONS for o in options)
    said = clocks_agree(base, hourly(read_own(gauges), where="gauges"), told=told, gauges_told=gauges_told)
    return [{"level": "info", "text_en": said.en, "text_zh": said.zh}]


def _sources(first: Path | None, audits: list[RainAudit], forecast: int | None) -> dict[str, str]:
    """Return which series the codes of provenance stand for: 0 none, 1 observed, 2 forecast."""
    known = {"0": "missing"}
    if first is not None:
        known["1"] = f"{audits[0].path} ({audits[0].product}, {audits[0].quality})"
    if forecast is not None:
        audit = audits[forecast + (first is not None)]
        known["2"] = f"{audit.path} ({audit.product})"
    return known


def _stage_facts(stage: Stage, unsure: dict[int, datetime]) -> dict[str, Any]:
    """Return a stage in plain values; `issue_unstated_first` is the first hour of a forecast that states no issue."""
    first = None if stage.forecast is None else unsure.get(stage.forecast)
    facts = {"hours": stage.hours, "issued": stage.issued.isoformat(), "until": stage.until.isoformat(),
             "forecast": stage.forecast}  # fmt: skip
    return facts if first is None else {**facts, "issue_unstated_first": first.isoformat()}


def _unstated_notes(stages: tuple[Stage, ...], paths: list[Path], unsure: dict[int, datetime]) -> list[dict[str, str]]:
    """Warn of forecasts that stages stand on though nothing says when they were issued."""
    out = []
    for i in sorted({s.forecast for s in stages if s.forecast is not None} & set(unsure)):
        hours = ", ".join(str(s.hours) for s in stages if s.forecast == i)
        first = unsure[i].astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
        out.append({
            "level": "warning",
            "text_en": f"{paths[i].name} does not state when it was issued and counts as issued with this warning; its "
            f"first hour ends {first}. Stages {hours} h stand on it: an older forecast would go before a newer one. "
            "Give its issue time: --forecast FILE@TIME.",
            "text_zh": f"{paths[i].name} 未注明起报时间，按本次预警发布时间计；其首个时次止于 {first}。"
            f"{hours} 小时阶段采用该预报：若为旧预报，将排在较新预报之前。请用 --forecast FILE@TIME 给出起报时间。",
        })  # fmt: skip
    return out


def _stage_notes(stages: tuple[Stage, ...]) -> list[dict[str, str]]:
    return [
        {
            "level": "warning" if stage.forecast is None else "info",
            "text_en": stage.note,
            "text_zh": f"{stage.hours} 小时阶段无可用预报：等级未知，并非“无预警”。"
            if stage.forecast is None
            else f"{stage.hours} 小时阶段采用第 {stage.forecast + 1} 份预报。",
        }
        for stage in stages
    ]


def _notes(audits: list[RainAudit]) -> list[dict[str, str]]:
    bad = ("gaps", "unsorted", "unsplit", "negative", "infinite", "above_limit", "beyond_record", "fill", "missing")
    return [
        {
            "level": "warning" if any(a.counts[k] for k in bad) else "info",
            "text_en": f"{a.path} ({a.product}), {a.interval_h:g} h intervals, {a.first} to {a.last}. "
            f"{' '.join(a.sentences)}",
            "text_zh": f"{a.path}（{a.product}）：逐 {a.interval_h:g} 小时降水，{a.first} 至 {a.last}。"
            f"{''.join(a.sentences_zh)}",
        }
        for a in audits
    ]


def _period_notes(period: Period, provenance: Any) -> list[dict[str, str]]:
    counts = [int((provenance == code).sum()) for code in (1, 2, 0)]
    start, until = (t.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC") for t in (period.start, period.until))
    return [
        {
            "level": "warning" if counts[2] else "info",
            "text_en": f"Rain accumulations describe {start} to {until}; with their past they stand on {counts[0]} "
            f"observed and {counts[1]} forecast hours, {counts[2]} hours are missing.",
            "text_zh": f"累计雨量时段 {start} 至 {until}；含前期共实况 {counts[0]} 小时、预报 {counts[1]} 小时、"
            f"缺测 {counts[2]} 小时。",
        }
    ]
