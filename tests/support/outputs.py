"""A published folder made from the made-up products, as a finished run leaves it (but for the manifest's timings)."""

from __future__ import annotations

from pathlib import Path

from geo_risk.core.names import is_published_raster
from geo_risk.core.schemas import SCHEMAS
from geo_risk.publish.cards import CardText, write_cards
from geo_risk.publish.frames import write_json
from geo_risk.publish.geopackage import write_geopackage
from geo_risk.publish.lists import LISTS, write_csv, write_rows, write_xlsx
from geo_risk.publish.map import MapOptions, write_map
from geo_risk.publish.raster import write_layer
from geo_risk.publish.report import ReportContent, write_report
from tests.support import products


def write_outputs(folder: Path) -> Path:
    """Write map, report, GeoPackage, layers, lists and cards into a folder; return it."""
    layers, frames = products.layers(), products.frames()
    for name, layer in (layers | products.second_track(layers)).items():
        if is_published_raster(name):
            write_layer(layer, folder / "layers" / f"{name}.tif")
    write_geopackage({k: v for k, v in frames.items() if k in SCHEMAS}, folder / "geo_risk.gpkg")
    for name in LISTS:
        if name in frames:
            write_xlsx(frames[name], folder / "lists" / f"{name}.xlsx", name=name, run="示范县", language="zh")
            write_csv(frames[name], folder / "lists" / f"{name}.csv", name=name)
    write_rows(products.deformation_series(frames["active_deformation"]), folder / "lists" / "deformation_series.csv")
    write_map(folder / "map.html", grid=products.GRID, layers=layers, frames=frames, options=MapOptions("示范县"))
    write_report(folder / "report.html", content=ReportContent("示范县"), frames=frames, layers={})
    write_cards(folder / "cards", frames=frames, text=CardText("示范县"))
    write_json({"outputs": []}, folder / "manifest.json")
    return folder
