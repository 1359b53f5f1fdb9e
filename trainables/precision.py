"""What arithmetic a device is fast at, and fp32 that is fp32."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


def device_name(device: torch.device) -> str:
    """Return a name for results: "cpu", or what the GPU calls itself."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def autocast_dtype(precision: str, device: torch.device) -> torch.dtype | None:
    """Return the type to autocast to, or None for fp32 throughout.

    "auto" is bf16 where the processor computes with it and fp32 elsewhere, since emulated it is slower than fp32.
    """
    if precision == "bf16" or (precision == "auto" and _computes_bf16(device)):
        return torch.bfloat16
    return None


def used_precision(precision: str, device: torch.device) -> str:
    """Return what a device computes in for a setting: "bf16" or "fp32", where "auto" says neither."""
    return "fp32" if autocast_dtype(precision, device) is None else "bf16"


def _computes_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


@contextmanager
def exact_fp32() -> Iterator[None]:
    """Keep a GPU from rounding what fp32 multiplies to TF32's 10 bits, as PyTorch lets it in convolutions; bf16 is as ever.

    Also a decorator. Settings of before are back afterwards, since they are the whole process's.
    """
    cudnn: Any = torch.backends.cudnn  # which sets its attributes where no checker sees them
    kinds = (cudnn.conv, cudnn.rnn, torch.backends.cuda.matmul)
    before = [kind.fp32_precision for kind in kinds]
    try:
        for kind in kinds:
            kind.fp32_precision = "ieee"
        yield
    finally:
        for kind, setting in zip(kinds, before, strict=True):
            kind.fp32_precision = setting
