"""Which device runs the model, in which precision, and what torch's errors mean for a user."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn import functional as F

from vcam.errors import EditError, FrameError


@dataclass(frozen=True, slots=True)
class DeviceChoice:
    """What was picked. name: for people. note: why `auto` took no GPU, empty if it did."""

    device: torch.device
    dtype: torch.dtype
    name: str
    note: str


def choose_device(wanted: str) -> DeviceChoice:
    """The device for `auto` (CUDA, then MPS, then the CPU), or the one asked for.

    Raises: EditError if the device asked for is not there.
    """
    note = ""
    if wanted == "auto":
        if torch.cuda.is_available():
            wanted = "cuda"
        elif torch.backends.mps.is_available():
            wanted = "mps"
        else:
            wanted, note = "cpu", _why_no_gpu()
    device = torch.device(wanted)
    if device.type == "cuda":
        if not torch.cuda.is_available() or (device.index or 0) >= torch.cuda.device_count():
            raise EditError(
                "device-missing",
                f"There is no usable NVIDIA GPU {wanted!r} here (torch {torch.__version__}).",
                "use --device auto, or install a torch build for CUDA and NVIDIA's driver",
            )
        return DeviceChoice(device, torch.float16, torch.cuda.get_device_name(device), "")
    if device.type == "mps":
        if not torch.backends.mps.is_available():
            raise EditError(
                "device-missing", "There is no Apple GPU here.", "use --device auto or cpu"
            )
        return DeviceChoice(device, torch.float16, "Apple GPU", "")
    return DeviceChoice(
        device,
        _faster_on_cpu(),
        f"CPU, {torch.get_num_threads()} threads",
        note,
    )


def _why_no_gpu() -> str:
    """Why `auto` had to take the CPU, with the cure if there is one."""
    if torch.version.cuda is None and Path("/proc/driver/nvidia/version").exists():
        return (
            "there is an NVIDIA card, but this torch was built for the CPU: install a torch build"
            " for CUDA"
        )
    return "no NVIDIA or Apple graphics card was found, so the CPU does the work"


def _faster_on_cpu() -> torch.dtype:
    """bfloat16 where this processor multiplies it faster than float32, as few do."""
    seconds: dict[torch.dtype, float] = {}
    with torch.inference_mode():
        for dtype in (torch.float32, torch.bfloat16):
            picture = torch.ones(1, 64, 64, 64, dtype=dtype)
            weight = torch.ones(64, 64, 3, 3, dtype=dtype)
            tries: list[float] = []
            for _ in range(6):
                start = time.perf_counter()
                F.conv2d(picture, weight, padding=1)
                tries.append(time.perf_counter() - start)
            seconds[dtype] = min(tries)
    return min(seconds, key=lambda dtype: seconds[dtype])


@contextmanager
def translated() -> Generator[None]:
    """Torch's errors, said as ours: memory ends the engine, anything else costs one frame."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise EditError(
            "out-of-memory",
            "The GPU's memory is full.",
            "close other programs that use the GPU, or run with --device cpu",
        ) from error
    except RuntimeError as error:
        if "CUDA error" in str(error):  # the context is lost; only a new process helps
            raise EditError(
                "edit-failed", f"The GPU stopped working: {error}.", "vcam starts it again"
            ) from error
        raise FrameError("frame-failed", f"A frame could not be edited: {error}.", "") from error
