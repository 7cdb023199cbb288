"""InSAR files whose counterpart lies elsewhere: a series without its geometry, a folder of series and geometry."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from geo_risk.core.errors import GeoRiskError
from geo_risk.sources import licsbas_h5, mintpy, opera, stack
from geo_risk.sources.files import sniff
from geo_risk.sources.insar import build, has_signature, known_product
from geo_risk.sources.options import TrackOptions
from geo_risk.sources.possible_motion import possible_motion

NO_LOOK = "no line-of-sight geometry lies beside it: a run asks for `geometry` of the track"

_MOST = 50


def without_look(files: Sequence[Path], options: TrackOptions) -> xr.Dataset | None:
    """Open a product whose geometry is another file, without it, as `open_insar` would but for the look vectors.

    None for products that are something else or have look vectors of their own, in the file or by `options`. Raises as
    `open_insar`.
    """
    product = known_product(files)
    name = "" if product is None else product.name
    if name in {"mintpy_timeseries", "mintpy_velocity"}:
        read = mintpy.read_timeseries if name == "mintpy_timeseries" else mintpy.read_velocity
        motion = read(files[0], options)
        out = build(motion.variables, motion.frame, times=motion.times, audit=motion.audit)
    elif name == "opera_disp":
        series, chain, audit = opera.read_series(files, options)
        variables: mintpy.Variables = {"displacement": (series.lazy(), "m", "line-of-sight displacement")}
        days = np.array(chain.days, dtype="datetime64[ns]")
        out = build(variables, series.frame, times=days, audit=audit)
    elif name == "licsbas_cum":
        cum = licsbas_h5.without_look(files[0], options)
        if cum is None:
            return None
        out = cum
    elif name == "geotiff_stack" and options.incidence_deg is None:
        cube, frame, times, audit = stack.read_stack(files, options)
        out = build({"displacement": (cube, "m", "line-of-sight displacement")}, frame, times=times, audit=audit)
    else:
        return None
    return possible_motion(out, files[0]).assign_attrs(product=name)


def named_apart(paths: Sequence[Path]) -> tuple[str, str] | None:
    """Return what HDF5 files that are no product together are one by one, and how to name them; None for others."""
    roles: dict[str, list[str]] = {}
    for path in paths[:_MOST]:
        if (role := _role(path)) is not None:
            roles.setdefault(role, []).append(path.name)
    if not roles.get("files"):
        return None
    told = {"files": "a series or velocity", "geometry": "a geometry", "coherence": "a coherence"}
    what = f"{len(paths)} files that are no InSAR product together: "
    what += "; ".join(f"{', '.join(roles[r][:5])}: {text}" for r, text in told.items() if r in roles)
    names = [f"{'one of them' if len(v) > 1 else v[0]} as `{r}`" for r, v in roles.items() if r in told]
    return what, f"name the files of the track one by one: {', '.join(sorted(names, key=lambda n: '`files`' not in n))}"


def named_strays(paths: Sequence[Path]) -> tuple[str, str] | None:
    """Return which files keep the others from being a product, and why; None where the others are none either.

    The files of the commonest type are taken for the product that is meant.
    """
    kinds = {p: "" if p.stat().st_size == 0 else sniff(p) for p in paths}
    usual = Counter(kinds.values()).most_common(1)[0][0]
    strays = {p: kind for p, kind in kinds.items() if kind != usual}
    rest = [p for p in paths if p not in strays]
    if not strays or len(strays) >= len(rest) or (product := known_product(rest)) is None:
        return None
    told = [f"{p.name} is {f'a file of type {kind}' if kind else 'empty (0 bytes)'}" for p, kind in strays.items()]
    what = f"{len(strays)} of {len(paths)} files are no InSAR product: {', '.join(told[:5])}; the others are a "
    what += f"{product.name} ({usual})"
    return what, "copy or download the named files again, or leave them out of the list"


def _role(path: Path) -> str | None:
    """Return "files" for what is a product by itself, else "geometry", "coherence" or None."""
    try:
        if not has_signature(path, b"\x89HDF"):
            return None
        if known_product([path]) is not None:
            return "files"
        part = mintpy.part_in(path)
    except GeoRiskError:
        return None
    return None if part is None else part[0]
