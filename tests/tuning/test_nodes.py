"""What nodes have to give, by literal nodes."""

import pytest

from tuning.nodes import Node, equal_share, largest, room

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


def test_what_runs_alone_gets_the_most_cores_of_those_that_fit_a_trial() -> None:
    """Two GPUs at once are in the small one alone; three nowhere."""
    assert [largest(THERE, 1, gpus) for gpus in (0.0, 1.0, 2.0, 3.0)] == [BIG, BIG, SMALL, None]


@pytest.mark.parametrize(("at_once", "cores"), [(1, 16), (2, 16), (4, 8), (64, 1)])
def test_trials_share_the_cores_of_the_machines_that_have_any(at_once: int, cores: int) -> None:
    """Two of three have."""
    assert equal_share(THERE, at_once) == cores
