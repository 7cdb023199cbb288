"""When something was seen, as people write it: with a zone or without, to the minute or to the day."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import pandas as pd

_BEIJING = pd.Timedelta(hours=8)
_CLOCK = r"(?P<hour>\d{1,2})(?::(?P<minute>\d{1,2})?(?::(?P<second>\d{1,2}(?:\.\d+)?)?)?)?"
_ZONE = r"(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2})"
_WHEN = re.compile(rf"(?P<day>\d{{4}}-\d{{1,2}}-\d{{1,2}})(?:[T ]*{_CLOCK})?\s*{_ZONE}?")


def report_times(texts: pd.Series[Any]) -> pd.DataFrame:
    """Return between which instants each time may lie.

    Parameters
    ----------
    texts : such as "2024-07-20 16:00+08:00", "2024-07-20T08:00Z", "2024/7/20 16:00", "2024年7月20日16时30分" or a day.

    Returns
    -------
    time_from, time_to : UTC without zone; the same instant where minute and zone are told. A time without a zone may be
        Beijing time or UTC, a day without an hour any time of it. Both NaT where nothing, or no day of a year, is told.
    """
    rows = [_between(t) for t in texts]
    return pd.DataFrame(rows, columns=["time_from", "time_to"], index=texts.index, dtype="datetime64[ns]")


def _between(text: Any) -> tuple[Any, Any]:
    nothing = (pd.NaT, pd.NaT)
    plain = unicodedata.normalize("NFKC", "" if pd.isna(text) else str(text)).strip()
    plain = re.sub(r"[年月/.](?=\d{1,2}(?:\D|$))", "-", plain, count=2)
    plain = plain.replace("日", " ").replace("时", ":").replace("点", ":").replace("分", "").replace("秒", "")
    found = _WHEN.fullmatch(" ".join(plain.split()))
    if found is None:
        return nothing
    try:
        begin = pd.Timestamp(found["day"]) + pd.Timedelta(
            hours=int(found["hour"] or 0), minutes=int(found["minute"] or 0), seconds=float(found["second"] or 0)
        )
    except ValueError:
        return nothing
    end = begin if found["hour"] else begin + pd.Timedelta(days=1)
    zone = found["zone"]
    if zone is None:
        return begin - _BEIJING, end
    ahead = pd.Timedelta(0)
    if zone not in ("Z", "UTC", "GMT"):
        sign = 1 if zone[0] == "+" else -1
        ahead = sign * pd.Timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
    return begin - ahead, end - ahead
