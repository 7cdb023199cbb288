"""Maps of what single pixels show beside velocity: terms of the motion model, and the course of each series."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr

    from geo_risk.core.grid import Grid
    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.deformation.params import VelocityParams

COURSES = ("series_class", "break_date", "series_acceleration", "series_acceleration_std")
ANNUAL = ("annual_amplitude", "annual_amplitude_std")
_PARTS = ("annual_sin", "annual_cos", "annual_sin_std", "annual_cos_std")


def deformation_pixels(plan: Plan) -> None:
    """Add the steps that put on the run grid, by track, the terms that were asked for and the course of each series."""
    params = plan.cfg.deformation.velocity
    for t in plan.cfg.inputs.insar:
        names = term_names(params)
        native = {n: plan.cube(f"{n}_native_{t.track}").with_suffix(".h5") for n in ("velocity", "activity")}
        common: dict[str, Any] = {"track": t.track}
        if names:
            plan.add(
                f"deformation.terms[{t.track}]", write_terms,
                reads={"native": native["velocity"], "grid": plan.facts("grid")},
                writes={n: plan.layer(f"{n}_{t.track}") for n in names}, resampling=params.resampling, **common,
            )  # fmt: skip
        plan.add(
            f"deformation.courses[{t.track}]", write_courses,
            reads={"native": native["activity"], "grid": plan.facts("grid")},
            writes={n: plan.layer(f"{n}_{t.track}") for n in COURSES}, **common,
        )  # fmt: skip


def term_names(params: VelocityParams) -> list[str]:
    """Return the maps of the terms beyond the trend that a velocity section asks for, each with that of its error.

    The yearly term is among them unless it is ruled out, though a short series may have none.
    """
    names = [] if params.annual == "never" else list(ANNUAL)
    names += ["acceleration", "acceleration_std"] if params.acceleration else []
    for day in sorted({str(d).replace("-", "")[:8] for d in params.steps}):
        names += [f"step_{day}", f"step_std_{day}"]
    return names


def write_terms(*, native: Path, grid: Path, track: str, resampling: str, **out: Path) -> None:
    """Write the terms of the motion model on the run grid; unknown everywhere where the track's series has none."""
    from geo_risk.hazards.deformation.motion.season import annual_amplitude
    from geo_risk.publish.raster import write_layers
    from geo_risk.sources.layers import read_grid
    from geo_risk.sources.native import native_facts, onto_grid

    target, known = read_grid(grid), native_facts(native)["names"]
    layers: dict[str, xr.DataArray] = {}
    if set(_PARTS) <= set(known):
        parts = [onto_grid(native, n, target, method=resampling) for n in _PARTS]
        layers |= dict(zip(ANNUAL, annual_amplitude(*parts), strict=True))
    for name in out:
        kept = _native_name(name)
        if kept in known:
            layers[name] = onto_grid(native, kept, target, method=resampling)
    written = {path: _of_track(layers.get(n, _unknown(target, n)), n, track) for n, path in out.items()}
    write_layers(written)


def _native_name(name: str) -> str:
    """Return the name of a map in the track's own file, where the error of a step stands behind its date."""
    return f"step_{name[9:]}_std" if name.startswith("step_std_") else name


def _unknown(grid: Grid, name: str) -> xr.DataArray:
    import numpy as np

    units = "mm/yr2" if name.startswith("acceleration") else "mm"
    text = f"{name}: not fitted, the series is too short for it or the product is a velocity"
    return grid.layer(grid.full(np.nan), units=units, long_name=text, name=name)


def write_courses(*, native: Path, grid: Path, track: str, **out: Path) -> None:
    """Write the class of every series, the date of its break, and its acceleration with its error, on the run grid."""
    import numpy as np

    from geo_risk.hazards.deformation.activity.break_dates import break_dates
    from geo_risk.publish.raster import write_layers
    from geo_risk.sources.layers import read_grid
    from geo_risk.sources.native import native_facts, onto_grid

    target, facts = read_grid(grid), native_facts(native)
    if "series_class" in facts["names"]:
        wanted = ("series_class", "break_years", "acceleration", "acceleration_std")
        codes, years, curve, error = (onto_grid(native, n, target, method="nearest") for n in wanted)
    else:  # the product is a velocity: nothing is known of any course
        codes = years = target.layer(target.full(np.nan), units="1", long_name="no series", name="series_class")
        curve = error = target.layer(target.full(np.nan), units="mm/yr2", long_name="no series", name="acceleration")
    first = np.datetime64(str(facts.get("first_date", "1970-01-01")), "D")
    whole = codes.fillna(-1).round().astype(np.int16).assign_attrs(codes.attrs)
    layers = {
        "series_class": whole, "break_date": break_dates(years, codes, first),
        "series_acceleration": curve, "series_acceleration_std": error,
    }  # fmt: skip
    write_layers({out[n]: _of_track(layer, n, track) for n, layer in layers.items()})


def _of_track(layer: xr.DataArray, name: str, track: str) -> xr.DataArray:
    named = layer.rename(f"{name}_{track}")
    return named.assign_attrs(long_name=f"{layer.attrs['long_name']}, track {track}")
