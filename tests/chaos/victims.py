"""Processes of a running sweep, found and killed."""

import contextlib
from enum import StrEnum
from random import Random

import psutil


class Victim(StrEnum):
    """What a kill takes."""

    DRIVER = "driver"
    WORKER = "worker"
    """A process that trains, or the next best if none does."""
    NODE = "node"
    """A node's raylet with all its workers, as when a machine loses its power; never the head."""


def kill(victim: Victim, driver: psutil.Process, random: Random) -> str | None:
    """Kill one with SIGKILL, and return what it was, or None if there is none at the moment."""
    if victim is Victim.DRIVER:
        driver.kill()
        return "the driver"
    candidates = _workers(driver) if victim is Victim.WORKER else _nodes(driver)
    busy = [one for one in candidates if any(map(_computes, [one, *_below(one)]))]
    if not candidates:
        return None
    chosen = random.choice(busy or candidates)
    doing = next((_title(p) for p in [chosen, *_below(chosen)] if _computes(p)), "idle")
    for process in [chosen, *_below(chosen)]:
        _kill(process)
    return doing


def kill_all(processes: list[psutil.Process]) -> None:
    """Kill what is left of processes."""
    for process in processes:
        _kill(process)


def family(driver: psutil.Process) -> list[psutil.Process]:
    """Return all processes below the driver: Ray's own, and the workers."""
    return _below(driver)


def _workers(driver: psutil.Process) -> list[psutil.Process]:
    titles = {process: _title(process) for process in _below(driver)}
    return [p for p, title in titles.items() if title.startswith("ray::") and not title.endswith("Agent")]


def _nodes(driver: psutil.Process) -> list[psutil.Process]:
    raylets = [p for p in _below(driver) if _title(p).endswith("/raylet")]
    return sorted(raylets, key=lambda p: (p.create_time(), p.pid))[1:]


def _computes(process: psutil.Process) -> bool:
    title = _title(process)
    return title.startswith(("ray::ResourceTrainable.", "ray::retrain"))


def _below(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _title(process: psutil.Process) -> str:
    try:
        return (process.cmdline() or [""])[0].split(" ")[0]
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return ""


def _kill(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.kill()
