"""Styles and scripts that go inside the pages: Leaflet from `vendor/`, our own from `templates/`."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from geo_risk.publish.escape import trusted

_HERE = Path(__file__).parent
_VENDOR = _HERE / "vendor" / "leaflet"
_SCRIPTS = ("map_symbols.js", "map_text.js", "map_layers.js", "map_frames.js", "map_app.js")


@cache
def header() -> str:
    """Return the style and script elements of the map, Leaflet first.

    Raises
    ------
    ValueError : an asset could end its element or ask for another file.
    """
    styles = [_without_pictures(_read(_VENDOR / "leaflet.css")), _read(_HERE / "templates" / "map.css")]
    leaflet = re.sub(r"//# sourceMappingURL=\S*", "", _read(_VENDOR / "leaflet.js"))
    scripts = [leaflet, *(_read(_HERE / "templates" / name) for name in _SCRIPTS)]
    for text in (*styles, *scripts):
        if re.search(r"</(script|style)|<!--|@import|sourceMappingURL=", text, re.IGNORECASE):
            what = "an asset of the map would end its element or ask for another file"
            raise ValueError(what)
    return str(trusted("".join([f"<style>{s}</style>" for s in styles] + [f"<script>{s}</script>" for s in scripts])))


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _without_pictures(css: str) -> str:
    """Return Leaflet's style without the rules that load pictures (default marker, layer switch)."""
    return re.sub(r"[^{}]*\{[^{}]*url\([^{}]*\}", "", css)
