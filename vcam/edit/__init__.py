"""The edit and the composite: one frame in, the face's box of the same frame out, styled.

In: a frame, a tracked face, its masks and warps, the layers' styles. Out: pixels written into the
frame that goes to the publisher. Runs on the engine's edit thread. The edit itself is a pure
function of its inputs: nothing is remembered from frame to frame but prepared references and
buffers.

`Editor` works with torch on a graphics card or the processor; `vcam.edit.lite` has the editor for
processors, without torch. Torch is loaded when `Editor` is first asked for, so that the other does
without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vcam.edit.editor import Editor

__all__ = ["Editor"]


def __getattr__(name: str) -> object:
    if name == "Editor":
        from vcam.edit.editor import Editor

        return Editor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
