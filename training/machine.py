"""What a run computed on."""

from __future__ import annotations

import os
from pathlib import Path

import torch


def machine() -> str:
    """The hardware of this run, in words."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"{os.cpu_count()} CPU cores, {'bfloat16' if fast_bfloat16() else 'float32'}"


def fast_bfloat16() -> bool:
    """Whether this machine multiplies bfloat16 natively, so that training in it is worth the rounding."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported()
    flags = Path("/proc/cpuinfo")
    return flags.exists() and "amx_bf16" in flags.read_text()
