"""What stands and lies around moving ground: rock, land use, and known structures, as maps on the detection grid."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import geopandas as gpd
import numpy as np
import shapely
from scipy import ndimage

from geo_risk.core.errors import GridError
from geo_risk.core.grid import Grid
from geo_risk.core.vectorize import rasterize
from geo_risk.hazards.deformation.areas.noise import F32
from geo_risk.hazards.deformation.areas.tiles import Box, TiledMap, Windows, grown, whole

STRUCTURES = ("tailings_ponds", "embankments", "railways", "roads", "buildings")
"""Known structures that ground can settle under; distances to them are maps `distance_{name}_m`."""

_COMPRESSIBLE = ("alluvi", "lacustrine", "clay", "silt", "fill", "quaternary", "marsh", "peat", "冲积", "湖积", "洪积",
                 "粘土", "黏土", "淤泥", "填土", "第四系", "松散")  # fmt: skip
_SLIPPING = ("loess", "mudstone", "shale", "slate", "phyllite", "colluvi", "weathered", "黄土", "泥岩", "页岩", "板岩",
             "千枚岩", "坡积", "残积", "红层")  # fmt: skip
_COAL = ("coal", "煤")
_DENIED = re.compile(r"(?:\bun|\bnon[- ]?|\bno |\bnot |\bwithout |非|未|无|不含)$")
_GRAINS = ("clay", "silt", "粘土", "黏土", "淤泥")
_STONE = re.compile(r"(?:y|质)?(?:stone|岩)")
_WORDS = {"compressible": _COMPRESSIBLE, "slipping": _SLIPPING, "coal": _COAL}
_BUILT = ("built", "urban", "residential", "industrial", "impervious", "建设", "城镇", "居民", "工矿", "不透水")


@dataclass(frozen=True)
class Setting:
    """Optional knowledge of the ground, in the CRS of the grid it is asked on.

    Attributes
    ----------
    geology : polygons with `lithology` (text, English or Chinese).
    landcover : (y, x) class codes on the grid, NaN missing, by window.
    legend : names of the classes by code.
    structures : outlines or axes by name, see STRUCTURES.
    """

    geology: gpd.GeoDataFrame | None = None
    landcover: Windows | None = None
    legend: Mapping[int, str] = field(default_factory=dict)
    structures: Mapping[str, gpd.GeoDataFrame] = field(default_factory=dict)


def setting_maps(setting: Setting, grid: Grid) -> dict[str, F32]:
    """Return maps (y, x) float32 on the grid of what the setting knows; what is not given has no map.

    Returns
    -------
    compressible, slipping, coal : 1 where the rock's name says so (loose sediment; loess, mudstone and the like;
    coal-bearing), 0 where it says something else, NaN where no rock is mapped. built : 1 on built-up land, else 0, NaN
    where the class is missing; absent where the legend names no built-up class. distance_{structure}_m : from cell
    centres to the nearest cell the structure touches [m].

    Raises
    ------
    GridError : the land cover has another shape than the grid. KeyError : an unknown structure.
    """
    out: dict[str, F32] = {}
    if setting.geology is not None and len(setting.geology):
        out |= _rock(setting.geology, grid)
    if setting.landcover is not None:
        _check_shape(setting.landcover, grid)
        built = [code for code, name in setting.legend.items() if _says(name, _BUILT)]
        if built:
            classes = whole(setting.landcover)
            out["built"] = np.where(np.isfinite(classes), np.isin(classes, built), np.nan).astype(np.float32)
    for name, frame in setting.structures.items():
        if name not in STRUCTURES:
            what = f"unknown structure {name!r}; known: {', '.join(STRUCTURES)}"
            raise KeyError(what)
        if len(frame):
            touched = rasterize([(g, 1.0) for g in frame.geometry], grid, fill=0, dtype="uint8", all_touched=True) > 0
            if touched.any():
                away = ndimage.distance_transform_edt(~touched, sampling=grid.resolution_m)
                out[f"distance_{name}_m"] = np.asarray(away, dtype=np.float32)
    return out


def setting_windows(setting: Setting, grid: Grid, *, margin_m: float, side: int) -> dict[str, TiledMap]:
    """Return the maps of `setting_maps` by window, worked out by tiles of a side when asked for.

    Distances are those to structures within `margin_m`, and `margin_m` where none is so near: who asks for them must
    not ask for more. A map whose source lies elsewhere is there all the same, without a value.

    Raises
    ------
    GridError, KeyError : as `setting_maps`.
    """
    if unknown := set(setting.structures) - set(STRUCTURES):
        what = f"unknown structure {sorted(unknown)[0]!r}; known: {', '.join(STRUCTURES)}"
        raise KeyError(what)
    if setting.landcover is not None:
        _check_shape(setting.landcover, grid)
    names = list(_WORDS) if setting.geology is not None and len(setting.geology) else []
    names += (
        ["built"] if setting.landcover is not None and any(_says(n, _BUILT) for n in setting.legend.values()) else []
    )
    names += [f"distance_{n}_m" for n, frame in setting.structures.items() if len(frame)]
    halo = int(np.ceil(margin_m / grid.resolution_m)) + 1
    kept: list[tuple[Box, dict[str, F32]]] = []

    def all_maps(box: Box) -> dict[str, F32]:
        if not kept or kept[0][0] != box:
            wide = grown(box, halo, grid.shape)
            maps = setting_maps(_part(setting, grid, wide), Grid(grid.geobox[wide]))
            y, x = (slice(b.start - w.start, b.stop - w.start) for b, w in zip(box, wide, strict=True))
            kept[:] = [(box, {k: m[y, x].copy() for k, m in maps.items()})]
        return kept[0][1]

    def of(name: str) -> TiledMap:
        is_distance = name.startswith("distance_")

        def compute(box: Box) -> F32:
            shape = (box[0].stop - box[0].start, box[1].stop - box[1].start)
            values = all_maps(box).get(name, np.full(shape, margin_m if is_distance else np.nan, dtype=np.float32))
            return np.minimum(values, np.float32(margin_m)) if is_distance else values

        return TiledMap(grid.shape, compute, side=side)

    return {name: of(name) for name in names}


def _part(setting: Setting, grid: Grid, box: Box) -> Setting:
    """Return what of a setting lies in a window of a grid."""
    outline = shapely.box(*Grid(grid.geobox[box]).bounds)

    def near(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        return frame.iloc[np.sort(frame.sindex.query(outline))]

    geology = None if setting.geology is None else near(setting.geology)
    classes = None if setting.landcover is None else setting.landcover[box]
    return Setting(geology, classes, setting.legend, {n: near(f) for n, f in setting.structures.items()})


def _check_shape(landcover: Windows, grid: Grid) -> None:
    if tuple(landcover.shape) != grid.shape:
        what = f"land cover of shape {landcover.shape} was given for a grid of shape {grid.shape}"
        raise GridError(what, where="inputs.landcover", fix="bring it onto the detection grid first")


def _rock(geology: gpd.GeoDataFrame, grid: Grid) -> dict[str, F32]:
    names = geology["lithology"].astype("string").fillna("").to_numpy()
    index = rasterize([(g, float(i)) for i, g in enumerate(geology.geometry)], grid, fill=-1, dtype="float32")
    mapped = index >= 0
    position = np.where(mapped, index, 0).astype(int)
    out = {}
    for key, words in _WORDS.items():
        says = np.array([_says(str(n), words) for n in names], dtype=np.float32)
        out[key] = np.where(mapped, says[position], np.float32(np.nan)).astype(np.float32)
    return out


def _says(name: str, words: tuple[str, ...]) -> bool:
    """Return whether a name has one of the words: not where it is denied, nor a grain turned to stone (siltstone)."""
    lower = name.lower()
    at = ((w, k) for w in words for k in range(len(lower)) if lower.startswith(w, k))
    return any(
        not _DENIED.search(lower[:k]) and not (w in _GRAINS and _STONE.match(lower[k + len(w) :])) for w, k in at
    )
