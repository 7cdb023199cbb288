"""What the two databases have in common, and what they do each in its own way: one small dialect."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

Row = tuple[Any, ...]
PART = 400
"""Values of one IN (...); SQLite takes 999 at least."""


class Database(ABC):
    """A connection. SQL is written once, with `?` for values; each database makes it its own.

    Attributes
    ----------
    label : what may be printed of where it is: never a password.
    integer, real, serial_key : types of columns. lock_rows : what follows a SELECT that locks its rows.
    """

    label: str
    integer: str
    real: str
    serial_key: str
    lock_rows: str

    @abstractmethod
    def run(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """Run one statement; return its rows."""

    @abstractmethod
    def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement for each row of values."""

    @abstractmethod
    def start(self, *, write: bool) -> None:
        """Begin a transaction; one that writes may change the kept tables, others may not."""

    @abstractmethod
    def end(self, *, keep: bool) -> None:
        """Commit or roll back."""

    @abstractmethod
    def has_register(self) -> bool:
        """Return whether the tables are there."""

    @abstractmethod
    def prepare(self, crs: str) -> None:
        """Make ready for spatial layers in a CRS, within the transaction that creates the tables."""

    @abstractmethod
    def add_layer(self, name: str, columns: Sequence[tuple[str, str]], shape: str, title: str) -> None:
        """Create the table of a spatial layer with a column `geom`, known to GIS programs."""

    @abstractmethod
    def columns(self, table: str) -> list[str]:
        """Return the names of the columns of a table; none where there is no such table."""

    @abstractmethod
    def keep_copy(self, mark: str) -> str:
        """Copy the whole register as it was committed, within a transaction that writes; return where the copy is.

        `mark` is part of its name. Nothing that is there is written over. In a file the copy stays whatever becomes of
        the transaction; on a server it is made by it.
        """

    @abstractmethod
    def index_layer(self, name: str) -> None:
        """Give a layer of an earlier format its spatial index, where it has none."""

    @abstractmethod
    def put_styles(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep the styles of the layers where GIS programs look for them."""

    @abstractmethod
    def protect(self, tables: Sequence[str], *, append_only: Sequence[str]) -> None:
        """Let nothing but this package change tables, and nothing at all change rows of those that only grow."""

    @abstractmethod
    def shape_in(self) -> str:
        """Return the SQL that takes a shape from `shape_value`."""

    @abstractmethod
    def shape_value(self, wkb_hex: str | None) -> Any:
        """Return the value that `shape_in` takes."""

    @abstractmethod
    def shape_out(self) -> str:
        """Return the SQL that reads the column `geom` of a layer."""

    @abstractmethod
    def shape_text(self, value: Any) -> str | None:
        """Return what `shape_out` read as hexadecimal WKB."""

    @abstractmethod
    def touched(self, layer: str) -> None:
        """Note that the rows of a layer changed, where the format asks for it."""

    @abstractmethod
    def index_faults(self, layer: str) -> list[str]:
        """Return what the spatial index of a layer lacks, where it is kept beside the rows."""

    @abstractmethod
    def close(self) -> None:
        """Close the connection; an open transaction is rolled back."""

    @contextmanager
    def transaction(self, *, write: bool) -> Iterator[None]:
        """Commit what the block does, or nothing of it."""
        self.start(write=write)
        try:
            yield
        except BaseException:
            self.end(keep=False)
            raise
        self.end(keep=True)

    def among(self, sql: str, values: Sequence[Any], *, after: str = "", first: Sequence[Any] = ()) -> list[Row]:
        """Run a statement that ends in `IN` for values in parts; `after` follows the brackets, `first` goes before."""
        out: list[Row] = []
        for i in range(0, len(values), PART):
            part = list(values[i : i + PART])
            out += self.run(f"{sql} ({','.join('?' * len(part))}) {after}", [*first, *part])
        return out


def quoted(name: str) -> str:
    """Return a name of this package as an SQL identifier."""
    if not name.isidentifier():
        msg = f"{name!r} is no identifier"
        raise ValueError(msg)
    return f'"{name}"'
