"""Where frames come from: webcam, clip, picture, the demo presenter; and the fit to the output.

In: a source as the user names it. Out: RGB pictures. Runs on the engine's capture thread; the
daemon and the command line only list cameras and look at names, so PyAV is loaded when a clip is
opened, not before.
"""

from vcam.capture.array import ArraySource
from vcam.capture.cameras import CameraInfo, list_cameras
from vcam.capture.fit import Fit, even_size
from vcam.capture.opening import is_file_source, open_source, require_source, source_path
from vcam.capture.source import Source, SourceInfo

__all__ = [
    "ArraySource",
    "CameraInfo",
    "Fit",
    "Source",
    "SourceInfo",
    "even_size",
    "is_file_source",
    "list_cameras",
    "open_source",
    "require_source",
    "source_path",
]
