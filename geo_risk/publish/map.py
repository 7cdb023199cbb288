"""The interactive map: one Folium page with everything inside it, and nothing that asks the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import folium
import geopandas as gpd
import xarray as xr
from branca.element import Element, Figure
from rasterio.warp import transform_bounds

from geo_risk.core.grid import Grid
from geo_risk.core.names import STAGES_H
from geo_risk.publish import map_assets
from geo_risk.publish.atomic import write_text
from geo_risk.publish.escape import html_text, render_page, script_json
from geo_risk.publish.i18n import LANGUAGES, labels
from geo_risk.publish.legend import (
    DEPTH_IN_TIME,
    LEVEL_COLORS,
    MAP_RASTERS,
    UNKNOWN_COLOR,
    RasterStyle,
    raster_style,
)
from geo_risk.publish.map_images import frame_images, raster_image, relief_image
from geo_risk.publish.map_layers import SPECS, feature_layer


@dataclass(frozen=True)
class OnlineBasemap:
    """A base map of the config that the reader may switch on; the map works without it."""

    name: str
    url: str
    attribution: str
    max_zoom: int = 18


@dataclass(frozen=True)
class MapOptions:
    """Title, first language, time of the data (text, as printed) and optional online base maps."""

    name: str
    language: str = "zh"
    data_time: str = ""
    basemaps: tuple[OnlineBasemap, ...] = ()


class _Raw(Element):  # type: ignore[misc]
    """Finished text in a Folium page. Folium's own elements compile their text as a template, even text from data."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def render(self, **_: Any) -> str:
        """Return the text as it is."""
        return self._text


class _Part(Element):  # type: ignore[misc]
    """Markup of this package at its places of the page: head, body and the script behind the map's own."""

    def __init__(self, name: str, *, header: str = "", html: str = "", script: str = "") -> None:
        super().__init__()
        self._name, self._id = name, "geo_risk"
        self._texts = {"header": header, "html": html, "script": script}

    def render(self, **_: Any) -> str:
        """Hand the texts to the figure."""
        figure = self.get_root()
        for place, text in self._texts.items():
            if text:
                getattr(figure, place).add_child(_Raw(text), name=self.get_name())
        return ""


def write_map(
    path: Path,
    *,
    grid: Grid,
    layers: Mapping[str, xr.DataArray],
    frames: Mapping[str, gpd.GeoDataFrame],
    options: MapOptions,
    in_time: tuple[xr.DataArray, Sequence[str]] | None = None,
) -> None:
    """Publish map.html: one file, the same bytes for the same products.

    Parameters
    ----------
    grid : the run grid; its bounds are the first view.
    layers : rasters by contract name, and "dem" [m] for the hill shading; those without a place on the map are
        passed over. A warning stage that is absent is shown as "no forecast".
    frames : product frames by name, and base frames (roads, rivers, railways, embankments, admin, shelters); any CRS.
    options : title, language, data time, base maps.
    in_time : water depth (time, y, x) [m] on any grid and the text of each time, for the slider.
    """
    data = map_data(grid=grid, layers=layers, frames=frames, options=options, in_time=in_time)
    write_text(path, page(data, options).render())


def page(data: Mapping[str, Any], options: MapOptions) -> Figure:
    """Return the Folium figure of map data: its own assets in place of Folium's ten addresses."""
    base = folium.Map(tiles=None, zoom_control=False, control_scale=False, prefer_canvas=True, max_zoom=19,
                      zoom_snap=0.25, location=_centre(data["bounds"]))  # fmt: skip
    base._id = "geo_risk"
    base.default_js, base.default_css = [], []
    figure = base.get_root()
    figure.title = html_text(options.name)
    _add(figure, _Part("policy", header=_policy(options.basemaps)))
    _add(figure, _Part("assets", header=map_assets.header()))
    _add(figure, _Part("shell", html=render_page("map_shell.html", name=options.name)))
    document = f'<script type="application/json" id="geo-risk-data">{script_json(data)}</script>'
    _add(base, _Part("data", html=document, script=f"GeoRisk.start({base.get_name()});"))
    figure._children = dict(sorted(figure._children.items(), key=lambda child: child[1] is base))
    return figure


def map_data(
    *,
    grid: Grid,
    layers: Mapping[str, xr.DataArray],
    frames: Mapping[str, gpd.GeoDataFrame],
    options: MapOptions,
    in_time: tuple[xr.DataArray, Sequence[str]] | None = None,
) -> dict[str, Any]:
    """Return everything the page shows as plain values; parameters as in `write_map`."""
    rasters = [r for name in _raster_order(layers) if (r := _raster(name, layers)) is not None]
    if in_time is not None:
        rasters.append(_in_time(*in_time))
    drawn = [feature_layer(frames[s.name], s) for s in SPECS if s.mapped and len(frames.get(s.name, ()))]
    west, south, east, north = transform_bounds(grid.crs, "EPSG:4326", *grid.bounds)
    stages: dict[str, Any] = next((r["stages"] for r in rasters if r["id"] == "warning"), {})
    return {
        "name": options.name, "language": options.language, "dataTime": options.data_time,
        "labels": {k: dict(labels(k)) for k in LANGUAGES}, "levelColors": {str(k): v for k, v in LEVEL_COLORS.items()},
        "bounds": [[south, west], [north, east]], "stages": [str(h) for h in STAGES_H],
        "stage": next((str(h) for h in reversed(STAGES_H) if stages.get(str(h))), str(STAGES_H[0])),
        "raster": rasters[0]["id"] if rasters else "", "rasters": rasters, "layers": drawn,
        "relief": asdict(relief_image(layers["dem"])) if "dem" in layers else None,
        "basemaps": [asdict(b) for b in options.basemaps],
    }  # fmt: skip


def _raster_order(layers: Mapping[str, xr.DataArray]) -> list[str]:
    tracks = sorted(n for n in layers if n.startswith("velocity_") and n not in MAP_RASTERS and "_std" not in n)
    return [*MAP_RASTERS, *tracks]


def _raster(name: str, layers: Mapping[str, xr.DataArray]) -> dict[str, Any] | None:
    """Return one raster of the page, None where there is nothing to show."""
    style = raster_style(name)
    common = {"id": name, "label": style.label, "units": style.units, "kind": style.kind, "colors": style.colors,
              "classes": _classes(style)}  # fmt: skip
    if name == "warning":
        given = {h: layers[f"warning_{h}h"] for h in STAGES_H if f"warning_{h}h" in layers}
        images = {str(h): asdict(raster_image(layer, style)) for h, layer in given.items()}
        known = {h: i if i["unknown_share"] < 1 else None for h, i in images.items()}
        return common | {"track": "", "stages": {str(h): known.get(str(h)) for h in STAGES_H}} if images else None
    if name not in layers:
        return None
    track = name.removeprefix("velocity_") if style.label == "layer.velocity_los" else ""
    return common | {"image": asdict(raster_image(layers[name], style)), "track": track}


def _in_time(depth: xr.DataArray, times: Sequence[str]) -> dict[str, Any]:
    """Return the raster that has a picture for each time."""
    style, made = DEPTH_IN_TIME, frame_images(depth, times, DEPTH_IN_TIME)
    return {"id": "depth_in_time", "label": style.label, "units": style.units, "kind": style.kind, "track": "",
            "colors": style.colors, "classes": _classes(style), "image": asdict(made)}  # fmt: skip


def _classes(style: RasterStyle) -> list[dict[str, Any]]:
    """Return the legend lines of a raster: its classes, and always the unknown."""
    look = {"color": "#5c6166", "width": 1, "opacity": 1, "hatch": False, "dash": ""}
    lines = [look | {"label": text, "fill": color} for text, color in style.classes.values()]
    return [*lines, look | {"label": "ui.unknown", "fill": UNKNOWN_COLOR, "hatch": True}]


def _centre(bounds: Sequence[Sequence[float]]) -> tuple[float, float]:
    (south, west), (north, east) = bounds
    return ((south + north) / 2, (west + east) / 2)


def _policy(basemaps: Sequence[OnlineBasemap]) -> str:
    """Return a content policy that forbids every request but for pictures of the configured base maps."""
    hosts = {f"{urlsplit(b.url).scheme}://{urlsplit(b.url).netloc.replace('{s}', '*')}" for b in basemaps}
    pictures = html_text(" ".join(["data:", *sorted(hosts)]))
    rules = f"default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src {pictures}"
    more = "; base-uri 'none'; form-action 'none'"
    return f'<meta http-equiv="Content-Security-Policy" content="{rules}{more}"><link rel="icon" href="data:,">'


def _add(parent: Any, part: _Part) -> None:
    parent.add_child(part, name=part.get_name())
