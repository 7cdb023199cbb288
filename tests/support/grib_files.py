"""GRIB messages of editions 1 and 2 put together octet by octet (WMO FM 92), with simple packing in 24 bits."""

from __future__ import annotations

from datetime import datetime

import numpy as np


def _u(value: int, n: int) -> bytes:
    return int(value).to_bytes(n, "big")


def _s(value: int, n: int) -> bytes:
    """Sign and magnitude."""
    return _u(abs(value) | ((1 << (8 * n - 1)) if value < 0 else 0), n)


def _packed(values: np.ndarray, *, decimals: int) -> tuple[float, bytes]:
    """Return the reference value, and the numbers in 24 bits with binary scale 0 and a decimal scale."""
    scaled = np.round(values.astype("float64") * 10**decimals)
    low = scaled.min()
    whole = (scaled - low).astype(np.int64)
    assert whole.max() < 1 << 24
    return float(low), b"".join(_u(int(v), 3) for v in whole.ravel())


def grib2(
    values: np.ndarray,
    *,
    reference: datetime,
    start: datetime | None,
    end: datetime,
    parameter: tuple[int, int, int] = (0, 1, 8),
    centre: int = 38,
    south_up: bool = False,
    step: float = 0.01,
    west: float = 112.0,
    north: float = 38.0,
    statistic: int = 1,
    decimals: int = 1,
) -> bytes:
    """One field (y, x), y falling, as a message: template 4.8 where `start` is given, else 4.0."""
    n_y, n_x = values.shape
    micro = lambda d: round(d * 1e6)  # noqa: E731
    rows = values[::-1] if south_up else values
    south = north - step * (n_y - 1)
    first, last = (south, north) if south_up else (north, south)
    clock = lambda t: _u(t.year, 2) + bytes((t.month, t.day, t.hour, t.minute, t.second))  # noqa: E731
    section1 = _u(21, 4) + b"\1" + _u(centre, 2) + _u(0, 2) + bytes((4, 0, 1)) + clock(reference) + bytes((0, 1))
    template = bytes((6, 0)) + _u(0, 4) + bytes((0,)) + _u(0, 4) + bytes((0,)) + _u(0, 4)
    template += (
        _u(n_x, 4) + _u(n_y, 4) + _u(0, 4) + _u(0xFFFFFFFF, 4) + _s(micro(first), 4) + _u(micro(west), 4) + bytes((48,))
    )
    template += _s(micro(last), 4) + _u(micro(west + step * (n_x - 1)), 4) + _u(micro(step), 4) * 2
    template += bytes((0x40 if south_up else 0,))
    section3 = b"\3" + bytes((0,)) + _u(n_x * n_y, 4) + bytes((0, 0)) + _u(0, 2) + template
    section3 = _u(len(section3) + 4, 4) + section3
    lead = int(((start or end) - reference).total_seconds() // 60)
    common = bytes((parameter[1], parameter[2], 2, 0, 0)) + _u(0, 2) + bytes((0, 0)) + _s(lead, 4)
    common += bytes((1, 0)) + _u(0, 4) + bytes((255, 0)) + _u(0, 4)
    if start is None:
        body, number = common, 0
    else:
        minutes = int((end - start).total_seconds() // 60)
        body = (
            common
            + clock(end)
            + bytes((1,))
            + _u(0, 4)
            + bytes((statistic, 2, 0))
            + _u(minutes, 4)
            + bytes((0,))
            + _u(0, 4)
        )
        number = 8
    section4 = b"\4" + _u(0, 2) + _u(number, 2) + body
    section4 = _u(len(section4) + 4, 4) + section4
    low, data = _packed(rows, decimals=decimals)
    section5 = (
        b"\5"
        + _u(n_x * n_y, 4)
        + _u(0, 2)
        + np.array([low], ">f4").tobytes()
        + _s(0, 2)
        + _s(decimals, 2)
        + bytes((24, 0))
    )
    section5 = _u(len(section5) + 4, 4) + section5
    section6 = _u(6, 4) + b"\6\xff"
    section7 = _u(len(data) + 5, 4) + b"\7" + data
    inner = section1 + section3 + section4 + section5 + section6 + section7 + b"7777"
    return b"GRIB\0\0" + bytes((parameter[0], 2)) + _u(len(inner) + 16, 8) + inner


def _ibm(value: float) -> bytes:
    """A number as edition 1 stores it: sign, base-16 exponent in excess 64, 24-bit fraction."""
    if value == 0:
        return b"\0\0\0\0"
    sign, value, exponent = (0x80 if value < 0 else 0), abs(value), 64
    while value >= 1:
        value, exponent = value / 16, exponent + 1
    while value < 1 / 16:
        value, exponent = value * 16, exponent - 1
    return bytes((sign | exponent,)) + _u(int(value * (1 << 24)), 3)


def grib1(
    values: np.ndarray,
    *,
    reference: datetime,
    hours: tuple[int, int],
    indicator: int = 0,
    table: int = 128,
    parameter: int = 228,
    centre: int = 98,
    step: float = 0.1,
    west: float = 112.0,
    north: float = 38.0,
    decimals: int = 6,
) -> bytes:
    """One field (y, x), y falling, as a message of edition 1; `hours` are P1 and P2."""
    n_y, n_x = values.shape
    milli = lambda d: round(d * 1000)  # noqa: E731
    century = (reference.year - 1) // 100 + 1
    pds = bytes((table, centre, 0, 255, 0x80, parameter, 1)) + _u(0, 2)
    pds += bytes(
        (reference.year - 100 * (century - 1), reference.month, reference.day, reference.hour, reference.minute, 1)
    )
    pds += bytes((*hours, indicator)) + _u(0, 2) + bytes((0, century, 0)) + _s(decimals, 2)
    pds = _u(len(pds) + 3, 3) + pds
    gds = bytes((0, 255, 0)) + _u(n_x, 2) + _u(n_y, 2) + _s(milli(north), 3) + _s(milli(west), 3) + bytes((0x80,))
    gds += (
        _s(milli(north - step * (n_y - 1)), 3)
        + _s(milli(west + step * (n_x - 1)), 3)
        + _u(milli(step), 2) * 2
        + b"\0" * 5
    )
    gds = _u(len(gds) + 3, 3) + gds
    low, data = _packed(values, decimals=decimals)
    odd = len(data) % 2 == 0
    bds = bytes((8 if odd else 0,)) + _s(0, 2) + _ibm(low) + bytes((24,)) + data + (b"\0" if odd else b"")
    bds = _u(len(bds) + 3, 3) + bds
    length = 8 + len(pds) + len(gds) + len(bds) + 4
    return b"GRIB" + _u(length, 3) + b"\1" + pds + gds + bds + b"7777"
