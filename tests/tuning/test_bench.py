"""The measuring itself: pairs in turns, figures with their extremes, and a tiny run of what can be tiny."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from data_utils.caches import cache_dir, cached, clear_cache
from data_utils.prepared import prepare
from tests.conftest import Run
from tuning import bench
from tuning.bench_figures import Measure, Setting, empty_cache, interleaved
from tuning.bench_processes import memory, starts, sweep
from tuning.bench_training import epochs, step, store
from tuning.results import write_measures


def test_a_and_b_take_turns_after_a_warm_up() -> None:
    """One of each is not counted; then A B A B."""
    calls: list[str] = []

    def record(name: str) -> float:
        calls.append(name)
        return float(len(calls))

    a, b = interleaved(lambda: record("A"), lambda: record("B"), 3)
    assert "".join(calls) == "ABABABAB"
    assert (a, b) == ([3.0, 5.0, 7.0], [4.0, 6.0, 8.0])


def test_the_papers_sizes_are_measured_unless_quick() -> None:
    """Batch 256 at 224 pixels, ten repeats; quick keeps the repeats."""
    full, quick = (Setting.of("x", "alexnet", q) for q in (False, True))
    assert (full.resize, full.image_size, full.batch_size, full.repeats) == (256, 224, 256, 10)
    assert quick.repeats == 10
    assert Setting.of("x", "vgg11", False).batch_size == 32


@pytest.mark.slow
def test_what_can_be_tiny_runs_for_real(images: Path) -> None:
    """Every measure has its figures in order, and shares and ratios are positive."""
    setting = replace(
        Setting.of(str(images), "alexnet", quick=True),
        image_size=63,
        batch_size=4,
        images=6,
        repeats=1,
        trial_seconds=0.5,
        device="cpu",
    )
    parts = (store, step, epochs, memory, starts, sweep)
    measures = {m.measure: m for part in parts for m in part(setting)}
    assert measures.keys() == {
        "store_build_s", "store_open_s", "train_images_per_s", "step_share", "epoch_scratch_ratio", "epoch_scratch_s",
        "epoch_frozen_ratio", "epoch_frozen_s", "memory_per_trial_mb",
        "start_cold_s", "start_warm_s", "sweep_overhead",
    }  # fmt: skip
    for measure in measures.values():
        assert 0 < measure.low <= measure.value <= measure.high or measure.measure == "memory_per_trial_mb"
    assert measures["step_share"].n == 1


def test_what_a_running_bench_keeps_is_not_cleared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what one left behind that was killed."""
    (tmp_path / "bench-killed").mkdir()
    monkeypatch.setenv("UPSWEEP_CACHE", str(tmp_path))
    with empty_cache():
        (cache_dir() / "store").write_bytes(b"pixels")
        with pytest.MonkeyPatch.context() as beside:
            beside.setenv("UPSWEEP_CACHE", str(tmp_path))
            assert [entry.path.name for entry in cached()] == ["bench-killed"]


def test_parts_are_measured_in_their_order_or_those_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """However they are asked for; the help names the same."""
    measured: list[str] = []

    def part(name: str) -> Callable[[Setting], Iterator[Measure]]:
        return lambda setting: iter([measured.append(name)])  # type: ignore[func-returns-value,list-item]

    monkeypatch.setattr(bench, "PARTS", {name: part(name) for name in bench.PARTS})
    setting, said = Setting.of("x", "alexnet", quick=True), list[str]()
    list(bench.measure_all(setting, said.append, ["epochs", "store"]))
    assert measured == ["store", "epochs"]
    assert said == ["measuring store", "measuring epochs"]
    measured.clear()
    list(bench.measure_all(setting, said.append, bench.PARTS))
    assert measured == ["store", "step", "epochs", "memory", "starts", "sweep"]


def test_a_part_that_is_none_is_refused(in_process: Run) -> None:
    """With those that there are."""
    done = in_process("bench", "--only", "step", "--only", "speed")
    assert done.returncode == 2
    assert "--only: must be one of store, step, epochs, memory, starts, sweep, but got 'speed'" in done.stderr


def test_figures_are_written_with_what_they_were_measured_on(tmp_path: Path) -> None:
    """Median, extremes, unit, count; processor and PyTorch."""
    write_measures(
        tmp_path / "bench.parquet", [Measure("step_share", 0.97, 0.95, 0.99, "", 10, "loop over bare step")]
    )
    row = pd.read_parquet(tmp_path / "bench.parquet").iloc[0]
    assert (row["measure"], row["value"], row["low"], row["high"], row["n"]) == (
        "step_share",
        0.97,
        0.95,
        0.99,
        10,
    )
    assert row["torch"]
    assert row["processor"]


def test_the_cache_is_shown_and_cleared(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, images: Path, in_process: Run
) -> None:
    """Pixels and the sample are listed with their sizes; clearing frees them all, and so does the command."""
    monkeypatch.setenv("UPSWEEP_CACHE", str(tmp_path / "cache"))
    prepare(str(images), resize=64)
    prepare("sample", resize=8)
    entries = cached()
    assert sorted(entry.kind for entry in entries) == ["pixels", "pixels", "sample"]
    assert clear_cache() == sum(entry.bytes for entry in entries) > 0
    assert cached() == []
    prepare("sample", resize=8)
    done = in_process("data", "clear")
    assert done.returncode == 0
    assert "freed" in done.stdout
    assert cached() == []
