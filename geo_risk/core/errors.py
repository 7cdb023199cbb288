"""Errors that say what is wrong, where, and how to mend it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class GeoRiskError(Exception):
    """Base of every deliberate error; `code` is stable, `exit_code` is what the command line returns.

    Parameters
    ----------
    what : what is wrong, with the value got and the value wanted.
    where : file, field, feature id, block or column.
    fix : what the reader can do about it.
    """

    code: ClassVar[str] = "GR000"
    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, where: str, fix: str) -> None:
        self.what, self.where, self.fix = what, where, fix
        super().__init__(f"[{self.code}] {what}\n  where: {where}\n  fix:   {fix}")

    def __reduce__(self) -> tuple[object, ...]:
        """Survive the trip back from a worker process."""
        return (_rebuild, (type(self), self.what, self.where, self.fix))


def _rebuild(cls: type[GeoRiskError], what: str, where: str, fix: str) -> GeoRiskError:
    return cls(what, where=where, fix=fix)


class ConfigError(GeoRiskError):
    """The configuration cannot be used as written."""

    code, exit_code = "GR100", 2


class DataError(GeoRiskError):
    """An input file or its content cannot be used."""

    code, exit_code = "GR200", 3


class UnitError(DataError):
    """Units are absent or incompatible."""

    code = "GR201"


class CrsError(DataError):
    """A coordinate reference system is absent, geographic where metres are needed, or implausible."""

    code = "GR202"


class GridError(DataError):
    """Two layers that meet are not on the same grid."""

    code = "GR203"


class CorruptFileError(DataError):
    """A file opens but cannot be read whole, or does not match its checksum."""

    code = "GR204"


class RefusedFileError(DataError):
    """A file is not what its name says, or points outside itself."""

    code = "GR205"


class OverlapError(DataError):
    """An input does not overlap the area of the run."""

    code = "GR206"


class SchemaError(DataError):
    """A table lacks columns, repeats ids or holds values outside their range."""

    code = "GR207"


class LimitError(DataError):
    """An input asks for more pixels, vertices or bytes than the limits allow."""

    code = "GR208"


class TimeError(DataError):
    """Times are missing, doubled, unsorted or without a zone."""

    code = "GR209"


class AmbiguousError(DataError):
    """The data allow two readings; the configuration must say which is meant."""

    code = "GR210"


class ConflictError(DataError):
    """Somebody else changed what was to be changed, after it was read."""

    code = "GR211"


class EnvironmentError_(GeoRiskError):
    """Disk, lock, memory or cluster is in the way."""

    code, exit_code = "GR400", 4


class DiskFullError(EnvironmentError_):
    """A file could not be written whole."""

    code = "GR401"


class LockedError(EnvironmentError_):
    """Another run works in the same output folder."""

    code = "GR402"


class ClusterError(EnvironmentError_):
    """The Dask scheduler or its workers cannot do the work."""

    code = "GR403"


def raise_all(problems: Sequence[GeoRiskError]) -> None:
    """Raise one error that carries every problem found; do nothing where there is none.

    Raises
    ------
    GeoRiskError : of the first problem's type; its text lists all of them.
    """
    if not problems:
        return
    first = problems[0]
    if len(problems) == 1:
        raise first
    what = f"{len(problems)} problems: " + "; ".join(f"({i}) {p.what} [{p.where}]" for i, p in enumerate(problems, 1))
    raise type(first)(what, where=first.where, fix=" / ".join(dict.fromkeys(p.fix for p in problems)))
