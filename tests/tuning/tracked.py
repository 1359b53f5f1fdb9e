"""What trackers' own files and servers hold."""

import json
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Run as MlflowRun
from tensorboardX.proto.event_pb2 import Event
from wandb.proto.wandb_internal_pb2 import Record


def tensorboard_events(file: Path) -> list[Event]:
    """Return what an event file holds: records of a length, its checksum, the data, theirs."""
    data, place, events = file.read_bytes(), 0, []
    while place < len(data):
        size = int.from_bytes(data[place : place + 8], "little")
        events.append(Event.FromString(data[place + 12 : place + 12 + size]))
        place += size + 16
    return events


def runs_of(uri: str, experiment: str) -> dict[str, MlflowRun]:
    """Return an experiment's runs by their names."""
    client = MlflowClient(uri)
    there = client.get_experiment_by_name(experiment)
    assert there is not None
    return {str(run.info.run_name): run for run in client.search_runs([there.experiment_id])}


def history(uri: str, run: MlflowRun, metric: str) -> list[tuple[int, float]]:
    """Return a curve's points, (step, value)."""
    points = MlflowClient(uri).get_metric_history(run.info.run_id, metric)
    return sorted((point.step, point.value) for point in points)


def wandb_records(run: Path) -> list[Record]:
    """Return what a W&B run's file holds: a log of 32 KiB blocks of chunks, as LevelDB writes them."""
    (file,) = run.glob("run-*.wandb")
    data, place, whole, records = file.read_bytes(), 7, b"", []
    while place + 7 <= len(data):
        if 32768 - place % 32768 < 7:  # no room for a chunk's head: the rest of the block is empty
            place += 32768 - place % 32768
            continue
        length, kind = int.from_bytes(data[place + 4 : place + 6], "little"), data[place + 6]
        whole += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # a record in one chunk, or the last of several
            records.append(Record.FromString(whole))
            whole = b""
    return records


def wandb_runs(folder: Path) -> dict[str, tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]]]:
    """Return each offline run's configuration, history and summary, by the run's name."""
    runs = {}
    for path in (folder / "wandb").glob("offline-run-*"):
        config: dict[str, Any] = {}
        rows: list[dict[str, Any]] = []
        summary: dict[str, Any] = {}
        name = ""
        for record in wandb_records(path):
            if record.HasField("run"):
                name = record.run.display_name or name
                config |= {item.key: json.loads(item.value_json) for item in record.run.config.update}
            if record.HasField("history"):
                items = record.history.item
                rows.append({(i.key or ".".join(i.nested_key)): json.loads(i.value_json) for i in items})
            if record.HasField("summary"):
                summary |= {
                    (i.key or ".".join(i.nested_key)): json.loads(i.value_json) for i in record.summary.update
                }
        runs[name] = (config, rows, summary)
    return runs
