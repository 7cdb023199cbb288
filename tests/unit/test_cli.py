"""The command line: fast help, JSON alone on stdout, errors as three lines with the right exit code."""

import json
import subprocess
import sys
import time

import pytest

from geo_risk.cli import main
from tests.support.tiny import make


def test_help_imports_nothing_heavy():
    # what makes it quick; the seconds themselves depend on the machine
    code = (
        "import sys\n"
        "from geo_risk.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'pandas', 'xarray', 'dask', 'rasterio', 'numba', 'pydantic', 'pytask'} & set(sys.modules)\n"
        "sys.stderr.write(f'{sorted(heavy)}')\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stderr.endswith("[]"), said.stderr
    assert "waterlogging" not in said.stdout
    for name in ("run", "plan", "check", "info", "verify", "init", "sample", "score", "schema", "velocity", "card"):
        assert f"\n  {name} " in said.stdout


@pytest.mark.slow
def test_run_plan_verify_print_one_json_document(cli, tmp_path):
    config = make(tmp_path)
    code, out, _ = cli("plan", config, "--json")
    plan = json.loads(out)
    assert (code, {t["outcome"] for t in plan["tasks"]}) == (0, {"would run"})
    assert plan["estimate"]["cells"] == 1600
    code, out, err = cli("run", config, "--json")
    assert err == ""
    report = json.loads(out)
    assert code == 0
    assert report["published"] == ["layers/slope_deg.tif", "map.html"]
    code, out, _ = cli("verify", tmp_path / "out", "--json")
    assert code == 0
    assert json.loads(out)["clean"] is True
    (tmp_path / "out" / "map.html").write_text("x")
    code, out, _ = cli("verify", tmp_path / "out", "--json")
    assert code == 3
    assert json.loads(out)["clean"] is False


@pytest.mark.slow
def test_words_say_what_was_done_and_where_the_map_is(cli, tmp_path):
    config = make(tmp_path)
    _, out, _ = cli("run", config)
    assert "4 of 4 tasks ran" in out
    assert [line.split()[-1] for line in out.splitlines()[:4]] == ["grid", "dem", "double", "page"]
    assert f"Map:    {tmp_path / 'out' / 'map.html'}" in out
    assert "left out for want of: roads" in out
    began = time.perf_counter()
    _, out, _ = cli("run", config)
    assert "Nothing to do: all 4 tasks are up to date" in out
    assert time.perf_counter() - began < 10
    _, out, _ = cli("plan", config)
    assert "Nothing to do." in out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "words", "code"),
    [
        (("demm: dem.tif", "dem: dem.tif"), "did you mean 'dem'?", 2),
        (("dem: none.tif", "dem: dem.tif"), "none.tif is not there", 3),
        (("dem: run.yaml", "dem: dem.tif"), "type text; GTiff needed", 3),
        (("dem: no", "dem: dem.tif"), "ambiguous", 2),
    ],
)
def test_errors_are_three_lines_with_the_right_code(cli, tmp_path, change, words, code):
    config = make(tmp_path)
    config.write_text(config.read_text().replace(change[1], change[0]))
    got, out, err = cli("run", config)
    assert got == code
    lines = err.splitlines()
    assert len(lines) == 3
    assert words in err
    assert lines[0].startswith("[GR")
    assert lines[1].startswith("  where: ")
    assert lines[2].startswith("  fix:   ")
    assert "Traceback" not in err
    got, out, _ = cli("run", config, "--json")
    assert got == code
    assert json.loads(out)["error"]["exit_code"] == code


@pytest.mark.slow
def test_a_bug_is_exit_1_and_debug_shows_it(cli, tmp_path):
    config = make(tmp_path)
    (tmp_path / "gate_page").write_text("bug")
    code, _, err = cli("run", config)
    assert code == 1
    assert err.startswith("[GR000] ZeroDivisionError: by design (in task page)")
    with pytest.raises(ZeroDivisionError):
        main(["run", str(config), "--debug"])


@pytest.mark.parametrize(
    "words", [["rum"], ["run"], ["run", "x.yaml", "--bogus"], ["sample", "d", "--size", "3"], ["score", "x"]]
)
def test_misuse_is_exit_2(cli, words):
    code, _, err = cli(*words)
    assert code == 2
    assert err


def test_check_reads_every_input_and_writes_nothing(cli, tmp_path):
    config = make(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    code, out, _ = cli("check", config, "--json")
    (dem,) = json.loads(out)["inputs"]
    assert code == 0
    assert (dem["type"], dem["crs"], dem["units"], dem["resolution"]) == ("GTiff", "EPSG:4546", "m", 30)
    assert dem["nodata_share"] == pytest.approx(1 / 1600, abs=1e-4)
    assert sorted(p for p in tmp_path.rglob("*") if "__pycache__" not in p.parts) == before
    code, out, _ = cli("check", config)
    assert "1 inputs, 0 problems." in out
    data = (tmp_path / "dem.tif").read_bytes()
    (tmp_path / "dem.tif").write_bytes(data[: len(data) // 2])
    code, out, _ = cli("check", config, "--json")
    assert code == 3
    assert json.loads(out)["inputs"][0]["problems"]


def test_info_of_any_file(cli, tmp_path):
    make(tmp_path)
    (tmp_path / "t.csv").write_text("x,y,name\n1,2,a\n")
    code, out, _ = cli("info", tmp_path / "dem.tif", tmp_path / "t.csv", "--json")
    dem, table = json.loads(out)["files"]
    assert code == 0
    assert dem["type"] == "GTiff"
    assert table["size"] == "1 rows"
    code, out, _ = cli("info", tmp_path / "nothing.tif")
    assert code == 3
    assert "not there" in out


def test_schema_is_json_schema(cli):
    code, out, _ = cli("schema")
    schema = json.loads(out)
    assert code == 0
    assert schema["additionalProperties"] is False
    assert schema["properties"]["language"]["enum"] == ["zh", "en"]


@pytest.mark.slow
def test_init_fills_a_folder_and_keeps_what_is_there(cli, tmp_path):
    folder = tmp_path / "mine"
    (folder / "configs").mkdir(parents=True)
    (folder / "configs" / "demo.yaml").write_text("my own")
    code, out, _ = cli("init", folder)
    assert code == 0
    assert (folder / "configs" / "demo.yaml").read_text() == "my own"
    assert (folder / "pipelines" / "dual_control.py").is_file()
    assert (folder / "configs" / "warning.yaml").is_file()
    assert "1 that were there" in out


@pytest.mark.slow
def test_lang_and_set_reach_the_configuration(cli, tmp_path):
    config = make(tmp_path)
    cli("run", config, "--lang", "en", "--set", "name=Renamed")
    assert "Renamed" in (tmp_path / "out" / "map.html").read_text()
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["parameters"]["language"] == "en"
    code, _, err = cli("run", config, "--lang", "fr")
    assert code == 2
    assert "language" in err
