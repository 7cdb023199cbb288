"""Two writers at once, writers that are killed, servers that fall: no update of the register is lost, none is half."""

import itertools
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from geo_risk.register.replay import differences
from geo_risk.register.store import Register
from tests.support.registers import add_points, new_register

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.faults, pytest.mark.slow]


def writer(url, object_id, n, who):
    words = [sys.executable, "-m", "tests.support.register_writer", url, object_id, str(n), who]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(words, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)


def done(process):
    """Return the versions that a writer said it committed, and whether it ended by itself."""
    lines = process.stdout.read().splitlines()
    process.wait(timeout=60)
    return [int(line.split()[1]) for line in lines if line.startswith("did ") and len(line.split()) == 2]


def test_ten_thousand_updates_of_two_processes_at_once_lose_nothing(register_url):
    with new_register(register_url) as register:
        (one,) = add_points(register, people=0)
    both = [writer(register_url, one, 5000, who) for who in ("甲", "乙")]
    versions = [done(p) for p in both]
    assert [p.returncode for p in both] == [0, 0]
    assert [len(v) for v in versions] == [5000, 5000]
    assert sorted(versions[0] + versions[1]) == list(range(2, 10_002))
    with Register.open(register_url) as register:
        state = register.get([one])[one]
        assert (state.values["people"], state.version) == (10_000, 10_001)
        rows = register.history(one)
        assert len(rows) == 10_001
        assert {w: sum(e.who == w for e in rows[1:]) for w in ("甲", "乙")} == {"甲": 5000, "乙": 5000}
        # both wrote in turns, not one after the other, which would be one change; how many is the machine's choice
        assert sum(a.who != b.who for a, b in itertools.pairwise(rows[1:])) > 1
        assert differences(register) == []


def test_a_writer_killed_in_mid_write_leaves_what_it_committed_and_nothing_else(register_url):
    with new_register(register_url) as register:
        (one,) = add_points(register, people=0)
    rng, committed = random.Random(7), 0
    for _ in range(6):
        process = writer(register_url, one, 100_000, "甲")
        assert process.stdout.readline() == "ready\n"
        time.sleep(rng.uniform(0.05, 0.6))
        process.send_signal(signal.SIGKILL)
        versions = done(process)
        assert process.returncode == -signal.SIGKILL
        with Register.open(register_url) as register:
            state = register.get([one])[one]
            # all that was told is there; one more may be, committed but not yet told
            least = max(versions, default=committed + 1)
            assert state.version in (least, least + 1)
            assert state.values["people"] == state.version - 1 == len(register.history(one)) - 1
            assert differences(register) == []
            committed = state.version - 1
            add_points(register)  # no lock is left behind
    assert committed > 20


def test_a_file_killed_while_it_writes_a_thousand_objects_has_all_or_none(tmp_path):
    url = f"sqlite:///{tmp_path / 'register.gpkg'}"
    new_register(url).close()
    script = (
        "import sys\n"
        "from geo_risk.register.store import Register\n"
        "from tests.support.registers import add_points\n"
        f"register = Register.open({url!r})\n"
        "print('ready', flush=True)\n"
        "while True:\n"
        "    add_points(register, 1000)\n"
    )
    seen = 0
    for k in range(5):
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.07 + 0.11 * k)
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=60)
        with Register.open(url) as register:
            n = len(register.states("hazard_points"))
            assert n % 1000 == 0
            assert n >= seen
            assert register.database.run("SELECT COUNT(*) FROM reg_ids") == [(n,)]
            assert differences(register) == []
            seen = n
    assert seen > 0


def test_a_server_that_falls_keeps_what_was_committed(postgres):
    url = postgres.url("falls")
    with new_register(url) as register:
        (one,) = add_points(register, people=0)
    process = writer(url, one, 100_000, "甲")
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.8)
    postgres.restart_after_crash()
    versions = done(process)
    assert process.returncode != 0
    with Register.open(url) as register:
        state = register.get([one])[one]
        assert state.version in (versions[-1], versions[-1] + 1)
        assert state.values["people"] == state.version - 1
        assert differences(register) == []
