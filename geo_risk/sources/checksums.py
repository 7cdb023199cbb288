"""Checksum lists beside inputs: what is listed must match, what is not listed is called unverified."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from geo_risk.core.errors import CorruptFileError

NAMES = ("checksums.sha256", "SHA256SUMS", "SHA256SUMS.txt")
"""Names of lists that are looked for in a file's folder and the three above it."""

_LINE = re.compile(r"(?P<hash>[0-9a-fA-F]{64}) [ *](?P<name>.+)")
_LEVELS = 4

Status = Literal["verified", "unverified"]


def listed_sha256(path: Path) -> tuple[str, Path] | None:
    """Return the hash that the nearest checksum list gives for a file, and that list; None where none lists it.

    Raises
    ------
    CorruptFileError : a list has a line that is not `hash  name`.
    """
    for folder in list(path.parents)[:_LEVELS]:
        for name in NAMES:
            found = folder / name
            if found.is_file():
                entry = _entries(found).get(path.relative_to(folder).as_posix())
                if entry:
                    return entry, found
    return None


def verify_file(path: Path, *, where: str, sha256: Callable[[Path], str]) -> Status:
    """Return "verified" where a list beside the file gives its hash, "unverified" where none does.

    Parameters
    ----------
    path, where : the file and its config key.
    sha256 : hashes a file.

    Raises
    ------
    CorruptFileError : the file does not match its list.
    """
    entry = listed_sha256(path)
    if entry is None:
        return "unverified"
    wanted, listing = entry
    got = sha256(path)
    if got != wanted:
        what = f"{path.name} has sha256 {got[:12]}..., its list says {wanted[:12]}...: the file was changed or damaged"
        fix = f"copy the file again; if the change was meant, renew its line in {listing.name}"
        raise CorruptFileError(what, where=f"{where}: {path}", fix=fix)
    return "verified"


def _entries(listing: Path) -> dict[str, str]:
    out: dict[str, str] = {}
    for number, line in enumerate(listing.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line.rstrip())
        if match is None:
            what = f"line {number} of the checksum list is not `hash  name`"
            raise CorruptFileError(what, where=str(listing), fix="write it with sha256sum")
        out[match["name"].removeprefix("./")] = match["hash"].lower()
    return out
