import ast
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.support.outputs import write_outputs

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "demo_results.ipynb"


@pytest.mark.slow
def test_notebook_runs_on_a_published_folder_and_shows_it(tmp_path, monkeypatch):
    monkeypatch.setenv("GEO_RISK_OUTPUT", str(write_outputs(tmp_path / "out")))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    shown = "".join(str(out) for cell in notebook.cells if cell.cell_type == "code" for out in cell.outputs)
    assert "县第一中学" in shown
    assert shown.count("data:image/png;base64") == 5
    assert "not made by this run" not in shown
    assert "map.html" in shown


def test_notebook_is_committed_without_results_and_uses_public_names_only():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        assert cell.outputs == []
        assert cell.execution_count is None
        for node in ast.walk(ast.parse(cell.source)):
            names = [a.name for a in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            assert not [n for n in names if n.startswith("_")]
