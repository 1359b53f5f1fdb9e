"""What is said of bad input."""

from data_utils.errors import InputError, first_line, near


def test_one_problem_is_a_line_and_several_are_a_list() -> None:
    """Each keeps its subject."""
    assert str(InputError("x", ["is odd"])) == "x: is odd"
    assert str(InputError("x", ["is odd", "is blue"])) == "x: 2 problems\n  is odd\n  is blue"


def test_near_names_what_is_like_it_or_where_the_names_begin_and_end() -> None:
    """Three at most, in their order; a long list is cut."""
    assert near("layr1", ["conv1", "layer1", "layer2"]) == "did you mean 'layer1' or 'layer2'?"
    assert near("zzz", ["conv1", "fc"]) == "there are conv1, fc"
    assert near("zzz", list("abcdefgh")) == "there are a, b, c, d, e, ..., h"


def test_an_error_is_told_in_one_line() -> None:
    """The first that says something; where none does, its kind."""
    assert first_line(ValueError("\n  \nno such key\nTraceback ...")) == "no such key"
    assert first_line(TimeoutError()) == "TimeoutError"
