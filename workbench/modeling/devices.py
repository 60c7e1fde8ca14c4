"""Devices: where to compute, in which number format, with how many threads, and whether compiling pays."""

import os
import shutil
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
COMPILE_SECONDS = {"cpu": 900.0, "cuda": 180.0}
"""Planned seconds from which compiling pays: warm-up took 41 s and more on a busy CPU, for a gain of 1.08."""


def resolve_device(name: str | None = None) -> torch.device:
    """The device of that name; None is this process's GPU, or else the CPU. ValueError for one that is not there.

    Of the processes on a machine each has a GPU of its own, by its number in the launch.
    """
    if name is None and torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    if name is None:
        return torch.device("cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f"device {name!r} cannot be used here ({str(error).splitlines()[0]}); use cpu or give none"
        ) from error
    return device


def resolve_dtype(name: str, device: torch.device) -> torch.dtype:
    """The format to compute in; "auto" is bf16 where the hardware multiplies it natively, else fp32.

    Weights and optimiser states stay fp32 in either case.
    """
    if name == "auto":
        return torch.bfloat16 if has_fast_bf16(device) else torch.float32
    if name not in DTYPES:
        raise ValueError(f"dtype is auto, {' or '.join(DTYPES)}, got {name!r}")
    return DTYPES[name]


def has_fast_bf16(device: torch.device) -> bool:
    """Whether the device has bf16 arithmetic: AVX512-BF16 or AMX on a CPU (without, bf16 is emulated and slow)."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    return False


def autocast(device: torch.device, dtype: torch.dtype) -> AbstractContextManager[object]:
    """The context to run a forward pass in; does nothing for fp32."""
    return nullcontext() if dtype == torch.float32 else torch.autocast(device.type, dtype=dtype)


def set_threads(threads: int) -> int:
    """Use this many CPU threads, or for 0 what the environment or the machine says; returns how many are in use.

    OMP_WAIT_POLICY=PASSIVE, which the accord command sets, keeps waiting threads from starving others on shared cores.
    """
    if threads < 0:
        raise ValueError(f"threads must be 0 (as the environment says) or more, got {threads}")
    if threads:
        torch.set_num_threads(threads)
    return torch.get_num_threads()


def compiling_pays(choice: str, device: torch.device, planned_seconds: float) -> bool:
    """Whether to compile: "on", "off", or "auto", which asks for enough work and for a compiler on a CPU."""
    if choice not in ("auto", "on", "off"):
        raise ValueError(f"compile is auto, on or off, got {choice!r}")
    if choice != "auto":
        return choice == "on"
    if device.type == "cpu" and shutil.which(os.environ.get("CXX", "g++")) is None:
        return False
    return planned_seconds >= COMPILE_SECONDS.get(device.type, float("inf"))


def compile_blocks(layers: nn.ModuleList) -> None:
    """Compile every decoder block in place; alike blocks share one compiled graph, so the warm-up is that of one.

    In place: parameter names, hooks and saved weights stay as they were.
    """
    for layer in layers:
        layer.compile()
