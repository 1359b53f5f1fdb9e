"""A study's file: what applies over what, and everything wrong with it at once."""

from pathlib import Path

import pytest

from data_utils.errors import InputError
from tuning.study_file import is_study, load_study

SWEEP = """name: first
data: {root: sample}
model: {arch: alexnet, weights: imagenet}
train: {max_epochs: 200}
search: {points: [{lr: 0.1}, {lr: 0.01}]}
"""
STUDY = """name: both
sweeps:
  - {file: sweep.yaml, set: {model.weights: null}}
  - {file: sweep.yaml, name: second, best_point_of: first}
scales:
  small: {train.max_epochs: 8, data.batch_size: 32}
figures:
  - {run: "first (0.1)", sweep: first, point: {lr: 0.1}, test_accuracy: 0.5}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a study file beside its sweep file."""
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    (tmp_path / "study.yaml").write_text(STUDY)
    return tmp_path / "study.yaml"


def test_a_scale_is_overridden_by_set_and_what_makes_a_sweep_by_nothing(file: Path) -> None:
    """The scratch sweep stays without weights, whatever weights the others are given."""
    study = load_study(file, ["train.max_epochs=5", "model.weights=other.pth"], "small")
    first, second = (member.sweep() for member in study.members)
    assert (first.train.max_epochs, first.data.batch_size) == (5, 32)
    assert (first.model.weights, second.model.weights) == (None, "other.pth")


def test_each_scale_and_name_has_its_own_folder(file: Path) -> None:
    """So a small study is never taken for the whole; sweeps lie in their study's folder."""
    assert load_study(file).folder == Path("runs/both").resolve()
    assert load_study(file, scale="small").folder == Path("runs/both-small").resolve()
    named = load_study(file, None, "small", {"name": "mine", "storage": "/x"})
    assert named.folder == Path("/x/mine")
    assert [member.sweep().folder for member in named.members] == [
        Path("/x/mine/first"),
        Path("/x/mine/second"),
    ]


def test_a_handed_point_is_the_only_one(file: Path) -> None:
    """With every hyperparameter that the other sweep searched."""
    sweep = load_study(file).members[1].sweep({"lr": 0.01, "step_size": 45})
    assert sweep.search.points == [{"lr": 0.01, "step_size": 45}]


def test_settings_of_a_section_leave_its_others_alone(file: Path) -> None:
    """In a sweep's set and in a scale, written as in a sweep file or with dots; a search is replaced whole."""
    file.write_text(
        STUDY.replace("{model.weights: null}", "{train: {seed: 3}, search: {grid: {lr: [1, 2]}}}").replace(
            "{train.max_epochs: 8, data.batch_size: 32}", "{train: {momentum: 0.5}, data: {batch_size: 32}}"
        )
    )
    first = load_study(file, scale="small").members[0].sweep()
    assert (first.train.seed, first.train.momentum, first.train.max_epochs) == (3, 0.5, 200)
    assert (first.data.root, first.data.batch_size) == ("sample", 32)
    assert (first.search.points, first.search.grid) == (None, {"lr": [1, 2]})


@pytest.mark.parametrize(
    "said", ["{stop: {up: {ties: stop}}}", "{stop.up: {ties: stop}}", "{stop.up.ties: stop}"]
)
def test_settings_of_a_section_in_a_section_leave_its_others_alone(file: Path, said: str) -> None:
    """However they are written; an empty section is the one of defaults, as in a sweep file."""
    file.with_name("sweep.yaml").write_text(SWEEP + "stop: {up: {strip_length: 7}}\nretrain: null\n")
    file.write_text(STUDY.replace("{model.weights: null}", said))
    first = load_study(file).members[0].sweep()
    assert first.stop.up is not None
    assert (first.stop.up.ties, first.stop.up.strip_length) == ("stop", 7)
    assert first.retrain is None
    file.write_text(STUDY.replace("{model.weights: null}", "{retrain: {}}"))
    assert load_study(file).members[0].sweep().retrain is not None


def test_what_is_the_studys_to_say_is_refused_of_its_sweeps(file: Path) -> None:
    """It would be passed over."""
    file.write_text(
        STUDY.replace("{model.weights: null}", "{name: x}").replace("{train.max", "{storage: y, train.max")
    )
    with pytest.raises(InputError) as raised:
        load_study(file, ["storage=/x", "train.max_epochs=5", "name = y"])
    assert list(raised.value.problems) == [
        "--set storage: a study's is given by --storage",
        "--set name: a study's is given by --name",
        "scales.small.storage: is the study's; leave it out",
        "sweeps[0].set.name: give sweeps[0].name",
    ]


def test_a_study_is_not_put_into_a_sweeps_folder(file: Path, tmp_path: Path) -> None:
    """Of which the sweeps of the study would not be seen."""
    (tmp_path / "runs" / "both").mkdir(parents=True)
    (tmp_path / "runs" / "both" / "sweep.yaml").write_text("name: both\n")
    with pytest.raises(InputError, match="runs/both is the folder of a sweep; give the study another --name"):
        load_study(file, given={"storage": str(tmp_path / "runs")})


def test_a_study_is_told_from_a_sweep(file: Path) -> None:
    """By its sweeps; a file that is no YAML is none."""
    assert is_study(file)
    assert not is_study(file.with_name("sweep.yaml"))
    assert not is_study(file.with_name("none.yaml"))
    file.write_text("sweeps: [")
    assert not is_study(file)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("name: both", "nam: both"), "line 1: nam: unknown key; did you mean 'name'?"),
        (("set: {model", "sets: {model"), "line 3: sweeps[0].sets: unknown key; did you mean 'set'?"),
        (("name: second, ", ""), "sweeps[1].name: 'first' is another sweep's too; give it a name"),
        (
            ("best_point_of: first", "best_point_of: third"),
            "must be an earlier sweep (first), but got 'third'",
        ),
        (("sweep: first", "sweep: frist"), "figures[0].sweep: must be one of first, second, but got 'frist'"),
        (
            ("point: {lr: 0.1}", "point: {lrr: 0.1}"),
            "figures[0].point.lrr: no hyperparameter; did you mean 'lr'?",
        ),
        (("0.5}", "50}"), "figures[0].test_accuracy: must be at most 1.0, but got 50"),
        (("file: sweep.yaml, name", "file: none.yaml, name"), "no such sweep file"),
        (
            ("model.weights: null", "model.wieghts: null"),
            "model.wieghts: unknown key; did you mean 'weights'?",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_is_named(file: Path, change: tuple[str, str], problem: str) -> None:
    """With its place and the remedy."""
    assert STUDY.count(change[0]) == 1
    file.write_text(STUDY.replace(*change))
    with pytest.raises(InputError) as caught:
        load_study(file)
    assert problem in str(caught.value)


def test_a_sweep_file_without_a_name_needs_one_here(file: Path) -> None:
    """Rather than to be called None."""
    bare = file.with_name("sweep.yaml")
    bare.write_text(SWEEP.replace("name: first\n", ""))
    with pytest.raises(InputError) as caught:
        load_study(file)
    assert caught.value.problems == ("sweeps[0].name: must be given, since sweep.yaml has no name for it",)
    file.write_text(STUDY.replace("{file: sweep.yaml, set", "{file: sweep.yaml, name: first, set"))
    assert [member.name for member in load_study(file).members] == ["first", "second"]


def test_what_is_wrong_in_several_files_is_named_at_once(file: Path) -> None:
    """Those that cannot be read, wrong settings, and names; what hangs on a name that is not known is not judged."""
    file.write_text("""name: all
sweeps:
  - {file: none.yaml}
  - {file: broken.yaml}
  - {file: sweep.yaml, name: a, set: {train.gama: 1.0}, best_point_of: whichever}
  - {file: sweep.yaml, name: a}
figures:
  - {run: x, sweep: whichever, point: {config_lr: 0.1}}
""")
    file.with_name("broken.yaml").write_text("name: [")
    with pytest.raises(InputError) as caught:
        load_study(file)
    said = [problem.replace(f"{file.parent}/", "") for problem in caught.value.problems]
    assert [problem.split(":")[0] for problem in said] == [
        "sweeps[3].name", "figures[0].point.config_lr", "sweeps[0].file", "sweeps[1].file", "sweeps[2].file",
    ]  # fmt: skip
    assert [problem.split(":")[1] for problem in said[2:]] == [" none.yaml", " broken.yaml", " sweep.yaml"]


def test_a_scale_that_is_none_is_refused(file: Path) -> None:
    """By name, with those that are."""
    with pytest.raises(InputError, match="of which there are: small; but got 'tiny'"):
        load_study(file, scale="tiny")


def test_a_scale_cannot_lead_out_of_the_storage(file: Path) -> None:
    """Its name is part of a folder's."""
    file.write_text(STUDY.replace("small:", "../../elsewhere:"))
    with pytest.raises(InputError, match=r"scales\.\.\./\.\./elsewhere"):
        load_study(file, scale="../../elsewhere")


def test_a_sweep_file_that_is_missing_is_named_with_its_place(file: Path) -> None:
    """In the study that names it."""
    file.write_text(STUDY.replace("{file: sweep.yaml, set", "{file: none.yaml, set"))
    with pytest.raises(InputError, match=r"study\.yaml: sweeps\[0\]\.file: .*none\.yaml: no such sweep file"):
        load_study(file)
