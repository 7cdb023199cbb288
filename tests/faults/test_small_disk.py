"""A full disk: exit 4, nothing half written, the old product as it was (FAULTS 19)."""

import os
import subprocess
import sys

import pytest

from geo_risk.flow.run import run
from geo_risk.flow.verify import verify
from tests.support.tiny import contents, make

pytestmark = pytest.mark.faults


@pytest.fixture
def small_disk(tmp_path):
    """A real file system of 3 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.name != "posix" or os.geteuid() != 0:
        if os.environ.get("CI") == "true":
            pytest.fail("mounting a small disk needs root")
        pytest.skip("mounting a small disk needs root")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"this machine does not let us mount a disk: {mounted.stderr.decode().strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False)


def fill(disk, *, leave):
    """Write a file that leaves `leave` bytes of the disk."""
    stat = os.statvfs(disk)
    (disk / "ballast").write_bytes(b"\0" * max(0, stat.f_bavail * stat.f_frsize - leave))


def command_line(*words):
    return subprocess.run(
        [sys.executable, "-m", "geo_risk.cli", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize("leave", [0, 40_000, 150_000])
def test_a_full_disk_stops_the_run_and_harms_nothing(tmp_path, small_disk, leave):
    config = make(tmp_path / "work", cells=150)
    out = small_disk / "out"
    run(config, overrides=[f"output={out}"])
    before = contents(out)
    fill(small_disk, leave=leave)
    stopped = command_line("run", config, "--set", f"output={out}", "--set", "rainfall.decay_per_day=0.5", "--force")
    assert stopped.returncode == 4, stopped.stderr
    assert stopped.stderr.splitlines()[-3].startswith(("[GR401]", "[GR400]"))
    assert contents(out) == before
    assert {f.state for f in verify(out)} == {"ok"}
    (small_disk / "ballast").unlink()
    again = command_line("run", config, "--set", f"output={out}", "--set", "rainfall.decay_per_day=0.5")
    assert again.returncode == 0, again.stderr
    assert contents(out) != before
    assert not list(out.rglob(".*.part*"))
