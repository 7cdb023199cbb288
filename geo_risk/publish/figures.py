"""Figures of the report as SVG texts: maps of motion, series with their fit, sections across a moving area."""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import grid_of
from geo_risk.publish.escape import clean_text
from geo_risk.publish.i18n import label

if TYPE_CHECKING:
    import geopandas as gpd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

F64 = NDArray[np.float64]

FONTS = ["Noto Sans SC", "Noto Sans CJK SC", "Source Han Sans SC", "PingFang SC", "Microsoft YaHei", "DejaVu Sans"]
"""Tried in this order by whoever opens the figure: its texts stay texts."""

TRACK_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9")
"""Colours of tracks, told apart by colour-blind readers (Okabe and Ito 2008)."""

_CELLS = 500
_INK = "#1d2730"
_UNKNOWN = "#d9d9d9"


@dataclass(frozen=True)
class SeriesLine:
    """Displacement of one track: its name, dates (n,), values (n,) [mm], and standard errors and fit, or None."""

    name: str
    times: NDArray[np.datetime64]
    values: F64
    error_mm: F64 | None = None
    fit: F64 | None = None


@dataclass(frozen=True)
class SeriesPanel:
    """Series of one body: the title above the panel, one line a track, and dates with a word, such as a change."""

    title: str
    lines: Sequence[SeriesLine]
    marks: Sequence[tuple[np.datetime64, str]] = ()


@dataclass(frozen=True)
class Section:
    """Motion along a straight line across a moving area.

    Attributes
    ----------
    title : above the panel.
    distance_m : (n,) from the start of the line.
    velocity : by name (n,) [mm/yr], NaN where unknown.
    std : by name (n,) [mm/yr]; a missing name has no band.
    height_m : (n,) of the ground, or None.
    inside : (first, last) distance [m] of the area on the line.
    """

    title: str
    distance_m: F64
    velocity: Mapping[str, F64]
    std: Mapping[str, F64] = field(default_factory=dict)
    height_m: F64 | None = None
    inside: tuple[float, float] | None = None


def velocity_maps(layers: Mapping[str, xr.DataArray], outlines: gpd.GeoDataFrame | None, *, language: str) -> str:
    """Draw one or more velocity layers on one colour scale, with the outlines of the moving areas.

    Parameters
    ----------
    layers : titles and layers (y, x) [mm/yr] on grids of one CRS; NaN is drawn grey: unknown. Every k-th cell is
        drawn where there are more than 500 a side, so a large layer is never held whole.
    outlines : polygons in the CRS of the layers, or None.

    Returns
    -------
    SVG text. Blue moves toward the satellite, east or up, red the other way; the scale ends at the 99 % quantile.
    """
    panels = {title: _thinned(layer) for title, layer in layers.items()}
    limit = _limit([values for values, _ in panels.values()])
    columns = min(2, len(panels))
    rows = math.ceil(len(panels) / columns)
    with drawing(rows * 4.1 + 0.5, 9.4) as figure:
        axes = figure.subplots(rows, columns, squeeze=False)
        image = None
        for axis, (title, (values, extent)) in zip(axes.ravel(), panels.items(), strict=False):
            axis.set_facecolor(_UNKNOWN)
            image = axis.imshow(values, extent=extent, cmap="RdBu", vmin=-limit, vmax=limit, interpolation="nearest")
            if outlines is not None and len(outlines):
                outlines.boundary.plot(ax=axis, color=_INK, linewidth=0.8)
            axis.set_title(_plain(title), fontsize=10)
            axis.set_xlim(extent[0], extent[1])
            axis.set_ylim(extent[2], extent[3])
            _map_frame(axis, extent, language)
        for axis in axes.ravel()[len(panels) :]:
            axis.set_axis_off()
        if image is not None:
            bar = figure.colorbar(image, ax=axes, shrink=0.6, extend="both", pad=0.02)
            bar.set_label(label("figure.velocity_axis", language))
        return svg_text(figure)


def series_panels(panels: Sequence[SeriesPanel], *, language: str) -> str:
    """Draw series of displacement [mm] with their fits, two panels a row; return SVG text."""
    columns = min(2, max(1, len(panels)))
    rows = max(1, math.ceil(len(panels) / columns))
    with drawing(rows * 2.7 + 0.2, 9.4) as figure:
        axes = figure.subplots(rows, columns, squeeze=False)
        for axis, panel in zip(axes.ravel(), panels, strict=False):
            _series(axis, panel, language)
        for axis in axes.ravel()[len(panels) :]:
            axis.set_axis_off()
        return svg_text(figure)


def section_panels(sections: Sequence[Section], *, language: str) -> str:
    """Draw velocity [mm/yr] along lines across moving areas, one below the other; return SVG text.

    The height [m] of the ground lies below the velocity where it is known.
    """
    ratios = [r for s in sections for r in ((3, 1) if s.height_m is not None else (3,))] or [3]
    with drawing(0.9 * sum(ratios), 9.4) as figure:
        axes = iter(figure.subplots(len(ratios), 1, squeeze=False, height_ratios=ratios)[:, 0])
        for section in sections:
            top = next(axes)
            _section(top, next(axes) if section.height_m is not None else top, section, language)
        return svg_text(figure)


def _series(axis: Axes, panel: SeriesPanel, language: str) -> None:
    from matplotlib import dates

    for k, line in enumerate(panel.lines):
        color = TRACK_COLORS[k % len(TRACK_COLORS)]
        axis.errorbar(line.times, line.values, yerr=line.error_mm, fmt="o", markersize=2.6, linewidth=0,
                      elinewidth=0.6, color=color, alpha=0.6, label=_plain(line.name))  # fmt: skip
        if line.fit is not None:
            # in the colour of its track: fits of two tracks may cross
            named = None if any(before.fit is not None for before in panel.lines[:k]) else label("figure.fit", language)
            axis.plot(line.times, line.fit, color=color, linewidth=1.6, label=named)
    for when, word in panel.marks:
        axis.plot([when, when], [0, 1], transform=axis.get_xaxis_transform(), color="#7a1f1f", lw=0.9, linestyle="--")
        axis.annotate(_plain(word), (when, 1), xycoords=("data", "axes fraction"), xytext=(3, -9),
                      textcoords="offset points", fontsize=7.5, color="#7a1f1f")  # fmt: skip
    axis.set_title(_plain(panel.title), fontsize=9.5)
    axis.set_ylabel(label("figure.displacement_axis", language))
    ticks = dates.AutoDateLocator(maxticks=6)  # type: ignore[no-untyped-call]
    axis.xaxis.set_major_locator(ticks)
    axis.xaxis.set_major_formatter(dates.DateFormatter("%Y-%m"))  # type: ignore[no-untyped-call]
    quiet(axis)
    axis.legend(fontsize=7.5, frameon=False, loc="best")


def _section(top: Axes, bottom: Axes, section: Section, language: str) -> None:
    for k, (name, values) in enumerate(section.velocity.items()):
        color = TRACK_COLORS[k % len(TRACK_COLORS)]
        top.plot(section.distance_m, values, color=color, linewidth=1.3, label=_plain(name))
        if name in section.std:
            spread = section.std[name]
            top.fill_between(section.distance_m, values - spread, values + spread, color=color, alpha=0.18, lw=0)
    both = dict.fromkeys((top, bottom))
    if section.inside is not None:
        for axis in both:
            axis.axvspan(*section.inside, color="#e8e2c8", zorder=0)
    top.set_title(_plain(section.title), fontsize=9.5)
    top.set_ylabel(label("figure.velocity_axis", language))
    top.margins(y=0.22)  # room for the legend
    top.legend(fontsize=7.5, frameon=False, ncols=4)
    if section.height_m is not None:
        top.tick_params(labelbottom=False)
        bottom.plot(section.distance_m, section.height_m, color=_INK, linewidth=1)
        bottom.set_ylabel(label("figure.height_axis", language))
    bottom.set_xlabel(label("figure.distance_axis", language))
    for axis in both:
        axis.set_xlim(float(section.distance_m[0]), float(section.distance_m[-1]))
        quiet(axis)


def quiet(axis: Axes) -> None:
    """Draw faint lines behind the data and no box around it."""
    axis.grid(color="#e3e6e8", linewidth=0.6)
    axis.set_axisbelow(True)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)


def plain_log_ticks(axis: Any, *, steps: Sequence[int] = (1, 2, 5)) -> None:
    """Label a logarithmic axis at these steps of each power of ten with plain numbers: powers would be TeX source.

    Parameters
    ----------
    axis : the `xaxis` or `yaxis` of a panel whose scale is set already.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(base=10, subs=steps))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _thinned(layer: xr.DataArray) -> tuple[NDArray[np.float32], tuple[float, float, float, float]]:
    step = max(1, math.ceil(max(layer.shape) / _CELLS))
    left, bottom, right, top = grid_of(layer).bounds
    values = np.asarray(layer[step // 2 :: step, step // 2 :: step].to_numpy(), dtype=np.float32)
    return values, (left, right, bottom, top)


def _limit(values: Sequence[NDArray[np.float32]]) -> float:
    """Return the end of the colour scale: 1, 2 or 5 times a power of ten above the 99 % quantile of |v|."""
    known = [np.abs(v[np.isfinite(v)]) for v in values]
    high = max((float(np.quantile(k, 0.99)) for k in known if k.size), default=0.0)
    if not high > 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(high))
    return next(s * power for s in (1.0, 2.0, 5.0, 10.0) if s * power >= high)


def _map_frame(axis: Axes, extent: tuple[float, float, float, float], language: str) -> None:
    """Take the coordinates off, draw a scale bar and an arrow to the north."""
    axis.set(xticks=[], yticks=[], xlabel="", ylabel="")
    left, right, bottom, top = extent
    width, height = right - left, top - bottom
    power = 10.0 ** math.floor(math.log10(width / 3))
    length = next(s * power for s in (5.0, 2.0, 1.0) if s * power <= width / 3)
    x, y = left + 0.05 * width, bottom + 0.05 * height
    axis.plot([x, x + length], [y, y], color=_INK, linewidth=3, solid_capstyle="butt")
    text = f"{length / 1000:g} {label('figure.km', language)}" if length >= 1000 else f"{length:g} m"
    axis.text(x + length / 2, y + 0.015 * height, text, ha="center", va="bottom", fontsize=8, color=_INK)
    axis.annotate("N", (0.955, 0.985), (0.955, 0.88), xycoords="axes fraction", ha="center", va="center", fontsize=9,
                  arrowprops={"arrowstyle": "-|>", "color": _INK}, color=_INK)  # fmt: skip


@contextmanager
def drawing(height: float, width: float) -> Iterator[Figure]:
    """Give a figure whose texts stay texts and whose bytes depend on its content alone."""
    import logging

    import matplotlib as mpl
    from matplotlib.figure import Figure

    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)

    style: Any = {
        "svg.fonttype": "none", "svg.hashsalt": "geo_risk", "font.family": "sans-serif", "font.sans-serif": FONTS,
        "font.size": 8.5, "text.color": _INK, "axes.labelcolor": _INK, "axes.edgecolor": "#8a9299",
        "xtick.color": "#4a5359", "ytick.color": "#4a5359", "axes.unicode_minus": False, "text.parse_math": False,
        "hatch.linewidth": 0.6,
    }  # fmt: skip
    with mpl.rc_context(style), warnings.catch_warnings():
        # fonts of the reader's machine draw the text; those of this machine only measure it
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")
        yield Figure(figsize=(width, height), layout="constrained")


def svg_text(figure: Figure) -> str:
    """Return the figure as SVG, without the XML head and what differs from run to run."""
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    text = stream.getvalue()
    return re.sub(r"<\?xml.*?<svg ", "<svg ", text, count=1, flags=re.DOTALL)


def _plain(text: str) -> str:
    return clean_text(text)
