"""The edit and the composite: one frame in, the face's box of the same frame out, styled.

In: a frame, a tracked face, its masks and warps, the layers' styles. Out: pixels written into the
frame that goes to the publisher. Runs on the engine's edit thread; torch lives here and in
`models`. The edit itself is a pure function of its inputs: nothing is remembered from frame to
frame but prepared references and buffers.
"""

from vcam.edit.editor import Editor

__all__ = ["Editor"]
