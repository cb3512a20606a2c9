"""Which device runs the model, in which precision, and what torch's errors mean for a user."""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch.nn import functional as F

from vcam.edit.graphics import find_graphics
from vcam.errors import EditError, FrameError

# What the self-test convolves: 64 channels at 128 x 128. An edit is so many times the arithmetic.
_TEST_CHANNELS, _TEST_SIDE = 64, 128
_TESTS_IN_AN_EDIT = 141e9 / (_TEST_CHANNELS**2 * 9 * _TEST_SIDE**2)
_TEST_RUNS = 8


@dataclass(frozen=True, slots=True)
class DeviceChoice:
    """What was picked. name: for people. note: why `auto` took no GPU, empty if it did.

    edit_ms: what an edit of `face256` should take there, about, by the self-test; 0 if there was
        none.
    """

    device: torch.device
    dtype: torch.dtype
    name: str
    note: str
    edit_ms: float = 0.0


def choose_device(wanted: str) -> DeviceChoice:
    """The device for `auto` (CUDA, then MPS, then the CPU), or the one asked for.

    A GPU that `auto` finds has to pass a self-test; one that was asked for is taken at its word.
    Raises: EditError if the device asked for is not there.
    """
    if wanted != "auto":
        return _asked_for(wanted)
    if torch.cuda.is_available():
        choice = _asked_for("cuda")
    elif torch.backends.mps.is_available():
        choice = _asked_for("mps")
    else:
        return replace(_asked_for("cpu"), note=_why_no_gpu())
    try:
        took_ms = self_test(choice.device, choice.dtype)
    except RuntimeError as error:  # torch's, or the self-test's own
        said = str(error).splitlines()[0]
        return replace(
            _asked_for("cpu"),
            note=f"{choice.name} failed its self-test ({said}), so it is not used",
        )
    return replace(choice, edit_ms=took_ms * _TESTS_IN_AN_EDIT)


def self_test(device: torch.device, dtype: torch.dtype) -> float:
    """A convolution on a real tensor, compared with the CPU's. Returns: how long it takes, in ms.

    Its numbers are whole and small, so half precision knows its result exactly.
    Raises: RuntimeError if the device fails at it, or comes to another result.
    """
    shape = (1, _TEST_CHANNELS, _TEST_SIDE, _TEST_SIDE)
    picture = (torch.arange(math.prod(shape)) % 5 - 2).reshape(shape).float()
    weight = (torch.arange(_TEST_CHANNELS**2 * 9) % 7 % 3 - 1).reshape(_TEST_CHANNELS, -1, 3, 3)
    weight = weight.float()
    expected = F.conv2d(picture, weight, padding=1)
    there = picture.to(device, dtype), weight.to(device, dtype)
    took_s: list[float] = []
    result = expected
    for _ in range(_TEST_RUNS):
        start = time.perf_counter()
        result = F.conv2d(*there, padding=1)
        result[0, 0, 0, 0].item()  # waits for the device
        took_s.append(time.perf_counter() - start)
    if not torch.equal(result.float().cpu(), expected):
        raise RuntimeError("it computes wrong results")
    return min(took_s) * 1e3


def _asked_for(wanted: str) -> DeviceChoice:
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
        "",
    )


def _why_no_gpu() -> str:
    """Why `auto` had to take the CPU, with the cure if there is one."""
    graphics = find_graphics()
    if graphics.kind == "cuda" and torch.version.cuda is None:
        return (
            "there is an NVIDIA card, but this torch was built for the CPU: install a torch build"
            " for CUDA (pytorch.org says how)"
        )
    if graphics.kind:
        return (
            f"there is a graphics card, but torch {torch.__version__} cannot use it: bring its"
            " driver up to date"
        )
    return graphics.why_not


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
