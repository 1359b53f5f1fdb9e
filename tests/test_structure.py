"""The layers: imports go one way, and Ray is known where it must be and nowhere else."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BELOW = {
    "data_utils": {"data_utils"},
    "trainables": {"data_utils", "trainables"},
    "tuning": {"data_utils", "trainables", "tuning"},
}
MAY_IMPORT_RAY = {
    "trainables/classifier.py", "trainables/toy.py", "tuning/cluster.py", "tuning/driver.py",
    "tuning/elsewhere.py", "tuning/joining.py", "tuning/journal.py", "tuning/live_tables.py",
    "tuning/log_lines.py", "tuning/neighbours.py", "tuning/nodes.py", "tuning/pausing.py",
    "tuning/progress.py", "tuning/ray_inside.py", "tuning/recorder.py", "tuning/retraining.py",
    "tuning/retries.py", "tuning/search.py", "tuning/service.py", "tuning/service_runs.py",
    "tuning/stoppers.py", "tuning/track.py", "tuning/trials.py",
}  # fmt: skip
FILES = [path for package in BELOW for path in sorted((ROOT / package).glob("*.py"))]


def imported(path: Path) -> set[str]:
    """Return the top-level packages that a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            names.add((node.module or "").partition(".")[0])
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_imports_go_down(path: Path) -> None:
    """`tuning -> trainables -> data_utils`, never up."""
    assert imported(path) & BELOW.keys() <= BELOW[path.parent.name]


def test_ray_is_imported_only_where_the_design_says() -> None:
    """Adapters and driver; so the learner and the data run on a machine without Ray."""
    assert {f"{p.parent.name}/{p.name}" for p in FILES if "ray" in imported(p)} == MAY_IMPORT_RAY


def test_pydantic_stays_in_tuning() -> None:
    """As for Ray: `data_utils` and `trainables` run without it."""
    assert {p.parent.name for p in FILES if "pydantic" in imported(p)} == {"tuning"}


def test_the_driver_starts_without_pytorch() -> None:
    """It does not compute, so it need not wait seconds for the import; nor does reading results need Ray."""
    modules = (
        ("tuning.driver", "torch"),
        ("tuning.results", "ray"),
        ("tuning.analysis", "ray"),
        ("tuning.cli", "pydantic"),
    )
    for module, absent in modules:
        check = f"import sys, {module}; sys.exit({absent!r} in sys.modules)"
        assert subprocess.run([sys.executable, "-c", check], cwd=ROOT, check=False).returncode == 0, module
