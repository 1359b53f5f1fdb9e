"""The settings of trackers."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from tuning.setting_types import Settings


def _address(uri: str) -> str:
    """Let through an address that holds no secret; what is refused is not repeated, since it may hold one."""
    try:
        parts = urlsplit(uri)
        plain = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:  # a port that is no number
        plain = False
    if "@" in uri:
        raise PydanticCustomError(
            "uri",
            "must hold no user and password, which would be written down with the results; "
            "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD instead",
        )
    if not plain or parts.query or parts.fragment:
        raise PydanticCustomError(
            "uri",
            "must be a server's address alone, such as http://127.0.0.1:5000; `mlflow server` starts one",
        )
    return uri.rstrip("/")


class MlflowSettings(Settings):
    """A run on an MLflow server for each trial and each retrain."""

    uri: Annotated[str, AfterValidator(_address)]
    """Address of the server, such as `http://127.0.0.1:5000`. A user and password, or a token, come from the
    environment alone: MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN."""
    experiment: str | None = Field(None, min_length=1)
    """Experiment that the runs go to, made if need be; null: the sweep's name."""


class WandbSettings(Settings):
    """A run of Weights & Biases for each trial and each retrain, grouped by the sweep's name."""

    project: str = Field(min_length=1)
    """Project that the runs go to. The key comes from the environment (WANDB_API_KEY) or `wandb login` alone."""
    entity: str | None = Field(None, min_length=1)
    """User or team that the project is of; null: the key's own."""
    mode: Literal["online", "offline"] = "online"
    """Send what happens as it happens, or only write it to the sweep's folder, for `wandb sync` later."""


class TrackSettings(Settings):
    """Where a sweep's curves can be watched, beside its own tables."""

    tensorboard: bool = True
    """Whether each trial writes TensorBoard's event files, into the sweep's `ray` folder."""
    mlflow: MlflowSettings | None = None
    """MLflow, with `pip install 'upsweep[mlflow]'`; null: none."""
    wandb: WandbSettings | None = None
    """Weights & Biases, with `pip install 'upsweep[wandb]'`; null: none."""
