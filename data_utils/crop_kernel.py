"""A kernel that gathers crops out of a GPU's memory, scaled and normalised in the same pass.

Imported where there is a GPU alone: Triton comes with PyTorch for those, and compiles with the C compiler that it finds.
"""

import torch
import triton
import triton.language as tl


def gather_rows(flat: torch.Tensor, places: torch.Tensor, values: torch.Tensor, size: int) -> torch.Tensor:
    """Return (n * size, size * 3) fp32: the rows of n squares.

    Args:
        flat: the bytes of all images.
        places: (n, 2) int64: the first byte of each square, and from a row of its image to the next.
        values: (256, 3) fp32: what a byte becomes in each channel.
    """
    rows = torch.empty((len(places) * size, size * 3), device=flat.device)
    _gather_rows[(len(places), size)](
        flat, places, values, rows, size, block=triton.next_power_of_2(size * 3)
    )
    return rows


def try_it() -> None:
    """Gather one pixel.

    Raises:
        Exception: Triton cannot compile here, in many ways.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    flat, values = torch.zeros(3, dtype=torch.uint8, device=device), torch.zeros((256, 3), device=device)
    gather_rows(flat, torch.zeros((1, 2), dtype=torch.int64, device=device), values, 1)


@triton.jit  # type: ignore[untyped-decorator]  # Triton has no types
def _gather_rows(flat, places, values, rows, size, block: tl.constexpr):  # type: ignore[no-untyped-def]  # its own language
    """Write row `y` of image `i`'s square: one program a row."""
    i, y = tl.program_id(0).to(tl.int64), tl.program_id(1)
    start = tl.load(places + 2 * i) + y * tl.load(places + 2 * i + 1)
    at = tl.arange(0, block)
    inside = at < size * 3
    pixels = tl.load(flat + start + at, mask=inside, other=0).to(tl.int32)
    tl.store(rows + (i * size + y) * (size * 3) + at, tl.load(values + pixels * 3 + at % 3), mask=inside)
