"""An edit as one CUDA graph on buffers that are kept: no launches, no allocation, no waiting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

Edit = Callable[..., Tensor]
"""Takes tensors of fixed shapes: the live ones and the mask, then those that change seldom."""

Made = TypeVar("Made")
"""What an edit returns: a tensor, or a tuple of several."""

LIVE_INPUTS = 2
_WARM_UP_RUNS = 3  # let cuDNN choose its algorithms before they are captured


class Capture:
    """Makes captured graphs of edits on CUDA; on any other device gives them back as they are.

    Its graphs work in the same memory, so they belong to one stream and never run side by side.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._pool: Any = torch.cuda.graph_pool_handle() if device.type == "cuda" else None

    def __call__(self, edit: Callable[..., Made]) -> Callable[..., Made]:
        """The edit, captured at its first call."""
        return edit if self._pool is None else CapturedEdit(edit, self._device, self._pool)


class CapturedEdit(Generic[Made]):
    """Captures an edit at the first call and replays it at every later one.

    Shapes are those of the first call. The first two inputs are copied in each time; a later one
    (a reference's map) that is the same tensor as at the last call has not changed and is not
    copied again. What is returned is overwritten by the next call, and is ready for whatever
    comes after it on the current stream.

    pool: memory shared with other graphs (torch.cuda.graph_pool_handle). Each keeps what it
    returned, so only what is of no use after its run is overwritten by theirs.
    """

    def __init__(
        self,
        edit: Callable[..., Made],
        device: torch.device,
        pool: Any = None,  # noqa: ANN401 - torch has no public name for its type
    ) -> None:
        self._edit, self._device, self._pool = edit, device, pool
        self._graph: torch.cuda.CUDAGraph | None = None
        self._buffers: list[Tensor] = []
        self._kept: tuple[Tensor, ...] = ()
        self._output: list[Made] = []  # one, once it is captured

    def __call__(self, *inputs: Tensor) -> Made:
        """Run the edit on new inputs of the first call's shapes."""
        if self._graph is None:
            self._graph = self._capture(inputs)
        stale = [True] * LIVE_INPUTS
        stale += [new is not old for new, old in zip(inputs[LIVE_INPUTS:], self._kept, strict=True)]
        for buffer, new, is_stale in zip(self._buffers, inputs, stale, strict=True):
            if is_stale:
                buffer.copy_(new, non_blocking=True)  # asynchronous from pinned memory
        self._kept = inputs[LIVE_INPUTS:]
        self._graph.replay()
        return self._output[0]

    def _capture(self, inputs: tuple[Tensor, ...]) -> torch.cuda.CUDAGraph:
        # Buffers are as the inputs came, so that filling them is a plain copy; the edit converts.
        self._buffers = [tensor.to(self._device, copy=True) for tensor in inputs]
        self._kept = inputs[LIVE_INPUTS:]
        graph = torch.cuda.CUDAGraph()
        side = torch.cuda.Stream(self._device)
        with (
            torch.cuda.device(self._device),
            torch.backends.cudnn.flags(enabled=True, benchmark=True),
        ):
            # Warming up runs on a stream of its own, as captures ask for.
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                for _ in range(_WARM_UP_RUNS):
                    self._edit(*self._buffers)
            torch.cuda.current_stream().wait_stream(side)
            with torch.cuda.graph(graph, pool=self._pool):
                self._output = [self._edit(*self._buffers)]
        return graph
