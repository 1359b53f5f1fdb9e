"""Sweep files: what is right, and everything that is wrong, each with its line."""

from pathlib import Path

import pytest

from data_utils.errors import InputError
from tuning.config import load_sweep
from tuning.space import trial_specs

GOOD = """\
name: good
data:
  root: sample
model: {arch: alexnet}
train: {lr: 1e-3, max_epochs: 3}
search:
  points:
    - {lr: 0.1, step_size: 20}
    - {lr: 1e-2}
"""


def write(tmp_path: Path, text: str) -> Path:
    """Write a sweep file."""
    path = tmp_path / "x.yaml"
    path.write_text(text)
    return path


def problems(tmp_path: Path, text: str, *overrides: str) -> list[str]:
    """Return what is said of a file."""
    with pytest.raises(InputError) as raised:
        load_sweep(write(tmp_path, text), list(overrides))
    return list(raised.value.problems)


def test_defaults_are_the_papers(tmp_path: Path) -> None:
    """What a file leaves out is the paper's protocol."""
    sweep = load_sweep(write(tmp_path, GOOD))
    assert sweep.train.lr == 1e-3  # which YAML 1.1 would take for text
    assert (sweep.train.momentum, sweep.train.weight_decay, sweep.train.gamma) == (0.9, 5e-5, 0.1)
    assert (sweep.data.batch_size, sweep.data.resize, sweep.data.image_size) == (256, 256, 224)
    assert sweep.stop.up is not None
    assert (sweep.stop.up.strip_length, sweep.stop.up.successive, sweep.stop.up.ties) == (5, 5, "stop")
    assert sweep.retrain is not None
    assert sweep.retrain.seeds == [0]
    assert (sweep.resources.cpus, sweep.resources.gpus, sweep.storage) == (1, "auto", "runs")


def test_all_problems_at_once_with_their_lines(tmp_path: Path) -> None:
    """Unknown keys with a hint, wrong types, impossible values."""
    text = """\
name: "bad name"
data:
  rot: sample
  batch_size: 0
  image_size: big
model: {arch: resnet, weights: 3}
train:
  max_epochs: 2.5
  gamma: 0
search: {points: [{lr: 0.1}]}
stop: {up: {ties: maybe}}
retrain: {seeds: []}
resources: {gpus: -1, cpus: true}
extra: 1
"""
    assert sorted(problems(tmp_path, text)) == sorted(
        [
            "line 1: name: must be letters, digits, dots, dashes and underscores, and start with a letter or digit, "
            "but got 'bad name'",
            "line 2: data.root: is missing; give it a value",
            "line 3: data.rot: unknown key; did you mean 'root'?",
            "line 4: data.batch_size: must be at least 1, but got 0",
            "line 5: data.image_size: must be a whole number, but got 'big'",
            "line 6: model.arch: must be a classifier of torchvision's (did you mean 'resnet18' or 'resnet34' or 'resnet50'?), "
            "but got 'resnet'",
            "line 6: model.weights: must be text, but got 3",
            "line 8: train.max_epochs: must be a whole number, but got 2.5",
            "line 9: train.gamma: must be more than 0.0, but got 0",
            "line 11: stop.up.ties: must be 'stop' or 'reset', but got 'maybe'",
            "line 12: retrain.seeds: must have at least 1 items, but got []",
            "line 13: resources.gpus: must be auto, a fraction of a GPU, or a whole number of GPUs, but got -1",
            "line 13: resources.cpus: must be auto, or a whole number of CPU cores of at least 1, but got True",
            "line 14: extra: unknown key; did you mean 'retrain' or 'track' or 'train'?",
        ]
    )


def test_a_setting_in_the_wrong_section_is_told_its_own(tmp_path: Path) -> None:
    """At the top, or in another's."""
    text = GOOD + "max_epochs: 3\nresources: {lr: 3}\nretrain: {seed: 1}\n"
    assert problems(tmp_path, text, "search.lr=0.1") == [
        "--set search.lr=0.1: search.lr: unknown key; there are points, grid",
        "line 12: retrain.seed: unknown key; did you mean 'seeds'?",
        "line 11: resources.lr: unknown key; did you mean 'train.lr'?",
        "line 10: max_epochs: unknown key; did you mean 'train.max_epochs'?",
    ]


def test_search_points_are_checked_like_settings(tmp_path: Path) -> None:
    """Names, values and repeats, each at its own line."""
    text = GOOD + "    - {lr: -1, stepsize: 3}\n    - {lr: 0.01}\n"
    assert problems(tmp_path, text) == [
        "line 10: search.points[2].stepsize: no hyperparameter; did you mean 'step_size'?",
        "line 10: search.points[2].lr: must be more than 0.0, but got -1",
        "line 11: search.points[3]: is trial 1 again; every trial of a sweep is computed once",
    ]


def test_a_grid_value_is_named_where_it_stands(tmp_path: Path) -> None:
    """One bad value of a grid is one problem, however many trials have it."""
    text = GOOD.partition("search:")[0] + "search:\n  grid:\n    lr: [0.1, nan]\n    step_size: [1, 2]\n"
    assert problems(tmp_path, text.replace("nan", ".nan")) == [
        "line 8: search.grid.lr[1]: must be finite, but got nan"
    ]


def test_search_problems_come_with_the_others(tmp_path: Path) -> None:
    """A misspelt key does not hide them."""
    said = problems(tmp_path, GOOD.replace("max_epochs", "epochs") + "    - {lr: -1}\n")
    assert [text.partition(": ")[2].partition(":")[0] for text in said] == [
        "train.epochs",
        "search.points[2].lr",
    ]


@pytest.mark.parametrize("override", ["search.points=[{lr: [0.1, 0.01]}]", "search.points=[{lr: {a: 1}}]"])
def test_a_list_among_points_is_one_clear_problem(tmp_path: Path, override: str) -> None:
    """It is what a grid looks like."""
    assert problems(tmp_path, GOOD, override) == [
        f"--set {override}: search.points[0].lr: must be one value, not a list or a mapping; lists of values go in grid"
    ]


def test_an_empty_grid_list_is_refused(tmp_path: Path) -> None:
    """It would be no trial at all."""
    override = "search={grid: {lr: []}}"
    assert problems(tmp_path, GOOD, override) == [
        f"--set {override}: search.grid.lr: must have at least 1 items, but got []"
    ]


@pytest.mark.parametrize("point", ["{lr: 0.01, step_size: 30}", "{lr: 1e-2, gamma: 0.1}"])
def test_the_same_training_written_otherwise_is_refused_too(tmp_path: Path, point: str) -> None:
    """What a point leaves out has a value all the same."""
    assert problems(tmp_path, GOOD + f"    - {point}\n") == [
        "line 10: search.points[2]: is trial 1 again; every trial of a sweep is computed once"
    ]


def test_seeds_fit_the_tables_and_do_not_repeat(tmp_path: Path) -> None:
    """Before a sweep has run, not after."""
    too_large = problems(tmp_path, GOOD, "train.seed=9223372036854775808")
    assert "train.seed: must be at most 9223372036854775807" in too_large[0]
    assert "retrain.seeds: must not repeat a seed" in problems(tmp_path, GOOD, "retrain.seeds=[0, 0]")[0]


def test_a_merge_key_keeps_the_lines_of_the_rest(tmp_path: Path) -> None:
    """YAML's own way to share settings."""
    text = GOOD.replace("train: {lr: 1e-3, max_epochs: 3}", "train:\n  <<: &base {max_epochs: 3}\n  lr: -1")
    assert problems(tmp_path, text) == ["line 7: train.lr: must be more than 0.0, but got -1"]


def test_name_and_storage_come_as_they_are(tmp_path: Path) -> None:
    """Their options are no YAML: a quote in a folder's name means itself."""
    sweep = load_sweep(write(tmp_path, GOOD), [], {"storage": "/tmp/it's", "name": "7"})
    assert (sweep.storage, sweep.name) == ("/tmp/it's", "7")


def test_points_and_grid_exclude_each_other(tmp_path: Path) -> None:
    """Both, or neither, is refused."""
    said = "search: exactly one of points and grid must be given"
    assert problems(tmp_path, GOOD, "search.grid={lr: [1]}") == [f"line 6: {said}"]
    assert problems(tmp_path, GOOD, "search={}") == [f"--set search={{}}: {said}"]


def test_overrides_set_anything_and_are_named_in_problems(tmp_path: Path) -> None:
    """A value is YAML; the last one wins; a whole section can be replaced."""
    sweep = load_sweep(
        write(tmp_path, GOOD),
        [
            "train.max_epochs=7",
            "data.root=a=b",
            "search.points=[{lr: 1e-4}]",
            "stop.up=null",
            "data.seed=1",
            "data.seed=2",
        ],
    )
    assert (sweep.train.max_epochs, sweep.data.root, sweep.search.points) == (7, "a=b", [{"lr": 1e-4}])
    assert sweep.stop.up is None
    assert sweep.data.seed == 2
    assert problems(tmp_path, GOOD, "train.epochs=7") == [
        "--set train.epochs=7: train.epochs: unknown key; did you mean 'max_epochs'?"
    ]


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("lr", "'lr' is not of the form key.key=value"),
        ("=3", "'=3' is not of the form key.key=value"),
        ("name.x=1", "'name.x=1': 'name' holds a value, not keys"),
        ("train.lr=[", "'train.lr=[': line 1, column 2: not valid YAML"),
    ],
)
def test_malformed_overrides_are_named(tmp_path: Path, override: str, said: str) -> None:
    """With what they should look like."""
    assert problems(tmp_path, GOOD, override)[0].startswith(said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: [", "line 1, column 8: not valid YAML"),
        ("- a\n- b\n", "line 1: a sweep file is a mapping"),
        ("", "line 1: a sweep file is a mapping"),
        ("name: a\nname: b\n", "line 2, column 1: not valid YAML"),
        ("name: 2024-13-45\n", "not valid YAML"),
        (
            "name: !!python/object/apply:os.system [id]\n" + GOOD.partition("\n")[2],
            "line 1: name: must be text",
        ),
    ],
)
def test_files_that_are_no_sweep(tmp_path: Path, text: str, said: str) -> None:
    """Each has its line, and no object is ever built from one."""
    assert problems(tmp_path, text)[0].startswith(said)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """With its path."""
    with pytest.raises(InputError, match=r"none\.yaml: no such sweep file"):
        load_sweep(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (
            "augment-7",
            "must be one of none, augment-1, augment-2, augment-3, or a list of operations, but got 'augment-7'",
        ),
        ("[{rotation: {degrees: 300}}]", "rotation: degrees must be from 0 to 180 but got 300"),
        (
            "[{flip: {}}]",
            "there is no operation 'flip'; there are random_crop, random_resized_crop, horizontal_flip",
        ),
    ],
)
def test_an_augmentation_that_cannot_be_done_is_named(tmp_path: Path, value: str, said: str) -> None:
    """In one problem, whatever shape it has."""
    (problem,) = problems(tmp_path, GOOD, f"train.augment={value}")
    assert problem.startswith(f"--set train.augment={value}: train.augment: {said}")


def test_offline_copies_need_something_to_differ_by(tmp_path: Path) -> None:
    """Without operations they would all be the image itself."""
    (problem,) = problems(tmp_path, GOOD, "train.augment_offline={copies: 4}")
    assert "augment_offline makes copies by augment, which is none" in problem
    sweep = load_sweep(write(tmp_path, GOOD), ["train.augment_offline={}", "train.augment=augment-1"])
    assert sweep.train.augment_offline is not None
    assert sweep.train.augment_offline.copies == 4


def test_a_crop_larger_than_the_image_is_refused(tmp_path: Path) -> None:
    """Both numbers are named."""
    assert problems(tmp_path, GOOD, "data.image_size=300") == [
        "line 2: data: image_size must be at most resize (256) but got 300; raise resize or crop less"
    ]


RESNET = GOOD.replace("alexnet", "resnet18")


def test_a_list_of_modules_is_frozen_as_written(tmp_path: Path) -> None:
    """Whether they are there is asked when the network is known."""
    assert load_sweep(write(tmp_path, RESNET), ["model.freeze=[conv1, layer1]"]).model.freeze == [
        "conv1",
        "layer1",
    ]


@pytest.mark.parametrize("value", ["layer1", "[]", "[1]", "['']", "{a: b}", "true"])
def test_what_cannot_be_frozen_is_one_clear_problem(tmp_path: Path, value: str) -> None:
    """With what can."""
    (problem,) = problems(tmp_path, RESNET, f"model.freeze={value}")
    rule = "must be features, classifier, null, or a list of modules such as [conv1, layer1], but got"
    assert f"model.freeze: {rule}" in problem


def test_a_list_of_modules_in_the_search_is_refused(tmp_path: Path) -> None:
    """A hyperparameter's value is one value."""
    (problem,) = problems(tmp_path, RESNET + "    - {freeze: [conv1]}\n")
    assert problem.startswith("line 10: search.points[2].freeze: must be one value, not a list")


def test_hidden_is_for_networks_that_have_hidden_layers(tmp_path: Path) -> None:
    """Whether the sweep, or a point of its search, names the two."""
    rule = "must be left out for resnet18: only AlexNet and VGGs have hidden layers of a width to set, but got 16"
    assert problems(tmp_path, RESNET, "model.hidden=16") == [f"--set model.hidden=16: model.hidden: {rule}"]
    assert problems(tmp_path, GOOD + "    - {arch: resnet18, hidden: 16}\n") == [
        f"line 10: search.points[2].hidden: {rule}"
    ]
    assert problems(tmp_path, GOOD + "    - {arch: resnet18}\n", "model.hidden=16") == [
        f"line 10: search.points[2]: model.hidden: {rule}"
    ]
    load_sweep(write(tmp_path, GOOD + "    - {arch: resnet18, hidden: 4096}\n"), ["model.hidden=16"])
    load_sweep(write(tmp_path, GOOD.replace("alexnet", "vgg16_bn")), ["model.hidden=16"])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("name: ..", "line 1: name: must be letters"),
        ("name: a/b", "line 1: name: must be letters"),
        ("name: ''", "line 1: name: must be letters"),
        ("name: " + "x" * 101, "line 1: name: must be at most 100 characters"),
        ('storage: "a\\0b"', "line 1: storage: must name a file or folder, and hold no NUL"),
        ("storage: ''", "line 1: storage: must name a file or folder"),
        *(
            (f"storage: {other}", "line 1: storage: must be a folder, or s3://bucket/prefix with a small s; no other kind of storage")
            for other in ("gs://b/p", "S3://b/p", "s3:/b/p", "file:///p", "abfs+x://b@c/p")
        ),
        ("storage: ~nobody-of-this-name/x", "line 1: storage: must name a file or folder (Could not determine home directory.)"),
        ('storage: "\\ud800"', "line 1: storage: must not hold half a character"),
        ("storage: !!python/object:os.system {}", "line 1: storage: must be text, a number, true, false, null, a list or a mapping "
         "without a tag"),
        ("storage: 2024-01-01", "line 1: storage: must be text, a number, true, false, null, a list or a mapping, but is YAML's date"),
        ("storage: 0x" + "F" * 5000, "line 1: storage: must be a number of at most 128 bits, but has 20000"),
        ("storage: " + "[" * 40 + "]" * 40, "line 1: storage[0][0]: is nested more than 30 deep, or in itself"),
        ("storage: " + "[" * 5000, "not valid YAML: it is nested too deeply"),
        ("storage: {1: 2}", "line 1: the key '1' must be text; put it in quotes"),
        ("storage: a\0b", "line 1: not valid YAML: special characters are not allowed (U+0000)"),
    ],
)  # fmt: skip
def test_odd_values_are_named_with_their_lines(tmp_path: Path, line: str, said: str) -> None:
    """What YAML can say and a file name, or a table, cannot hold."""
    text = line + "\n" + (GOOD.partition("\n")[2] if line.startswith("name") else GOOD)
    assert problems(tmp_path, text)[0].startswith(said)


def test_a_file_that_stands_for_billions_is_refused(tmp_path: Path) -> None:
    """Ten lines of references."""
    lines = ["b0: &b0 [x, x]"] + [f"b{i}: &b{i} [{', '.join([f'*b{i - 1}'] * 9)}]" for i in range(1, 11)]
    (problem,) = problems(tmp_path, "\n".join(lines))
    assert problem.startswith("line 6: the file stands for more than 100,000 values")


def test_a_search_of_more_epochs_than_can_be_looked_at(tmp_path: Path) -> None:
    """Counted, not made."""
    grid = ", ".join(
        f"{key}: [{', '.join(f'0.{i}' for i in range(1, 99))}]" for key in ("lr", "gamma", "momentum")
    )
    text = GOOD.partition("search:")[0] + f"search: {{grid: {{{grid}}}}}\n"
    (problem,) = problems(tmp_path, text)
    assert problem.startswith(
        "line 6: search: makes 941,192 trials of 3 epochs, and a sweep has at most 1,000,000"
    )


def test_files_that_are_not_text_or_too_large(tmp_path: Path) -> None:
    """The line of the first odd byte; nothing of a device without end is kept."""
    (tmp_path / "x.yaml").write_bytes(b"name: x\ndata: \xff\n")
    with pytest.raises(InputError, match="line 2: cannot be read as UTF-8 text"):
        load_sweep(tmp_path / "x.yaml")
    with pytest.raises(InputError, match="is larger than 1,048,576 bytes"):
        load_sweep("/dev/zero")


def test_a_long_value_is_not_repeated_whole(tmp_path: Path) -> None:
    """Its beginning is enough."""
    (problem,) = problems(tmp_path, GOOD, f"data.batch_size={'x' * 9000}")
    assert "x" * 190 + "..." in problem.rpartition("but got")[2]


def test_an_archive_is_the_same_for_every_machine_and_for_a_resume(tmp_path: Path) -> None:
    """The recipe names the server that `s3` or the environment gives; a secret in an address is refused unrepeated."""
    given = ["data.root=s3://bucket/x.tar#sha256=" + "0" * 64, "s3.endpoint=http://127.0.0.1:9000"]
    sweep = load_sweep("experiments/quickstart.yaml", given)
    place = "s3://bucket/x.tar?endpoint=http%3A%2F%2F127.0.0.1%3A9000"
    assert trial_specs(sweep)[0].recipe.root.partition("&")[0].partition("#")[0] == place
    assert trial_specs(sweep)[0].recipe.root.endswith("#sha256=" + "0" * 64)
    for secret in ("https://me:hunter2@host/x.tar", "https://host/x.tar?Signature=hunter2"):
        with pytest.raises(InputError, match="must be an address without user, password") as raised:
            load_sweep("experiments/quickstart.yaml", [f"data.root={secret}"])
        assert "hunter2" not in str(raised.value)
