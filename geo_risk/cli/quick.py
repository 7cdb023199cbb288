"""The plain form of `geo-risk east-up` and `geo-risk velocity`: files and -o, without the parser of all commands.

Loading that parser takes longer than the work on a frame. Whatever has any other word, or is wrong, goes to it.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from geo_risk.cli import output

if TYPE_CHECKING:
    from geo_risk.flow.velocity_file import VelocityFileOptions

Facts = dict[str, object]


def run(words: Sequence[str]) -> int | None:
    """Do the command of plain words and return its exit code; None where the full parser must read them."""
    if not words or words[0] not in {"east-up", "velocity"}:
        return None
    plain = _plain(words[1:])
    if plain is None:
        return None
    files, out = plain
    if words[0] == "velocity":
        return output.guarded(lambda: _said(velocity_text, velocity(files[0], out), out)) if len(files) == 1 else None
    if len(files) < 4 or len(files) % 2:
        return None
    return output.guarded(lambda: _said(east_up_text, east_up(files, out), out))


def east_up(files: Sequence[Path], out: Path, *, minimum_angle_deg: float = 20.0, units_checked: bool = False) -> Facts:
    """Write east and up of velocity and geometry files, two a track; return the facts."""
    with no_garbage():
        from geo_risk.flow.east_up_file import write_east_up_file

        pairs = [(v.absolute(), g.absolute()) for v, g in zip(files[::2], files[1::2], strict=True)]
        return write_east_up_file(
            pairs, out.absolute(), minimum_angle_deg=minimum_angle_deg, units_checked=units_checked
        )


def east_up_text(facts: Facts, out: Path) -> str:
    """Return the line that says what `east_up` wrote."""
    share = float(str(facts["known_share"]))
    return f"{facts['tracks']} tracks, {share:.1%} of the pixels have east and up{_set_aside(facts)}: {out}"


def velocity(series: Path, out: Path, options: VelocityFileOptions | None = None) -> Facts:
    """Write the velocities of a series, by the plain model where no other is given; return the facts."""
    with no_garbage():
        from geo_risk.flow.velocity_file import VelocityFileOptions, write_velocity_file

        return write_velocity_file(series.absolute(), out.absolute(), options or VelocityFileOptions())


def velocity_text(facts: Facts, out: Path) -> str:
    """Return the line that says what `velocity` wrote."""
    share = float(str(facts["known_share"]))
    return f"{facts['dates']} dates, {share:.1%} of the pixels have a velocity{_set_aside(facts)}: {out}"


def _set_aside(facts: Facts) -> str:
    """Return what was made missing, empty where nothing was."""
    told = {"infinite_values": "infinite values", "impossible_angles": "impossible angles"}
    said = [f"{facts[key]} {name}" for key, name in told.items() if facts.get(key)]
    return f" ({' and '.join(said)} taken as missing)" if said else ""


def _plain(words: Sequence[str]) -> tuple[list[Path], Path] | None:
    """Return the files and the one -o FILE of words that hold nothing else."""
    files: list[Path] = []
    outs: list[Path] = []
    rest = iter(words)
    for word in rest:
        if word in {"-o", "--out"}:
            outs.append(Path(next(rest, "-")))
        elif word.startswith("-") or not word:
            return None
        else:
            files.append(Path(word))
    if len(outs) != 1 or str(outs[0]).startswith("-"):
        return None
    return files, outs[0]


def _said(text: Callable[[Facts, Path], str], facts: Facts, out: Path) -> int:
    output.say(text(facts, out))
    return 0


@contextmanager
def no_garbage() -> Iterator[None]:
    """Collect no garbage meanwhile: loading modules makes none to collect, and looking for it takes a sixth of it."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
