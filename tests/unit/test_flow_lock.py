"""One run a folder: alive locks hold, dead ones are taken over (FAULTS 21)."""

import json
import os
import socket
import subprocess
import sys

import pytest

from geo_risk.core.errors import LockedError
from geo_risk.flow.lock import NAME, _started, locked


def write_lock(folder, **facts):
    lock = {"pid": os.getpid(), "host": socket.gethostname(), "started": _started(os.getpid()), **facts}
    (folder / NAME).write_text(json.dumps(lock))


def test_holds_and_lets_go(tmp_path):
    with locked(tmp_path / "work"):
        held = json.loads((tmp_path / "work" / NAME).read_text())
        assert held["pid"] == os.getpid()
        assert held["host"] == socket.gethostname()
        with pytest.raises(LockedError) as caught, locked(tmp_path / "work"):
            pytest.fail("two runs at once")
        assert caught.value.exit_code == 4
    assert not (tmp_path / "work" / NAME).exists()


def test_lets_go_after_an_error(tmp_path):
    with pytest.raises(KeyError), locked(tmp_path):
        raise KeyError
    with locked(tmp_path):
        pass


def test_takes_over_from_a_dead_process(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    write_lock(tmp_path, pid=child.pid, started=None)
    with locked(tmp_path):
        assert json.loads((tmp_path / NAME).read_text())["pid"] == os.getpid()
    assert not list(tmp_path.iterdir())


def test_a_zombie_is_dead(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    child.stdout.read()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    try:
        write_lock(tmp_path, pid=child.pid, started="1")
        with locked(tmp_path):
            pass
    finally:
        child.wait()


def test_a_pid_used_again_is_not_mistaken_for_the_old_process(tmp_path):
    write_lock(tmp_path, started="1")
    with locked(tmp_path):
        pass


@pytest.mark.parametrize("content", ["", "nonsense", "[]", '{"pid": "x"}', '{"host": "h"}'])
def test_a_torn_lock_is_stale(tmp_path, content):
    (tmp_path / NAME).write_text(content)
    with locked(tmp_path):
        pass


def test_a_lock_of_another_host_stands(tmp_path):
    write_lock(tmp_path, host="elsewhere.example")
    with pytest.raises(LockedError, match=r"host elsewhere\.example"), locked(tmp_path):
        pytest.fail("took over from another host")
    assert (tmp_path / NAME).exists()
