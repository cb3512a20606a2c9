"""One upload and one download a frame: everything packed into one pinned buffer each way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Part = NDArray[Any] | tuple[NDArray[Any], ...]
"""What is sent as one tensor: an array, or several of one type, laid end to end."""

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

    def send(self, parts: Sequence[Part]) -> list[Tensor]:
        """Tensors on the device, of the arrays' shapes and types; valid until the next call.

        Of several arrays laid end to end one flat tensor comes.
        """
        laid: list[tuple[int, NDArray[Any]]] = []
        spans: list[slice] = []
        end = 0
        for part in parts:
            start = end = -(-end // _ALIGNMENT) * _ALIGNMENT
            for array in part if isinstance(part, tuple) else (part,):
                laid.append((end, array))
                end += array.nbytes
            spans.append(slice(start, end))
        if end > len(self._host):
            self._grow(end)
        host = self._host.numpy()
        for start, array in laid:
            place = host[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
            np.copyto(place, array)
        if self._there is not self._host:
            self._there[:end].copy_(self._host[:end], non_blocking=True)
        return [self._seen(span, part) for span, part in zip(spans, parts, strict=True)]

    def _seen(self, span: slice, part: Part) -> Tensor:
        """The sent bytes as what they are."""
        first = part[0] if isinstance(part, tuple) else part
        seen = self._there[span].view(torch.from_numpy(first[:0]).dtype)
        return seen if isinstance(part, tuple) else seen.view(part.shape)

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
