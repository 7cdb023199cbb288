"""The messages of a GRIB file by their own octets (WMO FM 92, editions 1 and 2): parameter, reference time, interval.

Values are decoded elsewhere; here nothing but headers is read, so that no table of a library decides what a message is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from geo_risk.core.errors import CorruptFileError, LimitError

MAX_MESSAGES = 100_000
_SCAN = 1 << 16
_SECONDS = {0: 60, 1: 3600, 2: 86400, 10: 10800, 11: 21600, 12: 43200, 13: 1, 254: 1}
"""Code table 4 of edition 1 and 4.4 of edition 2, as seconds; 13 is a second in edition 2, 254 in edition 1."""


@dataclass(frozen=True)
class Message:
    """One field.

    Attributes
    ----------
    edition : 1 or 2. centre : originating centre, as in common code table C-11.
    parameter : edition 1: (table version, parameter); edition 2: (discipline, category, number).
    reference : reference time, as the file has it.
    start, end : interval of the statistic as the octets give it; start is NaT for a value at a point in time.
    statistic : "accumulation", "average", "instant" or "other".
    grid : hash of the grid definition. step_deg : grid step of a latitude-longitude grid, NaN for others.
    """

    edition: int
    centre: int
    parameter: tuple[int, ...]
    reference: np.datetime64
    start: np.datetime64
    end: np.datetime64
    statistic: str
    grid: str
    step_deg: float


def messages(path: Path) -> list[Message]:
    """Return every field of a file, in the order in which GDAL numbers its bands.

    Raises
    ------
    CorruptFileError : no message, or one that is cut off or cannot be followed.
    LimitError : more than MAX_MESSAGES.
    """
    out: list[Message] = []
    with path.open("rb") as stream:
        size = stream.seek(0, 2)
        at = _next(stream, 0)
        while at is not None:
            stream.seek(at)
            head = stream.read(16)
            try:
                length, found = _edition_1(stream, at, head) if head[7] == 1 else _edition_2(stream, at, head)
            except (IndexError, ValueError, OverflowError) as error:
                what = f"{path.name}: message {len(out) + 1} at byte {at} cannot be followed: {error}"
                raise CorruptFileError(what, where=str(path), fix="copy the file again") from error
            if at + length > size:
                what = f"{path.name}: message {len(out) + 1} at byte {at} is {length} bytes long; the file ends {at + length - size} bytes early"  # noqa: E501
                raise CorruptFileError(what, where=str(path), fix="copy the file again: it is cut off")
            out.extend(found)
            if len(out) > MAX_MESSAGES:
                what = f"{path.name} has more than {MAX_MESSAGES} messages"
                raise LimitError(what, where=str(path), fix="extract total precipitation of the days of the run")
            at = _next(stream, at + length)
    if not out:
        what = f"{path.name} holds no GRIB message"
        raise CorruptFileError(what, where=str(path), fix="copy the file again")
    return out


def _next(stream: BinaryIO, start: int) -> int | None:
    """Return where the next message begins; bytes between messages are passed over."""
    stream.seek(start)
    tail = b""
    at = start
    while block := stream.read(_SCAN):
        found = (tail + block).find(b"GRIB")
        if found >= 0:
            return at - len(tail) + found
        at += len(block)
        tail = (tail + block)[-3:]
    return None


def _uint(data: bytes, first: int, n: int = 1) -> int:
    """Return the unsigned integer in octets `first` .. (counted from 1, as the manual does)."""
    part = data[first - 1 : first - 1 + n]
    if len(part) < n:
        what = "a section is cut off"
        raise ValueError(what)
    return int.from_bytes(part, "big")


def _int(data: bytes, first: int, n: int) -> int:
    """Return a sign-and-magnitude integer, as the manual lays down."""
    value = _uint(data, first, n)
    top = 1 << (8 * n - 1)
    return -(value - top) if value >= top else value


def _time(year: int, month: int, day: int, hour: int, minute: int, second: int = 0) -> np.datetime64:
    return np.datetime64(f"{year:04d}-{month:02d}-{day:02d}T00:00:00", "s") + np.timedelta64(
        hour * 3600 + minute * 60 + second, "s"
    )


_NAT = np.datetime64("NaT", "s")


def _edition_1(stream: BinaryIO, at: int, head: bytes) -> tuple[int, list[Message]]:
    length = _uint(head, 5, 3)
    stream.seek(at + 8)
    pds = stream.read(_uint(stream.read(3), 1, 3) - 3)
    pds = b"\0\0\0" + pds
    flags = _uint(pds, 8)
    here = stream.tell()
    gds = b""
    for bit in (0x80, 0x40):
        if flags & bit:
            n = _uint(stream.read(3), 1, 3)
            body = stream.read(n - 3)
            gds = b"\0\0\0" + body if bit == 0x80 else gds
            here += n
    if length & 0x800000:
        # large messages of ECMWF count in units of 120 octets, corrected by the length of the last section
        length = (length & 0x7FFFFF) * 120 - _uint(stream.read(3), 1, 3) + 4
    century = _uint(pds, 25)
    reference = _time((century - 1) * 100 + _uint(pds, 13), *(_uint(pds, k) for k in (14, 15, 16, 17)))
    unit = np.timedelta64(_SECONDS[_known_unit(_uint(pds, 18))], "s")
    p1, p2, indicator = _uint(pds, 19), _uint(pds, 20), _uint(pds, 21)
    if indicator == 10:
        p1, p2 = _uint(pds, 19, 2), 0
    kinds = {2: "other", 3: "average", 4: "accumulation", 5: "other"}
    statistic = kinds.get(indicator, "instant" if indicator in (0, 1, 10) else "other")
    spans = statistic != "instant"
    start = reference + p1 * unit if spans else _NAT
    end = reference + (p2 if spans else p1) * unit
    step = _int(gds, 24, 2) / 1000 if len(gds) >= 28 and _uint(gds, 6) == 0 else float("nan")
    message = Message(1, _uint(pds, 5), (_uint(pds, 4), _uint(pds, 9)), reference, start, end, statistic,
                      hashlib.sha256(gds).hexdigest(), step)  # fmt: skip
    return length, [message]


def _known_unit(code: int) -> int:
    if code not in _SECONDS:
        what = f"time unit {code} is not one of minute, hour, day, 3, 6, 12 hours, second"
        raise ValueError(what)
    return code


def _edition_2(stream: BinaryIO, at: int, head: bytes) -> tuple[int, list[Message]]:
    if _uint(head, 8) != 2:
        what = f"edition {_uint(head, 8)} is not 1 or 2"
        raise ValueError(what)
    length, discipline = _uint(head, 9, 8), _uint(head, 7)
    found = []
    identification = grid = b""
    for number, body in _sections(stream, at + 16, at + length):
        if number == 1:
            identification = body
        elif number == 3:
            grid = body
        elif number == 4:
            found.append(_product(discipline, identification, grid, body))
    return length, found


def _sections(stream: BinaryIO, here: int, stop: int) -> Iterator[tuple[int, bytes]]:
    """Yield the number and octets of the sections that describe; data sections are passed over."""
    while here < stop - 4:
        stream.seek(here)
        lead = stream.read(5)
        n, number = _uint(lead, 1, 4), _uint(lead, 5)
        if lead[:4] == b"7777" or n < 5:
            return
        yield number, (lead + stream.read(n - 5) if number in (1, 3, 4) else b"")
        here += n


def _product(discipline: int, identification: bytes, grid: bytes, body: bytes) -> Message:
    reference = _time(_uint(identification, 13, 2), *(_uint(identification, k) for k in (15, 16, 17, 18, 19)))
    template = _uint(body, 8, 2)
    unit = _SECONDS[_known_unit(_uint(body, 18))]
    first = reference + np.timedelta64(_int(body, 19, 4) * unit, "s")
    start: np.datetime64 = _NAT
    end, statistic = first, "instant"
    # template 4.8 holds the end of its interval at octet 35, 4.11 (a member of an ensemble) at 38
    offset = {8: 35, 11: 38}.get(template)
    if offset is not None:
        clock = [_uint(body, offset, 2), *(_uint(body, offset + k) for k in (2, 3, 4, 5, 6))]
        start, end = first, _time(*clock)
        statistic = {0: "average", 1: "accumulation"}.get(_uint(body, offset + 12), "other")
    elif template not in (0, 1):
        statistic = "other"
    template_3 = _uint(grid, 13, 2)
    step = _uint(grid, 64, 4) / 1e6 if template_3 == 0 and len(grid) >= 72 else float("nan")
    parameter = (discipline, _uint(body, 10), _uint(body, 11))
    digest = hashlib.sha256(grid).hexdigest()
    return Message(2, _uint(identification, 6, 2), parameter, reference, start, end, statistic, digest, step)
