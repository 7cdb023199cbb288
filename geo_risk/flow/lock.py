"""One run a folder: a lock that names its process and host, and is taken over where that process is dead."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from geo_risk.core.errors import LockedError

NAME = "run.lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a work folder.

    A lock left by a process of this host that lives no longer is taken over.

    Raises
    ------
    LockedError : another run works there, or one of another host may.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    mine = json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "started": _started(os.getpid())})
    for _ in range(3):
        try:
            handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except FileExistsError:
            _take_over(path)
            continue
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(mine)
        break
    else:
        raise _error(path, "another run took the lock at the same moment")
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            if path.read_text(encoding="utf-8") == mine:
                path.unlink()


def _take_over(path: Path) -> None:
    """Move a dead process's lock out of the way.

    Raises
    ------
    LockedError : its process lives, or cannot be judged from this host.
    """
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        pid, host, started = int(held["pid"]), str(held["host"]), held.get("started")
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, TypeError):
        pid, host, started = 0, socket.gethostname(), None
    if host != socket.gethostname():
        raise _error(path, f"a run of host {host} (pid {pid}) holds this folder")
    if pid and _alive(pid, started):
        raise _error(path, f"another run (pid {pid}) works in this folder")
    aside = path.with_name(f"{NAME}.{uuid.uuid4().hex}.stale")
    with contextlib.suppress(FileNotFoundError):
        os.replace(path, aside)  # noqa: PTH105 - only one of two processes can win this
        aside.unlink()


def _alive(pid: int, started: str | None) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    now = _started(pid)
    return now != "dead" and (started is None or now in (None, started))


def _started(pid: int) -> str | None:
    """Return when a process started (kernel ticks), "dead" where it only waits to be reaped, None where unknown."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    after = stat.rpartition(")")[2].split()
    if after[:1] == ["Z"]:
        return "dead"
    return after[19] if len(after) > 19 else None


def _error(path: Path, what: str) -> LockedError:
    return LockedError(
        what, where=str(path), fix="wait for it, choose another `output`, or delete the lock if it is dead"
    )
