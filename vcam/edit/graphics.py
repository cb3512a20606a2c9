"""Whether this machine has a graphics card that torch might use; asks the driver, not torch.

Loading torch takes a second and 230 MB, which a machine without such a card has no use for.
"""

from __future__ import annotations

import ctypes
import platform
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

NO_CARD = "no NVIDIA or Apple graphics card was found"

_DRIVER_VERSION = Path("/proc/driver/nvidia/version")
_CUDA_NO_DEVICE = 100


@dataclass(frozen=True, slots=True)
class Graphics:
    """kind: torch's name for the card, empty without a usable one. why_not: the reason then."""

    kind: Literal["cuda", "mps", ""]
    why_not: str = ""


def find_graphics() -> Graphics:
    """What the system says of its graphics cards."""
    if sys.platform == "darwin":
        return Graphics("mps") if platform.machine() == "arm64" else Graphics("", NO_CARD)
    library = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        driver = ctypes.CDLL(library)
    except OSError:
        if _DRIVER_VERSION.exists():
            return Graphics(
                "", f"there is an NVIDIA card, but its driver lacks {library}: install all of it"
            )
        return Graphics("", NO_CARD)
    count = ctypes.c_int(0)
    code: int = driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count))
    if code == _CUDA_NO_DEVICE or (code == 0 and count.value == 0):
        return Graphics("", NO_CARD)
    if code != 0:
        return Graphics(
            "",
            f"NVIDIA's driver does not start (CUDA error {code}): restart the machine, or install"
            " the driver again",
        )
    return Graphics("cuda")
