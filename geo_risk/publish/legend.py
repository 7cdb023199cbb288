"""Colours and classes of what is drawn: levels, ramps and categories, safe for the colour-blind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

UNKNOWN_COLOR = "#8d9399"
"""Grey of the hatching that stands for "unknown"."""

LEVEL_COLORS = {1: "#4a90d9", 2: "#f5d327", 3: "#f08c1a", 4: "#c1121f"}
"""The four colours of the national warning levels; they differ in lightness as well as in hue."""

BLIND_COLORS = {1: "#b9bec4", 2: "#c9a0dc", 3: "#5d3a7a"}

_BY_LEVEL = {k: (f"level.{k}", LEVEL_COLORS[k]) for k in (4, 3, 2, 1)}
_BY_WARNING = {k: (f"warning.{k}", LEVEL_COLORS[k]) for k in (4, 3, 2, 1)}
_BY_BLINDNESS = {k: (f"blind.{k}", color) for k, color in BLIND_COLORS.items()}
_BY_ACTIVITY = {
    2: ("value.accelerating", "#b3003c"), 5: ("value.step", "#e07b00"), 1: ("value.steady", "#f5c76a"),
    3: ("value.decelerating", "#4393c3"), 4: ("value.seasonal", "#7b9f5a"),
}  # fmt: skip
"""Codes of the layer `activity`; 0, stable, is not drawn."""

DIVERGING = ("#67001f", "#b2182b", "#d6604d", "#f4a582", "#fddbc7", "#f7f7f7",
             "#d1e5f0", "#92c5de", "#4393c3", "#2166ac", "#053061")  # fmt: skip
"""ColorBrewer RdBu: red = away from the satellite, down or slower; blue = toward it, up."""

SEQUENTIAL_HEAT = ("#ffffe5", "#fff7bc", "#fee391", "#fec44f", "#fe9929", "#ec7014", "#cc4c02", "#8c2d04")
SEQUENTIAL_WATER = ("#eff9ff", "#c6e5f7", "#93cbea", "#57a9d8", "#2a83c0", "#12609f", "#083f77", "#041f4a")
SEQUENTIAL_GREY = ("#f7f7f7", "#d9d9d9", "#bdbdbd", "#969696", "#737373", "#525252", "#252525")


@dataclass(frozen=True)
class RasterStyle:
    """How one raster is drawn.

    Attributes
    ----------
    label : key of the translation table.
    kind : "levels" (0-4), "classes" (codes from 0), or "ramp".
    units : shown in the legend; "" for levels.
    colors : ramp colours from the low end to the high end.
    centred : the ramp is symmetric about zero.
    low, high : fixed ends; None: from the data's 2nd and 98th percentile.
    clear_below : values below are transparent (dry ground, no rain).
    classes : (label, colour) by level or code, in the order of the legend; known codes that are not here are
        transparent.
    """

    label: str
    kind: str
    units: str = ""
    colors: tuple[str, ...] = ()
    centred: bool = False
    low: float | None = None
    high: float | None = None
    clear_below: float | None = None
    classes: Mapping[int, tuple[str, str]] = field(default_factory=dict)


_VELOCITY = {"kind": "ramp", "units": "mm/yr", "colors": DIVERGING, "centred": True}
_STYLES: dict[str, RasterStyle] = {
    "warning": RasterStyle("layer.warning", "levels", classes=_BY_WARNING),
    "risk_level": RasterStyle("layer.risk_level", "levels", classes=_BY_LEVEL),
    "hazard_landslide": RasterStyle("layer.hazard_landslide", "levels", classes=_BY_LEVEL),
    "hazard_flood": RasterStyle("layer.hazard_flood", "levels", classes=_BY_LEVEL),
    "susceptibility": RasterStyle("layer.susceptibility", "ramp", "", SEQUENTIAL_HEAT, low=0, high=1),
    "runout_energy": RasterStyle("layer.runout_energy", "ramp", "J/kg", SEQUENTIAL_HEAT, low=0, clear_below=0.01),
    "earthquake_landslide": RasterStyle(
        "layer.earthquake_landslide", "ramp", "", SEQUENTIAL_HEAT, low=0, high=0.1, clear_below=0.0005
    ),
    "failure_probability": RasterStyle(
        "layer.failure_probability", "ramp", "", SEQUENTIAL_HEAT, low=0, high=1, clear_below=0.001
    ),
    "depth_max_m": RasterStyle("layer.depth_max_m", "ramp", "m", SEQUENTIAL_WATER, low=0, clear_below=0.02),
    "flood_chance": RasterStyle("layer.flood_chance", "ramp", "", SEQUENTIAL_WATER, low=0, high=1, clear_below=0.05),
    "slide_chance": RasterStyle("layer.slide_chance", "ramp", "", SEQUENTIAL_HEAT, low=0, high=0.02, clear_below=0.001),
    "hazard_rating": RasterStyle("layer.hazard_rating", "ramp", "", SEQUENTIAL_HEAT, low=0, high=2.5, clear_below=0.02),
    "velocity_up": RasterStyle("layer.velocity_up", **_VELOCITY),  # type: ignore[arg-type]
    "velocity_east": RasterStyle("layer.velocity_east", **_VELOCITY),  # type: ignore[arg-type]
    "velocity_slope": RasterStyle("layer.velocity_slope", **_VELOCITY),  # type: ignore[arg-type]
    "activity": RasterStyle("layer.activity", "classes", classes=_BY_ACTIVITY),
    "blind_map": RasterStyle("layer.blind_map", "classes", classes=_BY_BLINDNESS),
    "rain_24h": RasterStyle("layer.rain_24h", "ramp", "mm", SEQUENTIAL_WATER, low=0, clear_below=0.1),
    "rain_effective": RasterStyle("layer.rain_effective", "ramp", "mm", SEQUENTIAL_WATER, low=0, clear_below=0.1),
    "drought_spi": RasterStyle("layer.drought_spi", "ramp", "", DIVERGING, centred=True),
    "fire_weather": RasterStyle("layer.fire_weather", "ramp", "", SEQUENTIAL_HEAT, low=0),
    "return_period_yr": RasterStyle("layer.return_period_yr", "ramp", "yr", SEQUENTIAL_HEAT, low=1, clear_below=2),
    "slope_deg": RasterStyle("layer.slope_deg", "ramp", "°", SEQUENTIAL_GREY, low=0),
}
DEPTH_IN_TIME = RasterStyle("layer.depth_in_time", "ramp", "m", SEQUENTIAL_WATER, low=0, clear_below=0.02)
"""Water in the town through the storm."""

MAP_RASTERS = tuple(_STYLES)
"""Rasters of the map in the order of the layer list; per-track velocities follow."""


def raster_style(name: str) -> RasterStyle:
    """Return the style of a raster of the contract; a velocity of a track is a line-of-sight velocity.

    Raises
    ------
    KeyError : the raster has no place on the map.
    """
    if name in _STYLES:
        return _STYLES[name]
    if name.startswith("velocity_") and not name.startswith("velocity_std"):
        return RasterStyle("layer.velocity_los", **_VELOCITY)  # type: ignore[arg-type]
    raise KeyError(name)


def ramp_range(values: NDArray[np.floating], style: RasterStyle) -> tuple[float, float]:
    """Return the ends of a ramp: fixed ones where the style has them, else round numbers about the data's spread.

    Parameters
    ----------
    values : any shape, the raster's unit; NaN is passed over. Without one finite value the range is 0 to 1.
    """
    finite = values[np.isfinite(values)]
    low, high = np.percentile(finite, [2, 98]) if finite.size else (0.0, 1.0)
    if style.centred:
        top = _round_up(max(abs(float(low)), abs(float(high))))
        return -top, top
    start = float(low) if style.low is None else style.low
    end = _round_up(float(high)) if style.high is None else style.high
    return (start, end) if end > start else (start, start + 1)


def _round_up(value: float) -> float:
    """Return the next of 1, 2, 3, 5, 8, 10 times a power of ten."""
    if not value > 0:
        return 1.0
    power = 10 ** float(np.floor(np.log10(value)))
    return float(next(m * power for m in (1, 2, 3, 5, 8, 10) if m * power >= value * (1 - 1e-9)))


def rgb(color: str) -> tuple[int, int, int]:
    """Return the red, green and blue (0-255) of "#rrggbb"."""
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def ramp_colors(colors: tuple[str, ...], count: int) -> list[tuple[int, int, int]]:
    """Return `count` colours that run evenly through the stops."""
    stops = np.array([rgb(c) for c in colors], dtype=np.float64)
    at = np.linspace(0, len(stops) - 1, count)
    channels = [np.interp(at, np.arange(len(stops)), stops[:, i]) for i in range(3)]
    return [(int(r), int(g), int(b)) for r, g, b in np.rint(np.stack(channels, axis=1))]


@dataclass(frozen=True)
class FeatureClass:
    """How the features of one class are drawn, and their line in the legend.

    Attributes
    ----------
    label : key of the translation table.
    color : outline, or the line itself.
    fill : fill colour, "" for none; hatch draws it in stripes (unknown).
    shape : of points: circle, square, triangle, diamond, house.
    """

    label: str
    color: str
    fill: str = ""
    hatch: bool = False
    shape: str = "circle"
    radius: int = 7
    width: float = 1.5
    opacity: float = 0.55
    dash: str = ""


def zone_classes() -> dict[object, FeatureClass]:
    """Return the classes of zones that may cover the whole map: the graver, the less transparent.

    Low and medium zones keep a thin pale border, so that the high ones, and what lies below them, can be read.
    """
    cover = {4: 0.6, 3: 0.5, 2: 0.2, 1: 0.05, 0: 0.0, -1: 0.5}
    out: dict[object, FeatureClass] = {}
    for key, drawn in level_classes("level").items():
        is_grave = int(str(key)) in (4, 3, -1)
        line = {"width": 0.8} if is_grave else {"width": 0.4, "color": "#8c949c"}
        out[key] = replace(drawn, opacity=cover[int(str(key))], **line)
    return out


def line_classes() -> dict[object, FeatureClass]:
    """Return the classes of lines by level: the graver, the wider; none is a thin grey line, unknown a dashed one."""
    known: dict[object, FeatureClass] = {
        level: FeatureClass(f"level.{level}", color, width=2.0 + level)
        for level, color in sorted(LEVEL_COLORS.items(), reverse=True)
    }
    none = FeatureClass("level.0", "#9aa5ad", width=1.2)
    unknown = FeatureClass("level.-1", UNKNOWN_COLOR, width=2.2, dash="3 5")
    return {**known, 0: none, -1: unknown}


def level_classes(family: str, *, shape: str = "circle", radius: int = 7) -> dict[object, FeatureClass]:
    """Return the classes of a level column, very high first, unknown hatched; `family` is "level" or "warning"."""
    known: dict[object, FeatureClass] = {
        level: FeatureClass(f"{family}.{level}", "#33383d", color, shape=shape, radius=radius, width=1)
        for level, color in sorted(LEVEL_COLORS.items(), reverse=True)
    }
    none = FeatureClass(f"{family}.0", "#33383d", "#ffffff", shape=shape, radius=radius, width=1)
    unknown = FeatureClass(f"{family}.-1", "#5c6166", UNKNOWN_COLOR, hatch=True, shape=shape, radius=radius, width=1)
    return {**known, 0: none, -1: unknown}
