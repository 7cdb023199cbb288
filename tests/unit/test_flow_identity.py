"""What a task is made of: files by content, parameters value by value, code by what it imports; and publication."""

import os
import sys
import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_risk.core.errors import DiskFullError
from geo_risk.core.params import Params, parameter
from geo_risk.flow import identity, publication
from geo_risk.flow.publication import remove_leftovers
from geo_risk.flow.run import run, select
from geo_risk.flow.verify import verify
from tests.support.tiny import contents, make


class Inner(Params):
    depth_m: float = 0.5
    names: tuple[str, ...] = ("a", "b")


class Outer(Params):
    inner: Inner = Inner()
    table: dict[str, float] = parameter({"x": 1.0, "y": 2.0}, "A table.", source="this test")


def test_every_plain_value_has_its_own_hash():
    before = dict(identity.leaves("params", Outer()))
    assert set(before) == {"params.inner.depth_m", "params.inner.names", "params.table"}
    after = dict(identity.leaves("params", Outer(inner=Inner(depth_m=0.6))))
    assert {k for k in before if before[k] != after[k]} == {"params.inner.depth_m"}


@given(st.dictionaries(st.text(max_size=3), st.integers(), max_size=4))
def test_the_order_of_a_mapping_does_not_count(table):
    backwards = dict(reversed(table.items()))
    assert list(identity.leaves("p", table)) == list(identity.leaves("p", backwards))


def test_kinds_of_values_are_told_apart():
    hashes = [next(iter(identity.leaves("p", v)))[1] for v in (1, "1", None, True, 1.5, [1], {"a": 1})]
    assert len(set(hashes)) == len(hashes)


def test_a_folder_is_its_names_and_files(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.txt").write_text("1")
    first = identity.path_sha256(tmp_path / "a")
    (tmp_path / "a" / ".hidden").write_text("1")
    assert identity.path_sha256(tmp_path / "a") == first
    (tmp_path / "a" / "x.txt").rename(tmp_path / "a" / "y.txt")
    assert identity.path_sha256(tmp_path / "a") != first
    assert identity.path_sha256(tmp_path / "nothing") is None


def test_code_counts_what_is_imported_but_not_for_types_or_machinery(tmp_path, monkeypatch):
    source = tmp_path / "probe.py"
    source.write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from geo_risk.flow.config import Config\n"
        "    from geo_risk.core.schemas import conform\n"
        "from geo_risk.flow.run import run\n"
        "def step():\n    from geo_risk.core import levels\n"
    )
    found = identity._imports(source)
    assert "geo_risk.core.levels" in found
    assert "geo_risk.core.schemas" not in found
    module = types.ModuleType("probe_module")
    module.__file__ = str(source)
    monkeypatch.setitem(sys.modules, "probe_module", module)
    names = {p.name for p in identity._closure("probe_module")}
    # levels itself imports errors; run belongs to the machinery
    assert {"probe.py", "levels.py", "errors.py"} <= names
    assert not {"run.py", "config.py", "schemas.py"} & names


def test_selection_takes_what_a_task_needs(tmp_path):
    from geo_risk.flow.config import load_config
    from geo_risk.flow.pipelines import build_plan

    config = make(tmp_path)
    steps = build_plan(load_config(config), config=config).steps
    assert [s.name for s in select(steps, ["dem"])] == ["grid", "dem"]
    assert [s.name for s in select(steps, ["pa*"])] == [s.name for s in steps]
    assert select(steps, []) == steps


@pytest.mark.slow
def test_where_links_are_not_possible_files_are_copied(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(1, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    config = make(tmp_path)
    run(config)
    out = tmp_path / "out"
    assert {f.state for f in verify(out)} == {"ok"}
    assert not (out / "map.html").samefile(out / ".work/stage/map.html")
    assert not run(config).ran
    # a published file that was damaged is put right from the stage
    (out / "map.html").write_text("damaged")
    report = run(config)
    assert not report.ran
    assert {f.state for f in verify(out)} == {"ok"}


@pytest.mark.slow
def test_publication_that_fails_half_way_keeps_the_old_folder(tmp_path, monkeypatch):
    config = make(tmp_path)
    run(config)
    before = contents(tmp_path / "out")

    def fail(path, final):
        raise OSError(28, f"full: {path} to {final}")

    monkeypatch.setattr(publication, "_link", fail)
    with pytest.raises(DiskFullError):
        run(config, overrides=["rainfall.decay_per_day=0.5"])
    monkeypatch.undo()
    assert contents(tmp_path / "out") == before
    assert {f.state for f in verify(tmp_path / "out")} == {"ok"}
    assert not list((tmp_path / "out").glob(".*part*"))


def test_leftovers_of_killed_runs_go(tmp_path):
    (tmp_path / ".work").mkdir()
    for name in (".a.0123456789ab.part.tif", ".work/.b.0123456789ab.part.json"):
        (tmp_path / name).write_text("x")
    (tmp_path / "department.txt").write_text("mine")
    assert remove_leftovers(tmp_path) == 2
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["department.txt"]
