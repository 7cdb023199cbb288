"""The demo county's spreadsheets: ledgers in Chinese as XLSX."""

from __future__ import annotations

import datetime
import io
import re
import zipfile
from pathlib import Path

import openpyxl
import pandas as pd
from pyproj import Transformer

from geo_risk.core.errors import DataError
from geo_risk.publish.atomic import disk_full, staged

_CLOCK = datetime.datetime(2024, 7, 1)

SITE_KIND_ZH = {
    "underpass": "下穿通道", "road_dip": "路段凹点", "low_lying": "低洼小区", "underground_space": "地下空间出入口",
}  # fmt: skip
CLASS_ZH = {"trunk": "国道", "primary": "主干路", "secondary": "次干路", "local": "支路", "none": "无"}


def write_sheet(table: pd.DataFrame, path: Path, *, title: str) -> None:
    """Publish a table as the one sheet of an XLSX file, headers in the first row; text stays text.

    Raises
    ------
    DataError : a text cell that a spreadsheet would take for a formula.
    DiskFullError : the file did not read back as written.
    """
    rows = [[None if pd.isna(v) else v for v in row] for row in table.astype(object).itertuples(index=False)]
    for row in rows:
        for value in row:
            if isinstance(value, str) and value.startswith(("=", "+", "-", "@")):
                what = f"a cell of {title!r} starts with {value[0]!r}"
                raise DataError(what, where=str(path), fix="give the text another first character")
    book = openpyxl.Workbook()
    sheet = book.create_sheet(title[:31], 0)
    del book[book.sheetnames[-1]]
    sheet.append(list(table.columns))
    for row in rows:
        sheet.append(row)
    buffer = io.BytesIO()
    book.save(buffer)

    def verify(written: Path) -> None:
        back = openpyxl.load_workbook(written, read_only=True)
        found = sum(1 for _ in back.worksheets[0].iter_rows())
        back.close()
        if found != len(table) + 1:
            raise disk_full(path)

    with staged(path, verify=verify) as temporary:
        temporary.write_bytes(timeless(buffer.getvalue()))


def timeless(book: bytes) -> bytes:
    """Return an XLSX file with all its times set to one moment, so that the same rows give the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for item in source.infolist():
            content = source.read(item)
            if item.filename == "docProps/core.xml":
                content = re.sub(rb">[0-9-]+T[0-9:.]+Z?<", f">{_CLOCK:%Y-%m-%dT%H:%M:%SZ}<".encode(), content)
            entry = zipfile.ZipInfo(item.filename, date_time=_CLOCK.timetuple()[:6])
            entry.external_attr, entry.compress_type = item.external_attr, zipfile.ZIP_DEFLATED
            target.writestr(entry, content)
    return out.getvalue()


def site_sheet(sites: pd.DataFrame, drains: pd.DataFrame, crs: str) -> pd.DataFrame:
    """Return the ledger of waterlogging sites: nominal capacities, no depths and no causes."""
    listed = sites[sites["in_ledger"]].reset_index(drop=True)
    lon, lat = Transformer.from_crs(crs, "EPSG:4490", always_xy=True).transform(listed["x"], listed["y"])
    capacity = drains[drains["site_id"].notna()].groupby("site_id")["capacity_m3_s"].sum()
    n = len(listed)
    return pd.DataFrame(
        {
            "编号": listed["site_id"],
            "名称": [f"{SITE_KIND_ZH[k]}{i}" for i, k in enumerate(listed["kind"], 1)],
            "类型": [SITE_KIND_ZH[k] for k in listed["kind"]],
            "经度": [round(float(v), 6) for v in lon],
            "纬度": [round(float(v), 6) for v in lat],
            "所在道路": [f"街道{r}" for r in listed["road"]],
            "道路等级": [CLASS_ZH[c] for c in listed["street_class"]],
            "影响人数": listed["people"],
            "责任人": [f"责任人-{k:03d}" for k in range(201, 201 + n)],
            "排水能力(立方米/秒)": listed["site_id"].map(capacity).fillna(0.0).round(3),
            "挡水高度(米)": listed["sill_height_m"],
        }
    )
