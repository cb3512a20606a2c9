"""The edit on a processor: the small model on OpenVINO, pixels by OpenCV, and no torch.

Computes what `vcam.edit.follow` and `vcam.edit.replace` say, with the constants that they use
(`vcam.edit.constants`). Pictures are [h, w, 3] float32 here, 0..255, unless a line says otherwise:
OpenCV works fastest on interleaved channels, and a frame's own values stay whole numbers, which no
rounding can change. Every array of a frame's size lies in buffers that are kept: fresh ones would
cost more, by page faults, than the work done in them.
"""

from vcam.edit.lite.editor import LiteEditor

__all__ = ["LiteEditor"]
