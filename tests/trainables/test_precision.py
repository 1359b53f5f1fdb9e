"""Which arithmetic a setting means."""

import torch

from trainables.precision import autocast_dtype, used_precision

CPU = torch.device("cpu")


def test_what_is_written_down_says_what_was_used() -> None:
    """Never `auto`, which another machine would take otherwise."""
    assert (used_precision("fp32", CPU), used_precision("bf16", CPU)) == ("fp32", "bf16")
    here = {"fp32": None, "bf16": torch.bfloat16}[used_precision("auto", CPU)]
    assert autocast_dtype("auto", CPU) == here
