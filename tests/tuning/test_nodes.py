"""What nodes have to give, by literal nodes."""

from dataclasses import replace

import pytest

from tuning.nodes import Node, equal_share, largest, room, with_room

HEAD, SMALL, BIG = Node("head", 0, 0), Node("small", 4, 2), Node("big", 16, 1)
THERE = [HEAD, SMALL, BIG]


@pytest.mark.parametrize(
    ("cpus", "gpus", "expected"),
    [
        (1, 0.0, {"small": 4, "big": 16}),
        (1, 0.5, {"small": 4, "big": 2}),
        (1, 0.3, {"small": 4, "big": 3}),  # 6 thirds of GPUs, but 4 cores
        (2, 1.0, {"small": 2, "big": 1}),
        (1, 2.0, {"small": 1}),
        (8, 0.0, {"big": 2}),
    ],
)
def test_a_trial_never_spans_two_machines_nor_a_fraction_two_gpus(
    cpus: int, gpus: float, expected: dict[str, int]
) -> None:
    """And a head without cores has room for none."""
    assert room(THERE, cpus, gpus) == expected


def test_two_nodes_of_one_host_count_together() -> None:
    """As on a machine with two Rays."""
    assert room([Node("a", 2, 0), Node("a", 3, 0)], 1, 0.0) == {"a": 5}


def test_what_runs_alone_gets_the_most_cores() -> None:
    """Of several like ones any."""
    other = replace(SMALL, host="other")
    assert largest(THERE) == [BIG]
    assert largest([HEAD, SMALL, other]) == [SMALL, other]
    assert largest([]) == []


def test_room_is_where_nothing_has_taken_it() -> None:
    """Of which a node that is not known has none."""
    one, two, three = (replace(SMALL, id=name) for name in ("one", "two", "three"))
    free = {"one": (4.0, 0.5), "two": (1.0, 2.0)}
    assert with_room([one, two, three], 2, 0.0, free) == [one]
    assert with_room([one, two, three], 1, 0.5, free) == [one, two]
    assert with_room([one, two, three], 1, 1.0, free) == [two]


@pytest.mark.parametrize(("at_once", "cores"), [(1, 16), (2, 16), (4, 8), (64, 1)])
def test_trials_share_the_cores_of_the_machines_that_have_any(at_once: int, cores: int) -> None:
    """Two of three have."""
    assert equal_share(THERE, at_once) == cores
