"""The InSAR products that can be read: how each is recognised, and who opens it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import xarray as xr

from geo_risk.sources.options import TrackOptions


class Opener(Protocol):
    """Opens the files of one track as `sources.insar.open_insar` promises, but for the attributes product and track."""

    def __call__(  # noqa: D102 - the class says it
        self,
        paths: Sequence[Path],
        *,
        geometry: Sequence[Path],
        coherence: Path | None,
        track: str,
        options: TrackOptions,
    ) -> xr.Dataset: ...


@dataclass(frozen=True)
class Product:
    """One kind of InSAR product.

    Attributes
    ----------
    name : stable, shown to users, such as mintpy_timeseries.
    files : which files to give, in a few words, for messages.
    is_it : whether files are this product, told from their content; raises CorruptFileError where they cannot be read.
    opens : makes the dataset of them.
    takes : fields of `TrackOptions` that the product leaves open; any other that the configuration gives is refused.
    """

    name: str
    files: str
    is_it: Callable[[Sequence[Path]], bool]
    opens: Opener
    takes: frozenset[str] = frozenset()


HDF5_ANSWERS = frozenset({"units", "positive", "registration"})
"""What the configuration may say against a file that states it: the audit asks for it where the file is doubtful."""

FIXED_UNIT_ANSWERS = frozenset({"units", "positive"})
"""What it may say of a product that fixes its unit: only that unit, where the ground did move so."""


def products() -> tuple[Product, ...]:
    """Return every product, the more particular before the more general: the first that recognises files has them."""
    from geo_risk.sources import egms, hdfeos, hyp3, licsbas, licsbas_h5, mintpy, opera, point_files, stack

    return (
        Product("mintpy_timeseries", "timeseries.h5", mintpy.is_timeseries, mintpy.open_timeseries,
                takes=HDF5_ANSWERS),
        Product("mintpy_velocity", "velocity.h5", mintpy.is_velocity, mintpy.open_velocity,
                takes=HDF5_ANSWERS),
        Product("mintpy_hdfeos5", "an HDF-EOS5 series (.he5)", hdfeos.is_it, hdfeos.open_timeseries,
                takes=HDF5_ANSWERS),
        Product("opera_disp", "a folder of OPERA_L3_DISP-S1_*.nc", opera.is_it, opera.open_series,
                takes=FIXED_UNIT_ANSWERS),
        Product("licsbas_cum", "cum.h5 or cum_filt.h5 of LiCSBAS", licsbas_h5.is_it, licsbas_h5.open_series,
                takes=HDF5_ANSWERS),
        Product("licsbas_geotiff", "a folder with vel/E/N/U.geo.tif", licsbas.is_set, licsbas.open_set,
                takes=FIXED_UNIT_ANSWERS),
        Product("hyp3", "HyP3 GeoTIFFs of a set of pairs (*_unw_phase.tif or *_los_disp.tif, with lv_theta, lv_phi)",
                hyp3.is_set, hyp3.open_set, takes=FIXED_UNIT_ANSWERS),
        Product("geotiff_stack", "files such as 20240118.tif", stack.is_stack, stack.open_stack,
                takes=frozenset({"units", "positive", "incidence_deg", "heading_deg"})),
        Product("egms", "an EGMS L2a, L2b or L3 table (CSV, Parquet)", egms.is_egms, egms.open_egms,
                takes=frozenset({"posting_m", "crs", "component"})),
        Product("points",
                "points with columns such as D20190105, or a velocity as VEL (shapefile, GeoPackage, CSV, Parquet)",
                point_files.is_points, point_files.open_points, takes=point_files.TAKES),
    )  # fmt: skip
