import ast
import hashlib
import json
from pathlib import Path

import nbformat
import pyogrio
import pytest
from nbclient import NotebookClient

from geo_risk.core.schemas import conform
from geo_risk.flow.run import run
from geo_risk.flow.verify import verify
from geo_risk.publish.geopackage import write_geopackage
from geo_risk.sources.layers import read_frame
from tests.support import products
from tests.support.outputs import write_outputs
from tests.support.warned_storms import write_stormy_county

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def executed(name: str, output: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("GEO_RISK_OUTPUT", str(write_outputs(output)))
    monkeypatch.setenv("GEO_RISK_INSAR", str(FOLDER.parent / "data" / "sample" / "insar" / "asc"))
    monkeypatch.setenv("GEO_RISK_DATA", str(FOLDER.parent / "data" / "sample"))
    return shown_by(name, folder)


def shown_by(name: str, folder: Path) -> str:
    notebook = nbformat.read(FOLDER / name, as_version=4)
    NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    outputs: list[dict[str, object]] = []
    for out in (out for cell in notebook.cells if cell.cell_type == "code" for out in cell.outputs):
        last = outputs[-1] if outputs else {}
        if out["output_type"] == last.get("output_type") == "stream" and out["name"] == last["name"]:
            outputs[-1] = {**last, "text": f"{last['text']}{out['text']}"}  # a print may come in pieces, cut anywhere
        else:
            outputs.append(dict(out))
    return "".join(map(str, outputs))


@pytest.mark.slow
def test_results_notebook_runs_on_a_published_folder_and_shows_it(tmp_path, monkeypatch):
    shown = executed("demo_results.ipynb", tmp_path / "out", tmp_path, monkeypatch)
    assert "县第一中学" in shown
    assert shown.count("data:image/png;base64") == 5
    assert "not made by this run" not in shown
    assert "map.html" in shown


@pytest.mark.slow
def test_deformation_notebook_reads_radar_files_and_shows_what_was_published(tmp_path, monkeypatch):
    shown = executed("deformation.ipynb", tmp_path / "out", tmp_path, monkeypatch)
    assert "mintpy_timeseries" in shown
    assert "positive toward the satellite" in shown
    # the maps of velocity, the series with their fits, the sections of both tracks
    assert shown.count("<svg") == 3
    series, sections = shown.split("<svg")[2:]
    assert ">fit<" in series
    assert "A0  landslide  accelerating" in series
    for drawn in (series, sections):
        assert "Track asc (line of sight)" in drawn
        assert "Track desc (line of sight)" in drawn
    assert "Distance along the section (m)" in sections
    assert "Vertical velocity (up positive)" in sections


@pytest.mark.slow
def test_susceptibility_notebook_goes_from_layers_and_inventory_to_a_card(tmp_path, monkeypatch):
    shown = executed("susceptibility.ipynb", tmp_path / "out", tmp_path, monkeypatch)
    assert "252 rows: 229 events, 23 duplicates, 0 set aside" in shown
    assert "logistic regression" in shown
    # reliability, responses, map
    assert shown.count("<svg") == 3
    assert "the figure to quote" in shown
    assert "does not mean safe" in shown
    assert len(shown) < 600_000  # outputs stay small: the map is drawn at every second cell


@pytest.mark.slow
def test_warning_notebook_goes_from_rain_to_a_warning_renewed_on_a_copy(tmp_path, monkeypatch):
    config = write_stormy_county(tmp_path)
    run(config)
    (tmp_path / "temporary").mkdir()
    for name, value in (("CONFIG", config), ("OUTPUT", tmp_path / "out"), ("LANGUAGE", "en")):
        monkeypatch.setenv(f"GEO_RISK_{name}", str(value))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    shown = shown_by("warning.ipynb", tmp_path)
    assert shown.count("none overlaps another") == 3
    # fields of rain, K, storms, chances, stages, one place
    assert shown.count("<svg") == 6
    assert "configured: K 0.84 over 3 days; used: configured" in shown
    assert "the run published the same counts" in shown
    assert "not made by this run" not in shown
    assert "--forecast forecast_1.nc --issued 2024-07-20T01:00:00Z" in shown
    assert "earlier issue: 20240720T000000Z" in shown
    assert "raised: " in shown
    # the run's own message is the first of its event, the second of the copy's two issues updates the one before
    assert (shown.count("msgType Alert"), shown.count("msgType Update")) == (1, 1)
    assert len(shown) < 600_000  # outputs stay small
    # warnings were made on a copy that is gone: the run is what it was
    assert [r for r in verify(tmp_path / "out") if r.state != "ok"] == []
    # the run's own issue is that of its newest forecast
    assert [p.name for p in (tmp_path / "out" / "warnings" / "issues").iterdir()] == ["20240720T020000Z.json"]
    assert list((tmp_path / "temporary").glob("geo_risk_warn_*")) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_notebook_is_committed_without_results_and_uses_public_names_only(path):
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type != "code":
            continue
        assert cell.outputs == []
        assert cell.execution_count is None
        for node in ast.walk(ast.parse(cell.source)):
            names = [a.name for a in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            assert not [n for n in names if n.startswith("_")]


@pytest.mark.slow
def test_waterlogging_notebook_goes_from_rain_to_reasons(tmp_path, monkeypatch):
    shown = executed("waterlogging.ipynb", tmp_path / "out", tmp_path, monkeypatch)
    assert "Green-Ampt, silt loam" in shown
    assert "hollows deeper than 0.2 m on 160,000 cells of 5 m" in shown
    # every cubic metre of the run over the town is told
    error = float(shown.split("error ")[1].split("\\n")[0])
    assert error < 1e-6
    assert shown.count("<svg") >= 3
    sites = read_frame(tmp_path / "out" / "geo_risk.gpkg", layer="waterlogging")
    assert sites.sort_values("rank")["site_id"].iloc[0] in shown


@pytest.mark.slow
def test_evacuation_notebook_goes_from_the_list_to_a_card(tmp_path, monkeypatch):
    shown = executed("evacuation.ipynb", tmp_path / "out", tmp_path, monkeypatch)
    assert "12 settlements; known people" in shown
    assert "people unknown in 1" in shown
    # parts and spans of the ranks, the map of routes
    assert shown.count("<svg") >= 2
    assert "500 draws" in shown
    ratio = float(shown.split("consistency ratio ")[1].split("\\n")[0])
    assert 0 < ratio <= 0.1
    assert "the comparisons contradict one another: consistency ratio" in shown
    assert "iframe srcdoc" in shown
    assert len(shown) < 900_000


@pytest.mark.slow
def test_dual_control_notebook_shows_points_zones_and_their_links(tmp_path, monkeypatch):
    shown = executed("dual_control.ipynb", tmp_path / "out", tmp_path, monkeypatch)
    points = read_frame(tmp_path / "out" / "geo_risk.gpkg", layer="hazard_points")
    n = int(points["zone_id"].notna().sum())
    assert f"{n} of {len(points)} points lie in a zone; {n} of them are listed by that zone" in shown
    assert "zones by risk: very high" in shown
    assert "unknown" in shown
    assert shown.count("<svg") >= 1
    assert "iframe srcdoc" in shown
    assert len(shown) < 900_000


@pytest.mark.slow
def test_relocation_notebook_reads_the_list_or_says_that_there_is_none(tmp_path, monkeypatch):
    shown = executed("relocation.ipynb", tmp_path / "out", tmp_path, monkeypatch)
    has_list = "relocation" in pyogrio.list_layers(tmp_path / "out" / "geo_risk.gpkg")[:, 0]
    assert ("relocation: not made by this run" in shown) is not has_list
    if not has_list:
        frames = products.frames()
        rows = frames["evacuation"][["rank", "settlement_id", "people", "risk_level", "geometry"]].assign(
            relocate_cost_cny=9e6, treat_cost_cny=[3e6] + [None] * 11, monitor_cost_cny=2e5, reasons="r",
            advice=["treat"] + ["monitor"] * 11, basis="cost", accelerates="no",
        )  # fmt: skip
        out = write_outputs(tmp_path / "out")
        write_geopackage({"relocation": conform(rows, "relocation")}, out / "geo_risk.gpkg")
        shown = shown_by("relocation.ipynb", tmp_path)
    assert "a cost is unknown in 11 of 12 rows" in shown or has_list
    assert "<svg" in shown


def finished(output: Path) -> Path:
    """Write a published folder with the manifest that a finished run leaves."""
    out = write_outputs(output)
    rows = []
    for path in (out / "geo_risk.gpkg", *sorted((out / "layers").glob("*.tif"))):
        sha = hashlib.sha256(path.read_bytes()).hexdigest()
        rows.append({"path": path.relative_to(out).as_posix(), "sha256": sha, "content_sha256": sha})
    manifest = {"name": "示范县", "written_at": "2026-08-01T00:00:00+00:00", "inputs": [], "outputs": rows}
    (out / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return out


@pytest.mark.slow
def test_register_notebook_goes_from_a_ledger_to_a_closed_loop_and_leaves_nothing(tmp_path, monkeypatch):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setenv("GEO_RISK_OUTPUT", str(finished(tmp_path / "out")))
    monkeypatch.setenv("GEO_RISK_DATA", str(FOLDER.parent / "data" / "sample"))
    shown = shown_by("register.ipynb", tmp_path)
    assert "70 rows read, 68 used, 2 set aside" in shown
    assert "in the register before anybody confirmed: 0" in shown
    assert "confirmed: 68 | in the register: 68" in shown
    assert "compared once more it proposes nothing: True" in shown
    assert "is inspected and not yet due: True" in shown
    assert ": closed, existing" in shown
    assert "after undo: measure" in shown
    assert "after undoing that: closed" in shown
    assert "without a decision: the same or others? people:" in shown
    assert "377 + 20 people -> 397" in shown
    assert "taken back: True" in shown
    assert "'rows_edited': 1" in shown
    assert "differences: []" in shown
    assert list((tmp_path / "temporary").glob("geo_risk_register_*")) == []
    assert len(shown) < 300_000  # outputs stay small
