"""The same bits every time, on a GPU too."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.utils.deterministic


@contextmanager
def deterministic_algorithms(wanted: bool) -> Iterator[None]:
    """Let a GPU take, if wanted, only algorithms that give the same bits every time; a CPU has no others.

    Where PyTorch knows of none it goes on with what there is: for adaptive pooling's gradient, which repeats all the same where
    each output has inputs of its own, as in AlexNet and VGGs at their own sizes. PyTorch's settings of before are back
    afterwards; cuBLAS's, an environment variable that it reads at its first use, stays.
    """
    if not wanted:
        yield
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = torch.are_deterministic_algorithms_enabled()
    warned_only = torch.is_deterministic_algorithms_warn_only_enabled()
    memory: Any = torch.utils.deterministic  # which has its attribute where no checker sees it
    filled = memory.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True, warn_only=True)
    memory.fill_uninitialized_memory = False  # all of it is written to
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="adaptive_avg_pool2d_backward_cuda")
            yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warned_only)
        memory.fill_uninitialized_memory = filled
