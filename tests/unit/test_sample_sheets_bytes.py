"""Spreadsheets of the county do not depend on the clock."""

from __future__ import annotations

import io
import time
import zipfile

import pandas as pd
import pytest

from geo_risk.core.errors import DataError
from geo_risk.sample import sheets
from geo_risk.sample.sheets import timeless, write_sheet

TABLE = pd.DataFrame({"编号": ["A1", "B2"], "人数": [3, None]})


def test_the_same_rows_give_the_same_bytes_at_any_time(tmp_path, monkeypatch):
    write_sheet(TABLE, tmp_path / "a.xlsx", title="台账")
    then = time.localtime(time.time() + 40_000_000)
    monkeypatch.setattr(sheets.zipfile.time, "localtime", lambda *_: then)
    write_sheet(TABLE, tmp_path / "b.xlsx", title="台账")
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()
    pd.testing.assert_frame_equal(pd.read_excel(tmp_path / "a.xlsx"), TABLE, check_dtype=False)


def test_times_inside_are_one_moment():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        target.writestr("docProps/core.xml", "<m>2031-05-06T07:08:09Z</m><n>x</n>")
        target.writestr("other.xml", "<m>2031-05-06T07:08:09Z</m>")
    with zipfile.ZipFile(io.BytesIO(timeless(buffer.getvalue()))) as back:
        assert back.read("docProps/core.xml") == b"<m>2024-07-01T00:00:00Z</m><n>x</n>"
        assert back.read("other.xml") == b"<m>2031-05-06T07:08:09Z</m>"
        assert {i.date_time[:3] for i in back.infolist()} == {(2024, 7, 1)}


def test_a_formula_is_refused(tmp_path):
    with pytest.raises(DataError, match="starts with"):
        write_sheet(TABLE.assign(编号="=1+1"), tmp_path / "c.xlsx", title="台账")
    assert not list(tmp_path.iterdir())
