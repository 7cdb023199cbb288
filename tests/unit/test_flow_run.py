"""A run from configuration to manifest: what runs, what is skipped and why, what is published."""

import json
import os

import pytest

from geo_risk.core.errors import ConfigError, CorruptFileError, DataError
from geo_risk.flow import identity
from geo_risk.flow.manifest import read_manifest
from geo_risk.flow.run import plan_run, run
from geo_risk.flow.verify import verify
from tests.support.tiny import contents, make


@pytest.fixture
def config(tmp_path):
    return make(tmp_path)


def outcomes(report):
    return {t.name: t.outcome for t in report.tasks}


@pytest.mark.slow
def test_runs_publishes_and_then_has_nothing_to_do(config, tmp_path):
    first = run(config)
    out = tmp_path / "out"
    assert [t.name for t in first.ran] == ["grid", "dem", "double", "page"]
    assert sorted(first.published) == ["layers/slope_deg.tif", "map.html"]
    assert {f.state for f in verify(out)} == {"ok"}
    before = (out / "manifest.json").read_bytes(), (out / "map.html").stat().st_mtime_ns
    second = run(config)
    assert not second.ran
    assert not second.published
    assert ((out / "manifest.json").read_bytes(), (out / "map.html").stat().st_mtime_ns) == before


@pytest.mark.slow
def test_plan_says_why(config, tmp_path):
    def why(*overrides):
        return {t.name: (t.outcome, t.reasons) for t in plan_run(config, overrides=overrides).tasks}

    assert why()["grid"] == ("would run", ("it has not been run yet",))
    assert not (tmp_path / "out").exists()
    run(config)
    assert {outcome for outcome, _ in why().values()} == {"up to date"}
    changed = why("rainfall.decay_per_day=0.5")
    assert changed["dem"][0] == "up to date"
    assert changed["double"] == ("would run", ("parameter factor changed",))
    assert changed["page"] == ("would run", ("task double would run before it",))
    renamed = why("name=other")
    assert renamed["double"][0] == "up to date"
    assert renamed["page"] == ("would run", ("parameter word changed",))
    (tmp_path / "out/.work/stage/map.html").unlink()
    assert why()["page"] == ("would run", ("product map.html is missing",))


@pytest.mark.slow
def test_names_what_is_left_out_by_its_root_cause(config):
    omissions = {o.step: o for o in run(config).omissions}
    assert omissions["roads"].needs == ("roads",)
    assert omissions["road_page"].needs == ("roads",)
    assert omissions["road_page"].products == ("roads",)


@pytest.mark.slow
def test_time_stamps_do_not_count_but_content_does(config, tmp_path):
    run(config)
    os.utime(tmp_path / "dem.tif", (1, 1))
    assert not run(config).ran
    product = tmp_path / "out/.work/between/dem.tif"
    data = bytearray(product.read_bytes())
    stat = product.stat()
    data[len(data) // 2] ^= 1
    product.write_bytes(bytes(data))
    os.utime(product, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    # the flipped byte is seen although size and time are what they were
    identity._hashes.clear()
    assert outcomes(run(config))["dem"] == "done"


@pytest.mark.slow
def test_a_failed_run_leaves_the_published_folder_whole(config, tmp_path):
    run(config)
    out = tmp_path / "out"
    before = contents(out)
    (tmp_path / "gate_page").write_text("data")
    with pytest.raises(DataError, match="by design"):
        run(config, overrides=["rainfall.decay_per_day=0.5"])
    # the step before it has made a new raster, but the folder still is the old run, whole
    assert {f.state for f in verify(out)} == {"ok"}
    assert contents(out) == before
    (tmp_path / "gate_page").unlink()
    report = run(config, overrides=["rainfall.decay_per_day=0.5"])
    assert [t.name for t in report.ran] == ["page"]
    assert contents(out)["layers/slope_deg.tif"] != before["layers/slope_deg.tif"]


@pytest.mark.slow
def test_a_bug_is_raised_as_it_is(config, tmp_path):
    (tmp_path / "gate_page").write_text("bug")
    with pytest.raises(ZeroDivisionError, match="by design") as caught:
        run(config)
    assert "in task page" in caught.value.__notes__
    assert not (tmp_path / "out/manifest.json").exists()


@pytest.mark.slow
def test_chosen_tasks_run_with_what_they_need_and_publish_nothing(config, tmp_path):
    report = run(config, names=["double"])
    assert [t.name for t in report.ran] == ["grid", "dem", "double"]
    assert not report.is_complete
    assert not (tmp_path / "out/manifest.json").exists()
    with pytest.raises(ConfigError, match="no task is called"):
        run(config, names=["doubel"])


@pytest.mark.slow
def test_force_runs_all(config):
    run(config)
    assert len(run(config, force=True).ran) == 4


@pytest.mark.slow
def test_manifest_says_what_went_in_and_out(config, tmp_path):
    run(config)
    manifest = read_manifest(tmp_path / "out")
    (dem,) = manifest["inputs"]
    assert (dem["key"], dem["path"], dem["checksum"]) == ("inputs.dem", "dem.tif", "unverified")
    assert len(dem["sha256"]) == len(dem["content_sha256"]) == 64
    assert manifest["parameters"]["rainfall"]["antecedent_days"] >= 1
    assert manifest["warnings"] == [{"task": "page", "level": "warning", "text_en": "watch out", "text_zh": "x"}]
    assert {row["task"] for row in manifest["outputs"]} == {"double", "page"}
    assert manifest["versions"]["geo_risk"]
    assert set(manifest["timings"]["tasks_s"]) == {"grid", "dem", "double", "page"}
    text = json.dumps(manifest)
    assert str(tmp_path) not in text


@pytest.mark.slow
def test_what_is_not_made_any_more_goes(config, tmp_path):
    run(config)
    pipeline = tmp_path / "tiny.py"
    pipeline.write_text(pipeline.read_text().replace('plan.out / "map.html"', 'plan.out / "other.html"'))
    run(config)
    assert not (tmp_path / "out/map.html").exists()
    assert {f.state for f in verify(tmp_path / "out")} == {"ok"}


@pytest.mark.slow
def test_a_changed_step_function_runs_again(config, tmp_path):
    run(config)
    pipeline = tmp_path / "tiny.py"
    pipeline.write_text(pipeline.read_text() + "\n# a word more\n")
    identity._closure_sha256.cache_clear()
    assert {t.name for t in run(config).ran} == {"double", "page"}


@pytest.mark.slow
def test_checksum_lists_are_believed(config, tmp_path):
    import hashlib

    sha = hashlib.sha256((tmp_path / "dem.tif").read_bytes()).hexdigest()
    (tmp_path / "checksums.sha256").write_text(f"{sha}  dem.tif\n")
    run(config)
    assert read_manifest(tmp_path / "out")["inputs"][0]["checksum"] == "verified"
    (tmp_path / "checksums.sha256").write_text(f"{'0' * 64}  dem.tif\n")
    with pytest.raises(CorruptFileError, match="its list says"):
        run(config)
    (tmp_path / "checksums.sha256").write_text("nonsense\n")
    with pytest.raises(CorruptFileError, match="line 1"):
        run(config)


def test_missing_inputs_are_all_named_at_once(tmp_path):
    config = make(tmp_path)
    config.write_text("pipeline: tiny\ninputs: {dem: no.tif, roads: none.gpkg}\noutput: out\n")
    with pytest.raises(DataError) as caught:
        run(config)
    assert "no.tif is not there" in caught.value.what
    assert "none.gpkg is not there" in caught.value.what


def test_unknown_pipelines_are_suggested(tmp_path):
    config = make(tmp_path)
    config.write_text("pipeline: dual_controll\ninputs: {dem: dem.tif}\noutput: out\n")
    with pytest.raises(ConfigError) as caught:
        run(config)
    assert "'dual_control'" in caught.value.fix
    (tmp_path / "broken.py").write_text("def build(plan:\n")
    config.write_text("pipeline: broken\ninputs: {dem: dem.tif}\noutput: out\n")
    with pytest.raises(ConfigError, match="SyntaxError"):
        run(config)
    (tmp_path / "empty.py").write_text("x = 1\n")
    config.write_text("pipeline: empty\ninputs: {dem: dem.tif}\noutput: out\n")
    with pytest.raises(ConfigError, match="no function build"):
        run(config)


@pytest.mark.slow
def test_verify_tells_changed_missing_unreadable_and_foreign(config, tmp_path):
    run(config)
    out = tmp_path / "out"
    page = out / "map.html"
    page.write_text(page.read_text() + "<!-- -->")
    (out / "layers/slope_deg.tif").unlink()
    (out / "mine.txt").write_text("x")
    states = {f.path: f.state for f in verify(out)}
    assert states == {"map.html": "changed", "layers/slope_deg.tif": "missing", "mine.txt": "not listed"}
    with pytest.raises(DataError, match="no manifest"):
        verify(tmp_path)
