"""Write, verify, publish: the only place that gives a file its final name."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from geo_risk.core.errors import DiskFullError, GeoRiskError

_FULL = {errno.ENOSPC, errno.EDQUOT}
_LEFTOVER = re.compile(r"\..*\.[0-9a-f]{12}\.part(\.|-|$)")


@contextmanager
def staged(final: Path, *, verify: Callable[[Path], None]) -> Iterator[Path]:
    """Give a temporary path beside `final`; verify what was written there, fsync, then rename it.

    Parameters
    ----------
    final : the name to publish. What stands there stays until the new file is whole.
    verify : reopens the temporary file and raises where it is not what was meant.

    Raises
    ------
    DiskFullError : the disk was full, or the file did not read back as written.
    GeoRiskError : what `verify` raised. In every case the temporary file is gone and `final` is untouched.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(final)
    try:
        yield temporary
        verify(temporary)
        _fsync(temporary)
        os.replace(temporary, final)  # noqa: PTH105 - the atomic call, by name
        _fsync_folder(final.parent)
    except GeoRiskError:
        raise
    except OSError as error:
        if error.errno in _FULL or is_full(final.parent):
            raise disk_full(final) from error
        raise
    except Exception as error:
        if is_full(final.parent):
            raise disk_full(final) from error
        raise
    finally:
        _remove(p for p in _files(final.parent) if p.name.startswith(temporary.name))


def _temporary(final: Path) -> Path:
    """Return a name beside `final` that is hidden, unique, keeps the suffix and fits 255 bytes whatever the name."""
    stem = final.stem.encode()[:80].decode(errors="ignore")
    return final.with_name(f".{stem}.{os.urandom(6).hex()}.part{final.suffix}")


def is_leftover(path: Path) -> bool:
    """Return whether a file is what a killed run left: the temporary of `staged`, or what a driver put beside it."""
    return bool(_LEFTOVER.match(path.name))


def remove_leftovers(folder: Path) -> list[Path]:
    """Remove what killed runs left in a folder and below; return it. Only for the holder of the folder's lock."""
    found = sorted(p for p in folder.rglob(".*.part*") if is_leftover(p) and p.is_file())
    _remove(found)
    return found


def _files(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        with contextlib.suppress(OSError):
            path.unlink()


def disk_full(path: Path) -> DiskFullError:
    """Return the error for a file that does not fit on its disk."""
    what = f"{path.name} could not be written whole: no space left on the disk"
    return DiskFullError(what, where=str(path), fix="free space or set `output` to another disk, then run again")


def is_full(folder: Path, *, margin_bytes: int = 1 << 16) -> bool:
    """Return whether the disk of `folder` has less than `margin_bytes` left."""
    with contextlib.suppress(OSError, AttributeError):
        stat = os.statvfs(folder)
        return stat.f_bavail * stat.f_frsize < margin_bytes
    return False


def write_bytes(final: Path, content: bytes) -> None:
    """Publish bytes under `final`, read back and compared before the rename."""

    def verify(path: Path) -> None:
        if path.read_bytes() != content:
            raise disk_full(final)

    with staged(final, verify=verify) as temporary, temporary.open("wb") as stream:
        stream.write(content)


def write_text(final: Path, text: str) -> None:
    """Publish UTF-8 text under `final`."""
    write_bytes(final, text.encode())


def _fsync(path: Path) -> None:
    with path.open("rb+") as stream:  # some systems sync only what is open for writing
        os.fsync(stream.fileno())


def _fsync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
