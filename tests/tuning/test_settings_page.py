"""The page on settings: what it says of a few, and that the one in the repository is the one that is made."""

from pathlib import Path

from tests.conftest import Run
from tuning.config import Sweep
from tuning.setting_types import Settings
from tuning.settings_page import settings_page
from tuning.study_file import Study
from tuning.tracker_settings import TrackSettings
from tuning.training_settings import DataSettings

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def row(key: str) -> str:
    """Return a setting's row."""
    (line,) = [line for line in settings_page().splitlines() if line.startswith(f"| `{key}` |")]
    return line


def test_the_page_in_the_repository_is_up_to_date(upsweep: Run) -> None:
    """`upsweep settings > docs/settings.md` makes it so."""
    done = upsweep("settings")
    assert done.returncode == 0, done.stderr
    assert PAGE.read_text(encoding="utf-8") == done.stdout


def test_a_row_has_type_default_bounds_and_text() -> None:
    """Of a plain setting, one of several words, one that must be given, and one in an optional section."""
    assert (
        row("train.momentum")
        == "| `train.momentum` | number | `0.9` | at least 0, less than 1 | Momentum of SGD. |"
    )
    assert row("model.arch").startswith("| `model.arch` | text | to be given |  | Architecture: any of")
    assert row("model.init").startswith(
        "| `model.init` | `torchvision` or `kaiming` | `torchvision` |  | Initial"
    )
    assert row("stop.up.strip_length") == (
        "| `stop.up.strip_length` | whole number | `5` | at least 1 | Epochs a strip (k). |"
    )
    assert row("train.augment_offline").startswith("| `train.augment_offline` | section or null | `null` |")
    assert "| list, each a whole number | `[0]` | not empty, each at least 0, each at most 2^63 - 1 |" in row(
        "retrain.seeds"
    )


def test_a_study_file_has_its_keys_too() -> None:
    """Of its sweeps and figures as well."""
    assert row("sweeps.best_point_of").startswith(
        "| `sweeps.best_point_of` | text or null | `null` |  | An earlier"
    )
    assert row("figures.test_accuracy") == (
        "| `figures.test_accuracy` | number or null | `null` | at least 0, at most 1 | On test. |"
    )


def test_hyperparameters_and_operations_are_explained() -> None:
    """With the settings that they are, and their parameters' defaults."""
    assert row("batch_size") == "| `batch_size` | `data.batch_size` |"
    assert row("rotation").startswith("| `rotation` | `degrees: 90` | Turned about its centre")
    assert row("augment-1") == "| `augment-1` | `random_crop`, `grayscale`, `horizontal_flip` |"


def test_every_setting_says_what_it_is() -> None:
    """No row is without text, and no class is left out."""
    rows = [line for line in settings_page().splitlines() if line.startswith("| `")]
    assert not [line for line in rows if line.endswith("|  |")]
    holders = (DataSettings, TrackSettings, Sweep, Study)
    assert {one.__module__ for one in Settings.__subclasses__()} == {one.__module__ for one in holders}
    fields = {name for one in Settings.__subclasses__() for name in one.model_fields}
    assert fields == {line.split("`")[1].rpartition(".")[2] for line in rows if line.count(" | ") == 4}
