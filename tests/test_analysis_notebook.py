"""The notebook that ships, run from start to end as Jupyter would."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.tuning.rows import curve
from tests.tuning.sweeps import write_sweep
from tuning.results import write_epochs

NOTEBOOK = Path(__file__).parents[1] / "experiments" / "analysis.ipynb"
PLOT = "application/vnd.plotly.v1+json"


def test_it_runs_on_a_tree_of_sweeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three finished ones, two of which have one name, and one that is running; its tables and its plots are there."""
    write_sweep(tmp_path / "runs" / "a", epochs=12, seed=0)
    write_sweep(tmp_path / "runs" / "b", epochs=12, seed=1)
    write_sweep(tmp_path / "runs" / "small" / "a", epochs=12, seed=2)
    (tmp_path / "runs" / "running").mkdir()
    write_epochs(tmp_path / "runs" / "running", curve(0, 0.1, 0.2, sweep="running"))
    monkeypatch.setenv("UPSWEEP_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("PYTHONPATH", str(NOTEBOOK.parents[1]))
    # Settings and kernels that the machine's user has do not count: the kernel is the Python that runs this.
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(NOTEBOOK.parent)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert "stream" not in {output.output_type for output in outputs}  # nothing was warned of
    plots = [PLOT in output.data for output in outputs]
    assert plots == [False, False, True, False, False, True]
    winners = outputs[0].data["text/plain"]
    assert [line.split()[1] for line in winners.splitlines()[1:4]] == ["a", "small/a", "b"]


def test_it_ships_without_outputs() -> None:
    """Small, and without what someone's machine was called; it reads `runs` beside it unless told otherwise."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert all(cell.outputs == [] for cell in notebook.cells if cell.cell_type == "code")
    assert 'os.environ.get("UPSWEEP_RUNS", "../runs")' in notebook.cells[1].source
