"""A study: its sweeps one after the other, going on after an interruption with those that are not done."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from ruamel.yaml import YAML

from data_utils.errors import InputError
from tuning import cluster
from tuning.differences import as_text, differences
from tuning.driver import SweepResult, run, try_report
from tuning.ending import ENDING, Ending, read_ending
from tuning.files import drop
from tuning.frames import RAY_FOLDER
from tuning.journal import FOLDER as JOURNAL
from tuning.pinned import SETTINGS, may_differ, nothing_was_run
from tuning.plan import Plan, plan
from tuning.results import EPOCHS, STUDY
from tuning.run_lock import hold
from tuning.space import Point, trial_specs
from tuning.study_file import Member, Study
from tuning.study_table import write_study
from tuning.sweep_file import SWEEP_FILE
from tuning.wording import percent


@dataclass(frozen=True)
class StudyResult:
    """How a study ended; everything else is in its folder's tables."""

    folder: Path
    ended: dict[str, Ending]
    """{sweep: how it ended}, of those that have."""
    left_out: dict[str, str]
    """{sweep: why it could not run}: the sweep that it takes its point from has no winner."""
    interrupted: bool = False

    @property
    def ok(self) -> bool:
        """Whether every sweep ended well."""
        return not self.interrupted and not self.left_out and all(one.ok for one in self.ended.values())


def plan_study(study: Study, *, overwrite: bool = False) -> list[Plan]:
    """Look at all that the sweeps need, and at what is done already, computing nothing.

    A sweep whose point another hands to it is planned with that one's, or the first it may be.

    Raises:
        InputError: all that is wrong, or sweeps that are done with other settings.
    """
    problems: list[str] = []
    shared: dict[str, list[str]] = {}  # as a folder that all of them lack
    plans = []
    for member in study.members:
        try:
            todo = plan(member.sweep(_stand_in(study, member)), overwrite=True)
            plans.append(todo)
            if not overwrite and read_ending(member.folder):
                problems += _changed(study, member, todo)
        except InputError as error:
            for problem in error.problems:
                shared.setdefault(problem, []).append(error.subject)
    problems += [f"{', '.join(dict.fromkeys(subjects))}: {problem}" for problem, subjects in shared.items()]
    if problems:
        raise InputError(f"study {study.name!r}", list(dict.fromkeys(problems)))
    return plans


def run_study(
    study: Study,
    *,
    overwrite: bool = False,
    console: Console | None = None,
    address: str | None = None,
    begun: Callable[[], None] = lambda: None,
) -> StudyResult:
    """Run the sweeps that are not done, and write the study's table after each.

    Args:
        overwrite: whether sweeps that are done run again.
        console: where progress goes; by default nowhere.
        address: of the cluster that trials run on, as `driver.run` takes it.
        begun: called once nothing of before counts as done; from then on the study is gone on with without `overwrite`.

    Raises:
        InputError: something that a sweep needs is missing or does not fit, or another process runs the study; nothing
            has been trained.
    """
    if address is not None:
        cluster.start(address)
    plan_study(study, overwrite=overwrite)
    with hold(study.folder):
        if overwrite:
            _forget(study)
        begun()
        return _run_members(study, console)


def _forget(study: Study) -> None:
    """Drop what says that sweeps are done or begun, and the table of them.

    At once, so that a call without `overwrite`, after an interrupt, goes on with this one and takes nothing for done.

    Raises:
        InputError: another process runs one of the sweeps.
    """
    with ExitStack() as held:
        for member in study.members:
            held.enter_context(hold(member.folder))
        for member in study.members:
            for name in (JOURNAL, ENDING, EPOCHS, RAY_FOLDER):
                drop(member.folder, name)
    drop(study.folder, STUDY)


def _run_members(study: Study, console: Console | None) -> StudyResult:
    say = _speaker(console)
    ended: dict[str, Ending] = {}
    left_out: dict[str, str] = {}
    for place, member in enumerate(study.members, 1):
        title = f"{study.name}, {place} of {len(study.members)}: {member.name}"
        begun = (member.folder / JOURNAL / SETTINGS).is_file()
        # One that has ended and kept its journal failed in part, which is tried again.
        ending = None if begun else read_ending(member.folder)
        afresh = not begun and ending is None and not nothing_was_run(member.folder)
        why = "its journal is gone" if afresh else ""
        point = _handed(study, member)
        if _tried_another(member, point):
            begun, ending = False, None
            why = f"{member.best_point_of} hands it another point than it has tried"
        if member.best_point_of and point is None:
            left_out[member.name] = f"{member.best_point_of} has no winner whose hyperparameters it could try"
            say(f"{title}: left out, since {left_out[member.name]}")
            continue
        if ending is None:
            say(f"{title}: runs afresh, since {why}" if why else title)
            result = run(member.sweep(point), overwrite=not begun, resume=begun, console=console)
            if result.interrupted:
                return StudyResult(study.folder, ended, left_out, interrupted=True)
            say(f"{member.name}: {_in_short(result)}")
            ending = read_ending(member.folder)
            write_study(study)  # each time, so that who looks in between sees what there is
        else:
            say(f"{title}: is done already")
        if ending:
            ended[member.name] = ending
    write_study(study)
    try_report(study.folder, say)
    return StudyResult(study.folder, ended, left_out)


def _in_short(result: SweepResult) -> str:
    if result.pick is None:
        return "no winner"
    best = f"{percent(result.pick.val_accuracy)} on validation at epoch {result.pick.epoch}"
    tests = ", ".join(percent(end.accuracy) for end in result.tested)
    return f"{best}, {tests} on test" if tests else f"{best}, not tested"


def _speaker(console: Console | None) -> Callable[[str], None]:
    return lambda text: (
        console.print(text, style="bold", highlight=False, markup=False, soft_wrap=True) if console else None
    )


def _handed(study: Study, member: Member) -> Point | None:
    """Return the winning point of the sweep that hands it to this one, if there is one already."""
    if member.best_point_of is None:
        return None
    giver = next(one for one in study.members if one.name == member.best_point_of)
    ending = read_ending(giver.folder)
    if ending is None or ending.winner is None:
        return None
    return trial_specs(giver.sweep(_handed(study, giver)))[ending.winner].point


def _stand_in(study: Study, member: Member) -> Point | None:
    """Return the point that a sweep will be handed, or one that it may be."""
    if member.best_point_of is None:
        return None
    giver = next(one for one in study.members if one.name == member.best_point_of)
    return _handed(study, member) or trial_specs(giver.sweep(_stand_in(study, giver)))[0].point


def _tried_another(member: Member, point: Point | None) -> bool:
    """Return whether a sweep that is done or begun tried another point than the one that it is handed now.

    So it is after a sweep that failed in part was tried again, and has another winner.
    """
    if point is None or not (member.folder / SWEEP_FILE).is_file():
        return False
    return bool(_settings(member)["search"] != member.sweep(point).search.model_dump())


def _settings(member: Member) -> Any:
    return YAML(typ="safe", pure=True).load((member.folder / SWEEP_FILE).read_text(encoding="utf-8"))


def _changed(study: Study, member: Member, todo: Plan) -> list[str]:
    """Return in what a sweep that is done differs from what is asked for now, but for a point that it was handed."""
    handed = member.best_point_of is not None
    changes = {
        key: change
        for key, change in differences(_settings(member), todo.settings).items()
        if not may_differ(key) and not (handed and key.startswith("search."))
    }
    if not changes:
        return []
    return [
        f"{member.folder} is done with other settings ({as_text(changes)}); ask for the same, "
        f"give the study another --name, or --overwrite to run it again"
    ]
