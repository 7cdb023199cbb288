"""What bad InSAR files end in: no still ground made of nodata, no silent shift, no file that is read for hours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from geo_risk.core.errors import DataError, GridError
from geo_risk.sources.insar import open_insar
from geo_risk.sources.options import TrackOptions
from tests.support.insar_files import look
from tests.support.points import days, write_tif

N = 5
SHAPE = (24, 30)
SERIES = np.random.default_rng(11).normal(0, 0.01, (N, *SHAPE)) + 0.001
LOOK = TrackOptions(incidence_deg=39.0, heading_deg=349.0, units="m", positive="toward")


def stack(folder: Path, series: np.ndarray = SERIES, **facts: str) -> Path:
    for day, values in zip(days(N), series, strict=False):
        write_tif(folder / f"{day}.tif", values, nodata=np.nan, **facts)
    return folder


def licsbas(folder: Path, **replaced: np.ndarray) -> Path:
    e, n, u = (np.full(SHAPE, v) for v in look())
    parts = {"vel": SERIES[0] * 1e3, "E": e, "N": n, "U": u} | replaced
    for name, values in parts.items():
        write_tif(folder / f"{name}.geo.tif", values, nodata=np.nan)
    return folder


def hyp3(folder: Path) -> Path:
    for k, (first, second) in enumerate(zip(days(N), days(N)[1:], strict=False)):
        stem = f"S1AA_{first}T013911_{second}T013911_VVP012_INT80_G_ueF_{k:04d}"
        write_tif(folder / f"{stem}_los_disp.tif", SERIES[k + 1] - SERIES[k])
        if k == 0:
            write_tif(folder / f"{stem}_lv_theta.tif", np.full(SHAPE, 0.9))
            write_tif(folder / f"{stem}_lv_phi.tif", np.full(SHAPE, -2.9))
    return folder


# --- coherence --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("product", ["stack", "licsbas", "hyp3"])
def test_coherence_of_bytes_is_refused_and_one_of_shares_is_taken(tmp_path, product):
    folder = {"stack": stack, "licsbas": licsbas, "hyp3": hyp3}[product](tmp_path / "s")
    options = LOOK if product == "stack" else TrackOptions()
    path = write_tif(tmp_path / "coherence.tif", np.full(SHAPE, 0.6), nodata=np.nan)
    if product == "hyp3":
        path = path.rename(tmp_path / "S1AA_20220703T013911_20220715T013911_VVP012_INT80_G_ueF_0000_corr.tif")
    data = open_insar(folder, track="asc", coherence=path, options=options)
    np.testing.assert_allclose(data["coherence"], 0.6, atol=1e-6)
    write_tif(path, np.full(SHAPE, 153.0), nodata=np.nan)
    with pytest.raises(DataError, match="coherence runs from 153 to 153; 0-1 needed"):
        open_insar(folder, track="asc", coherence=path, options=options)
    write_tif(path, np.full(SHAPE, 0.6), corner=(400_040.0, 4_000_000.0), nodata=np.nan)
    with pytest.raises(GridError):
        open_insar(folder, track="asc", coherence=path, options=options)
