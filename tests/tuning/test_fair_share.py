"""Shares of a cluster, worked by hand."""

from tuning.fair_share import Claim, fair_shares


def shares(machines: list[tuple[int, int]], *claims: tuple[int, float, int]) -> list[int]:
    """Return the shares of claims (CPUs, GPUs, wants), in their order."""
    found = fair_shares(machines, [Claim(str(i), *claim) for i, claim in enumerate(claims)])
    return [found[str(i)] for i in range(len(claims))]


def test_alone_a_sweep_has_all_that_fits() -> None:
    """And no more than it wants."""
    assert shares([(0, 0), (4, 0), (4, 0)], (1, 0, 100)) == [8]
    assert shares([(4, 0)], (1, 0, 3)) == [3]
    assert shares([(3, 0), (3, 0)], (2, 0, 9)) == [2]  # a core of each is left, and no trial spans two


def test_equals_have_equal_shares() -> None:
    """Of what cannot be halved, the one that came first has more."""
    assert shares([(4, 0), (4, 0)], (1, 0, 100), (1, 0, 100)) == [4, 4]
    assert shares([(3, 0)], (1, 0, 9), (1, 0, 9)) == [2, 1]


def test_what_one_cannot_use_goes_to_the_others() -> None:
    """One that is nearly done holds nobody up."""
    assert shares([(8, 0)], (1, 0, 1), (1, 0, 100), (1, 0, 100)) == [1, 4, 3]
    assert shares([(8, 0)], (1, 0, 0), (1, 0, 100)) == [0, 8]


def test_sweeps_of_different_resources_do_not_get_in_each_others_way() -> None:
    """One on GPUs takes few of the cores that another computes on."""
    assert shares([(8, 2)], (1, 1, 9), (1, 0, 9)) == [2, 6]
    assert shares([(8, 1)], (1, 0.5, 9), (1, 0.25, 9)) == [1, 2]  # halves and quarters of a GPU: 1/2 each


def test_a_fraction_never_spans_two_gpus() -> None:
    """0.8 of a GPU is left on two that have given 0.6 each, 0.4 on either; and a whole one is no sum of parts."""
    assert shares([(8, 2)], (1, 0.6, 9), (1, 0.6, 9)) == [1, 1]
    assert shares([(8, 2)], (1, 0.4, 1), (1, 0.7, 9), (1, 1, 9)) == [1, 1, 0]
    assert shares([(8, 3)], (1, 0.5, 9), (1, 2, 9)) == [2, 1]


def test_large_trials_count_by_what_they_take() -> None:
    """The paper's example: (1 CPU, 4 of memory) and (3 CPU, 1) on 9 and 18; here with GPUs for memory."""
    assert shares([(9, 18)], (1, 4, 99), (3, 1, 99)) == [3, 2]


def test_beyond_the_cluster_the_last_ones_wait() -> None:
    """In the order in which they came."""
    assert shares([(2, 0)], (1, 0, 9), (1, 0, 9), (1, 0, 9)) == [1, 1, 0]
    assert shares([], (1, 0, 9)) == [0]
