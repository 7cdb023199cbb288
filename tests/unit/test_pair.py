"""Steps in two processes: order, the same products, errors that come back, and no process that outlives its master."""

from __future__ import annotations

import importlib.util
import io
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from geo_risk.core.errors import ClusterError, DataError
from geo_risk.flow import second
from geo_risk.flow.cluster import ClusterChoice
from geo_risk.flow.pair import is_paired, run_steps
from geo_risk.flow.plan import Step

pytestmark = pytest.mark.slow  # each starts an interpreter that imports the package


def joined(*, given: list[Path], out: Path, word: str) -> None:
    out.write_text("".join(p.read_text() for p in given) + word)
    out.with_suffix(".pid").write_text(str(os.getpid()))


def refused(*, out: Path) -> None:
    what = "no good"
    raise DataError(what, where=str(out), fix="mend it")


def shouted(*, out: Path) -> None:
    print("text on standard output")
    out.write_text("said")


def strange(*, out: Path) -> None:
    class Local(Exception):
        pass

    what = f"cannot travel: {out.name}"
    raise Local(what)


def killed(*, out: Path) -> None:
    os.kill(os.getpid(), signal.SIGKILL if out else 0)


def lasting(*, out: Path) -> None:
    out.with_suffix(".pid").write_text(str(os.getpid()))
    time.sleep(60)


def chain(folder):
    names = ("a", "publish.one", "b", "publish.two", "publish.three")
    paths = {n: folder / f"{n.replace('.', '_')}.txt" for n in names}
    needs = {"a": [], "publish.one": ["a"], "b": ["a"], "publish.two": ["b", "publish.one"], "publish.three": ["a"]}
    return [
        Step(n, joined, {"given": [paths[k] for k in needs[n]]}, {"out": paths[n]}, {"word": f"<{n}>"}) for n in names
    ]


def texts(folder):
    return {p.name: p.read_text() for p in folder.glob("*.txt")}


def test_two_processes_make_what_one_makes_and_report_in_order(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    seen = []
    run_steps(chain(tmp_path / "one"), observe=None, retries=0, paired=False)
    reports = run_steps(chain(tmp_path / "two"), observe=seen.append, retries=0, paired=True)
    assert texts(tmp_path / "one") == texts(tmp_path / "two")
    assert texts(tmp_path / "two")["publish_two.txt"] == "<a><b><a><publish.one><publish.two>"
    assert [r.name for r in reports] == ["a", "publish.one", "b", "publish.two", "publish.three"]
    assert all(r.outcome == "done" for r in reports)
    assert sorted(r.name for r in seen if r.outcome == "running") == sorted(r.name for r in reports)
    by_others = {(tmp_path / "two" / f"{n}.pid").read_text() for n in ("a", "b")}
    assert by_others == {str(os.getpid())}


@pytest.mark.parametrize("paired", [True, False])
def test_an_error_of_a_step_comes_back_as_it_was(tmp_path, paired):
    steps = [Step("publish.x", refused, {}, {"out": tmp_path / "x.txt"}, {})]
    # the first process would take the step itself: it is kept at work with one that comes before
    first = Step("a", joined, {"given": []}, {"out": tmp_path / "a.txt"}, {"word": "a"})
    with pytest.raises(DataError, match=r"no good\n.*where: .*x\.txt\n.*mend it"):
        run_steps([first, *steps], observe=None, retries=0, paired=paired)


def second_does(step):
    with second.Second() as other:
        other.do(step, retries=0)


def test_the_second_process_answers_through_noise_and_with_errors_that_cannot_travel(tmp_path):
    second_does(Step("publish.s", shouted, {}, {"out": tmp_path / "deep" / "s.txt"}, {}))
    assert (tmp_path / "deep" / "s.txt").read_text() == "said"
    with pytest.raises(DataError, match="no good"):
        second_does(Step("publish.x", refused, {}, {"out": tmp_path / "x.txt"}, {}))
    with pytest.raises(RuntimeError, match=r"Local: cannot travel: t\.txt"):
        second_does(Step("publish.t", strange, {}, {"out": tmp_path / "t.txt"}, {}))


def test_a_second_process_that_dies_is_an_error_that_names_the_step(tmp_path):
    with pytest.raises(ClusterError, match=r"died in task publish\.k"):
        second_does(Step("publish.k", killed, {}, {"out": tmp_path / "k.txt"}, {}))


def test_a_failure_of_the_first_process_breaks_the_second_off(tmp_path):
    steps = [
        Step("publish.l", lasting, {}, {"out": tmp_path / "l.txt"}, {}),
        Step("a", waits_then_refuses, {}, {"out": tmp_path / "x.txt"}, {}),
    ]
    began = time.monotonic()
    with pytest.raises(DataError, match="no good"):
        run_steps(steps, observe=None, retries=0, paired=True)
    assert time.monotonic() - began < 50  # the step in the second process lasts a minute


def waits_then_refuses(*, out: Path) -> None:
    appears(out.with_name("l.pid"))
    refused(out=out)


def appears(path: Path) -> None:
    until = time.monotonic() + 45
    while not (path.exists() and path.read_text()) and time.monotonic() < until:
        time.sleep(0.05)


def test_the_second_process_dies_with_a_master_that_is_killed_in_the_middle_of_a_step(tmp_path):
    code = (
        "from pathlib import Path; from geo_risk.flow.plan import Step; from tests.unit import test_pair as t\n"
        f"t.second_does(Step('publish.l', t.lasting, {{}}, {{'out': Path({str(tmp_path / 'l.txt')!r})}}, {{}}))"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    master = subprocess.Popen([sys.executable, "-c", code], env=env)
    appears(tmp_path / "l.pid")
    pid = int((tmp_path / "l.pid").read_text())
    master.kill()
    master.wait()
    until = time.monotonic() + 10
    while is_alive(pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert not is_alive(pid)


def is_alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_workers_of_dask_leave_no_room_for_a_second_process(monkeypatch):
    monkeypatch.setattr("dask.system.CPU_COUNT", 2)
    assert is_paired(ClusterChoice())
    assert not is_paired(ClusterChoice(workers=2))
    monkeypatch.setattr("dask.system.CPU_COUNT", 1)
    assert not is_paired(ClusterChoice())


def test_the_second_process_warms_up_only_while_nothing_waits(monkeypatch):
    """A step that waits is done before the imports that are left; those come when it is over."""

    class Waiting:
        def __init__(self):
            self.is_empty = [True, False, True, True]
            self.given = [("step", 0), None]

        def empty(self):
            return self.is_empty.pop(0)

        def get(self):
            return self.given.pop(0)

        def put(self, _):
            """Pass over the end of the empty pipe."""

    told = []
    monkeypatch.setattr(second.queue, "SimpleQueue", Waiting)
    monkeypatch.setattr(second, "import_module", told.append)
    monkeypatch.setattr(second, "do", lambda step, **_: told.append(step))
    answered = io.BytesIO()
    second.serve(io.BytesIO(), answered, leave=lambda _: None, warm=["a", "b", "c"])
    assert told == ["a", "step", "b", "c"]
    assert pickle.loads(answered.getvalue()) is None


@pytest.mark.parametrize("name", second._WARM)
def test_what_the_second_process_warms_up_is_there(name):
    assert importlib.util.find_spec(name) is not None
