"""One upload and one download a frame: everything packed into one pinned buffer each way."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_ALIGNMENT = 256  # bytes; what any element type and any copy engine is content with


class Upload:
    """Arrays of one frame, gathered in pinned memory and sent together.

    On the CPU nothing is sent: the views lie in the gathering buffer itself.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._pinned = device.type == "cuda"
        self._host = torch.empty(0, dtype=torch.uint8)
        self._there = self._host

    def send(self, arrays: list[NDArray[Any]]) -> list[Tensor]:
        """Tensors on the device with the arrays' shapes and types; valid until the next call."""
        starts, size = [], 0
        for array in arrays:
            starts.append(size)
            size += -(-array.nbytes // _ALIGNMENT) * _ALIGNMENT
        if size > len(self._host):
            self._grow(size)
        host = self._host.numpy()
        for start, array in zip(starts, arrays, strict=True):
            place = host[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
            np.copyto(place, array)
        if self._there is not self._host:
            self._there[:size].copy_(self._host[:size], non_blocking=True)
        return [
            self._there[start : start + array.nbytes]
            .view(torch.from_numpy(array[:0]).dtype)
            .view(array.shape)
            for start, array in zip(starts, arrays, strict=True)
        ]

    def _grow(self, size: int) -> None:
        size += size // 4  # faces come closer: not a new buffer at every step
        self._host = torch.empty(size, dtype=torch.uint8, pin_memory=self._pinned)
        on_cpu = self._device.type == "cpu"
        self._there = self._host if on_cpu else torch.empty_like(self._host, device=self._device)


class Download:
    """Brings one uint8 tensor a frame back."""

    def __init__(self, device: torch.device) -> None:
        self._pinned = device.type == "cuda"
        self._on_cpu = device.type == "cpu"
        self._host = torch.empty(0, dtype=torch.uint8)

    def fetch(self, there: Tensor) -> NDArray[np.uint8]:
        """The tensor's values; valid until the next call. Waits for the device."""
        if self._on_cpu:
            return there.numpy()
        size = there.numel()
        if size > len(self._host):
            self._host = torch.empty(size + size // 4, dtype=torch.uint8, pin_memory=self._pinned)
        here = self._host[:size].view(there.shape)
        here.copy_(there)  # to pinned memory and not `non_blocking`: returns when it is there
        return here.numpy()
