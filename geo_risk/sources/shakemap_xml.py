"""The XML of a ShakeMap grid as a stream of numbers: no document type, no entity, no more values than it specifies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

import numpy as np
from numpy.typing import NDArray

from geo_risk.core.errors import CorruptFileError, LimitError, RefusedFileError

_CHUNK = 1 << 20
_MAX_FIELDS = 60
_MAX_ELEMENTS = 1000
"""A grid.xml has some twenty elements; the numbers are the text of one of them."""

_AGAIN = "download the grid.xml again"


@dataclass(frozen=True)
class GridText:
    """What the file holds: event attributes, (rows, columns), names and units of its fields, values (cells, fields)."""

    event: Mapping[str, str]
    shape: tuple[int, int]
    names: tuple[str, ...]
    units: tuple[str, ...]
    values: NDArray[np.float64]


def parse_grid(path: Path, *, place: str, max_values: int) -> GridText:
    """Read a ShakeMap grid.

    Raises
    ------
    RefusedFileError : it is no ShakeMap grid, or declares a document type or an entity.
    CorruptFileError : not well formed, cut off, or with other values than it specifies.
    LimitError : it specifies more than `max_values` values.
    """
    reader = _Reader(place, max_values)
    parser = expat.ParserCreate()
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    parser.StartDoctypeDeclHandler = reader.refuse
    parser.EntityDeclHandler = reader.refuse
    parser.ExternalEntityRefHandler = reader.refuse
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                parser.Parse(chunk, False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        what = f"the XML breaks off or is malformed: {error}"
        raise CorruptFileError(what, where=place, fix=_AGAIN) from error
    return reader.result()


@dataclass
class _Reader:
    place: str
    max_values: int
    event: dict[str, str] = field(default_factory=dict)
    shape: tuple[int, int] | None = None
    fields: dict[int, tuple[str, str]] = field(default_factory=dict)
    blocks: list[NDArray[np.float64]] = field(default_factory=list)
    n_values: int = 0
    n_elements: int = 0
    tail: str = ""
    pending: list[str] = field(default_factory=list)
    n_pending: int = 0
    is_data: bool = False

    def refuse(self, *_: object) -> int:
        what = "the XML declares a document type or an entity; a ShakeMap grid has neither"
        raise RefusedFileError(
            what, where=self.place, fix="do not use this file: take the grid.xml of the agency itself"
        )

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.n_elements += 1
        local = name.rsplit(":", 1)[-1]
        if self.n_elements == 1 and local != "shakemap_grid":
            what = f"the XML begins with <{local[:40]}>; <shakemap_grid> needed"
            raise RefusedFileError(what, where=self.place, fix="give the grid.xml of a ShakeMap, or a GeoTIFF of PGV")
        if self.n_elements > _MAX_ELEMENTS:
            what = f"the XML has more than {_MAX_ELEMENTS} elements"
            raise LimitError(what, where=self.place, fix="give the grid.xml of a ShakeMap")
        if local == "event":
            self.event = {k: v for k, v in attributes.items() if len(v) <= 200}
        elif local == "grid_specification":
            self.shape = self._shape(attributes)
        elif local == "grid_field":
            self._field(attributes)
        elif local == "grid_data":
            self.is_data = True
            n = self._expected()
            if not n <= self.max_values:
                what = f"the grid asks for {n:,} values; {self.max_values:,} are allowed"
                raise LimitError(what, where=self.place, fix="give the map of one event, or raise storage.max_pixels")

    def _shape(self, attributes: dict[str, str]) -> tuple[int, int]:
        try:
            n_lat, n_lon = int(attributes["nlat"]), int(attributes["nlon"])
        except (KeyError, ValueError) as error:
            what = "the grid specification does not say nlat and nlon as whole numbers"
            raise CorruptFileError(what, where=self.place, fix=_AGAIN) from error
        if not (n_lat > 0 and n_lon > 0):
            what = f"the grid specification asks for {n_lat} x {n_lon} cells"
            raise CorruptFileError(what, where=self.place, fix=_AGAIN)
        return n_lat, n_lon

    def _field(self, attributes: dict[str, str]) -> None:
        index = attributes.get("index", "")
        if not index.isdecimal() or not 1 <= int(index) <= _MAX_FIELDS or int(index) in self.fields:
            what = f"a grid field has the index {index[:20]!r}; each of 1 to {_MAX_FIELDS} once needed"
            raise CorruptFileError(what, where=self.place, fix=_AGAIN)
        self.fields[int(index)] = (attributes.get("name", "").upper(), attributes.get("units", ""))

    def _expected(self) -> int:
        if self.shape is None or sorted(self.fields) != list(range(1, len(self.fields) + 1)) or not self.fields:
            what = "the grid data come without a specification of their shape and fields before them"
            raise CorruptFileError(what, where=self.place, fix=_AGAIN)
        return self.shape[0] * self.shape[1] * len(self.fields)

    def text(self, data: str) -> None:
        if self.is_data:
            self.pending.append(data)
            self.n_pending += len(data)
            if self.n_pending >= _CHUNK:
                self._take(is_last=False)

    def end(self, name: str) -> None:
        if name.rsplit(":", 1)[-1] == "grid_data":
            self._take(is_last=True)
            self.is_data = False

    def _take(self, *, is_last: bool) -> None:
        """Turn the text so far into numbers; a number that may go on in the next piece waits."""
        text = self.tail + "".join(self.pending)
        self.pending, self.n_pending = [], 0
        cut = len(text) if is_last else max(text.rfind(c) for c in " \n\t\r") + 1
        self.tail = text[cut:]
        try:
            numbers = np.array(text[:cut].split(), dtype=np.float64)
        except ValueError as error:
            what = f"the grid data hold something that is no number ({str(error)[:80]})"
            raise CorruptFileError(what, where=self.place, fix=_AGAIN) from error
        self.n_values += numbers.size
        if self.n_values > self._expected() or len(self.tail) > 100:
            what = f"the grid data hold more than the {self._expected():,} values they specify"
            raise CorruptFileError(what, where=self.place, fix=_AGAIN)
        self.blocks.append(numbers)

    def result(self) -> GridText:
        expected = self._expected()
        if self.n_values != expected:
            what = f"the grid data hold {self.n_values:,} values, the specification asks for {expected:,}"
            raise CorruptFileError(what, where=self.place, fix=_AGAIN)
        names, units = zip(*(self.fields[i] for i in sorted(self.fields)), strict=True)
        values = np.concatenate(self.blocks).reshape(-1, len(names))
        shape = self.shape or (0, 0)
        return GridText(self.event, shape, names, units, values)
