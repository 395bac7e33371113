"""docs/notebooks: each runs from its first cell to its last, and what is stored of it is small and clean."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import ROOT

NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
PAPERS = ["atnl", "gm_prior", "olr", "uniform"]
MOST_BYTES = 200_000


def test_each_paper_has_a_notebook() -> None:
    assert [path.stem for path in NOTEBOOKS] == PAPERS
    for path in NOTEBOOKS:
        assert f"[docs/{path.stem}.md](../{path.stem}.md)" in path.read_text()
        assert f"notebooks/{path.name}" in (ROOT / "docs" / "python.md").read_text()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_is_stored_is_small_and_of_no_machine(path: Path) -> None:
    text = path.read_text()
    cells: list[dict[str, Any]] = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    assert len(text) <= MOST_BYTES
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert any("image/png" in output.get("data", {}) for cell in cells for output in cell["outputs"])
    assert "0x" not in "".join(re.sub(r"[A-Za-z0-9+/=]{200,}", "", json.dumps(cell["outputs"])) for cell in cells)
    assert not re.search(r"[ \"'(](/[a-z]+){2,}|[A-Z]:\\\\|site-packages|ipykernel", re.sub(r"base64,[^\\]*", "", text))
    for cell in cells:
        failed = [output for output in cell["outputs"] if output["output_type"] in ("error", "stream")]
        allowed = "raises-exception" in cell["metadata"].get("tags", []) or "print(" in "".join(cell["source"])
        assert allowed or not failed


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat", reason="nbclient is not installed")
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed")
    notebook = nbformat.read(path, as_version=4)
    stored = [cell["outputs"] for cell in notebook.cells if cell.cell_type == "code"]
    client = nbclient.NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()  # which fails where a cell does that isn't tagged for it
    found = [cell["outputs"] for cell in notebook.cells if cell.cell_type == "code"]
    assert [kinds(outputs) for outputs in found] == [kinds(outputs) for outputs in stored]


def kinds(outputs: list[Any]) -> list[Any]:
    """Of what kinds the outputs of a cell are."""
    return [(output["output_type"], sorted(output.get("data", {}))) for output in outputs]
