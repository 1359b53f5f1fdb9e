"""Sweep and study files, and `--set`: `upsweep validate` names the file, with the line where YAML has one."""

from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.conftest import save_image
from tests.fuzz.cases import Kind, command
from tests.fuzz.damage import damaged

SETTINGS = {
    "name": "good",
    "data.root": "images",
    "data.resize": "64",
    "data.image_size": "64",
    "data.batch_size": "4",
    "data.on_bad_image": "skip",
    "model.arch": "alexnet",
    "model.freeze": "null",
    "model.hidden": "16",
    "train.max_epochs": "3",
    "train.gamma": "0.1",
    "train.augment": "[{random_crop: {}}, {rotation: {degrees: 30}}]",
    "search.points": "[{lr: 0.1, step_size: 20}, {lr: 1e-2}]",
    "stop.up": "{strip_length: 5, successive: 5, ties: stop}",
    "retrain.seeds": "[0, 1]",
    "resources.cpus": "1",
    "storage": "runs",
}
STUDY = """name: both
sweeps:
  - {file: good.yaml, set: {train.max_epochs: 2}}
  - {file: good.yaml, name: second, best_point_of: good}
scales:
  small: {train.max_epochs: 1}
figures:
  - {run: "first (0.1)", sweep: good, point: {lr: 0.1}, test_accuracy: 0.5}
"""
ODD = (
    "", "null", "true", "-1", "0", "1e400", ".inf", "-.nan", "9" * 30, "0x" + "F" * 5000, "9" * 5000, "2024-01-01",
    "2024-13-45", "12:30:45", "'a/b'", "..", "../x", "a..", "'a\\0'", '"a\\0b"', '"\\ud800"', '"\\e[31m"', "x" * 101, "x" * 5000,
    "~nobody-of-this-name/x", "[]", "{}", "[1, [2, {a: b}]]", "{a: {b: c}}", "!!python/object:os.system {}",
    "!!python/object/apply:os.system [touch ran]", "!!python/name:os.system", "!foo bar", "!!binary aGk=", "!!set {a, b}",
    "!!omap [a: 1]", "!!int x", "!!float 3", "!!timestamp 9", "*none", "&a [*a]", "&a {<<: *a}", "{<<: 3}", "{? [a, b] : c}",
    "{1: 2, null: 3}", "[" * 2000, "{a: " * 500, "'unended", "|\n    text", "imagenet", "resnet18", "vit_b_16", "features",
    "[conv1]", "{lr: [0.1]}", "[{lr: 0.1}, {lr: 0.1}]", "\ufeffx", "\x85", "a: b: c", "%x", "@x", "`x", "\t- x", "good",
)  # fmt: skip
"""Values that YAML, Python or a file system has its own thoughts about."""
BOMB = "".join(f"b{i}: &b{i} [{', '.join([f'*b{i - 1}'] * 9) if i else 'x'}]\n" for i in range(12))
GRID = "search: {grid: {" + ", ".join(f"{k}: [{', '.join(f'0.{i}' for i in range(1, 99))}]" for k in ("lr", "gamma", "momentum", "weight_decay")) + "}}\n"  # fmt: skip
TOKENS = (b"\0", b"\xff", b"\xef\xbb\xbf", b"\r", b"---\n", b"...\n", b"&a ", b"*a", b"<<: ", b"!!", b"%YAML 3.0\n---\n", b"? ", b": ", b"\t")  # fmt: skip


@st.composite
def settings(draw: st.DrawFn) -> bytes:
    """Return a file of the known settings with some values odd, some keys gone, twice, or unknown."""
    values: dict[str, Any] = dict(SETTINGS)
    for _ in range(draw(st.integers(1, 3))):
        key = draw(
            st.sampled_from(
                [*SETTINGS, "data.seed", "model.weights", "train", "x", "track.wandb", "stop", "faults"]
            )
        )
        values[key] = draw(st.sampled_from(ODD))
    for key in draw(st.sets(st.sampled_from(sorted(SETTINGS)), max_size=1)):
        del values[key]
    sections: dict[str, str] = {}
    for key, value in values.items():
        section, dot, name = key.partition(".")
        sections[section] = sections.get(section, "") + (f"\n  {name}: {value}" if dot else f" {value}")
    text = "".join(f"{section}:{inside}\n" for section, inside in sections.items())
    return draw(st.sampled_from([text, text, text, BOMB + text, text + GRID])).encode(
        "utf-8", "surrogatepass"
    )


def kind(folder: Path) -> Kind:
    """Return the cases, each a file and an override; `folder` gets what they name."""
    for name in ("ant", "bee"):
        for place in range(3):
            save_image(folder / "images" / name / f"{place}.png", np.full((70, 80, 3), 90 * place, np.uint8))
    good = "name: good\n" + "".join(f"{key}: {{{', '.join(inner)}}}\n" for key, inner in _nested().items())
    (folder / "good.yaml").write_text(good)
    files = st.one_of(
        settings(),
        damaged(good.encode(), TOKENS),
        damaged(STUDY.encode(), TOKENS),
        st.just(good.encode()),
        st.binary(max_size=40),
    )
    overrides = st.one_of(
        st.none(),
        st.builds("{}={}".format, st.sampled_from([*SETTINGS, "search", "a..b", ""]), st.sampled_from(ODD)),
        st.text(max_size=12).filter(lambda text: not text.startswith("-")),
    )

    def run(case: tuple[bytes, str | None]) -> str:
        data, override = case
        (folder / "fuzzed.yaml").write_bytes(data)
        extra = [] if override is None else ["--set", override]
        said = command(
            "validate",
            "fuzzed.yaml",
            *extra,
            names=["fuzzed.yaml", "good.yaml", "--set", "sweep '", "study '"],
        )
        assert not (folder / "ran").exists(), "code in a file was run"
        return said

    return Kind("sweep files", st.tuples(files, overrides), run)


def _nested() -> dict[str, list[str]]:
    """Return {section: its `key: value` pairs} of the good file."""
    sections: dict[str, list[str]] = {}
    for key, value in SETTINGS.items():
        section, dot, name = key.partition(".")
        if dot:
            sections.setdefault(section, []).append(f"{name}: {value}")
    return sections
