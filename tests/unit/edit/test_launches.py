"""What a graphics card is asked to do for a frame, counted on the processor.

There each operation outside the captured graph costs the edit thread some ten microseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from tests.unit.edit.conftest import Scene, layer
from tests.unit.edit.test_editor import EchoNetwork, disc_of, run
from vcam.edit import Editor, editor


class Launches(TorchDispatchMode):
    """Counts what a device would be asked to do; nothing while `is_paused`."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.is_paused = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name, made = func.overloadpacket.__name__, func(*args, **(kwargs or {}))
        is_in_place = name.endswith("_")
        if not self.is_paused and (is_in_place or not memory_of(made) & memory_of(args)):
            self.names.append(name)
        return made


def memory_of(what: Any) -> set[int]:
    """Where tensors lie: what an operation gives back there is only another look at it."""
    tensors = [what] if isinstance(what, Tensor) else what if isinstance(what, list | tuple) else []
    return {each.untyped_storage().data_ptr() for each in tensors if isinstance(each, Tensor)}


class Captures:
    """Stands for `models.captured.Capture`: runs the edits, and remembers what they were given."""

    def __init__(self, launches: Launches) -> None:
        self.launches = launches
        self.given: list[list[tuple[int, ...]]] = []

    def __call__(self, edit: Callable[..., Any]) -> Callable[..., Any]:
        """The edit, as a graph of which only the filled buffers and one replay are launched."""
        kept: list[Tensor] = []

        def replay(*inputs: Tensor) -> Any:
            self.given.append([tuple(each.shape) for each in inputs])
            is_known = [any(each is one for one in kept) for each in inputs]
            kept[:] = inputs
            self.launches.names += ["fill"] * is_known.count(False) + ["replay"]
            self.launches.is_paused = True
            try:
                return edit(*inputs)
            finally:
                self.launches.is_paused = False

        return replay


@pytest.fixture
def captures(monkeypatch: pytest.MonkeyPatch) -> Captures:
    """What an editor made after this captures."""
    made = Captures(Launches())
    monkeypatch.setattr(editor, "EditNetwork", EchoNetwork)
    monkeypatch.setattr(editor, "Capture", lambda _: made)
    return made


def textured(side: int) -> np.ndarray:
    """A reference of this size."""
    return np.random.default_rng(side).integers(0, 255, (side, side, 3), np.uint8)


@pytest.mark.parametrize(
    ("mode", "count", "most"), [("follow", 1, 23), ("follow", 2, 33), ("replace", 1, 13)]
)
def test_few_operations_are_launched_outside_the_graph(
    captures: Captures, scene: Scene, mode: str, count: int, most: int
) -> None:
    """A frame costs few launches beside the graph, the upload and the download."""
    layers = [layer(textured(256 + number), mode=mode) for number in range(count)]
    masks = [disc_of(60)] * count
    made = Editor("face256", "cpu")
    run(made, scene, layers, *masks)  # references are prepared once
    captures.launches.names.clear()
    with captures.launches:
        run(made, scene, layers, *masks)
    assert captures.launches.names.count("replay") == 1
    assert len(captures.launches.names) <= most, " ".join(captures.launches.names)


def test_the_graph_gets_the_same_shapes_for_every_frame(captures: Captures) -> None:
    """Whatever box, reference and strengths: what is captured once serves every later frame."""
    made = Editor("face256", "cpu")
    for side_px, size in ((60, 300), (180, 256), (700, 900)):
        scene = Scene()
        scene.place(150, 120, side_px, 0.2)
        run(made, scene, [layer(textured(size), strength=side_px / 1000)], disc_of(60))
    assert len(captures.given) == 3
    assert captures.given[0] == captures.given[1] == captures.given[2]
